"""The settings of the group `doctor`; the causes in `exprun.doctor.causes` hold its thresholds."""

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
    silence: list[str] = setting("Identifiers of the causes that are not reported, for example [dead-relu].", [])
    every: int | None = setting("Number of steps between two probes.", only=WATCH, ge=1)
    share: float | None = setting("Largest fraction of the run's time that probes may take.", only=WATCH, gt=0, le=1)
    images: int | None = setting("Number of training images in a probe.", only=WATCH, ge=2, le=4096)
    sample: int | None = setting(
        "Largest number of images of a split that are examined before training.", only=WATCH, ge=64, le=1_000_000
    )
    rates: dict[str, list[float]] | None = setting(
        "Usual learning rates of each optimiser: [lowest, highest].", only=WATCH
    )
    # Thresholds of the causes, written by `python -m exprun.doctor.table`
    unused: float | None = setting(
        "Training data counts as unused if the same part returns in each epoch, and this fraction of the examples at "
        "hand, or more, is not in it.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    changed_scale: float | None = setting(
        "Inputs count as changing if, from one epoch to the next one, their standard deviation changes by more than "
        "this factor, or their mean by more than this number of standard deviations.",
        only=WATCH,
        gt=1,
    )
    rougher: float | None = setting(
        "Images count as scrambled if neighbouring pixels differ by more than this factor, along rows and columns, "
        "compared with the same values in another order of the axes.",
        only=WATCH,
        gt=1,
    )
    frequent_class: float | None = setting(
        "The classes count as imbalanced if more than this fraction of the images belongs to the most frequent class.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    scale_ratio: float | None = setting(
        "Evaluation inputs count as scaled differently if their standard deviation and that of the training inputs "
        "differ by more than this factor.",
        only=WATCH,
        gt=1,
    )
    scale_shift: float | None = setting(
        "Evaluation inputs count as scaled differently if their mean and that of the training inputs differ by more "
        "than this number of standard deviations.",
        only=WATCH,
        gt=0,
    )
    pretrained_factor: float | None = setting(
        "Inputs are scaled wrongly if the standard deviation of a channel is larger or smaller by this factor than "
        "with the scaling of the loaded weights.",
        only=WATCH,
        gt=1,
    )
    pretrained_shift: float | None = setting(
        "Inputs are scaled wrongly if the mean of a channel differs by more standard deviations from that with the "
        "scaling of the loaded weights.",
        only=WATCH,
        gt=0,
    )
    pretrained_norm: float | None = setting(
        "If the scaling of the weights is not known, inputs are scaled wrongly if their standard deviation at the "
        "first batch norm is larger or smaller by this factor than its moving average.",
        only=WATCH,
        gt=1,
    )
    summed_update: float | None = setting(
        "A loss that is summed over the batch is reported if the first step changes the weights by more than this "
        "fraction of their norm.",
        only=WATCH,
        gt=0,
    )
    padding: float | None = setting(
        "Sequences count as padded if, on average, more than this fraction of their steps is zeros at the end.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    frozen: float | None = setting(
        "Layers count as frozen by mistake if more than this fraction of all weights is in frozen layers.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    frozen_scale: float | None = setting(
        "Frozen averages count as foreign if the standard deviation of the inputs of a batch norm is smaller or "
        "larger than that of its averages by this factor, or if their means differ by this many standard deviations.",
        only=WATCH,
        gt=1,
    )
    dropout: float | None = setting(
        "The dropout rate of a layer counts as too high above this value.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    norm_batch: int | None = setting(
        "Smallest number of images in a batch that is large enough for batch normalisation; if only feature maps are "
        "normalised, the batch may have one image less.",
        only=WATCH,
        ge=1,
    )
    exploding: float | None = setting(
        "The signal counts as exploding if, before training, the standard deviation over images at the last layer, "
        "divided by that at the input, is above this value.",
        only=WATCH,
        gt=1,
    )
    vanishing: float | None = setting(
        "The signal counts as vanishing if, before training, the standard deviation over images at the last layer, "
        "divided by that at the input, is below this value.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    augmented: float | None = setting(
        "Augmentation counts as too strong if it multiplies the standard deviation of the inputs by more than this "
        "factor, or shifts their mean by more than this number of standard deviations.",
        only=WATCH,
        gt=1,
    )
    hue: float | None = setting(
        "The augmentation of a RandomHue layer counts as too strong if its `factor` is above this value; a factor of "
        "1 shifts hues by up to 180 degrees.",
        only=WATCH,
        gt=0,
        le=1,
    )
    large_input: float | None = setting(
        "Inputs count as unscaled if their root mean square is above this value.",
        only=WATCH,
        gt=0,
    )
    small_input: float | None = setting(
        "Images count as scaled twice if their root mean square is below this value.",
        only=WATCH,
        gt=0,
    )
    tiny_input: float | None = setting(
        "Inputs that are not images count as scaled twice if their root mean square is below this value.",
        only=WATCH,
        gt=0,
    )
    far_target: float | None = setting(
        "Targets count as too far away if their distance from the first predictions is above this multiple of what "
        "the last layer can move in the run.",
        only=WATCH,
        gt=1,
    )
    penalty: float | None = setting(
        "The penalty on the weights counts as too strong if its gradient is more than this multiple of the gradient "
        "of the loss on the data.",
        only=WATCH,
        gt=0,
    )
    large_update: float | None = setting(
        "The learning rate counts as too high if the weights change by more than this multiple of their norm between "
        "two probes.",
        only=WATCH,
        gt=0,
    )
    small_update: float | None = setting(
        "The learning rate counts as too low if a step changes the weights by less than this fraction of their norm.",
        only=WATCH,
        gt=0,
    )
    decayed: float | None = setting(
        "The learning rate counts as falling too fast if, within a tenth of the run, it falls below this fraction of "
        "its highest value and does not rise again.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    leak: float | None = setting(
        "Images count as leaked if more than this fraction of the validation images is also in the training split, or "
        "more than this fraction of the test images is also in the training or validation split.",
        only=WATCH,
        ge=0,
        lt=1,
    )
    norm_lag: float | None = setting(
        "A moving average of batch normalisation counts as lagging if more than this fraction of its initial value "
        "remains at the end of the run.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    large_loss: float | None = setting(
        "The loss before training counts as too large above this multiple of ln(number of classes).",
        only=WATCH,
        gt=1,
    )
    memorised: float | None = setting(
        "The network counts as able to memorise a batch if, after some steps on this batch alone, the loss is below "
        "this fraction of the first loss.",
        only=WATCH,
        gt=0,
        le=1,
    )
    dead: float | None = setting(
        "A layer counts as dead if at least this fraction of its units is zero for every image.",
        only=WATCH,
        gt=0,
        le=1,
    )
    gradient_ratio: float | None = setting(
        "The gradient counts as vanishing if the ratio of gradient norm to weight norm in the first layer is below "
        "this fraction of the ratio in the last layer.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    constant_output: float | None = setting(
        "Outputs count as constant if their standard deviation over images is at most this fraction of their root "
        "mean square.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    chance_steps: int | None = setting(
        "Number of steps at chance level after which `loss-at-chance` is reported.",
        only=WATCH,
        ge=1,
    )
    chance_margin: float | None = setting(
        "The loss counts as better than chance level if it is lower than the chance-level loss by more than this "
        "fraction.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    oscillation: float | None = setting(
        "The training loss counts as oscillating if it rises and falls in turn, each time by more than this fraction "
        "of its mean.",
        only=WATCH,
        gt=0,
    )
    long_sequence: int | None = setting(
        "A sequence counts as long from this many steps.",
        only=WATCH,
        gt=1,
    )
    narrow: int | None = setting(
        "A hidden layer of at most this many units counts as narrow.",
        only=WATCH,
        ge=0,
    )
    untrained: float | None = setting(
        "A run counts as too short if it ends with a training loss above this fraction of the chance-level loss, and "
        "the loss still falls or the run has few steps.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    slow: float | None = setting(
        "Learning counts as slow if the loss expected at the end of the run is above this fraction of the chance- "
        "level loss.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    overfitting: float | None = setting(
        "A run counts as overfitting if the validation loss rises above this multiple of its lowest value.",
        only=WATCH,
        gt=1,
    )
    plateau: float | None = setting(
        "The training loss counts as having stopped falling if it falls by less than this fraction in five epochs.",
        only=WATCH,
        gt=0,
        lt=1,
    )
    waiting: float | None = setting(
        "The input pipeline counts as slow if training waits for images for more than this fraction of the time.",
        only=WATCH,
        gt=0,
        lt=1,
    )
