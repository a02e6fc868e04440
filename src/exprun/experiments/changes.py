"""The changes that trials try, from the most to the least likely to be what a network needs."""

import itertools
from typing import Any

import keras
import numpy as np

from exprun.doctor.instruments.layers import leaves
from exprun.doctor.instruments.packing import packing_of
from exprun.experiments.outputs import match_labels, same
from exprun.experiments.rows import (
    center_inputs,
    finite_rows,
    padding_at_start,
    scaled_alike,
    shuffle,
    split_at_random,
    standardise_inputs,
    standardise_targets,
)
from exprun.experiments.trials import Change, Setup, outputs_of

LOWERED = 0.5  # share of the highest learning rate below which a schedule has lowered it
RATE = 1e-3  # learning rate of Adam: Kingma & Ba 2015, arXiv:1412.6980, section 2
BATCH = 32  # rows in a step
LONGER = 10  # factor of the steps of a longer trial
FEW = 5  # rows in a step below which it is a small one
WEIGHTED = (keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
PASSIVE = (
    *(keras.layers.Dropout, keras.layers.Flatten, keras.layers.MaxPooling1D, keras.layers.MaxPooling2D),
    *(keras.layers.BatchNormalization, keras.layers.GlobalAveragePooling2D, keras.layers.Reshape),
)
WIDER, LEAST = 4, 32  # factor of the units of hidden layers that may be too few, and units that they get at least
WIDE = 64  # units of a hidden layer that are hardly too few
HIDDEN = 64  # units of a hidden layer where there is none
HALF = ("float16", "bfloat16")
SIGNAL = ("vanishing-signal", "exploding-signal", "symmetric-init", "dead-relu", "large-first-loss")
LARGE_OUTPUT = 30.0  # output of a network before training from which its signal has exploded
MOMENTUM = 0.9  # of batch norm, whose averages then settle within some 30 steps


def standard() -> list[Change]:
    """The changes that are tried on every network that does not learn."""
    softer = ("learning-rate-high", "exploding-gradient", "not-finite", "oscillating-loss", "summed-loss")
    ruined = ("dead-relu", "zero-gradient", "input-independent", "collapsed-predictions", "loss-at-chance")
    frozen = ("frozen-layers", "not-recompiled", "untrained-variables")
    norm = ("lagging-batch-norm", "small-batch-norm")
    scaled = "normalization = keras.layers.Normalization(); normalization.adapt(x_train), as the first layer."
    return [
        Change(
            "without rows that are not finite",
            "keep = np.isfinite(x.reshape(len(x), -1)).all(1); x, y = x[keep], y[keep].",
            ("non-finite-input",),
            finite_rows,
            keeps_step=True,
        ),
        Change(
            "the last layer and the loss that fit the labels",
            "for classes, no activation in the last layer and a cross-entropy with from_logits=True; for numbers, no "
            "activation and loss='mse'.",
            (
                *("wrong-loss", "output-activation", "output-units", "missing-softmax", "softmax-twice"),
                *("label-encoding", "label-out-of-range", "broadcast-loss"),
            ),
            match_labels,
            ("not-finite",),
        ),
        Change("inputs standardised", scaled, ("unscaled-input",), standardise_inputs, ruined, keeps_step=True),
        Change(
            "targets standardised",
            "y = (y - y_train.mean()) / y_train.std(), and turn predictions back.",
            ("unscaled-target",),
            standardise_targets,
            ("learning-rate-low", "learning-rate-high"),
            keeps_step=True,
        ),
        Change(
            "rows that are split at random",
            "shuffle the rows before they are split; validation_split takes the last ones.",
            ("unshuffled-data",),
            split_at_random,
            ("single-class", "no-generalization"),
            keeps_step=True,
        ),
        Change(
            "validation rows scaled like training rows",
            "scale validation rows by the same numbers as training rows.",
            ("unscaled-evaluation",),
            scaled_alike,
            ("no-generalization",),
            keeps_step=True,
        ),
        Change(
            "a constant learning rate",
            "leave out the callback that changes the learning rate.",
            ("learning-rate-decay",),
            _constant_rate,
            ("learning-rate-low",),
            keeps_step=True,
        ),
        Change("a tenth of the learning rate", "divide the learning rate by 10.", softer, _rate(0.1), ruined, True),
        Change(
            "a hundredth of the learning rate", "divide the learning rate by 100.", softer, _rate(0.01), ruined, True
        ),
        Change(
            "10 times the learning rate",
            "multiply the learning rate by 10.",
            ("learning-rate-low", "slow-learning", "learning-rate-decay"),
            _rate(10.0),
            keeps_step=True,
        ),
        Change(
            "Adam with a learning rate of 0.001",
            "compile with optimizer=keras.optimizers.Adam(1e-3).",
            ("learning-rate-low", "learning-rate-high", "slow-learning"),
            _adam,
            compensates=True,
        ),
        Change(
            "padding at the start",
            "keras.utils.pad_sequences(x, padding='pre'), or Embedding(..., mask_zero=True).",
            ("unmasked-padding",),
            padding_at_start,
            keeps_step=True,
        ),
        Change("batch norm as in training", "BatchNormalization(momentum=0.9), or larger batches.", norm, _in_training),
        Change("a batch norm momentum of 0.9", "BatchNormalization(momentum=0.9).", norm[:1], _momentum),
        Change("no batch norm", "leave out BatchNormalization.", norm[::-1], _no_norm),
        Change("no dropout", "Dropout(0.2), or none.", ("excessive-dropout", "random-output"), _no_dropout),
        Change("no penalty on weights", "leave out kernel_regularizer.", ("strong-regularization",), _no_penalty),
        Change("all layers trainable", "set layer.trainable = True, and compile again.", frozen, _all_trainable),
        Change(
            "ReLU in the hidden layers that have no activation",
            "activation='relu' in the hidden layers.",
            ("missing-nonlinearity",),
            _relu_where_linear,
        ),
        Change(
            "ReLU and He initialisation instead of sigmoid and tanh",
            "activation='relu', kernel_initializer='he_normal' in the hidden layers.",
            ("vanishing-gradient",),
            _relu_for_sigmoid,
            ("vanishing-signal",),
        ),
        Change(
            "leaky ReLU instead of ReLU", "activation='leaky_relu'.", ("dead-relu",), _leaky, ("zero-gradient", *SIGNAL)
        ),
        Change("fresh weights of He initialisation", "kernel_initializer='he_normal'.", SIGNAL, _he, keeps_step=True),
        Change(
            "shuffled rows",
            "shuffle the rows before each epoch.",
            ("unshuffled-data",),
            shuffle,
            keeps_step=True,
        ),
        Change(
            "the mean of the losses of a batch",
            "reduction='sum_over_batch_size' in the loss.",
            ("summed-loss", "learning-rate-high", "wrong-loss"),
            _mean_loss,
        ),
        Change(
            "gradients of at most norm 1",
            "clipnorm=1.0 in the optimiser.",
            ("exploding-gradient",),
            _clipped,
            ("not-finite",),
            compensates=True,
        ),
        Change(
            "float32 instead of half precision",
            "keras.mixed_precision.set_global_policy('float32').",
            ("small-epsilon",),
            _float32,
            ("not-finite", "vanishing-gradient"),
        ),
        Change("batches of 32 rows", "batch_size=32.", ("small-batch-norm",), _batch, keeps_step=True),
        Change(
            "10 times as many steps", "train for 10 times as many epochs.", ("too-few-steps",), _longer, keeps_step=True
        ),
        Change(
            "wider hidden layers",
            "4 times as many units or filters in the hidden layers, at least 32; or one layer of 64 units.",
            ("low-capacity",),
            _wider,
            compensates=True,
        ),
        Change("inputs with mean 0 and spread 1", scaled, ("unscaled-input",), center_inputs, keeps_step=True),
    ]


def _constant_rate(setup: Setup) -> bool:
    """The highest learning rate all the time, where callbacks or a schedule lower it much in these steps."""
    schedule = setup.optimizer._learning_rate
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        rates = [float(np.asarray(schedule(step))) for step in range(0, max(2, setup.steps), max(1, setup.steps // 20))]
        if min(rates) > LOWERED * max(rates):
            return False
        config = setup.optimizer.get_config() | {"learning_rate": max(rates)}
        setup.optimizer = type(setup.optimizer).from_config(config)
        return True
    was, setup.rates = setup.rates, ()
    if was:
        setup.optimizer.learning_rate = max(was)
    return bool(was)


class _Scaled(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule with all learning rates multiplied by a factor.

    Args:
        schedule: the schedule.
        factor: the factor.
    """

    def __init__(self, schedule: Any, factor: float) -> None:
        self.schedule, self.factor = schedule, factor

    def __call__(self, step: Any) -> Any:
        return self.factor * self.schedule(step)


def _rate(factor: float) -> Any:
    def change(setup: Setup) -> bool:
        rate = setup.optimizer._learning_rate
        config = setup.optimizer.get_config()
        is_schedule = isinstance(rate, keras.optimizers.schedules.LearningRateSchedule)
        setup.optimizer = type(setup.optimizer).from_config(config | {"learning_rate": 0.0})
        if is_schedule:
            setup.optimizer._learning_rate = _Scaled(rate, factor)
        else:
            setup.optimizer.learning_rate = factor * float(np.asarray(rate))
        setup.factor *= factor
        return True

    return change


def _adam(setup: Setup) -> bool:
    rate = setup.optimizer._learning_rate
    is_higher = not isinstance(rate, keras.optimizers.schedules.LearningRateSchedule) and float(np.asarray(rate)) > RATE
    scales = isinstance(setup.optimizer, keras.optimizers.Adam | keras.optimizers.RMSprop)
    is_high = setup.has_diverged or (is_higher and scales)
    setup.causes = ("learning-rate-high",) if is_high else ("learning-rate-low", "slow-learning")
    setup.optimizer, setup.rates = keras.optimizers.Adam(RATE), ()
    return True


def _he(setup: Setup) -> bool:
    if any(_kernels(leaf.layer) for leaf in leaves(setup.model)):
        setup.causes = _signals(setup)
    # Another draw in each trial, so that a lucky one is not confirmed.
    return draw_he(setup.model, np.random.default_rng())


def draw_he(model: Any, rng: np.random.Generator) -> bool:
    """Draw new weights of He initialisation; returns whether a model has weights that are drawn.

    Args:
        model: the Keras model.
        rng: the source of random numbers.
    """
    layers = [leaf.layer for leaf in leaves(model)]
    kernels = [kernel for layer in layers for kernel in _kernels(layer)]
    for kernel in kernels:
        shape = tuple(kernel.shape)
        gain = 1.0 if kernel is kernels[-1] else 2.0
        kernel.assign(rng.normal(0, np.sqrt(gain / max(1, np.prod(shape[:-1]))), shape))
    for layer in layers:
        if isinstance(layer, WEIGHTED) and layer.bias is not None:
            layer.bias.assign(np.zeros(layer.bias.shape))
    return bool(kernels)


def _kernels(layer: Any) -> list[Any]:
    """The weights of a layer that multiply inputs; those of a layer of the script's own are its matrices."""
    if isinstance(layer, WEIGHTED):
        return [layer.kernel]
    is_own = not type(layer).__module__.startswith("keras.")
    return [variable for variable in layer.trainable_variables if len(variable.shape) > 1] if is_own else []


def _signals(setup: Setup) -> tuple[str, ...]:
    """What is likely wrong with the first weights, by the size of the outputs."""
    size = float(np.abs(outputs_of(setup.model, setup.sample.test_x[:BATCH], training=False)).max())
    if not size <= LARGE_OUTPUT:  # also if it is not a number
        return ("exploding-signal", *(cause for cause in SIGNAL if cause != "exploding-signal"))
    return SIGNAL


def _in_training(setup: Setup) -> bool:
    setup.as_in_training = True
    return bool(setup.layers(keras.layers.BatchNormalization))


def _momentum(setup: Setup) -> bool:
    norms = [x for x in setup.layers(keras.layers.BatchNormalization) if x.momentum > MOMENTUM]
    for layer in norms:
        setup.set(layer, "momentum", MOMENTUM)
    return bool(norms)


def _no_norm(setup: Setup) -> bool:
    norms = setup.layers(keras.layers.BatchNormalization)
    for layer in norms:
        setup.set(layer, "call", same)
    return bool(norms)


def _no_dropout(setup: Setup) -> bool:
    dropouts = [x for x in setup.layers(keras.layers.Dropout, keras.layers.SpatialDropout2D) if x.rate > 0]
    for layer in dropouts:
        setup.set(layer, "rate", 0.0)
    return bool(dropouts)


def _no_penalty(setup: Setup) -> bool:
    penalised = [v for v in setup.model.trainable_variables if getattr(v, "regularizer", None) is not None]
    for variable in penalised:
        setup.set(variable, "regularizer", None)
    config = setup.optimizer.get_config()
    if config.get("weight_decay"):
        config["weight_decay"] = 0.0
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


def _mean_loss(setup: Setup) -> bool:
    loss = setup.loss
    if not isinstance(loss, keras.losses.Loss) or loss.reduction != "sum":
        return False
    config = loss.get_config() | {"reduction": "sum_over_batch_size"}
    setup.loss = type(loss).from_config(config)
    return True


def _hidden(setup: Setup) -> list[Any]:
    """The hidden layers that may have an activation."""
    return [leaf.layer for leaf in leaves(setup.model) if isinstance(leaf.layer, WEIGHTED)][:-1]


def _relu_where_linear(setup: Setup) -> bool:
    layers = [leaf.layer for leaf in leaves(setup.model)]
    changed = False
    for layer in _hidden(setup):
        between = itertools.takewhile(lambda one: not hasattr(one, "kernel"), layers[layers.index(layer) + 1 :])
        if layer.activation is keras.activations.linear and all(isinstance(one, PASSIVE) for one in between):
            setup.set(layer, "activation", keras.activations.relu)
            changed = True
    return changed


def _float32(setup: Setup) -> bool:
    layers = setup.model._flatten_layers(include_self=True)
    mixed = [layer for layer in layers if layer.compute_dtype in HALF]
    for layer in mixed:
        setup.set(layer, "dtype_policy", keras.DTypePolicy("float32"))
    return bool(mixed)


def _replace_activation(setup: Setup, names: tuple[str, ...], function: Any) -> bool:
    found = [layer for layer in _hidden(setup) if getattr(layer.activation, "__name__", "") in names]
    for layer in found:
        setup.set(layer, "activation", function)
    return bool(found)


def _relu_for_sigmoid(setup: Setup) -> bool:
    return _replace_activation(setup, ("sigmoid", "tanh"), keras.activations.relu) and _he(setup)


def _leaky(setup: Setup) -> bool:
    return _replace_activation(setup, ("relu",), keras.activations.leaky_relu)


def _clipped(setup: Setup) -> bool:
    config = setup.optimizer.get_config()
    if any(config.get(name) for name in ("clipnorm", "clipvalue", "global_clipnorm")):
        return False
    setup.optimizer = type(setup.optimizer).from_config(config | {"global_clipnorm": 1.0})
    return True


def _wider(setup: Setup) -> bool:
    """Wider hidden layers with fresh weights, or a hidden layer where there is none."""
    model = setup.model
    weighted = [
        one for one in setup.layers(*WEIGHTED, keras.layers.RNN) if getattr(one, "units", getattr(one, "filters", 0))
    ]
    widths = {layer.name: getattr(layer, "units", None) or layer.filters for layer in weighted[:-1]}
    if (
        not weighted
        or not getattr(model, "inputs", None)
        or packing_of(model) is not None
        or max(widths.values(), default=0) > WIDE
    ):
        return False

    def clone(layer: Any) -> Any:
        config = layer.get_config()
        for name in ("units", "filters"):
            if layer.name in widths and name in config:
                config[name] = max(WIDER * config[name], LEAST)
        return type(layer).from_config(config)

    if widths:
        setup.network = keras.models.clone_model(model, clone_function=clone)
    elif isinstance(model, keras.Sequential) and weighted[0] in model.layers:
        at = model.layers.index(weighted[0])
        copies = [clone(layer) for layer in model.layers]
        setup.network = keras.Sequential(
            [keras.Input(model.input_shape[1:]), *copies[:at], keras.layers.Dense(HIDDEN, "relu"), *copies[at:]]
        )
    return setup.network is not model


def _longer(setup: Setup) -> bool:
    setup.steps *= LONGER
    return setup.whole < setup.steps


def _batch(setup: Setup) -> bool:
    was, setup.batch = setup.batch, BATCH
    return was < FEW and bool(setup.layers(keras.layers.BatchNormalization))
