"""The network, data and settings that the doctor examines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from exprun.doctor.instruments.at_hand import AtHand
from exprun.doctor.instruments.kinship import NameGroups
from exprun.doctor.instruments.leaks import Prints
from exprun.doctor.instruments.objective import Objective

IMAGE_AXES = 4  # axes of images, (images, height, width, channels)


@dataclass(frozen=True)
class Images:
    """Some images of a split, and the class counts of all its labels.

    Args:
        inputs: the images as the network takes them, float32, (images, …).
        counts: how often each class occurs in the split, (classes,); None if the labels are numbers to predict.
        pixels: images before any scaling, uint8 or float32, (other images, …); None if unknown.
        pixel_labels: the class number of each image in `pixels`, (other images,), or its labels, 0 or 1, (other images,
            classes); None if unknown.
        digests: the digests of images of the split; empty if unknown.
        unused: whether the weight of each of these images in the loss is 0, (images,); None if unknown.
        amounts: targets that are not classes, (images, numbers); None if unknown.
        is_representative: whether `counts` are those of all images of the split, or of a random sample.
        labels: the labels of `inputs`, as the loss gets them; None if unknown.
    """

    inputs: np.ndarray
    counts: np.ndarray | None = None
    pixels: np.ndarray | None = None
    pixel_labels: np.ndarray | None = None
    digests: tuple[bytes, ...] = ()
    unused: np.ndarray | None = None
    amounts: np.ndarray | None = None
    is_representative: bool = True
    labels: np.ndarray | None = None

    @property
    def of_something(self) -> tuple[bytes, ...]:
        """The digests; empty for an image that the split does not use, and for one of one colour, which is common."""
        count = min(len(self.inputs), len(self.digests))
        empty = np.zeros(len(self.digests), bool) if self.unused is None else self.unused[: len(self.digests)].copy()
        if self.inputs.ndim == IMAGE_AXES and count:
            empty[:count] |= np.ptp(self.inputs[:count].reshape(count, -1), axis=1) == 0
        return tuple(b"" if left_out else digest for left_out, digest in zip(empty, self.digests, strict=True))

    def prints(self, split: str) -> Prints:
        """The fingerprints of these images.

        Args:
            split: the name of the split.
        """
        count = min(len(self.inputs), len(self.digests))
        if self.inputs.ndim != IMAGE_AXES:
            return Prints(split, self.of_something)
        return Prints(split, self.of_something[:count], images=self.inputs, rows=np.arange(count))


@dataclass(frozen=True)
class Pace:
    """The settings that decide how fast a run learns.

    Args:
        optimizer: the name of the optimiser in the config (`sgd_momentum`); empty if the config has no such optimiser.
        learning_rates: the learning rate of each step of the run, or of evenly spaced steps, (any number,).
        steps: the number of steps of the run; None if unknown.
        batch: the number of images in a step.
        decay: the decoupled weight decay, which is multiplied by the learning rate in each step.
        epsilon: the number that the optimiser adds to a divisor that may be 0; None if it has none, or if unknown.
        parts: the number of parts of a batch that pass the network apart, such as those of several devices.
    """

    optimizer: str
    learning_rates: np.ndarray
    steps: int | None
    batch: int
    decay: float = 0.0
    epsilon: float | None = None
    parts: int = 1

    @property
    def known_rates(self) -> np.ndarray:
        """The learning rates that are finite, (any number,)."""
        return self.learning_rates[np.isfinite(self.learning_rates)]

    @property
    def highest_rate(self) -> float | None:
        """The highest learning rate; None if none is known."""
        return float(self.known_rates.max()) if len(self.known_rates) else None


@dataclass(frozen=True)
class ExpectedInputs:
    """The training images in the scaling that the loaded weights were trained with.

    Args:
        mean: the mean of each channel, (channels,).
        deviation: the standard deviation of each channel, (channels,).
        override: the override that chooses this scaling, such as `input=caffe`.
    """

    mean: np.ndarray
    deviation: np.ndarray
    override: str


@dataclass(frozen=True)
class Batch:
    """A batch on which training went wrong: its loss is not finite, or the step on it has failed.

    Args:
        inputs: the batch as the network takes it, (images, …).
        labels: its labels, as the loss gets them.
        earlier: the labels of earlier batches of the split, (any number,); a single batch may lack the first classes.
        split: the name of the split, `training` or `validation`.
        has_failed: whether the step on the batch has raised an exception.
        units: the number of units of the last layer; 0 if unknown.
    """

    inputs: np.ndarray
    labels: np.ndarray
    earlier: np.ndarray
    split: str
    has_failed: bool
    units: int

    @property
    def broken(self) -> list[str]:
        """Which of `images` and `labels` contain NaN or infinity."""
        both = (("images", self.inputs), ("labels", self.labels))
        return [name for name, values in both if not np.isfinite(values).all()]


@dataclass(frozen=True)
class Subject:
    """The network, data and settings that the doctor examines.

    Args:
        model: a Keras model with its initial weights.
        objective: the loss of the model; None if it is unknown.
        labels: the labels of the batch in `train.inputs`, as the loss gets them.
        train: the training images.
        val: the validation images, scaled as in evaluation; None if there are none.
        train_as_evaluated: the images of `train.inputs`, scaled as in evaluation; None if unknown.
        pace: the learning rates and the batch size; None if unknown.
        weighted: whether the loss has class weights.
        loaded: the names of layers whose weights come from elsewhere.
        expected: the images as the loaded weights expect them; None if this is not known.
        says_accuracy: whether an accuracy is measured.
        class_weights: the mean weight of an image of each class, (classes,); None if unknown.
        classes: the names of the classes, in the order of the labels; empty if unknown.
        looked_up: returns the fingerprints of all splits; None to use the images in `train` and `val`.
        groupings: returns groups of images that the names of their files suggest; None if the images have no files, or
            if the splits keep groups on one side.
        earlier: the digests of rows that an earlier fit of the same network has trained on.
        weights: the weights in the loss of the examples of each of the first training batches; empty without weights.
        weighted_classes: the class number of each of these examples, (examples,); None if they are not classes.
        batches: the class numbers of each of the first training batches, None for a batch without classes; empty if
            they do not show the order of the data. The images of these batches are those of `train`, in this order.
        in_order: the class numbers of some batches of the first epoch, in the order of the steps; empty if unknown.
        first_loss: the loss that the first step has reported, of the batch in `train.inputs`; None if unknown.
        shuffles: whether `fit` shuffles the rows.
        at_hand: what the data set of the training holds; None if it cannot be seen.
    """

    model: Any
    objective: Objective | None
    labels: np.ndarray
    train: Images
    val: Images | None = None
    train_as_evaluated: np.ndarray | None = None
    pace: Pace | None = None
    weighted: bool = False
    loaded: frozenset[str] = frozenset()
    expected: ExpectedInputs | None = None
    says_accuracy: bool = True
    class_weights: np.ndarray | None = None
    classes: Sequence[str] = ()
    looked_up: Callable[[], list[Prints]] | None = None
    groupings: Callable[[], Sequence[NameGroups]] | None = None
    earlier: frozenset[bytes] = frozenset()
    weights: Sequence[np.ndarray] = ()
    weighted_classes: np.ndarray | None = None
    batches: Sequence[np.ndarray | None] = ()
    in_order: Sequence[np.ndarray] = ()
    first_loss: float | None = None
    shuffles: bool = False
    at_hand: AtHand | None = None

    @property
    def splits(self) -> list[tuple[str, Images]]:
        """The known splits and their names, training first."""
        named = [("training", self.train), ("validation", self.val)]
        return [(name, images) for name, images in named if images is not None]

    def prints(self) -> list[Prints]:
        """The fingerprints of the images of each split, training first."""
        if self.looked_up is not None:
            return self.looked_up()
        return [images.prints(name) for name, images in self.splits]

    def class_name(self, number: int) -> str:
        """The name of a class, or its number if it has no name."""
        return self.classes[number] if number < len(self.classes) else str(number)
