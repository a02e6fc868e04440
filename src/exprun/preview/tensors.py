"""The tensors that a run feeds to its network, for a sample of the images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from exprun import augment
from exprun.assembly import Prepared
from exprun.config.schema import Config
from exprun.data import Split
from exprun.input import Scaling
from exprun.pages.channels import channels, difference
from exprun.trainer.feed import epoch_order
from exprun.trainer.structure import augmentation_strengths

MAX_BYTES, FEW = 2**27, 3  # bytes of the tensors of one split, and images of any size
AT_ONCE = 2**25  # bytes of the tensors that are made at once, which takes several times as much memory
FIRST, OTHERS = 36, 18  # images shown of the first training batch, and of each other split
AUGMENTED, DRAWS = 8, 7  # training images shown with augmentation, and how often each
MEASURED = 1000  # images of each split of which the values are measured
COMPARED = 100  # training images that are scaled in both ways, to compare the scaling


@dataclass(frozen=True)
class Seen:
    """Images of a split as the network gets them.

    Args:
        name: the name of the split.
        rows: the rows of the images in the pool, (images,).
        labels: the class number of each image, (images,), or several labels, 0 or 1, (images, classes).
        tensors: float32, (images, height, width, channels).
        others: the labels of the image that each is mixed with; the same as `labels` without mixing.
        shares: the share of each image itself, (images,); 1 without mixing.
    """

    name: str
    rows: np.ndarray
    labels: np.ndarray
    tensors: np.ndarray
    others: np.ndarray
    shares: np.ndarray

    def first(self, count: int) -> "Seen":
        """The first of these images."""
        return self._at(np.arange(min(count, len(self.rows))))

    def some(self, count: int, seed: int) -> "Seen":
        """Some of these images, in the same order.

        Args:
            count: the largest number of images.
            seed: the seed of their choice.
        """
        return self._at(np.sort(np.random.default_rng(seed).permutation(len(self.rows))[:count]))

    def _at(self, places: np.ndarray) -> "Seen":
        return Seen(self.name, *(values[places] for values in self.arrays))

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """All that is known of each image."""
        return self.rows, self.labels, self.tensors, self.others, self.shares


def joined(parts: Sequence[Seen]) -> Seen:
    """The images of several parts of a split, at least one."""
    return Seen(parts[0].name, *map(np.concatenate, zip(*(one.arrays for one in parts), strict=True)))


class Pipeline:
    """The preprocessing of a run, in training and in evaluation.

    Args:
        config: the config of the run, after its fault is injected.
        prepared: the images and their scaling.
    """

    def __init__(self, config: Config, prepared: Prepared) -> None:
        self.config, self.dataset = config, prepared.dataset
        self.training, self.evaluation = prepared.preprocessing.train, prepared.preprocessing.evaluation
        self.strength = {name: tf.constant(value) for name, value in augmentation_strengths(config).items()}
        self.most = max(FEW, MAX_BYTES // (self.dataset.train.images[0].size * 4))

    @property
    def augmentation(self) -> str:
        """The random changes of training images that are on, with their strengths; empty without any."""
        switches = ("flip", "alternating_flip")
        strengths = augmentation_strengths(self.config).items()
        named = [name.replace("_", " ") + ("" if name in switches else f" {value:g}") for name, value in strengths]
        crops = self.training.crop is not None and not self.config.trainer.overfit_batch
        return ", ".join([*named, *([f"random crop to {self.training.crop}"] if crops else [])])

    @property
    def splits(self) -> list[tuple[str, Split, Scaling]]:
        """The splits that are evaluated, with their names and scaling; a test split that is validated on comes once."""
        named = [("validation", self.dataset.val)]
        if self.dataset.test is not None and not np.array_equal(self.dataset.test.rows, self.dataset.val.rows):
            named.append(("test", self.dataset.test))
        return [(name, split, self.evaluation) for name, split in named]

    def first_batch(self) -> np.ndarray:
        """The positions of the first training batch in the training split, as many of them as fit into memory."""
        count, batch = len(self.dataset.train), self.config.trainer.batch_size
        order = epoch_order(count, min(batch, count), self.config.seed, 0)
        return order[0][: self.most]

    def in_step(self, step: int, count: int) -> Seen:
        """The first images of the first training batch, with the changes of a step; they may be mixed with others."""
        batch = self.first_batch()
        return self.trained(batch if augment.mixes(self.strength) else batch[:count], step).first(count)

    def trained(self, positions: np.ndarray, step: int = 0) -> Seen:
        """Training images as a step gets them.

        Args:
            positions: the positions of the images of the batch in the training split, (images,).
            step: the number of the step, from 0, of which the augmentation is drawn; for `augment.alternating_flip`,
                also the number of the epoch.
        """
        train, config = self.dataset.train, self.config
        mirrored = augment.mirrored_in(positions, len(train), config.seed, step)
        rows = train.rows[positions]
        seed = augment.seed_of(tf.constant(np.array(config.seed).astype(np.uint32).astype(np.int32)), tf.constant(step))
        mixed = augment.in_training(
            tf.constant(train.images[rows]),
            seed,
            self.strength,
            self.training,
            tf.constant(mirrored),
            not config.trainer.overfit_batch,
        )
        labels = train.labels[rows]
        others = labels if mixed.partners is None else labels[mixed.partners]
        shares = np.ones(len(rows)) if mixed.shares is None else np.asarray(mixed.shares)
        return Seen("training", rows, labels, np.asarray(self.training(mixed.pixels)), others, shares)

    def evaluated(self, name: str, split: Split, scaling: Scaling, rows: np.ndarray) -> Seen:
        """Images of a split as an evaluation gets them.

        Args:
            name: the name of the split.
            split: the split.
            scaling: the scaling of its images.
            rows: the rows of the images in the pool, (images,).
        """
        pixels = tf.constant(split.images[rows].astype(np.float32))
        labels = split.labels[rows]
        return Seen(name, rows, labels, np.asarray(scaling(scaling.cropped(pixels))), labels, np.ones(len(rows)))

    def plain(self, positions: np.ndarray) -> Seen:
        """Training images without augmentation."""
        train = self.dataset.train
        return self.evaluated("training", train, self.training, train.rows[positions])

    def is_rescaled(self) -> str:
        """A sentence if evaluation scales the same images otherwise than training does; empty if it does not."""
        if self.evaluation is self.training:
            return ""
        train = self.dataset.train
        rows = train.rows[: min(COMPARED, self.most)]
        one, other = (
            channels(name, self.evaluated(name, train, scaling, rows).tensors)
            for name, scaling in (("training", self.training), ("validation", self.evaluation))
        )
        return difference(one, other, slack=1.0)

    def samples(self, most: int) -> Iterator[Seen]:
        """Images of each split, drawn with the seed of the run, training first.

        Args:
            most: the largest number of images of each split.
        """
        most, rng = min(most, self.most), np.random.default_rng(self.config.seed)
        positions = np.sort(rng.permutation(len(self.dataset.train))[:most])
        yield joined([self.trained(piece, step) for step, piece in enumerate(self._pieces(positions))])
        for name, split, scaling in self.splits:
            rows = np.sort(rng.permutation(split.rows)[:most])
            yield joined([self.evaluated(name, split, scaling, piece) for piece in self._pieces(rows)])

    def _pieces(self, rows: np.ndarray) -> list[np.ndarray]:
        """The rows in pieces of at most `AT_ONCE` bytes of tensors, at least one of them."""
        count = max(1, AT_ONCE // (self.dataset.train.images[0].size * 4))
        return [rows[at : at + count] for at in range(0, len(rows), count)]
