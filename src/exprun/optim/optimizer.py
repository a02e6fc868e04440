"""Build the Keras optimiser of a config."""

import re
from typing import Any

import keras

from exprun.config.optimisation import Optim
from exprun.optim import fused
from exprun.optim.heavy_ball import HeavyBall
from exprun.optim.muon import Muon, MuonNesterov, is_kernel

_DECAY_KINDS = {"bias": "bias", "gamma": "norm", "beta": "norm", "scale": "norm"}


def make_optimizer(
    optim: Optim, model: Any, multipliers: dict[str, float], loss_scaling: bool = False, replicas: int = 1
) -> Any:
    """Build the optimiser for a model's trainable variables.

    Args:
        optim: the group `optim` of the config.
        model: the Keras model that is trained.
        multipliers: the learning-rate multipliers other than 1, by the path of the variable.
        loss_scaling: whether the loss is scaled for float16 (Micikevicius et al. 2018, arXiv:1710.03740, section 3.2).
        replicas: the number of devices, each of which computes a share of the gradient.
    """
    last = _classifier(model)
    multipliers = {
        v.path: multipliers.get(v.path, 1.0) * _multiplier_of(v, optim, last) for v in model.trainable_variables
    }
    multipliers = {path: factor for path, factor in multipliers.items() if factor != 1.0}
    optimizer = _plain(optim, model, multipliers, replicas)
    if optim.decay == "decoupled":
        # Weight decay ignores the multipliers, so variables whose multiplier is 0 are excluded from it explicitly.
        spared = [v for v in model.trainable_variables if _exempt(v, optim) or multipliers.get(v.path) == 0.0]
        optimizer.exclude_from_weight_decay(spared)
    if loss_scaling:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    return optimizer


def l2_factors(optim: Optim, model: Any) -> list[float]:
    """The L2 factor of each trainable variable: this factor times the variable is added to its gradient."""
    if optim.decay != "l2":
        return [0.0] * len(model.trainable_variables)
    return [0.0 if _exempt(v, optim) else optim.weight_decay for v in model.trainable_variables]


def _multiplier_of(variable: Any, optim: Optim, last: str) -> float:
    """The learning-rate multiplier that `optim` sets for a variable; `last` is the name of the classifier's layer."""
    layer, _, kind = variable.path.rpartition("/")
    of_kind = {"bias": optim.bias_rate, "norm": optim.norm_rate}
    return of_kind.get(_DECAY_KINDS.get(kind, ""), 1.0) * (optim.classifier_rate if layer == last else 1.0)


def _classifier(model: Any) -> str:
    """The path of the last layer that has a matrix, or an empty string."""
    matrices = [v.path for v in model.weights if len(v.shape) == 2]
    return matrices[-1].rpartition("/")[0] if matrices else ""


def _exempt(variable: Any, optim: Optim) -> bool:
    """Whether a variable is exempt from weight decay, by the last part of its path."""
    return _DECAY_KINDS.get(variable.path.rsplit("/", 1)[-1]) in optim.decay_exempt


def _plain(optim: Optim, model: Any, multipliers: dict[str, float], replicas: int) -> Any:
    settings: dict[str, Any] = {
        "learning_rate": optim.learning_rate,
        "clipnorm": optim.clip_norm and optim.clip_norm / replicas,
        "global_clipnorm": optim.clip_global_norm and optim.clip_global_norm / replicas,
        "clipvalue": optim.clip_value and optim.clip_value / replicas,
    }
    decay = optim.weight_decay if optim.decay == "decoupled" else None
    if optim.name != "adamw" or decay:  # AdamW does not accept None
        settings["weight_decay"] = decay
    betas = {"beta_1": optim.beta_1, "beta_2": optim.beta_2}
    kinds = keras.optimizers
    kind: Any
    own: dict[str, Any]
    match optim.name:
        case "sgd" | "sgd_momentum" | "nesterov":
            kind = HeavyBall if optim.momentum_of == "gradients" and optim.momentum else fused.SGD
            own = {"momentum": optim.momentum or 0.0, "nesterov": optim.name == "nesterov"}
        case "rmsprop":
            kind, own = (
                kinds.RMSprop,
                {"rho": optim.rho, "momentum": optim.momentum, "epsilon": optim.epsilon},
            )
        case "adam":
            kind, own = fused.Adam, {**betas, "epsilon": optim.epsilon}
        case "adamw":
            kind, own = (fused.AdamW if decay else fused.Adam), {**betas, "epsilon": optim.epsilon}
        case "nadam":
            kind, own = kinds.Nadam, {**betas, "epsilon": optim.epsilon}
        case "adagrad":
            start = optim.initial_accumulator
            kind, own = kinds.Adagrad, {"initial_accumulator_value": start, "epsilon": optim.epsilon}
        case "lion":
            kind, own = kinds.Lion, betas
        case "muon_nesterov":
            # A kernel whose multiplier is 0 must not change, so it must not be scaled to another norm either.
            kernels = [is_kernel(v) and multipliers.get(v.path) != 0.0 for v in model.trainable_variables]
            kind = MuonNesterov
            own = {
                "kernels": kernels,
                "kernel_momentum": optim.momentum,
                "momentum": optim.rest_momentum,
                "steps": optim.newton_schulz_steps,
            }
        case _:
            kind = Muon
            classifier = _classifier(model)
            own = {
                "momentum": optim.momentum,
                "adam_beta_1": optim.beta_1,
                "adam_beta_2": optim.beta_2,
                "epsilon": optim.epsilon,
                "adam_weight_decay": decay,
                # The classifier is updated with AdamW.
                "exclude_layers": [f"^{re.escape(classifier)}/"] if classifier else [],
            }
    if multipliers:
        kind = _with_multipliers(kind, [multipliers.get(v.path, 1.0) for v in model.trainable_variables])
    return kind(**settings, **own)


def _with_multipliers(kind: Any, multipliers: list[float]) -> Any:
    """A subclass of an optimiser that multiplies the learning rate of each variable, in order, by its multiplier."""

    class WithMultipliers(kind):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            factor = multipliers[self._get_variable_index(variable)]
            super().update_step(gradient, variable, learning_rate * factor)

    WithMultipliers.__name__ = kind.__name__
    return WithMultipliers
