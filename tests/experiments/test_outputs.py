"""Which last layer and loss fit the labels, and what did not fit."""

import keras
import numpy as np
import pytest

from exprun.experiments.changes import standard
from exprun.experiments.outputs import last_activations, mismatches
from exprun.experiments.sample import sample_of
from exprun.experiments.trials import Network, Trials

RNG = np.random.default_rng(0)
THREE = RNG.integers(0, 3, 300)
X = (3 * np.eye(3, 4)[THREE] + RNG.normal(size=(300, 4))).astype("float32")
MATCHED = next(change for change in standard() if change.name.startswith("the last layer and the loss"))
L = keras.layers


def network(last, loss, before=(), optimizer=0.05):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), *before, L.Dense(16, "relu"), *last])
    model.compile(keras.optimizers.Adam(optimizer), loss)
    return model


def units(model):
    return int(model.output_shape[-1])


SPARSE, ONE_HOT, BINARY = "sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy"
LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.mark.parametrize(
    ("last", "loss", "targets", "needed", "causes"),
    [
        ([L.Dense(3, "softmax")], SPARSE, THREE, 3, ()),
        ([L.Dense(3)], LOGITS, THREE, 3, ()),
        ([L.Dense(1, "sigmoid")], BINARY, THREE > 0, 1, ()),
        ([L.Dense(3, "softmax")], ONE_HOT, np.eye(3)[THREE], 3, ()),
        ([L.Dense(1)], "mse", X[:, 0], 1, ()),
        ([L.Dense(1, "sigmoid")], BINARY, THREE, 3, ("output-units", "wrong-loss")),
        ([L.Dense(1, "softmax")], ONE_HOT, THREE > 0, 1, ("output-activation", "wrong-loss")),
        ([L.Dense(3, "softmax")], LOGITS, THREE, 3, ("softmax-twice",)),
        ([L.Dense(3, "softmax"), L.Softmax()], SPARSE, THREE, 3, ("softmax-twice",)),
        ([L.Dense(3)], SPARSE, THREE, 3, ("missing-softmax",)),
        ([L.Dense(3, "relu")], SPARSE, THREE, 3, ("output-activation",)),
        ([L.Dense(3, "softmax")], "mse", THREE, 3, ("wrong-loss",)),
        ([L.Dense(3, "softmax")], ONE_HOT, THREE, 3, ("label-encoding",)),
        ([L.Dense(3, "softmax")], SPARSE, THREE + 1, 4, ("label-out-of-range",)),
        ([L.Dense(1, "sigmoid")], "mse", X[:, 0], 1, ("output-activation",)),
        ([L.Dense(1, "sigmoid")], BINARY, X[:, 0], 1, ("output-activation", "wrong-loss")),
    ],
)
def test_what_does_not_fit_is_named(last, loss, targets, needed, causes):
    model = network(last, loss)
    sample = sample_of(X, np.asarray(targets).astype(float), None)
    assert mismatches(model, sample, units(model), needed) == causes


def test_activations_after_the_last_weights_are_found():
    assert last_activations(network([L.Dense(3, "relu"), L.Softmax()], SPARSE)) == ["relu", "softmax"]
    assert last_activations(network([L.Dense(3), L.Dropout(0.1)], SPARSE)) == []


@pytest.mark.parametrize(
    ("last", "loss", "targets"),
    [
        ([L.Dense(1, "sigmoid")], BINARY, THREE),  # another last layer
        pytest.param([L.Dense(3, "softmax")], ONE_HOT, THREE, marks=pytest.mark.slow),
        pytest.param([L.Dense(1, "softmax")], ONE_HOT, (THREE > 0).astype(float), marks=pytest.mark.slow),
        pytest.param([L.Dense(1, "sigmoid")], "mse", 5 * X[:, 0], marks=pytest.mark.slow),
    ],
)
def test_a_network_learns_with_the_last_layer_and_loss_that_fit(last, loss, targets):
    model = network(last, loss)
    trials = Trials(Network(model, [np.array(v.numpy()) for v in model.variables], 32), sample_of(X, targets, None), 40)
    done = trials.run((MATCHED,), 0, 40, 60.0)
    assert done.score > 0.6
    assert done.causes


def test_words_of_sequences_have_a_class_each():
    words = RNG.integers(0, 3, (300, 5))
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((5,)), L.Embedding(3, 8), L.Dense(3, "relu")])
    model.compile(keras.optimizers.Adam(0.1), "mse")
    sample = sample_of(words, words, None, axes=3)
    trials = Trials(Network(model, [np.array(v.numpy()) for v in model.variables], 32), sample, 40)
    assert trials.run((MATCHED,), 0, 40, 60.0).score > 0.9


@pytest.mark.parametrize(
    ("last", "loss", "targets"),
    [
        (L.Dense(5, "sigmoid"), BINARY, RNG.integers(0, 2, (300, 5))),  # several labels at once
        (L.Dense(5, "sigmoid"), BINARY, RNG.random((300, 5))),  # pixels
        (L.Dense(3, "softmax"), ONE_HOT, RNG.dirichlet(np.ones(3), 300)),  # soft labels
    ],
)
def test_targets_that_are_probabilities_fit_a_cross_entropy(last, loss, targets):
    model = network([last], loss)
    sample = sample_of(X, np.asarray(targets, float), None)
    assert mismatches(model, sample, units(model), units(model)) == ()
    assert mismatches(model, sample_of(X, 255.0 * np.asarray(targets), None), units(model), units(model)) != ()


def test_a_trial_with_another_last_layer_leaves_no_trace_in_the_graph():
    model = network([L.Dense(1, "sigmoid")], BINARY)
    before = [len(layer._outbound_nodes) for layer in model.layers]
    trials = Trials(Network(model, [np.array(v.numpy()) for v in model.variables], 32), sample_of(X, THREE, None), 5)
    assert trials.run((MATCHED,), 0, 5, 60.0) is not None
    assert [len(layer._outbound_nodes) for layer in model.layers] == before
