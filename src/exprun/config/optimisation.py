"""The settings of the optimiser and of its learning rate: the groups `optim` and `schedule`."""

from typing import Literal

from pydantic.dataclasses import dataclass

from exprun.config.fields import STRICT, setting

MOMENTUM_OPTIMS = ("sgd_momentum", "nesterov", "rmsprop", "muon", "muon_nesterov")
ADAM_OPTIMS = ("adam", "adamw", "nadam", "muon")
DECOUPLED_OPTIMS = ("adamw", "lion", "muon", "muon_nesterov", "sgd", "sgd_momentum", "nesterov")
EPSILON_OPTIMS = (*ADAM_OPTIMS, "rmsprop", "adagrad")


@dataclass(config=STRICT)
class Optim:
    """The optimiser, weight decay and gradient clipping."""

    name: Literal[
        "sgd",
        "sgd_momentum",
        "nesterov",
        "rmsprop",
        "adam",
        "adamw",
        "nadam",
        "adagrad",
        "lion",
        "muon",
        "muon_nesterov",
    ] = setting("Optimiser.")
    learning_rate: float = setting("Learning rate, which the schedule changes over the run.", gt=0.0, le=1e3)
    momentum: float | None = setting(
        "Momentum: the fraction of the last update that the next update keeps.", only=MOMENTUM_OPTIMS, ge=0.0, lt=1.0
    )
    momentum_of: Literal["updates", "gradients"] = setting(
        "Quantity that momentum accumulates: updates, which already include the learning rate (Keras), or "
        "gradients, whose sum is then multiplied by the learning rate (MatConvNet, PyTorch).",
        "updates",
    )
    rest_momentum: float | None = setting(
        "Momentum of all weights except the kernels of convolutions.", only=("muon_nesterov",), gt=0.0, lt=1.0
    )
    newton_schulz_steps: int | None = setting(
        "Number of Newton-Schulz iterations that orthogonalise an update.", only=("muon_nesterov",), ge=1, le=20
    )
    rho: float | None = setting("Decay of the moving average of squared gradients.", only=("rmsprop",), ge=0.0, lt=1.0)
    beta_1: float | None = setting(
        "Decay of the moving average of gradients.", only=(*ADAM_OPTIMS, "lion"), ge=0.0, lt=1.0
    )
    beta_2: float | None = setting(
        "Decay of the second moving average: of squared gradients, or of gradients for optim=lion.",
        only=(*ADAM_OPTIMS, "lion"),
        ge=0.0,
        lt=1.0,
    )
    epsilon: float | None = setting(
        "Constant added to the denominator of an update for numerical stability.", only=EPSILON_OPTIMS, gt=0.0, le=1.0
    )
    initial_accumulator: float | None = setting(
        "Initial value of the sum of squared gradients.", only=("adagrad",), ge=0.0
    )
    bias_rate: float = setting("Learning-rate multiplier of all biases.", 1.0, ge=0.0, le=1e3)
    norm_rate: float = setting(
        "Learning-rate multiplier of the scales and shifts of normalisation layers.", 1.0, ge=0.0, le=1e3
    )
    classifier_rate: float = setting("Learning-rate multiplier of the last layer.", 1.0, ge=0.0, le=1e3)
    weight_decay: float = setting("Weight decay coefficient.", 0.0, ge=0.0, le=1.0)
    decay: Literal["l2", "decoupled"] = setting(
        "Form of the weight decay: l2 adds it to the gradient; decoupled subtracts it from the weights, "
        "multiplied by the learning rate.",
        "l2",
    )
    decay_exempt: list[Literal["norm", "bias"]] = setting("Kinds of weights without weight decay.", ["norm", "bias"])
    sam_rho: float | None = setting(
        "Radius ρ of sharpness-aware minimisation: the gradient is taken at weights that lie ρ uphill; null turns it "
        "off. A step takes twice the time.",
        None,
        gt=0.0,
        le=10.0,
    )
    clip_norm: float | None = setting(
        "Largest norm of the gradient of one variable; a larger gradient is scaled down to this norm.", None, gt=0.0
    )
    clip_global_norm: float | None = setting(
        "Largest norm of all gradients together; larger gradients are scaled down to this norm.", None, gt=0.0
    )
    clip_value: float | None = setting(
        "Largest absolute value of an element of a gradient; larger elements are clipped to this value.", None, gt=0.0
    )


@dataclass(config=STRICT)
class Schedule:
    """How the learning rate changes over the run: it is updated at each step, and durations are in epochs."""

    name: Literal[
        "constant",
        "step",
        "milestones",
        "exponential",
        "inverse_time",
        "cosine",
        "cosine_restarts",
        "one_cycle",
        "triangular",
        "plateau",
        "by_epoch",
    ] = setting("Shape of the schedule.")
    warmup_epochs: float = setting(
        "Number of epochs at the start in which the learning rate rises linearly from zero.", 0.0, ge=0.0
    )
    sizes: list[float] | None = setting(
        "Sizes of the training images, as rising fractions of their height and width: the run has equally many epochs "
        "of each size. Evaluation always uses whole images.",
        None,
        min_length=1,
        max_length=8,
    )
    every_epochs: float | None = setting(
        "The learning rate is multiplied by `schedule.factor` each time that this number of epochs has passed.",
        only=("step",),
        gt=0.0,
    )
    first_epochs: float | None = setting("Number of epochs until the first restart.", only=("cosine_restarts",), gt=0.0)
    lengthening: float | None = setting(
        "Factor by which each period is longer than the one before it.", only=("cosine_restarts",), ge=1.0, le=100.0
    )
    milestones: list[float] | None = setting(
        "Epochs after which the learning rate is multiplied by `schedule.factor`.", only=("milestones",), min_length=1
    )
    factor: float | None = setting(
        "Factor by which the learning rate is multiplied.",
        only=("step", "milestones", "exponential", "plateau", "cosine_restarts"),
        gt=0.0,
        le=1.0,
    )
    decay_rate: float | None = setting(
        "Decay per training step: `optim.learning_rate` is divided by 1 + `schedule.decay_rate` × step.",
        only=("inverse_time",),
        ge=0.0,
    )
    start_fraction: float | None = setting(
        "Learning rate at the start, as a fraction of `optim.learning_rate`.",
        only=("one_cycle", "triangular"),
        ge=0.0,
        le=1.0,
    )
    peak_at: float | None = setting(
        "Fraction of the run after which the learning rate is highest.",
        only=("one_cycle", "triangular"),
        ge=0.0,
        lt=1.0,
    )
    final_fraction: float | None = setting(
        "Learning rate at the end, as a fraction of `optim.learning_rate`.",
        only=("cosine", "cosine_restarts", "one_cycle", "triangular"),
        ge=0.0,
        le=1.0,
    )
    patience: int | None = setting(
        "Number of evaluations without improvement that are tolerated; the next one lowers the learning rate.",
        only=("plateau",),
        ge=0,
    )
    min_delta: float | None = setting(
        "Smallest fall of the validation loss that counts as an improvement.", only=("plateau",), ge=0.0
    )
    unfreeze: int | None = setting(
        "Number of epochs after which one stage more is trained, the last stage first; before, only the head is. null "
        "trains all stages from the start.",
        None,
        ge=1,
    )
    rates: list[float] | None = setting(
        "Learning rate of each epoch, used instead of `optim.learning_rate`.", only=("by_epoch",), min_length=1
    )
