"""The signal that is measured of a Keras network, and the first step of an optimiser that leaves it as it was."""

import keras
import numpy as np
import pytest

from exprun.doctor.instruments.recording import passed_back
from exprun.doctor_page.depth import depth_of, first_step
from exprun.doctor_page.statistics import statistics_of

RATE = 0.01
X = np.random.default_rng(0).normal(size=(16, 6, 6, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Rescaling(10.0),
            layers.Conv2D(4, 3, name="conv"),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(5, "relu", name="hidden", bias_initializer=keras.initializers.Constant(-1e6)),
            layers.Dense(2, name="last"),
        ]
    )


@pytest.fixture(scope="module")
def found(model):
    return passed_back(model, X, lambda outputs: keras.ops.sum(keras.ops.square(outputs - 1.0), -1))


def test_the_signal_of_each_layer(model, found):
    depth = depth_of("a", found, model, {id(model.get_layer("last").kernel): 0.5})
    assert depth.layers == ("conv", "hidden", "last")
    assert depth.signal[0] == pytest.approx(10 * depth.at_input, rel=1e-3)
    assert depth.signal[2] == depth.signal[3] == 0  # all units of the hidden layer are dead
    assert depth.dead == (pytest.approx(0, abs=0.5), 1.0, None)
    assert depth.gradient[0] == 0
    assert depth.update == (None, None, 0.5)


def test_the_first_step_is_that_of_the_optimiser_and_leaves_the_weights(model, found):
    before = model.get_weights()
    kernel = model.get_layer("last").kernel
    bias = model.get_layer("last").bias
    with first_step(model, keras.optimizers.SGD(RATE), found) as updates:
        assert not np.array_equal(before[-1], bias)
    gradient = found.gradients[[id(v) for v in model.trainable_variables].index(id(bias))]
    assert updates[id(kernel)] == 0  # its inputs are 0
    assert updates[id(bias)] * 1e-12 == pytest.approx(RATE * np.linalg.norm(gradient), rel=1e-3)  # the bias is 0
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    with first_step(model, keras.optimizers.SGD(RATE), found, 2.0) as twice:
        assert twice[id(bias)] == pytest.approx(2 * updates[id(bias)], rel=1e-3)


def test_a_network_without_weights_has_no_depth(found):
    model = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Flatten()])
    assert depth_of("a", passed_back(model, X, lambda outputs: keras.ops.sum(outputs, -1)), model) is None


def test_the_values_at_a_batch_norm_next_to_its_averages(found):
    norm = keras.layers.BatchNormalization(name="norm", epsilon=0.0)
    model = keras.Sequential([keras.Input((6, 6, 1)), norm, keras.layers.Flatten()])
    norm.moving_mean.assign([30.0])
    norm.moving_variance.assign([100.0])
    measured = statistics_of(passed_back(model, X, lambda outputs: keras.ops.sum(outputs, -1)))
    assert measured.layers == ("norm",)
    assert measured.averages == (10.0,)
    assert measured.reaching[0] == pytest.approx(X.std(), rel=1e-3)
    assert measured.shifts[0] == pytest.approx((30 - X.mean()) / 10, rel=1e-3)
    assert statistics_of(found) is None  # without a batch norm
