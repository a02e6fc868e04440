"""The settings of the group `doctor`; its option file `conf/doctor/watch.yaml` names the source of each threshold."""

from typing import Literal

from pydantic.dataclasses import dataclass

from exprun.config.fields import STRICT, setting

WATCH = ("watch",)


@dataclass(config=STRICT)
class Doctor:
    """The doctor, which watches a run and reports why it does not learn."""

    name: Literal["watch", "none"] = setting("Whether the doctor watches runs.")
    on_failure: Literal["warn", "stop"] = setting(
        "What happens after a finding of severity error: warn continues the run, stop ends it.", "warn"
    )
    silence: list[str] = setting("Causes that are not reported, by identifier: [dead-relu].", [])
    every: int | None = setting("Number of steps between two probes.", only=WATCH, ge=1)
    share: float | None = setting("Largest fraction of the run's time that probes may take.", only=WATCH, gt=0, le=1)
    images: int | None = setting("Number of training images in a probe.", only=WATCH, ge=2, le=4096)
    sample: int | None = setting(
        "Largest number of images of a split that are examined before training.", only=WATCH, ge=64, le=1_000_000
    )
    chance_steps: int | None = setting(
        "Number of steps at chance level after which `loss-at-chance` is reported.", only=WATCH, ge=1
    )
    chance_margin: float | None = setting(
        "Smallest distance below the loss of chance level, as a fraction of that loss, that counts as learning.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    large_loss: float | None = setting(
        "Largest normal loss before training, in units of ln(number of classes).", only=WATCH, gt=1
    )
    large_input: float | None = setting(
        "Largest normal root mean square of inputs; above it, inputs count as unscaled.", only=WATCH, gt=0
    )
    small_input: float | None = setting(
        "Smallest normal root mean square of images; below it, images count as scaled twice.", only=WATCH, gt=0
    )
    tiny_input: float | None = setting(
        "Smallest normal root mean square of inputs that are not images; below it, inputs count as scaled twice.",
        only=WATCH,
        gt=0,
    )
    vanishing: float | None = setting(
        "Smallest normal ratio, before training, of the standard deviation over images in the last hidden "
        "layer to that at the input.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    exploding: float | None = setting(
        "Largest normal ratio, before training, of the standard deviation over images in the last hidden "
        "layer to that at the input.",
        only=WATCH,
        gt=1,
    )
    dead: float | None = setting(
        "Fraction of a layer's units that must be zero for every image for the layer to count as dead.",
        only=WATCH,
        gt=0,
        le=1,
    )
    constant_output: float | None = setting(
        "Standard deviation of the outputs over images, relative to their size, below which the outputs count "
        "as constant.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    gradient_ratio: float | None = setting(
        "Smallest normal ratio of the relative gradient of the first layer to that of the last layer.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    small_update: float | None = setting(
        "Smallest normal change of the weights in one step, relative to their size.", only=WATCH, gt=0
    )
    rates: dict[str, list[float]] | None = setting(
        "Usual learning rates of each optimiser: [lowest, highest].", only=WATCH
    )
    decayed: float | None = setting(
        "Smallest normal learning rate after a tenth of the run, as a fraction of the highest; below it, the "
        "schedule counts as too fast.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    scale_ratio: float | None = setting(
        "Largest normal ratio between the standard deviations of inputs in evaluation and in training.",
        only=WATCH,
        gt=1,
    )
    scale_shift: float | None = setting(
        "Largest normal difference between the means of inputs in evaluation and in training, in standard deviations.",
        only=WATCH,
        gt=0,
    )
    augmented: float | None = setting(
        "Largest normal ratio of the standard deviation of inputs in training mode to that in inference mode; "
        "above it, augmentation counts as too strong.",
        only=WATCH,
        gt=1,
    )
    hue: float | None = setting(
        "Largest normal random change of the hue, in half turns of the colour circle.", only=WATCH, gt=0, le=1
    )
    frequent_class: float | None = setting(
        "Largest normal share of the most frequent class; above it, the classes count as imbalanced.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    leak: float | None = setting(
        "Largest normal fraction of validation or test images that are also in an earlier split.",
        only=WATCH,
        ge=0,
        lt=1,
    )
    dropout: float | None = setting("Largest normal dropout rate of a layer.", only=WATCH, gt=0, lt=1)
    frozen: float | None = setting(
        "Largest normal fraction of weights in frozen layers; above it, the layers count as frozen by mistake.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    norm_batch: int | None = setting(
        "Smallest batch, in images, with which batch normalisation works well.", only=WATCH, ge=1
    )
    norm_lag: float | None = setting(
        "Largest normal fraction of its first value that is left in a moving average of batch normalisation "
        "at the end of the run.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    penalty: float | None = setting(
        "Largest normal gradient of the penalty on the weights, relative to the gradient of the loss on the data.",
        only=WATCH,
        gt=0,
    )
    overfitting: float | None = setting(
        "Validation loss above which a run counts as overfitting, as a multiple of its lowest validation loss.",
        only=WATCH,
        gt=1,
    )
    memorised: float | None = setting(
        "Loss after some steps on one batch alone, as a fraction of the first loss, below which the network "
        "can memorise the batch.",
        only=WATCH,
        gt=0,
        le=1,
    )
    large_update: float | None = setting(
        "Largest normal change of the weights between two probes, relative to their size.", only=WATCH, gt=0
    )
    oscillation: float | None = setting(
        "Change of the training loss from one epoch to the next, as a fraction of the loss, above which the "
        "loss counts as oscillating.",
        only=WATCH,
        gt=0,
    )
    plateau: float | None = setting(
        "Smallest fall of the training loss in five epochs, as a fraction of the loss, that counts as learning.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    slow: float | None = setting(
        "Loss expected at the end of the run, as a fraction of the loss of chance level, above which learning "
        "counts as slow.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    waiting: float | None = setting(
        "Largest normal fraction of the time spent waiting for images; above it, the input counts as slow.",
        only=WATCH,
        gt=0,
        lt=1,
    )
