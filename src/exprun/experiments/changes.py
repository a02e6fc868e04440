"""The changes that trials try, from the most to the least likely to be what a network needs."""

from typing import Any

import keras
import numpy as np

from exprun.doctor.instruments.layers import leaves
from exprun.experiments.sample import class_numbers
from exprun.experiments.trials import Change, Setup, with_sample

RATE_STEPS = 400  # first steps of a schedule, whose highest learning rate counts
RATE = 1e-3  # learning rate of Adam: Kingma & Ba 2015, arXiv:1412.6980, section 2
MOMENTUM = 0.9  # of batch norm, whose averages then settle within some 30 steps


def standard() -> list[Change]:
    """The changes that are tried on every network that does not learn."""
    softer = ("learning-rate-high", "exploding-gradient", "not-finite", "oscillating-loss", "summed-loss")
    outputs = (
        *("wrong-loss", "output-activation", "output-units", "missing-softmax", "softmax-twice"),
        *("label-encoding", "label-out-of-range", "broadcast-loss"),
    )
    ruined = ("dead-relu", "zero-gradient", "input-independent", "collapsed-predictions", "loss-at-chance")
    signal = ("vanishing-signal", "exploding-signal", "symmetric-init", "dead-relu", "large-first-loss")
    frozen = ("frozen-layers", "not-recompiled", "untrained-variables")
    return [
        Change(
            "inputs standardised",
            "normalization = keras.layers.Normalization(); normalization.adapt(x_train), as the first layer.",
            ("unscaled-input", "input-independent", "dead-relu"),
            _standardise_inputs,
        ),
        Change(
            "no activation after the last layer",
            "no activation in the last layer, which predicts numbers.",
            ("output-activation",),
            _no_last_activation,
        ),
        Change(
            "the loss and the last activation that fit the labels",
            "for classes, no activation in the last layer and a cross-entropy with from_logits=True; for numbers, no "
            "activation and loss='mse'.",
            outputs,
            _match_loss,
        ),
        Change(
            "targets standardised",
            "y = (y - y_train.mean()) / y_train.std(), and turn predictions back.",
            ("unscaled-target", "learning-rate-low", "learning-rate-high"),
            _standardise_targets,
        ),
        Change("a tenth of the learning rate", "divide the learning rate by 10.", softer, _rate(0.1), ruined),
        Change("a hundredth of the learning rate", "divide the learning rate by 100.", softer, _rate(0.01), ruined),
        Change(
            "10 times the learning rate",
            "multiply the learning rate by 10.",
            ("learning-rate-low", "slow-learning", "learning-rate-decay"),
            _rate(10.0),
        ),
        Change(
            "Adam with a learning rate of 0.001",
            "compile with optimizer=keras.optimizers.Adam(1e-3).",
            ("learning-rate-low", "learning-rate-high", "slow-learning"),
            _adam,
        ),
        Change("fresh weights of He initialisation", "kernel_initializer='he_normal'.", signal, _he),
        Change(
            "batch norm as in training",
            "BatchNormalization(momentum=0.9), or larger batches.",
            ("lagging-batch-norm", "small-batch-norm"),
            _norm_as_in_training,
        ),
        Change("a batch norm momentum of 0.9", "BatchNormalization(momentum=0.9).", ("lagging-batch-norm",), _momentum),
        Change("no batch norm", "leave out BatchNormalization.", ("small-batch-norm", "lagging-batch-norm"), _no_norm),
        Change("no dropout", "Dropout(0.2), or none.", ("excessive-dropout", "random-output"), _no_dropout),
        Change("no penalty on weights", "leave out kernel_regularizer.", ("strong-regularization",), _no_penalty),
        Change("all layers trainable", "set layer.trainable = True, and compile again.", frozen, _all_trainable),
        Change("shuffled rows", "shuffle the rows before each epoch.", ("unshuffled-data",), _shuffle),
        Change(
            "the mean of the losses of a batch",
            "reduction='sum_over_batch_size' in the loss.",
            ("summed-loss", "learning-rate-high", "wrong-loss"),
            _mean_loss,
        ),
    ]


def _standardise_inputs(setup: Setup) -> bool:
    x = setup.sample.x
    first = next((leaf.layer for leaf in leaves(setup.model)), None)
    if x.dtype.kind not in "biuf" or isinstance(first, keras.layers.Embedding) or _has_embedding(setup.model):
        return False
    axes = tuple(range(x.ndim - 1))
    mean, spread = x.mean(axes, dtype=np.float64), x.std(axes, dtype=np.float64)
    spread = np.where(spread > 0, spread, 1)
    if np.abs(mean).max() < 0.5 and spread.min() > 0.5 and spread.max() < 2:
        return False
    parts = {name: ((getattr(setup.sample, name) - mean) / spread).astype(np.float32) for name in ("x", "test_x")}
    with_sample(setup, **parts)
    return True


def _has_embedding(model: Any) -> bool:
    return any(isinstance(layer, keras.layers.Embedding) for layer in model._flatten_layers(include_self=False))


def _standardise_targets(setup: Setup) -> bool:
    y = setup.sample.y
    if setup.sample.is_classes:
        return False
    mean, spread = y.mean(0, dtype=np.float64), y.std(0, dtype=np.float64)
    spread = np.where(spread > 0, spread, 1)
    if np.abs(mean).max() < 2 and np.min(spread) > 0.3 and np.max(spread) < 3:
        return False
    parts = {name: ((getattr(setup.sample, name) - mean) / spread).astype(np.float32) for name in ("y", "test_y")}
    with_sample(setup, **parts)
    return True


def _match_loss(setup: Setup) -> bool:
    """No last activation, and the loss of logits or numbers that fits the targets."""
    units = int(setup.model.output_shape[-1])
    sample = setup.sample
    if sample.is_classes and units == 1 and sample.classes <= 2:
        loss: Any = keras.losses.BinaryCrossentropy(from_logits=True)
        parts = {name: class_numbers(getattr(sample, name)).astype(np.float32)[:, None] for name in ("y", "test_y")}
        setup.decode = lambda outputs: _finite(outputs, (outputs.reshape(-1) > 0).astype(np.int64))
    elif sample.is_classes and units >= sample.classes:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        parts = {name: class_numbers(getattr(sample, name)) for name in ("y", "test_y")}
        setup.decode = lambda outputs: _finite(outputs, outputs.reshape(len(outputs), -1).argmax(1))
    elif not sample.is_classes and units == sample.y.reshape(len(sample.y), -1).shape[1]:
        loss = keras.losses.MeanSquaredError()
        parts = {}
        setup.decode = lambda outputs: outputs.reshape(len(outputs), -1)
    else:
        return False
    with_sample(setup, **parts)
    setup.loss = loss
    _drop_last_activation(setup)
    return True


def _no_last_activation(setup: Setup) -> bool:
    return not setup.sample.is_classes and _drop_last_activation(setup)


def _drop_last_activation(setup: Setup) -> bool:
    """Replace the activations after the last layer of weights by none; returns whether there was one."""
    dropped = False
    for layer in reversed([leaf.layer for leaf in leaves(setup.model)]):
        if hasattr(layer, "activation"):
            dropped = dropped or layer.activation not in (None, keras.activations.linear)
            setup.set(layer, "activation", keras.activations.linear)
        elif isinstance(layer, keras.layers.Softmax | keras.layers.ReLU):
            dropped = True
            setup.set(layer, "call", _same)
        if layer.weights:
            break
    return dropped


def _finite(outputs: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    return predicted if np.isfinite(outputs).all() else np.full(len(outputs), np.nan)


def _same(inputs: Any, *args: Any, **kwargs: Any) -> Any:
    return inputs


def _rate(factor: float) -> Any:
    def change(setup: Setup) -> bool:
        config = setup.optimizer.get_config()
        inner = config.get("inner_optimizer", {}).get("config", config)  # that of a LossScaleOptimizer
        schedule = inner["learning_rate"]
        if isinstance(schedule, dict):
            rates = keras.optimizers.schedules.deserialize(schedule)
            inner["learning_rate"] = max(float(np.asarray(rates(step))) for step in range(0, RATE_STEPS, 10))
        inner["learning_rate"] = factor * float(inner["learning_rate"])
        setup.optimizer = type(setup.optimizer).from_config(config)
        return True

    return change


def _adam(setup: Setup) -> bool:
    setup.optimizer = keras.optimizers.Adam(RATE)
    return True


def _he(setup: Setup) -> bool:
    rng = np.random.default_rng()  # another draw in each trial, so that a lucky one is not confirmed
    kernels = [leaf.layer for leaf in leaves(setup.model) if hasattr(leaf.layer, "kernel")]
    for layer in kernels:
        shape = tuple(layer.kernel.shape)
        gain = 1.0 if layer is kernels[-1] else 2.0
        layer.kernel.assign(rng.normal(0, np.sqrt(gain / max(1, np.prod(shape[:-1]))), shape))
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(np.zeros(layer.bias.shape))
    return bool(kernels)


def _layers(setup: Setup, *kinds: Any) -> list[Any]:
    return [layer for layer in setup.model._flatten_layers(include_self=False) if isinstance(layer, kinds)]


def _norm_as_in_training(setup: Setup) -> bool:
    setup.as_in_training = True
    return bool(_layers(setup, keras.layers.BatchNormalization))


def _momentum(setup: Setup) -> bool:
    norms = [x for x in _layers(setup, keras.layers.BatchNormalization) if x.momentum > MOMENTUM]
    for layer in norms:
        setup.set(layer, "momentum", MOMENTUM)
    return bool(norms)


def _no_norm(setup: Setup) -> bool:
    norms = _layers(setup, keras.layers.BatchNormalization)
    for layer in norms:
        setup.set(layer, "call", _same)
    return bool(norms)


def _no_dropout(setup: Setup) -> bool:
    dropouts = [x for x in _layers(setup, keras.layers.Dropout, keras.layers.SpatialDropout2D) if x.rate > 0]
    for layer in dropouts:
        setup.set(layer, "rate", 0.0)
    return bool(dropouts)


def _no_penalty(setup: Setup) -> bool:
    penalised = [v for v in setup.model.trainable_variables if getattr(v, "regularizer", None) is not None]
    for variable in penalised:
        setup.set(variable, "regularizer", None)
    config = setup.optimizer.get_config()
    if config.get("weight_decay"):
        config["weight_decay"] = None
        setup.optimizer = type(setup.optimizer).from_config(config)
        return True
    return bool(penalised)


def _all_trainable(setup: Setup) -> bool:
    frozen = [
        layer
        for layer in setup.model._flatten_layers(include_self=False)
        if not layer._layers and layer.weights and not layer.trainable
    ]
    for layer in frozen:
        setup.set(layer, "trainable", True)
    return bool(frozen)


def _shuffle(setup: Setup) -> bool:
    was, setup.shuffle = setup.shuffle, True
    return not was


def _mean_loss(setup: Setup) -> bool:
    loss = setup.loss
    if not isinstance(loss, keras.losses.Loss) or loss.reduction != "sum":
        return False
    config = loss.get_config() | {"reduction": "sum_over_batch_size"}
    setup.loss = type(loss).from_config(config)
    return True
