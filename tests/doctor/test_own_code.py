"""Losses, layers and rates of one's own: what their looks do not show is tried out."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from exprun.doctor import Doctor
from exprun.doctor.callback import limits_of
from exprun.doctor.curves import Epoch, check_fallen
from exprun.doctor.graph import check_dropout_depth, check_symmetric
from exprun.doctor.objective import Objective, of_keras
from exprun.doctor.pace import Pace, check_low, check_pace
from exprun.doctor.record import passed, passed_back
from exprun.doctor.signal import check_affine, check_recurrent_input, check_tiny_input, check_unknown, check_unscaled
from exprun.doctor.task import check_broadcast, check_direction, check_range, check_task, read_labels

LIMITS = limits_of({})
RNG = np.random.default_rng(0)


CLASSES_OF_LOGITS = "CategoricalCrossentropy(from_logits=True)"
LOGITS_OF_TAGS = keras.losses.BinaryCrossentropy(from_logits=True)
ROWS_OF_LOGITS = keras.losses.CategoricalCrossentropy(from_logits=True)


def causes(findings):
    return [finding.cause for finding in findings]


def objective(losses, name="loss"):
    return Objective("unknown", False, False, name, losses)


def overlap(outputs, labels):
    """Dice coefficient, which is 1 for the right mask."""
    both = tf.reduce_sum(tf.cast(outputs, tf.float32) * tf.cast(labels, tf.float32), [1, 2])
    return 2 * both / (tf.reduce_sum(outputs, [1, 2]) + tf.reduce_sum(labels, [1, 2]) + 1e-6)


@pytest.mark.parametrize(("losses", "said"), [(overlap, ["wrong-loss"]), (lambda o, y: 1 - overlap(o, y), [])])
def test_a_loss_that_is_lower_for_wrong_masks_is_found(losses, said):
    masks = (RNG.random((32, 8, 8)) > 0.7).astype(np.float32)
    found = check_direction(objective(losses), read_labels(masks), np.zeros((32, 8, 8), np.float32))
    assert causes(found) == said


@pytest.mark.parametrize(("sizes", "said"), [((0.1, 9.0), ["wrong-loss"]), ((1.0, 1.0), [])])
def test_a_cosine_does_not_see_how_large_targets_are(sizes, said):
    targets = RNG.normal(size=(64, 3))
    targets *= RNG.uniform(*sizes, (64, 1)) / np.linalg.norm(targets, axis=1, keepdims=True)
    found = check_direction(objective(None, "CosineSimilarity"), read_labels(targets), np.zeros((64, 3)))
    assert causes(found) == said


class Wrapper:
    """Layers that no model knows of."""

    def __init__(self):
        self.inner = layers.Dense(8, activation="relu")

    def __call__(self, x):
        return self.inner(x)


class Net(keras.Model):
    def __init__(self, hidden, activation):
        super().__init__()
        self.hidden, self.activation, self.head = hidden, activation, layers.Dense(3, activation="softmax")

    def call(self, x):
        return self.head(self.activation(self.hidden(x)))


def test_variables_that_the_model_does_not_know_are_found():
    inputs = RNG.normal(size=(8, 5)).astype(np.float32)
    for hidden, said in ((Wrapper(), ["untrained-variables"]), (layers.Dense(8), [])):
        model = Net(hidden, tf.nn.relu)
        model(inputs)
        assert causes(check_unknown(model, inputs)) == said


def test_a_softmax_does_not_hide_that_the_rest_is_affine():
    inputs = RNG.normal(size=(8, 5)).astype(np.float32)
    for activation, said in ((tf.identity, ["missing-nonlinearity"]), (tf.nn.relu, [])):
        model = Net(layers.Dense(8), activation)
        model(inputs)
        assert causes(check_affine(model, inputs)) == said


def test_rounding_does_not_hide_that_a_model_is_affine(mixed):
    inputs = RNG.normal(size=(8, 8, 8, 1)).astype(np.float32)
    x = first = keras.Input((8, 8, 1))
    for _ in range(4):
        x = keras.ops.pad(layers.Conv2D(4, 3)(x), [[0, 0], [1, 1], [1, 1], [0, 0]])
    model = keras.Model(first, layers.Dense(4, dtype="float32")(layers.Flatten()(x)))
    assert causes(check_affine(model, inputs)) == ["missing-nonlinearity"]
    assert {layer.dtype_policy.name for layer in model.layers if layer.weights} == {mixed, "float32"}


def test_the_bias_of_a_gated_layer_is_no_matrix():
    model = keras.Sequential([layers.Input((4, 3)), layers.GRU(5), layers.Dense(2)])
    assert causes(check_symmetric(model)) == []


@pytest.mark.parametrize(("rate", "said"), [(0.6, ["excessive-dropout"]), (0.1, [])])
def test_many_dropouts_together_leave_nothing(rate, said):
    parts = [part for _ in range(5) for part in (layers.Dense(8, activation="relu"), layers.Dropout(rate))]
    assert causes(check_dropout_depth(keras.Sequential([layers.Input((4,)), *parts]), 9)) == said


@pytest.mark.parametrize(("size", "said"), [(9000.0, ["unscaled-input"]), (1.0, [])])
def test_large_inputs_hold_the_gates_of_a_recurrent_layer(size, said):
    model = keras.Sequential([layers.Input((4, 3)), layers.Bidirectional(layers.LSTM(5)), layers.Dense(2)])
    assert causes(check_recurrent_input(model, size * RNG.normal(size=(8, 4, 3)).astype(np.float32), LIMITS)) == said


def epochs(rates, losses):
    return [Epoch(10 * (n + 1), loss, 0.5, rate, 0.0) for n, (rate, loss) in enumerate(zip(rates, losses, strict=True))]


@pytest.mark.parametrize(
    ("rates", "losses", "steps", "said"),
    [
        ([1, 0.1, 0.01], [1.0, 0.8, 0.7], 100, ["learning-rate-decay"]),
        ([1, 0.1, 0.01], [1.0, 0.999, 0.998], 100, []),  # it had stopped falling
        ([1, 0.1, 0.01], [1.0, 0.8, 0.7], 40, []),  # the end of the run
        ([1, 0.1, 0.01], [1.0, 0.3, 0.1], 100, []),  # all is fitted
        ([1, 1, 0.1, 0.1, 0.01], [1.0, 0.9, 0.8, 0.75, 0.74], 100, ["learning-rate-decay"]),
        ([1, 1, 0.1, 0.1, 0.01], [1.0, 0.999, 0.8, 0.799, 0.7], 100, []),  # lowered once it had stopped falling
        ([1, 0.9, 0.8], [1.0, 0.8, 0.7], 100, []),
    ],
)
def test_a_rate_that_collapses_while_the_loss_falls_is_found(rates, losses, steps, said):
    assert causes(check_fallen(epochs(rates, losses), steps)) == said


@pytest.mark.parametrize(("decay", "said"), [(0.9, ["strong-regularization"]), (0.05, [])])
def test_a_decay_that_takes_the_weights_away_is_found(decay, said):
    assert causes(check_pace(Pace("sgd", np.full(5, 0.05), 100, 32, decay), LIMITS)) == said
    assert causes(check_pace(Pace("muon_nesterov", np.full(5, 0.24), 100, 32, decay), LIMITS)) == []


@pytest.mark.parametrize(("rate", "said"), [(2e-5, ["learning-rate-low"]), (1e-3, [])])
def test_a_rate_for_fine_tuning_is_named_at_chance(rate, said):
    assert causes(check_low(Pace("adam", np.full(5, rate), 100, 32), LIMITS, 50, 1.39, 1.386)) == said


def test_a_loss_inside_a_step_of_ones_own_is_the_objective():
    model = keras.Sequential([layers.Input((4,)), layers.Dense(3)])
    model.compile("adam")
    assert of_keras(model) is None
    model.entropy = keras.losses.CategoricalCrossentropy(from_logits=True)
    found = of_keras(model)
    assert (found.kind, found.from_logits) == ("softmax", True)


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        (lambda o, y: tf.reduce_mean((o - y) ** 2, [1, 2, 3]), ["label-encoding"]),
        (lambda o, y: tf.reduce_mean((o - tf.one_hot(tf.cast(y[..., 0], "int32"), 3)) ** 2, [1, 2, 3]), []),
        (lambda o, y: tf.reduce_mean((o - tf.one_hot(tf.cast(y, "int32"), 3)[..., 0, :]) ** 2, [1, 2, 3]), []),
    ],
)
def test_class_numbers_that_are_compared_with_each_unit(losses, said):
    masks = RNG.integers(0, 3, (16, 4, 4, 1))
    outputs = RNG.random((16, 4, 4, 3)).astype(np.float32)
    assert causes(check_broadcast(objective(losses), read_labels(masks), outputs)) == said


@pytest.mark.parametrize(
    ("most", "ignored", "said"),
    [(2, None, []), (3, None, ["output-units"]), (255, None, ["label-out-of-range"]), (255, 255, [])],
)
def test_numbers_of_pixels_that_no_unit_stands_for(most, ignored, said):
    masks = RNG.integers(0, 3, (16, 4, 4, 1))
    masks[0, 0, 0, 0] = most
    entropy = Objective("softmax", True, True, "loss", None, ignored)
    assert causes(check_range(entropy, masks.astype(float), 3)) == said


def test_a_likelihood_of_ones_own_applies_a_softmax():
    def likelihood(labels, outputs):
        hot = tf.one_hot(tf.cast(tf.reshape(labels, [-1]), "int32"), 3)
        return -tf.reduce_sum(hot * tf.nn.log_softmax(outputs), -1)

    model = Net(layers.Dense(8), tf.nn.relu)
    model(np.zeros((2, 5), np.float32))
    model.compile("adam", likelihood)
    found = of_keras(model, units=3)
    assert (found.kind, found.sparse, found.from_logits) == ("softmax", True, True)


@pytest.mark.parametrize(
    ("loss", "shift", "said"),
    [
        ("mean_absolute_percentage_error", 0.0, ["wrong-loss"]),
        ("mean_absolute_percentage_error", 20.0, []),
        ("mean_squared_logarithmic_error", 0.0, ["wrong-loss"]),
        ("mean_squared_logarithmic_error", 20.0, []),
        ("mean_squared_error", 0.0, []),
    ],
)
def test_relative_errors_of_targets_around_zero(loss, shift, said):
    model = keras.Sequential([layers.Input((4,)), layers.Dense(1)])
    model.compile("adam", loss)
    found = passed(model, np.ones((32, 4), np.float32), True)
    labels = read_labels(shift + 2.5 * np.linspace(-1, 1, 32)[:, None])
    assert causes(check_task(found, of_keras(model), labels, False)) == said


@pytest.mark.parametrize(
    ("activation", "units", "loss", "labels", "said"),
    [
        ("sigmoid", 1, "categorical_crossentropy", [[0], [1]], ("wrong-loss", "Try: loss='binary_crossentropy'.")),
        ("sigmoid", 1, "sparse_categorical_crossentropy", [0, 1, 2, 3], ("output-units", "It has one unit")),
        ("softmax", 1, "sparse_categorical_crossentropy", [0, 1, 2, 3], ("output-units", "It has one unit")),
        ("sigmoid", 1, "binary_crossentropy", [0, 1, 2, 3], ("output-units", "there are 4 classes or more")),
        ("sigmoid", 1, "binary_crossentropy", [1, 2], ("label-out-of-range", "y = (y == 2)")),
        ("sigmoid", 2, "binary_crossentropy", [1, 2], ("label-out-of-range", "np.searchsorted(np.unique(y_train), y)")),
        ("sigmoid", 1, "binary_crossentropy", [-1, 0, 1], ("label-out-of-range", "keep = y >= 0")),
        (None, 4, LOGITS_OF_TAGS, [0, 1, 2, 3], ("label-encoding", "Sparse" + CLASSES_OF_LOGITS)),
        (None, 4, ROWS_OF_LOGITS, [0, 1, 2, 3], ("label-encoding", "Sparse" + CLASSES_OF_LOGITS)),
        ("softmax", 4, "sparse_categorical_crossentropy", [-1, 0, 1, 2], ("label-out-of-range", "(ignore_class=-1)")),
        ("sigmoid", 1, "binary_crossentropy", [0, np.nan], ("non-finite-input", "np.isfinite(y.reshape")),
        (None, 1, "mse", [3, 4, 5, 6], ("wrong-loss", "metrics=['mae']")),
        (
            "softmax",
            3,
            "binary_crossentropy",
            [[0, 0, 1], [1, 0, 0]],
            ("wrong-loss", "loss='categorical_crossentropy'"),
        ),
        (
            "sigmoid",
            3,
            "categorical_crossentropy",
            [[0, 1, 1], [1, 0, 0]],
            ("wrong-loss", "loss='binary_crossentropy'"),
        ),
        ("softmax", 3, "sparse_categorical_crossentropy", [0.4, 1.7], ("wrong-loss", "as they were before scaling")),
        (
            "softmax",
            3,
            "categorical_crossentropy",
            [[0, 0, 0], [1, 0, 0]],
            ("label-out-of-range", "class numbers that start at 0"),
        ),
    ],
)
def test_the_remedy_fits_the_evidence(activation, units, loss, labels, said):
    model = keras.Sequential([layers.Input((4,)), layers.Dense(units, activation=activation)])
    model.compile("adam", loss)
    found = passed(model, RNG.random((40, 4), np.float32), True)
    labels = read_labels(np.repeat(np.asarray(labels, np.float32), 40 // len(labels), axis=0))
    (finding,) = check_task(found, of_keras(model), labels, loss == "mse")
    assert finding.cause == said[0]
    assert said[1] in str(finding)


def test_many_class_numbers_of_a_small_batch_are_classes_though_they_are_no_integers():
    model = keras.Sequential([layers.Input((4,)), layers.Dense(100, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    found = passed(model, RNG.random((32, 4), np.float32), True)
    labels = RNG.permutation(100)[:32].astype(np.float32)
    assert causes(check_task(found, of_keras(model), read_labels(labels), False)) == []
    (finding,) = check_task(found, of_keras(model), read_labels(labels / 255), False)
    assert finding.cause == "wrong-loss"


@pytest.mark.parametrize(
    ("shape", "said"),
    [((16, 8, 8, 3), "divide by 255 once"), ((16, 5), "layers.Normalization adapted")],
)
def test_tiny_values_are_not_to_be_divided_once_more(shape, said):
    first = [layers.Conv2D(4, 3), layers.Flatten()] if len(shape) == 4 else [layers.Dense(4)]
    model = keras.Sequential([layers.Input(shape[1:]), *first, layers.Dense(2)])
    found = passed(model, 1e-7 * RNG.random(shape, np.float32), True)
    (finding,) = check_tiny_input(found, LIMITS)
    assert finding.cause == "unscaled-input"
    assert said in str(finding)


@pytest.mark.parametrize(("least", "said"), [(0, "Rescaling(1 / 255)"), (-128, "layers.Normalization adapted")])
def test_flattened_pixels_are_divided_and_other_large_values_normalised(least, said):
    model = keras.Sequential([layers.Input((60,)), layers.Dense(8, activation="sigmoid"), layers.Dense(3)])
    rows, labels = (least + RNG.integers(0, 256, (32, 60))).astype(np.float32), RNG.integers(0, 3, 32)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    judged = of_keras(model)
    found = passed_back(model, rows, lambda outputs: judged.losses(outputs, labels))
    (finding,) = check_unscaled(found, judged, labels, LIMITS)
    assert said in str(finding)


def test_several_marks_at_once_are_not_one_class_of_many():
    model = keras.Sequential([layers.Input((4,)), layers.Dense(5, activation="sigmoid")])
    model.compile("adam", "categorical_crossentropy")
    found = passed(model, np.ones((32, 4), np.float32), True)
    marks = read_labels((RNG.random((32, 5)) < 0.5).astype(np.float32))
    assert causes(check_task(found, of_keras(model), marks, False)) == ["wrong-loss"]


def several(size=1.0, kernel="glorot_uniform", grow=1.0):
    """A network of two inputs, and what it takes."""
    first, second = layers.Input((6,), name="first"), layers.Input((2,), name="second")
    x = layers.Dense(16, activation="relu", kernel_initializer=kernel)(first)
    x = layers.Rescaling(grow)(layers.Concatenate()([x, second]))
    x = layers.Dense(16, activation="relu")(x)
    model = keras.Model([first, second], layers.Dense(3, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, [RNG.normal(size=(64, 6)), size * RNG.normal(size=(64, 2))]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, []),
        ({"size": 1e3}, ["unscaled-input"]),
        ({"grow": 500.0}, ["exploding-signal"]),
        ({"kernel": "zeros"}, ["symmetric-init"]),
    ],
)
@pytest.mark.parametrize("as_dictionary", [True, False])
def test_a_network_of_several_inputs_is_looked_at(options, said, as_dictionary):
    model, parts = several(**options)
    inputs = dict(zip(("first", "second"), parts, strict=True)) if as_dictionary else parts
    labels = RNG.integers(0, 3, 64)
    batches = tf.data.Dataset.from_tensor_slices((inputs if as_dictionary else tuple(inputs), labels)).batch(32)
    doctor = Doctor(report=lambda text: None)
    model.fit(batches, epochs=1, verbose=0, callbacks=[doctor])
    assert [f.cause for f in doctor.findings if f.severity != "note"] == said


def test_tables_that_are_multiplied_and_start_at_zero():
    for start, said in (("zeros", ["symmetric-init"]), ("uniform", [])):
        user, film = layers.Input((1,), dtype="int32"), layers.Input((1,), dtype="int32")
        tables = [layers.Flatten()(layers.Embedding(9, 4, embeddings_initializer=start)(x)) for x in (user, film)]
        model = keras.Model([user, film], layers.Dot(axes=1)(tables))
        model.compile("adam", "mse")
        doctor = Doctor(report=lambda text: None)
        numbers = [RNG.integers(0, 9, (64, 1)) for _ in range(2)]
        model.fit(numbers, RNG.normal(size=64), 32, 1, verbose=0, callbacks=[doctor])
        assert causes(doctor.findings) == said


@pytest.mark.parametrize("jit", [False, True])
def test_several_inputs_train_to_the_same_weights_with_and_without_it(jit):
    found = []
    for callbacks in ([], [Doctor(report=lambda text: None)]):
        keras.utils.set_random_seed(3)
        rng = np.random.default_rng(3)
        model, _ = several()
        model.jit_compile = jit
        parts = [rng.normal(size=(96, 6)), rng.normal(size=(96, 2))]
        weights = np.ones(96) + (np.arange(96) % 2)
        model.fit(parts, np.arange(96) % 3, 32, 2, verbose=0, sample_weight=weights, callbacks=callbacks)
        found.append(model.get_weights())
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))
