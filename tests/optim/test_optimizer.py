"""Muon for convolutions, and which variables decay leaves alone."""

import keras
import numpy as np
import pytest

from exprun.model import build
from exprun.optim import l2_factors, make_optimizer
from exprun.optim.muon import orthogonal
from tiny import config


def test_muon_makes_the_update_of_a_convolution_orthogonal():
    settings = config("optim=muon", "optim.weight_decay=0.0", "norm=none", "model.layers=[{conv: 16},flatten]")
    model = build(settings, (8, 8, 3), 10).model
    optimizer = make_optimizer(settings.optim, model, {})
    kernel = model.get_layer("conv1").kernel
    before = kernel.numpy()
    rng = np.random.default_rng(0)
    optimizer.apply(
        [keras.ops.convert_to_tensor(rng.normal(size=v.shape), "float32") for v in model.trainable_variables]
    )
    update = (kernel.numpy() - before).reshape(-1, 16)
    values = np.linalg.svd(update, compute_uv=False)
    # Newton–Schulz brings all singular values near one another, those of a random matrix spread far more.
    assert values.max() / values.min() < 2.0
    assert np.linalg.cond(rng.normal(size=update.shape)) > 2.5


def test_muon_leaves_biases_and_the_classifier_to_adamw():
    settings = config("optim=muon", "norm=none")
    model = build(settings, (32, 32, 3), 10).model
    optimizer = make_optimizer(settings.optim, model, {})
    by_muon = [v.path for v in model.trainable_variables if not optimizer._should_use_adamw(v)]
    assert sorted(path.split("/", 1)[-1] if path.count("/") > 1 else path for path in by_muon) == [
        "conv1/kernel",
        "conv2/kernel",
        "dense1/kernel",
    ]


def test_decay_spares_what_is_exempt():
    settings = config("optim.weight_decay=0.1")
    model = build(settings, (32, 32, 3), 10).model
    named = dict(
        zip(
            [v.path.rsplit("/", 1)[-1] for v in model.trainable_variables],
            l2_factors(settings.optim, model),
            strict=True,
        )
    )
    assert named["kernel"] == 0.1
    assert named["gamma"] == named["beta"] == named["bias"] == 0.0
    everything = config("optim.weight_decay=0.1", "optim.decay_exempt=[norm]")
    named = {v.path: f for v, f in zip(model.trainable_variables, l2_factors(everything.optim, model), strict=True)}
    assert {f for path, f in named.items() if path.endswith("bias")} == {0.1}


def test_layer_rates_reach_adaptive_optimisers_too():
    settings = config("optim=adam", "norm=none", "model.layers=[{conv: 4, rate: [1, 3]},flatten]")
    made = build(settings, (8, 8, 3), 10)
    optimizer = make_optimizer(settings.optim, made.model, made.multipliers)
    before = [v.numpy() for v in made.model.trainable_variables]
    optimizer.apply([keras.ops.ones(v.shape) for v in made.model.trainable_variables])
    steps = [np.abs(v.numpy() - b).mean() for v, b in zip(made.model.trainable_variables, before, strict=True)]
    assert steps[1] / steps[0] == np.float32(3.0) or abs(steps[1] / steps[0] - 3.0) < 1e-3


def test_muon_nesterov_follows_airbench():
    words = ["optim=muon_nesterov", "norm=batch", "model.layers=[{conv: 6, kernel: 2},flatten]"]
    settings = config(*words, "optim.bias_rate=3", "optim.norm_rate=5", "optim.classifier_rate=0.5")
    model = build(settings, (8, 8, 3), 10).model
    optimizer = make_optimizer(settings.optim, model, {})
    rng, rate, decay = np.random.default_rng(0), settings.optim.learning_rate, settings.optim.weight_decay
    own = {"gamma": 5.0, "beta": 5.0, "classifier/kernel": 0.5, "classifier/bias": 1.5}
    weights = {v.path: v.numpy().astype(float) for v in model.trainable_variables}
    buffers = {path: np.zeros_like(value) for path, value in weights.items()}
    for _ in range(2):
        gradients = {path: rng.normal(size=value.shape) for path, value in weights.items()}
        optimizer.apply([keras.ops.convert_to_tensor(g, "float32") for g in gradients.values()])
        for path, g in gradients.items():
            kernel = path.endswith("conv1/kernel")
            momentum = 0.6 if kernel else 0.85
            buffers[path] = momentum * buffers[path] + g
            update = g + momentum * buffers[path]
            weights[path] = weights[path] * (1 - decay * rate)
            if kernel:
                weights[path] *= 6**0.5 / np.linalg.norm(weights[path])
                update = iterated(update.reshape(-1, 6), 3).reshape(update.shape)
            factor = next((r for name, r in own.items() if path.endswith(name)), 1.0)
            weights[path] -= rate * factor * update
    for variable in model.trainable_variables:
        np.testing.assert_allclose(variable.numpy(), weights[variable.path], rtol=1e-3, atol=1e-4)


def iterated(matrix, steps):
    """The same polynomial on the singular values, which is what the iteration is."""
    u, values, v = np.linalg.svd(matrix / np.linalg.norm(matrix), full_matrices=False)
    for _ in range(steps):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    return u * values @ v


@pytest.mark.parametrize("shape", [(12, 5), (5, 12)])
def test_the_iteration_brings_singular_values_near_one(shape):
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = np.asarray(orthogonal(keras.ops.convert_to_tensor(matrix), 5))
    values = np.linalg.svd(found, compute_uv=False)
    assert 0.4 < values.min() <= values.max() < 1.6
    np.testing.assert_allclose(found, iterated(matrix, 5), rtol=1e-3, atol=1e-4)


def test_the_classifier_is_the_last_matrix_even_where_it_does_not_learn():
    words = ["norm=none", "model.layers=[flatten,{dense: 4}]", "model.freeze=[classifier]", "optim=sgd"]
    settings = config(*words, "optim.classifier_rate=0.5")
    model = build(settings, (2, 2, 1), 3).model
    optimizer, before = make_optimizer(settings.optim, model, {}), model.get_layer("dense1").bias.numpy()
    optimizer.learning_rate.assign(1.0)
    optimizer.apply([keras.ops.ones(v.shape) for v in model.trainable_variables])
    np.testing.assert_allclose(before - model.get_layer("dense1").bias.numpy(), 1.0)


def test_nesterov_momentum_over_gradients_is_that_of_pytorch():
    settings = config("optim=nesterov", "optim.momentum_of=gradients", "norm=none", "model.layers=[flatten]")
    model = build(settings, (2, 2, 1), 3).model
    optimizer = make_optimizer(settings.optim, model, {})
    weight, buffer, rng = model.variables[0].numpy().astype(float), 0.0, np.random.default_rng(0)
    for rate in (0.1, 0.01):
        optimizer.learning_rate.assign(rate)
        gradient = rng.normal(size=weight.shape)
        optimizer.apply([keras.ops.convert_to_tensor(g, "float32") for g in (gradient, np.zeros(3))])
        buffer = settings.optim.momentum * buffer + gradient
        weight -= rate * (gradient + settings.optim.momentum * buffer)
    np.testing.assert_allclose(model.variables[0].numpy(), weight, rtol=1e-5)


@pytest.mark.parametrize(
    ("words", "peer"),
    [
        (["optim=sgd"], keras.optimizers.SGD(0.05)),
        (["optim=sgd_momentum"], keras.optimizers.SGD(0.05, momentum=0.9)),
        (["optim=nesterov"], keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)),
        (["optim=adam"], keras.optimizers.Adam(0.05)),
        (["optim=adamw", "optim.weight_decay=0.1", "optim.decay_exempt=[]"], keras.optimizers.AdamW(0.05, 0.1)),
    ],
    ids=lambda words: words[0] if isinstance(words, list) else "",
)
def test_updates_of_one_operation_are_those_of_keras(words, peer):
    settings = config(*words, "optim.learning_rate=0.05", "norm=none", "model.layers=[{conv: 4},flatten]")
    own, other = (build(settings, (6, 6, 1), 3).model for _ in range(2))
    optimizer, rng = make_optimizer(settings.optim, own, {}), np.random.default_rng(0)
    assert type(optimizer).__module__ == "exprun.optim.fused"
    for rate in (0.05, 0.05, 0.01):
        gradients = [keras.ops.convert_to_tensor(rng.normal(size=v.shape), "float32") for v in own.variables]
        for rule, model in ((optimizer, own), (peer, other)):
            rule.learning_rate.assign(rate)
            rule.apply(gradients, model.trainable_variables)
    for found, wanted in zip(own.variables, other.variables, strict=True):
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=2e-5, atol=2e-6, err_msg=found.path)
    for found, wanted in zip(optimizer.variables, peer.variables, strict=True):
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=2e-5, atol=2e-6, err_msg=found.path)
