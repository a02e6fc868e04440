"""Muon for convolutions, and which variables decay leaves alone."""

import keras
import numpy as np

from exprun.model import build
from exprun.optim import l2_factors, make_optimizer
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
    optimizer = make_optimizer(settings.optim, made.model, made.rates)
    before = [v.numpy() for v in made.model.trainable_variables]
    optimizer.apply([keras.ops.ones(v.shape) for v in made.model.trainable_variables])
    steps = [np.abs(v.numpy() - b).mean() for v, b in zip(made.model.trainable_variables, before, strict=True)]
    assert steps[1] / steps[0] == np.float32(3.0) or abs(steps[1] / steps[0] - 3.0) < 1e-3
