"""The page of `show`: what stands out, the images as tensors, their values, classes, copies and extremes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from exprun import backend
from exprun.assembly import Prepared, prepare
from exprun.config.checks import check_shape
from exprun.config.errors import ConfigError
from exprun.config.schema import Config
from exprun.pages import channels
from exprun.pages.channels import SLACK, Channels
from exprun.pages.pictures import Displayed, Gallery
from exprun.preview.remarks import Remark
from exprun.session import Session

if TYPE_CHECKING:
    from exprun.preview.tensors import Pipeline, Seen

MANY_CLASSES = 40  # classes from which on only the largest and the smallest are shown at first
ENOUGH = 100  # images of a split from which on its values show that it looks otherwise than training
ENDS = 10  # largest and smallest classes that are shown then
# What a link to each section of the page is called.
SECTIONS = {
    "seen": "the images",
    "values": "the values",
    "classes": "the classes",
    "copies": "the copies",
    "extremes": "the extremes",
    "each-class": "images of each class",
    "files": "the files",
}
MAX_FILES = 500  # files that are not read and are listed


@dataclass(frozen=True)
class Class:
    """A class with the number of its images.

    Args:
        name: the name.
        counts: the number of its images in each split.
    """

    name: str
    counts: Sequence[int]


@dataclass(frozen=True)
class Files:
    """Files that are not read.

    Args:
        shown: the path of each file that is listed, with the reason.
        total: the number of files that are not read.
    """

    shown: Sequence[tuple[str, str]]
    total: int


@dataclass(frozen=True)
class Look:
    """The content of the page.

    Args:
        config: the config.
        facts: the size of the data set and the preprocessing, in a few sentences.
        images: the number of images of all splits.
        splits: the names of the splits, with the number of their images.
        classes: the classes, those with the most training images first.
        remarks: what stands out, the most severe first.
        seen: the tensors of each split as images, with the name of the split.
        shown: the range of these images.
        augmentation: the augmentation in words; empty without one.
        augmented: training images with draws of their augmentation; None without one.
        values: the values of the tensors of each split.
        differences: a sentence for each split whose values differ from those of training, by the name of the split.
        copies: images next to the ones that they are copies of; None without copies.
        extremes: the images at the ends of several scales, each with a title.
        each_class: images of each class, with the name of the class.
        classes_in_sample: the number of classes of which images were looked at.
        sampled: the number of images that were looked at.
        files: the files that are not read.
    """

    config: Config
    facts: Sequence[str]
    images: int
    splits: dict[str, int]
    classes: Sequence[Class]
    remarks: Sequence[Remark]
    seen: Sequence[tuple[str, Gallery]]
    shown: Displayed
    augmentation: str
    augmented: Gallery | None
    values: Sequence[Channels]
    differences: dict[str, str]
    copies: Gallery | None
    extremes: Sequence[tuple[str, Gallery]]
    each_class: Sequence[tuple[str, Gallery]]
    classes_in_sample: int
    sampled: int
    files: Files

    @property
    def name(self) -> str:
        """The name of the data set, and that of its folder or file."""
        data = self.config.data
        return data.name if data.root is None else f"{data.name} {Path(data.root).name}"

    @property
    def serious(self) -> list[Remark]:
        """The remarks that are errors or warnings."""
        return [remark for remark in self.remarks if remark.severity != "note"]

    @property
    def notes(self) -> list[Remark]:
        """The remarks that are notes."""
        return [remark for remark in self.remarks if remark.severity == "note"]

    @property
    def verdict(self) -> str:
        """One sentence: how many things stand out, or that nothing is unusual."""
        classes = f"{len(self.classes):,} {'class' if len(self.classes) == 1 else 'classes'}"
        of = f"{self.images:,} {'image' if self.images == 1 else 'images'} of {classes}"
        count = len(self.serious)
        if not count:
            return f"Nothing unusual in {of}."
        return f"{count} {'things stand' if count > 1 else 'thing stands'} out in {of}."


def look(config: Config, session: Session) -> Look:
    """Load the images of a config, and look at them as its network would get them.

    Args:
        config: the config of a run.
        session: the session that keeps the data set.

    Raises:
        DataError: the data is missing, damaged or does not fit the config.
    """
    prepared = prepare(config, session)
    backend.load(config.trainer.deterministic)

    from exprun.preview import copies, extremes, galleries, remarks
    from exprun.preview.tensors import FIRST, MEASURED, OTHERS, Pipeline

    dataset, seed = prepared.dataset, config.seed
    pipeline = Pipeline(prepared.config, prepared)
    labels = extremes.labels_of(dataset)
    names = galleries.Names(dataset, labels)

    training, shown = galleries.of_tensors(pipeline.in_step(0, FIRST), names, None)
    ends = shown.low, shown.high

    def measured(one: "Seen") -> tuple[Channels, Gallery]:
        images = galleries.of_tensors(one.some(OTHERS, seed), names, ends)[0] if one.name != "training" else training
        return channels.channels(one.name, one.tensors, pipeline.training.reverse), images

    # A loop would keep the tensors of a split, which may be large, until those of the next one are made.
    values, images = zip(*map(measured, pipeline.samples(MEASURED)), strict=True)
    differences = _differences(values, pipeline)

    traits, sizes = extremes.traits_of(dataset, seed), extremes.sizes_of(dataset, config.data, seed)
    each_class, classes_in_sample = galleries.of_each_class(traits, sizes, names, seed)

    found, pairs = [], []
    if config.doctor.name != "none":
        from exprun.run_doctor import examined_images

        context, findings = examined_images(config, prepared)
        repeats = copies.repeats(context.prints, labels)
        pairs = [*repeats.conflicting[: copies.SHOWN], *copies.leaked(context), *copies.related(context, dataset.files)]
        pairs += repeats.same[: copies.SHOWN // 2]
        found = [*map(remarks.of_finding, findings), *remarks.of_repeats(repeats)]
    counts = dataset.train.per_class(len(dataset.classes))
    is_found = {remark.cause for remark in found}
    if "unscaled-evaluation" not in is_found:
        found += [Remark("warning", f"{name} images", text, section="values") for name, text in differences.items()]
    found += chain(
        _shape(prepared, config),
        remarks.of_counts(counts, dataset.classes, "class-imbalance" in is_found),
        remarks.of_files(dataset, sizes, config),
        (Remark("note", "data set", f"{note[:1].upper()}{note[1:]}") for note in dataset.notes),
        remarks.of_config(config),
    )
    severities = ("error", "warning", "note")
    splits = {"training": len(dataset.train), **{name: len(split) for name, split, _ in pipeline.splits}}
    return Look(
        config,
        _facts(prepared, splits),
        traits.total,
        splits,
        _classes(prepared, pipeline),
        sorted(found, key=lambda remark: severities.index(remark.severity)),
        [(one.name, gallery) for one, gallery in zip(values, images, strict=True)],
        shown,
        pipeline.augmentation,
        galleries.of_augmentation(pipeline, names, ends) if pipeline.augmentation else None,
        values,
        differences,
        galleries.of_copies(pairs, names),
        galleries.of_extremes(traits, sizes, names),
        each_class,
        classes_in_sample,
        len(traits.rows),
        _files(prepared),
    )


def render_page(look: Look, command: str) -> str:
    """The text of the page.

    Args:
        look: what the page shows.
        command: the command that writes it again.
    """
    from exprun.pages.rendering import CHARTS, GALLERY, HISTOGRAM, PALETTE, render

    folder = Path(__file__).parent
    many = len(look.classes) > MANY_CLASSES
    return render(
        folder / "show.html",
        {"palette": PALETTE, "values": channels.chart_data(look.values)},
        [*CHARTS, GALLERY, HISTOGRAM, folder / "show.js"],
        look=look,
        command=command,
        sections=SECTIONS,
        some_classes=[*look.classes[:ENDS], *look.classes[-ENDS:]] if many else look.classes,
        ends=ENDS if many else 0,
        most=max(max(one.counts) for one in look.classes),
    )


def _facts(prepared: Prepared, splits: dict[str, int]) -> list[str]:
    """The size of the data set and the preprocessing, in a few sentences."""
    config, scaling = prepared.config, prepared.preprocessing.train
    height, width, depth = prepared.dataset.image_shape
    crop = f", cropped to {scaling.crop}×{scaling.crop}" if scaling.crop else ""
    parts = ", ".join(f"{count:,} {name}" for name, count in splits.items())
    fault = f" Injected fault: {config.fault.name}." if config.fault.name != "none" else ""
    return [
        f"Images: {parts}.",
        f"Each is {height}×{width} pixels with {depth} {'channel' if depth == 1 else 'channels'}{crop}.",
        f"Scaling: {config.input.name}. Augmentation: {config.augment.name}.{fault}",
    ]


def _differences(values: Sequence[Channels], pipeline: "Pipeline") -> dict[str, str]:
    """A sentence for each split whose values differ from those of training, by the name of the split.

    A split that is scaled otherwise differs in any case. Small splits may differ by luck.

    Args:
        values: the values of all splits, training first.
        pipeline: the preprocessing.
    """
    training, *others = values
    rescaled = pipeline.is_rescaled()
    slacks = {one.name: 1.0 if rescaled else SLACK if one.images >= ENOUGH else np.inf for one in others}
    found = {one.name: channels.difference(training, one, slacks[one.name]) or rescaled for one in others}
    return {name: text for name, text in found.items() if text}


def _shape(prepared: Prepared, config: Config) -> list[Remark]:
    """A remark if the network cannot be built for these images."""
    height, width, depth = prepared.dataset.image_shape
    try:
        check_shape(config, (height, width), depth)
    except ConfigError as error:
        return [Remark("error", "network", str(error))]
    return []


def _classes(prepared: Prepared, pipeline: "Pipeline") -> list[Class]:
    """The classes, those with the most training images first."""
    dataset = prepared.dataset
    splits = [dataset.train, *(split for _, split, _ in pipeline.splits)]
    counts = np.stack([split.per_class(len(dataset.classes)) for split in splits], 1)
    order = np.argsort(-counts[:, 0], kind="stable")
    return [Class(dataset.classes[number], counts[number].tolist()) for number in order]


def _files(prepared: Prepared) -> Files:
    """The files that are not read, unreadable ones first."""
    dataset = prepared.dataset
    unreadable = [tuple(line.split(": ", 1)) for line in dataset.skipped[:MAX_FILES]]
    left_out = [(path, reason) for path, reason in dataset.left_out[: MAX_FILES - len(unreadable)]]
    shown = [(one[0], one[-1]) for one in unreadable] + left_out
    return Files(shown, len(dataset.skipped) + len(dataset.left_out))
