"""Momentum over gradients: MatConvNet's rule written in NumPy, over whole runs and with norms."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from exprun.model import build
from exprun.optim import make_optimizer
from exprun.trainer.feed import epoch_order
from tiny import SMALL, checkpoint, config, kept, step_of

MATCONVNET = ["optim=sgd_momentum_matconvnet", "optim.weight_decay=0.05"]
RATES = (0.5, 0.05)  # of the two epochs


def matconvnet(value, gradient, state, rate, decay, momentum=0.9):
    """`accumulateGradients` of MatConvNet 1.0's `cnn_train.m`: value and state behind a step."""
    state = momentum * state - decay * value - gradient
    return value + rate * state, state


def keras_sgd(value, gradient, state, rate, decay, momentum=0.9):
    """The same with the rate inside of the momentum."""
    state = momentum * state - rate * (gradient + decay * value)
    return value + state, state


def softmax_gradient(w, b, x, y):
    """Gradients of the mean cross-entropy of a softmax regression."""
    z = x @ w + b
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(y)), y] -= 1
    return x.T @ p / len(y), p.sum(axis=0) / len(y)


def followed(loop, rule):
    """Weights and bias after two epochs, step by step in NumPy, on the images of a run and in its order."""
    train, settings = loop.dataset.train, loop.config
    x = (train.images[train.rows] / 255.0).reshape(len(train), -1)
    start = build(settings, loop.dataset.image_shape, 10).model
    values = [v.numpy().astype(np.float64) for v in start.variables]
    states = [np.zeros_like(v) for v in values]
    for epoch, rate in enumerate(RATES):
        for index in epoch_order(len(train), settings.trainer.batch_size, settings.seed, epoch):
            gradients = softmax_gradient(*values, x[index], train.row_labels[index])
            for i, (gradient, times) in enumerate(zip(gradients, (1, 2), strict=True)):  # the bias at twice the rate
                values[i], states[i] = rule(values[i], gradient, states[i], times * rate, settings.optim.weight_decay)
    return values


@pytest.mark.parametrize("momentum_of", ["gradients", pytest.param("updates", marks=pytest.mark.slow)])
def test_a_run_across_a_change_of_rate_follows_its_rule_and_no_other(momentum_of):
    overrides = [
        *SMALL, "model.layers=[flatten]", "data.limit=100", "trainer.batch_size=16", "input=unit",
        *MATCONVNET, f"optim.momentum_of={momentum_of}",
        "schedule=by_epoch", f"schedule.rates=[{RATES[0]},{RATES[1]}]", "run_dir=out",
    ]  # fmt: skip
    result, loop = kept(config(*overrides))
    assert loop.steps_per_epoch == 5
    last = checkpoint(result)
    rules = {"gradients": matconvnet, "updates": keras_sgd}
    wanted = followed(loop, rules.pop(momentum_of))
    other = followed(loop, *rules.values())
    for name, right, wrong in zip(("kernel", "bias"), wanted, other, strict=True):
        found = last[f"model/classifier/{name}"]
        np.testing.assert_allclose(found, right, rtol=1e-3, atol=1e-5)
        assert np.abs(found - wrong).max() > 0.1 * np.abs(wrong).max()


def test_decay_spares_the_norms_and_biases_learn_at_twice_the_rate():
    """Gradients of a copy of the model, from the weights that each step starts with."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (20, 6, 6, 1), np.uint8), rng.integers(0, 3, 20).astype(np.int32)
    settings = config(
        *MATCONVNET, "norm=batch", "model.layers=[{conv: 4},{norm: batch},{global_pool: avg}]", "trainer.batch_size=8"
    )
    step = step_of(settings, images, 3)
    copy = build(settings, (6, 6, 1), 3).model
    kinds = [v.path.rsplit("/", 1)[-1] for v in copy.trainable_variables]
    assert kinds == ["kernel", "gamma", "beta", "gamma", "beta", "kernel", "bias"]
    states = [np.zeros(v.shape) for v in copy.trainable_variables]
    for number, rate in enumerate([0.3, 0.3, 0.03, 0.1]):
        copy.set_weights(step.model.get_weights())
        index = rng.permutation(20)[:8].astype(np.int32)
        with tf.GradientTape() as tape:
            logits = copy(step.batch_inputs(images, index, number), training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels[index], logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, copy.trainable_variables)
        step.train(tf.constant(images), tf.constant(labels), index[None], np.array([rate], np.float32), number)
        for i, (kind, gradient) in enumerate(zip(kinds, gradients, strict=True)):
            wanted, states[i] = matconvnet(
                copy.trainable_variables[i].numpy(), gradient.numpy(), states[i],
                rate * (2 if kind == "bias" else 1), 0.05 if kind in ("kernel", "bias") else 0.0,
            )  # fmt: skip
            found = step.model.trainable_variables[i].numpy()
            np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5, err_msg=copy.trainable_variables[i].path)


def steps_of_ones(*overrides):
    """How far each variable of a convolution and a classifier goes by a gradient of ones."""
    settings = config(*overrides, "norm=none")
    made = build(settings, (8, 8, 3), 10)
    optimizer = make_optimizer(settings.optim, made.model, made.multipliers)
    before = [v.numpy() for v in made.model.trainable_variables]
    optimizer.apply([keras.ops.ones(v.shape) for v in made.model.trainable_variables])
    return {
        v.path: np.abs(v.numpy() - b).mean() / settings.optim.learning_rate
        for v, b in zip(made.model.trainable_variables, before, strict=True)
    }


@pytest.mark.parametrize("optim", ["optim=adam", "optim=sgd_momentum_matconvnet", "optim=sgd_momentum"])
def test_the_rate_of_biases_goes_with_that_of_their_layer(optim):
    layers = "model.layers=[{conv: 4, rate: [1, 3]},{conv: 4, rate: [5, 0]},flatten]"
    found = steps_of_ones(optim, layers, "optim.bias_rate=2.0")
    wanted = {
        "conv1/kernel": 1, "conv1/bias": 6, "conv2/kernel": 5, "conv2/bias": 0,
        "classifier/kernel": 1, "classifier/bias": 2,
    }  # fmt: skip
    assert found == pytest.approx(wanted, rel=1e-3, abs=1e-6)


def test_a_bias_of_rate_zero_stays_under_decoupled_decay_too():
    found = steps_of_ones(
        "optim=adamw", "model.layers=[{conv: 4},flatten]", "optim.bias_rate=0.0", "optim.decay_exempt=[]",
        "optim.weight_decay=0.5", "init.conv={name: he_normal, bias: 1.0}",
    )  # fmt: skip
    assert found["conv1/bias"] == found["classifier/bias"] == 0
    assert found["conv1/kernel"] > 0
