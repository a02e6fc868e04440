"""The settings of the group `doctor`."""

from typing import Literal

from pydantic.dataclasses import dataclass

from exprun.config.fields import STRICT, setting

WATCH = ("watch",)


@dataclass(config=STRICT)
class Doctor:
    """What watches a run and says why it does not learn; each threshold's source is in its option file."""

    name: Literal["watch", "none"] = setting("Whether runs are watched.")
    on_failure: Literal["warn", "stop"] = setting("After a finding of severity error: go on, or end the run.", "warn")
    silence: list[str] = setting("Causes not to report, by identifier: [dead-relu].", [])
    every: int | None = setting("Steps between two probes.", only=WATCH, ge=1)
    share: float | None = setting("Most of the run's time that probes may take.", only=WATCH, gt=0, le=1)
    images: int | None = setting("Training images of a probe.", only=WATCH, ge=2, le=4096)
    sample: int | None = setting("Images looked at before training, at most.", only=WATCH, ge=64, le=1_000_000)
    chance_steps: int | None = setting("Steps at chance before that is a finding.", only=WATCH, ge=1)
    chance_margin: float | None = setting("Of the loss of guessing, below it.", only=WATCH, gt=0, lt=1)
    large_loss: float | None = setting("First loss, in units of ln(classes).", only=WATCH, gt=1)
    large_input: float | None = setting("Root mean square of inputs that are not scaled.", only=WATCH, gt=0)
    small_input: float | None = setting("Root mean square of inputs that are scaled twice.", only=WATCH, gt=0)
    tiny_input: float | None = setting("The same of inputs that are no images.", only=WATCH, gt=0)
    vanishing: float | None = setting(
        "Spread over images in the last hidden layer, as a share of the input's.", only=WATCH, gt=0, lt=1
    )
    exploding: float | None = setting("The same, the other way.", only=WATCH, gt=1)
    dead: float | None = setting("Share of a layer's units that are zero for every image.", only=WATCH, gt=0, le=1)
    constant_output: float | None = setting(
        "Spread of the outputs over images, as a share of their size.", only=WATCH, gt=0, lt=1
    )
    gradient_ratio: float | None = setting(
        "Relative gradient of the first layer, as a share of the last one's.", only=WATCH, gt=0, lt=1
    )
    small_update: float | None = setting("Change of a weight in a step, as a share of it.", only=WATCH, gt=0)
    rates: dict[str, list[float]] | None = setting("Usual learning rates of each optimiser: [least, most].", only=WATCH)
    decayed: float | None = setting("Share of the rate that is left after a tenth of the run.", only=WATCH, gt=0, lt=1)
    scale_ratio: float | None = setting("Standard deviation of inputs, evaluation to training.", only=WATCH, gt=1)
    scale_shift: float | None = setting("Difference of their means, in standard deviations.", only=WATCH, gt=0)
    augmented: float | None = setting(
        "Standard deviation of inputs in training, in units of that in inference mode.", only=WATCH, gt=1
    )
    hue: float | None = setting("How far colours are turned, in half turns.", only=WATCH, gt=0, le=1)
    frequent_class: float | None = setting("Share of the most frequent class.", only=WATCH, gt=0, lt=1)
    leak: float | None = setting(
        "Share of validation or test images that an earlier split has too.", only=WATCH, ge=0, lt=1
    )
    dropout: float | None = setting("Share of units dropped.", only=WATCH, gt=0, lt=1)
    frozen: float | None = setting("Share of weights in layers that do not train.", only=WATCH, gt=0, lt=1)
    norm_batch: int | None = setting("Images in a batch below which batch norm suffers.", only=WATCH, ge=1)
    norm_lag: float | None = setting(
        "Share of the first values left in moving averages at the end.", only=WATCH, gt=0, lt=1
    )
    penalty: float | None = setting("Gradient of the penalty, in units of the data's.", only=WATCH, gt=0)
    overfitting: float | None = setting("Validation loss, in units of its lowest.", only=WATCH, gt=1)
    memorised: float | None = setting(
        "Loss of one batch after steps on it alone, as a share of the first.", only=WATCH, gt=0, le=1
    )
    large_update: float | None = setting("Change of a weight between two probes, in units of it.", only=WATCH, gt=0)
    oscillation: float | None = setting("Change of the loss from one epoch to the next, as a share.", only=WATCH, gt=0)
    plateau: float | None = setting("Least fall of the loss in five epochs, as a share.", only=WATCH, gt=0, lt=1)
    slow: float | None = setting("Loss after half of the run, in units of that of guessing.", only=WATCH, gt=0, lt=1)
    waiting: float | None = setting("Share of the time that is spent waiting for images.", only=WATCH, gt=0, lt=1)
