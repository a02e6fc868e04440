"""The settings of the group `doctor`; the sources of the thresholds are in its option file `conf/doctor/watch.yaml`."""

from typing import Literal

from pydantic.dataclasses import dataclass

from exprun.config.fields import STRICT, setting

WATCH = ("watch",)


@dataclass(config=STRICT)
class Doctor:
    """The doctor, which watches a run and reports why it does not learn."""

    name: Literal["watch", "none"] = setting("Whether the doctor watches runs.")
    on_failure: Literal["warn", "stop"] = setting(
        "After a finding of severity error: warn and continue, or stop the run.", "warn"
    )
    silence: list[str] = setting("Causes that are not reported, by identifier: [dead-relu].", [])
    every: int | None = setting("Number of steps between two probes.", only=WATCH, ge=1)
    share: float | None = setting("Largest share of the run's time that probes may take.", only=WATCH, gt=0, le=1)
    images: int | None = setting("Number of training images in a probe.", only=WATCH, ge=2, le=4096)
    sample: int | None = setting(
        "Largest number of images of a split that are examined before training.", only=WATCH, ge=64, le=1_000_000
    )
    chance_steps: int | None = setting(
        "Number of steps at chance level after which that is reported.", only=WATCH, ge=1
    )
    chance_margin: float | None = setting(
        "Distance below the loss of chance level at which a network has learned something, as a share of that loss.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    large_loss: float | None = setting(
        "Loss before training above which it is reported, in units of ln(number of classes).", only=WATCH, gt=1
    )
    large_input: float | None = setting("Root mean square above which inputs count as not scaled.", only=WATCH, gt=0)
    small_input: float | None = setting("Root mean square below which images count as scaled twice.", only=WATCH, gt=0)
    tiny_input: float | None = setting(
        "Root mean square below which inputs other than images count as scaled twice.", only=WATCH, gt=0
    )
    vanishing: float | None = setting(
        "Smallest normal spread over images in the last hidden layer before training, as a share of the spread at "
        "the input.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    exploding: float | None = setting(
        "Largest normal spread over images in the last hidden layer before training, in units of the spread at "
        "the input.",
        only=WATCH,
        gt=1,
    )
    dead: float | None = setting(
        "Share of a layer's units that are zero for every image, from which the layer counts as dead.",
        only=WATCH,
        gt=0,
        le=1,
    )
    constant_output: float | None = setting(
        "Spread of the outputs over images below which they count as constant, as a share of their size.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    gradient_ratio: float | None = setting(
        "Smallest normal relative gradient of the first layer, as a share of that of the last layer.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    small_update: float | None = setting(
        "Smallest normal change of the weights in a step, as a share of their size.", only=WATCH, gt=0
    )
    rates: dict[str, list[float]] | None = setting(
        "Usual learning rates of each optimiser: [lowest, highest].", only=WATCH
    )
    decayed: float | None = setting(
        "Learning rate after a tenth of the run below which the schedule counts as too fast, as a share of the "
        "highest.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    scale_ratio: float | None = setting(
        "Ratio of the standard deviations of inputs in evaluation and training above which their scaling counts "
        "as different.",
        only=WATCH,
        gt=1,
    )
    scale_shift: float | None = setting(
        "Difference of the means of inputs in evaluation and training above which their scaling counts as "
        "different, in standard deviations.",
        only=WATCH,
        gt=0,
    )
    augmented: float | None = setting(
        "Standard deviation of inputs in training above which augmentation counts as too strong, in units of that "
        "in inference mode.",
        only=WATCH,
        gt=1,
    )
    hue: float | None = setting(
        "Largest usual random change of the hue, in half turns of the colour circle.", only=WATCH, gt=0, le=1
    )
    frequent_class: float | None = setting(
        "Share of the most frequent class above which the classes count as imbalanced.", only=WATCH, gt=0, lt=1
    )
    leak: float | None = setting(
        "Share of validation or test images that are in an earlier split too, above which the splits count as leaking.",
        only=WATCH,
        ge=0,
        lt=1,
    )
    dropout: float | None = setting("Largest usual share of units that a layer drops.", only=WATCH, gt=0, lt=1)
    frozen: float | None = setting(
        "Share of weights in layers that are not trained, above which they count as frozen by mistake.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    norm_batch: int | None = setting(
        "Smallest batch, in images, with which batch normalisation works well.", only=WATCH, ge=1
    )
    norm_lag: float | None = setting(
        "Share of its first value that may be left in a moving average of batch normalisation at the end of the run.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    penalty: float | None = setting(
        "Largest normal gradient of the penalty on the weights, in units of the gradient of the loss on the data.",
        only=WATCH,
        gt=0,
    )
    overfitting: float | None = setting(
        "Validation loss above which a run counts as overfitting, in units of its lowest validation loss.",
        only=WATCH,
        gt=1,
    )
    memorised: float | None = setting(
        "Loss after some steps on one batch alone below which the network can learn it, as a share of the first loss.",
        only=WATCH,
        gt=0,
        le=1,
    )
    large_update: float | None = setting(
        "Largest normal change of the weights between two probes, in units of their size.", only=WATCH, gt=0
    )
    oscillation: float | None = setting(
        "Change of the training loss from one epoch to the next above which it counts as oscillating, as a share "
        "of the loss.",
        only=WATCH,
        gt=0,
    )
    plateau: float | None = setting(
        "Smallest fall of the training loss in five epochs that counts as learning, as a share of the loss.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    slow: float | None = setting(
        "Loss expected at the end of the run above which learning counts as slow, in units of the loss of chance "
        "level.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    waiting: float | None = setting(
        "Share of the time spent waiting for images above which the input counts as slow.", only=WATCH, gt=0, lt=1
    )
