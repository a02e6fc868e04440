"""The galleries of the page: images with captions."""

from collections.abc import Sequence

import numpy as np

from exprun.data import Dataset
from exprun.data.label_values import named
from exprun.pages.pictures import Displayed, Gallery, Picture, displayed, gallery
from exprun.preview.copies import Copy
from exprun.preview.extremes import FileSizes, Traits, ends, of_classes
from exprun.preview.tensors import AUGMENTED, DRAWS, Pipeline, Seen

EXTREMES = 8  # darkest, brightest, smallest and largest images
MOST_CLASSES = 30  # classes of which images are shown
SMALL_SIDE = 96  # pixels of the longer side of images where there are many


class Names:
    """Class and file of each image of the pool.

    Args:
        dataset: the images.
        labels: the labels of all images of the pool.
    """

    def __init__(self, dataset: Dataset, labels: np.ndarray) -> None:
        self.dataset, self.labels = dataset, labels

    def label(self, row: int) -> str:
        """The name of the class of an image, or the names of its labels."""
        return named(self.labels[row], self.dataset.classes)

    def labels_of(self, seen: Seen, place: int) -> str:
        """The name of the class of an image as the network gets it; of mixed images, both names with their shares."""
        label, other = (named(labels[place], self.dataset.classes) for labels in (seen.labels, seen.others))
        share = float(seen.shares[place])
        return label if label == other else f"{share:.0%} {label}, {1 - share:.0%} {other}"

    def lines(self, row: int) -> tuple[str, ...]:
        """The file of an image, or its number without one."""
        return (self.dataset.files[row] if self.dataset.files else f"image {row:,} of the data set",)

    def picture(self, row: int, caption: str = "", lines: Sequence[str] = (), mark: str = "") -> Picture:
        """The caption of an image: its class, a caption after that, its file and further lines."""
        text = " · ".join(part for part in (self.label(row), caption) if part)
        return Picture(text, (*self.lines(row), *lines), mark)


def of_tensors(seen: Seen, names: Names, ends: tuple[float, float] | None) -> tuple[Gallery, Displayed]:
    """Tensors as images, with their range.

    Args:
        seen: the tensors.
        names: the classes and files of the images.
        ends: the values that are shown as black and white; None for the range of the tensors.
    """
    shown = displayed(seen.tensors, ends)
    pictures = []
    for place, (row, tensor) in enumerate(zip(seen.rows, seen.tensors, strict=True)):
        pictures.append(Picture(names.labels_of(seen, place), (*names.lines(int(row)), _range(tensor))))
    return gallery(list(shown.images), pictures), shown


def of_augmentation(pipeline: Pipeline, names: Names, ends: tuple[float, float]) -> Gallery:
    """Training images, each next to several draws of its augmentation.

    Args:
        pipeline: the preprocessing.
        names: the classes and files of the images.
        ends: the values that are shown as black and white.
    """
    plain = pipeline.plain(pipeline.first_batch()[:AUGMENTED])
    drawn = [pipeline.in_step(step, AUGMENTED) for step in range(DRAWS)]
    images, pictures = [], []
    for place, row in enumerate(plain.rows):
        for number, seen in enumerate([plain, *drawn]):
            images.append(displayed(seen.tensors[place], ends).images)
            labels = names.labels_of(seen, place)
            caption = labels if number == 0 or seen.shares[place] < 1 else f"draw {number}"
            lines = (labels, *names.lines(int(row)), _range(seen.tensors[place]))
            pictures.append(Picture(caption, lines))
    return gallery(images, pictures, SMALL_SIDE, columns=1 + DRAWS)


def _range(tensor: np.ndarray) -> str:
    shape = "×".join(map(str, tensor.shape))
    return f"values from {tensor.min():.3g} to {tensor.max():.3g}, mean {tensor.mean():.3g}, shape {shape}"


def _size(size: np.ndarray) -> str:
    return "×".join(f"{side:,}" for side in size)


def of_extremes(traits: Traits, sizes: FileSizes | None, names: Names) -> list[tuple[str, Gallery]]:
    """The images at the ends of several scales, with a title that says which."""
    found = []
    images = names.dataset.train.images
    if sizes is not None and len(np.unique(sizes.areas)) > 1:
        for title, places in zip(("Smallest files", "Largest files"), ends(sizes.areas, EXTREMES), strict=True):
            rows = [int(sizes.rows[place]) for place in places]
            captions = [_size(sizes.sizes[place]) for place in places]
            found.append((title, _row(images, rows, captions, names)))
    for title, places in zip(("Darkest", "Brightest"), ends(traits.brightness, EXTREMES), strict=True):
        captions = [f"mean {traits.brightness[place]:.3g}" for place in places]
        found.append((title, _row(images, [int(traits.rows[place]) for place in places], captions, names)))
    _, unlike = ends(traits.distance, EXTREMES)
    captions = [f"{traits.distance[place]:.3g} from its class" for place in unlike]
    found.append(("Most unlike their class", _row(images, [int(traits.rows[p]) for p in unlike], captions, names)))
    return [(title, shown) for title, shown in found if shown is not None]


def _row(images: np.ndarray, rows: Sequence[int], captions: Sequence[str], names: Names) -> Gallery | None:
    """A gallery of images of the pool; None without images."""
    if not rows:
        return None
    pictures = [names.picture(row, caption) for row, caption in zip(rows, captions, strict=True)]
    return gallery([images[row] for row in rows], pictures)


def of_each_class(
    traits: Traits, sizes: FileSizes | None, names: Names, seed: int
) -> tuple[list[tuple[str, Gallery]], int]:
    """Typical and extreme images of each class, and the number of classes in the sample.

    Of many classes, those are shown whose most unlike image is farthest from the others of its class.
    """
    classes = names.dataset.classes
    of_files = np.zeros((len(traits.rows), 2), np.int64) if sizes is None else sizes.of(traits.rows)
    every = list(of_classes(traits, of_files.prod(1), len(classes), seed))
    if len(every) > MOST_CLASSES:
        farthest = sorted(every, key=lambda one: -max(traits.distance[place] for _, place in one[1]))
        chosen = {number for number, _ in farthest[:MOST_CLASSES]}
        shown = [one for one in every if one[0] in chosen]
    else:
        shown = every
    found = []
    for number, picked in shown:
        pictures = []
        for role, place in picked:
            away = f"{traits.distance[place]:.3g} grey levels from the mean of its class"
            lines = [*names.lines(int(traits.rows[place])), f"mean {traits.brightness[place]:.3g}, {away}"]
            if of_files[place].any():
                lines.append(f"{_size(of_files[place])} pixels in its file")
            pictures.append(Picture(role, tuple(lines)))
        images = [names.dataset.train.images[int(traits.rows[place])] for _, place in picked]
        found.append((classes[number], gallery(images, pictures, SMALL_SIDE, columns=10)))
    return found, len(every)


def of_copies(copies: Sequence[Copy], names: Names) -> Gallery | None:
    """Pairs of images, those with different labels first; None without pairs."""
    if not copies:
        return None
    images, pictures = [], []
    for copy in sorted(copies, key=lambda copy: names.label(copy.row) == names.label(copy.other)):
        differs = names.label(copy.row) != names.label(copy.other)
        mark = "bad" if differs else ""
        pictures.append(names.picture(copy.row, copy.split, (f"{copy.kind} {names.lines(copy.other)[0]}",), mark))
        pictures.append(names.picture(copy.other, copy.earlier, (), mark))
        images += [names.dataset.train.images[row] for row in (copy.row, copy.other)]
    return gallery(images, pictures, columns=6)
