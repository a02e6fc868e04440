"""References and experiments on a small network and few rows."""

import itertools
from dataclasses import replace

import keras
import numpy as np
import pytest

from exprun.doctor.causes import CHAIN
from exprun.experiments import proof, reference
from exprun.experiments.changes import standard
from exprun.experiments.reference import references
from exprun.experiments.rows import ends_with_values
from exprun.experiments.sample import sample_of
from exprun.experiments.trials import Network, Trial, Trials

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 3, 300)
X = RNG.normal(size=(300, 4)).astype("float32") + 3 * np.eye(3, 4)[Y].astype("float32")
BY_NAME = {change.name: change for change in standard()}


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


def network(optimizer=None, *hidden):
    """A network with few weights, whose step is traced in little time."""
    model = keras.Sequential([keras.Input((4,)), *hidden, keras.layers.Dense(3, "softmax")])
    model.compile(optimizer or keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
    return Network(model, [np.array(v.numpy()) for v in model.variables], 32)


def deep(optimizer=None):
    """A network whose step draws random numbers and changes more than weights."""
    layers = keras.layers
    return network(optimizer, layers.Dense(16, "relu"), layers.BatchNormalization(), layers.Dropout(0.2))


@pytest.fixture
def one_reference(monkeypatch):
    """Trials are compared with the fastest reference alone."""
    monkeypatch.setattr(proof, "references", lambda *given: itertools.islice(references(*given), 1))


def trial(network, *names, steps=40):
    return Trials(network, sample_of(X, Y, None), steps).run(tuple(BY_NAME[name] for name in names), 0, steps, 60.0)


def changed_rows(name, network, sample):
    """The rows of a trial with a change."""
    change, seen = BY_NAME[name], []
    spy = replace(change, make=lambda setup: change.make(setup) and not seen.append(setup.sample))
    assert Trials(network, sample, 40).run((spy,), 0, 2, 60.0) is not None
    return seen[0]


def test_references_learn_what_can_be_learned(monkeypatch):
    monkeypatch.setattr(reference, "TREES", 30)
    monkeypatch.setattr(reference, "RATE", 0.01)
    monkeypatch.setattr(reference, "EPOCHS", 5)
    found = list(references(sample_of(X, Y, None), 1e9))
    assert [one.name for one in found][:2] == ["a linear model", "nearest neighbours"]
    assert len(found) == 4
    assert min(one.score for one in found) > 0.8
    shuffled = sample_of(X, RNG.permutation(Y), None)
    linear = next(references(shuffled, 1e9))
    assert linear.score < 0.3


def test_a_trial_leaves_the_network_as_it_was():
    one = deep(keras.optimizers.Adam(0.01))
    model, optimizer = one.model, one.model.optimizer
    model.fit(X, Y, verbose=0)
    before = [np.array(v.numpy()) for v in model.variables]
    dropout = model.layers[2]
    done = trial(one, "no dropout", "no batch norm", "leaky ReLU instead of ReLU")
    assert done.score > 0.8
    assert done.steps == 40
    assert all(np.array_equal(a, v.numpy()) for a, v in zip(before, model.variables, strict=True))
    assert (model.optimizer, dropout.rate, model.layers[0].activation.__name__) == (optimizer, 0.2, "relu")
    assert "call" not in vars(model.layers[1])
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize(
    "name",
    ["no penalty on weights", "all layers trainable", "targets standardised", "shuffled rows", "inputs standardised"],
)
def test_a_change_that_changes_nothing_is_not_tried(name):
    one = network()
    if name == "inputs standardised":
        sample = sample_of(RNG.normal(size=(300, 4)).astype("float32"), Y, None)
        assert Trials(one, sample, 10).run((BY_NAME[name],), 0, 10, 60.0) is None
    else:
        assert trial(one, name) is None


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [[], [("one", 1)], [("one", 1), ("two", 3)]])
def test_a_network_that_is_too_small_gets_wider_layers(hidden):
    middle = (np.abs(X[:, 3]) < 0.7).astype("float32")
    layers = [keras.layers.Dense(units, "relu", name=name) for name, units in hidden]
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1), keras.layers.Activation("sigmoid")])
    model.compile(keras.optimizers.Adam(0.03), "binary_crossentropy")
    one = Network(model, [np.array(v.numpy()) for v in model.variables], 32)
    trials = Trials(one, sample_of(X, middle, None), 70)
    done = trials.run((BY_NAME["wider hidden layers"],), 0, 70, 60.0)
    assert done.causes == ("low-capacity",)
    assert trials.run((), 0, 70, 60.0).score < 0.4 < 0.6 < done.score
    assert [layer.units for layer in model.layers if hasattr(layer, "units")] == [*(units for _, units in hidden), 1]


def test_a_wide_network_is_not_made_wider():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(100, "relu"), keras.layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    assert trial(Network(model, [np.array(v.numpy()) for v in model.variables], 32), "wider hidden layers") is None


def test_half_precision_is_replaced_for_a_trial():
    name = "float32 instead of half precision"
    assert trial(network(), name) is None
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        one = network()
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert trial(one, name).score > 0.8
    assert one.model.layers[0].compute_dtype == "float16"


def test_the_change_that_makes_it_learn_is_found_and_confirmed(monkeypatch, one_reference):
    names = ["shuffled rows", "10 times the learning rate", "Adam with a learning rate of 0.001"]
    monkeypatch.setattr(proof, "standard", lambda: [BY_NAME[name] for name in names])
    monkeypatch.setattr("exprun.experiments.changes.RATE", 0.1)
    told = []
    one = network(keras.optimizers.SGD(1e-6))
    found = proof.prove(one, sample_of(X, Y, None), 28, 1e9, proposed=["learning-rate-low"], tell=told.append)
    assert [change.name for change in found.decisive.changes] == ["Adam with a learning rate of 0.001"]
    assert found.confirmed.seed != found.decisive.seed
    assert len(found.plain) == 2
    assert any(line.startswith("as it is") for line in told)


def test_a_change_that_removes_a_cause_is_likelier_than_one_that_compensates_for_it():
    adam, relu, clipped, centered = (
        Trial((BY_NAME[name],), BY_NAME[name].causes, 0, score, (1.0,), 100, 1.0)
        for name, score in [
            ("Adam with a learning rate of 0.001", 0.94),
            ("ReLU and He initialisation instead of sigmoid and tanh", 0.87),
            ("gradients of at most norm 1", 1.0),
            ("inputs with mean 0 and spread 1", 1.0),
        ]
    )
    assert proof._decisive([adam, relu], 0.5, ()) is relu
    assert proof._decisive([clipped, centered], 0.5, ()) is centered
    assert proof._decisive([adam, relu], 0.5, ["learning-rate-low"]) is adam
    assert proof._decisive([adam], 0.5, ()) is adam


def test_no_change_is_tried_if_the_references_say_so(monkeypatch):
    monkeypatch.setattr(proof, "references", lambda sample, seconds: iter(()))
    found = proof.prove(network(), sample_of(X, Y, None), 60, 1e9, needs_trials=lambda found: False)
    assert (found.plain, found.tried, found.decisive) == ((), (), None)


def test_the_causes_of_all_changes_are_known_to_the_doctor():
    named = {cause for change in standard() for cause in change.causes}
    assert named <= {module.CAUSE.id for module in CHAIN}


def test_a_step_that_was_traced_before_trains_as_a_new_one_does():
    one, sample = deep(keras.optimizers.SGD(0.1, momentum=0.9)), sample_of(10 * X, Y, None)
    slower = BY_NAME["a tenth of the learning rate"]
    trials = Trials(one, sample, 40)
    first, _, again, tenth = (trials.run(c, 0, 10, 60.0) for c in ((), (slower,), (), (slower,)))
    assert trials._traced is not None
    assert first.losses == again.losses
    assert tenth.losses == Trials(one, sample, 40).run((slower,), 0, 10, 60.0).losses != first.losses


@pytest.mark.slow
def test_callbacks_that_lower_the_learning_rate_are_followed_unless_a_change_leaves_them_out():
    one = replace(network(keras.optimizers.SGD(0.1)), rates=(0.1, *[1e-9] * 19))
    trials = Trials(one, sample_of(X, Y, None), 40)
    as_it_is, constant = (trials.run(c, 0, 40, 60.0) for c in ((), (BY_NAME["a constant learning rate"],)))
    assert as_it_is.losses[-1] == pytest.approx(as_it_is.losses[-2], rel=0.2)
    assert constant.losses[-1] < 0.5 * as_it_is.losses[-1]
    assert trial(replace(one, rates=()), "a constant learning rate") is None


@pytest.mark.slow
def test_rows_that_are_not_finite_are_left_out():
    x = X.copy()
    x[::10] = np.nan
    trials = Trials(network(), sample_of(x, Y, None), 40)
    without = trials.run((BY_NAME["without rows that are not finite"],), 0, 40, 60.0)
    assert trials.run((), 0, 40, 60.0).score == -np.inf
    assert without.score > 0.7


def test_zeros_at_the_end_of_sequences_move_to_the_start():
    x = np.array([[1, 2, 0, 0], [0, 3, 4, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
    assert ends_with_values(x).tolist() == [[0, 0, 1, 2], [0, 0, 3, 4], [1, 1, 1, 1], [0, 0, 0, 0]]
    rows = np.stack([x, -x], -1)
    assert np.array_equal(ends_with_values(rows)[..., 0], ends_with_values(x))


@pytest.mark.parametrize(
    ("hidden", "name", "applies"),
    [
        pytest.param(
            {"activation": None}, "ReLU in the hidden layers that have no activation", True, marks=pytest.mark.slow
        ),
        ({"activation": "relu"}, "ReLU in the hidden layers that have no activation", False),
        ({"activation": "sigmoid"}, "ReLU and He initialisation instead of sigmoid and tanh", True),
        pytest.param(
            {"activation": "relu"},
            "ReLU and He initialisation instead of sigmoid and tanh",
            False,
            marks=pytest.mark.slow,
        ),
    ],
)
def test_activations_of_hidden_layers_are_changed(hidden, name, applies):
    layers = keras.layers
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, **hidden), layers.Dropout(0.1), layers.Dense(3)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    one = Network(model, [np.array(v.numpy()) for v in model.variables], 32)
    assert (trial(one, name, steps=1) is not None) == applies
    assert model.layers[0].activation is keras.activations.get(hidden["activation"])


def test_adam_is_slower_or_faster_than_the_optimiser_of_the_script():
    name = "Adam with a learning rate of 0.001"
    assert trial(network(keras.optimizers.Adam(0.1)), name, steps=1).causes == ("learning-rate-high",)
    assert trial(network(keras.optimizers.SGD(1e-4)), name, steps=1).causes[0] == "learning-rate-low"


def test_more_steps_make_a_slow_network_learn():
    slow = network(keras.optimizers.SGD(0.02))
    longer = trial(slow, "10 times as many steps", steps=7)
    assert (longer.steps, longer.causes) == (70, ("too-few-steps",))
    assert longer.score > trial(slow, steps=7).score + 0.2


@pytest.mark.slow
def test_a_reference_predicts_the_class_of_each_pixel(monkeypatch):
    monkeypatch.setattr(reference, "DILATIONS", (1, 2))
    monkeypatch.setattr(reference, "RATE", 0.01)
    monkeypatch.setattr(reference, "EPOCHS", 5)
    x = RNG.normal(size=(80, 8, 8, 1)).astype("float32")
    masks = (x > 0.5).astype("float32")
    (learned,) = references(sample_of(x, masks, None, axes=4), 30)
    assert (learned.name, learned.score > 0.6) == ("a small CNN", True)
    assert list(references(sample_of(x[:, :4], masks, None, axes=4), 30)) == []


@pytest.mark.slow
def test_a_schedule_is_scaled_or_left_out():
    falling = keras.optimizers.schedules.ExponentialDecay(0.1, 4, 0.1)
    one = network(keras.optimizers.SGD(falling))
    constant, tenth = trial(one, "a constant learning rate"), trial(one, "a tenth of the learning rate")
    assert constant.losses[-1] < 0.8 * tenth.losses[-1]
    level = keras.optimizers.schedules.ExponentialDecay(0.1, 1000, 0.9)
    assert trial(network(keras.optimizers.SGD(level)), "a constant learning rate") is None


@pytest.mark.slow
def test_an_optimiser_that_scales_the_loss_is_tried_without_it():
    one = network(keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)))
    with_settings = replace(one, settings=one.model.optimizer.get_config())
    first, second = trial(with_settings, steps=20), trial(with_settings, steps=20)
    assert first.losses == second.losses
    assert first.losses[-1] < first.losses[0]


def test_a_longer_trial_says_nothing_about_a_script_that_was_longer_still():
    sample = sample_of(X, Y, None)
    longer = BY_NAME["10 times as many steps"]
    assert Trials(network(), sample, 5000).run((longer,), 0, 40, 60.0) is None


def test_smaller_batches_matter_to_batch_norm_alone():
    one = deep()
    assert trial(replace(one, batch=1), "batches of 32 rows", steps=1).causes == ("small-batch-norm",)
    assert trial(one, "batches of 32 rows", steps=1) is None


@pytest.mark.slow
def test_a_change_has_to_be_better_than_what_the_script_has_reached(monkeypatch, one_reference):
    one, sample = network(keras.optimizers.SGD(0.01)), sample_of(X, Y, None)
    trials = Trials(one, sample, 21)  # whose step both times share
    monkeypatch.setattr(proof, "Trials", lambda *_: trials)
    monkeypatch.setattr(proof, "standard", lambda: [BY_NAME["10 times the learning rate"]])
    assert proof.prove(one, sample, 21, 1e9).decisive is not None
    assert proof.prove(one, sample, 21, 1e9, own=0.95).decisive is None


@pytest.mark.slow
def test_rows_that_were_sorted_when_they_were_split_are_split_at_random():
    name = "rows that are split at random"
    trials = Trials(network(), sample_of(X[Y < 2], Y[Y < 2], (X[Y == 2], Y[Y == 2])), 40)
    assert trials.run((BY_NAME[name],), 0, 40, 60.0).score > trials.run((), 0, 40, 60.0).score + 0.5
    assert trial(network(), name) is None


@pytest.mark.slow
def test_validation_rows_of_another_scale_are_scaled_like_training_rows():
    name = "validation rows scaled like training rows"
    trials = Trials(network(), sample_of(X[:200], Y[:200], (5 * X[200:] + 30, Y[200:])), 60)
    scaled = trials.run((BY_NAME[name],), 0, 60, 60.0)
    assert (scaled.causes, scaled.score > 0.7) == (("unscaled-evaluation",), True)
    assert trials.run((), 0, 60, 60.0).score < scaled.score
    assert trial(network(), name) is None


@pytest.mark.parametrize(
    ("size", "cause"), [(1.0, "vanishing-signal"), pytest.param(100.0, "exploding-signal", marks=pytest.mark.slow)]
)
def test_layers_of_the_scripts_own_get_fresh_weights(size, cause):
    class Own(keras.layers.Layer):
        def build(self, shape):
            self.matrix = self.add_weight(shape=(shape[-1], 3), initializer="ones", name="matrix")
            self.matrix.assign(size * self.matrix)

        def call(self, inputs):
            return inputs @ self.matrix

    model = keras.Sequential([keras.Input((4,)), Own()])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    one = Network(model, [np.array(v.numpy()) for v in model.variables], 32)
    done = trial(one, "fresh weights of He initialisation", steps=1)
    assert done.causes[0] == cause
    assert done.losses[0] < 100


def test_maps_get_one_scale_and_outputs_that_are_not_negative_no_shift():
    y = np.zeros((40, 4, 4, 1), "float32")
    y[:, 1, 1] = RNG.uniform(0.01, 0.02, (40, 1))
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(1, 1, activation="relu")])
    model.compile("sgd", "mse")
    one = Network(model, [np.array(v.numpy()) for v in model.variables], 32)
    changed = changed_rows("targets standardised", one, sample_of(y, y, None, axes=4)).y
    assert changed.min() == 0
    assert changed.std() == pytest.approx(1, rel=1e-3)


def test_whole_numbers_that_an_embedding_may_take_are_not_scaled():
    x = np.stack([RNG.integers(0, 5, 60), RNG.normal(5000, 100, 60)], 1).astype("float32")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Embedding(9000, 3), keras.layers.Flatten()])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    one = Network(model, [np.array(v.numpy()) for v in model.variables], 32)
    sample = sample_of(x, x[:, 0].astype(int), None)
    changed = changed_rows("inputs with mean 0 and spread 1", one, sample).x
    assert np.array_equal(changed[:, 0], sample.x[:, 0])
    assert np.abs(changed[:, 1]).max() < 5


def test_few_rows_take_many_steps_in_the_time_of_a_trial(monkeypatch):
    """Several passes over few rows are one epoch, and a fast trial may take more steps."""
    monkeypatch.setattr(proof, "standard", lambda: [])
    monkeypatch.setattr(proof, "SEEDS", (0,))
    monkeypatch.setattr(proof, "references", lambda *_: iter(()))
    monkeypatch.setattr("exprun.experiments.trials.FEW", 40)
    (plain,) = proof.prove(network(), sample_of(X[:64], Y[:64], None), 100, 1e9, own=-1.0).plain
    assert plain.steps == 100
    assert len(plain.losses) <= 20
