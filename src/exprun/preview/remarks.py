"""Sentences on what stands out in the images of a run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from exprun.config.schema import Config
from exprun.data import Dataset
from exprun.doctor.cause import Finding, cause_of
from exprun.preview.copies import Repeats
from exprun.preview.extremes import FileSizes
from exprun.text import plural

MANY_TIMES = 10  # ratio of the largest class to the smallest that is worth a sentence
SMALLER = 0.1  # share of files that are enlarged, above which that is worth a sentence
THIN = 3.0  # ratio of width to height, or its inverse, from which cropping to a square removes most of an image


@dataclass(frozen=True)
class Remark:
    """Something that stands out: a finding of the doctor, or one of the same form without a cause.

    Args:
        severity: `error`, `warning` or `note`, as for findings.
        where: what the remark is about, such as a split or a setting.
        evidence: the numbers that show it, in sentences.
        remedy: what to change, in words; empty if the overrides say it.
        overrides: overrides to try, each on its own.
        section: the identifier of the section of the page that shows it; empty without one.
        cause: the identifier of the doctor's cause; empty without one.
        why: the reason why the cause matters; empty without a cause.
        source_of_cause: the publication that supports the cause; empty without a cause.
    """

    severity: Literal["error", "warning", "note"]
    where: str
    evidence: str
    remedy: str = ""
    overrides: Sequence[str] = ()
    section: str = ""
    cause: str = ""
    why: str = ""
    source_of_cause: str = ""
    step: None = None  # nothing is trained

    @property
    def text(self) -> str:
        """The remark in sentences, for a terminal."""
        of_cause = f"{self.where[:1].upper()}{self.where[1:]}: " if self.cause else ""
        return f"{of_cause}{self.evidence} {self.why}".rstrip()


# The section of the page that shows a cause of the doctor.
SECTIONS = {
    "unscaled-evaluation": "values",
    "unscaled-input": "values",
    "non-finite-input": "values",
    "class-imbalance": "classes",
    "single-class": "classes",
    "leaked-validation": "copies",
    "leaked-test": "copies",
    "split-groups": "copies",
    "shuffled-labels": "each-class",
    "scrambled-images": "seen",
    "constant-input": "seen",
}


def of_finding(finding: Finding) -> Remark:
    """A finding of the doctor."""
    cause = cause_of(finding.cause)
    return Remark(
        finding.severity,
        finding.where,
        finding.evidence,
        finding.change_of_code,
        finding.overrides,
        SECTIONS.get(finding.cause, ""),
        finding.cause,
        cause.why,
        cause.source,
    )


def of_repeats(repeats: Repeats) -> Iterator[Remark]:
    """Equal images, those with different labels apart."""
    if repeats.conflicting:
        count = len(repeats.conflicting)
        yield Remark(
            "warning",
            "images of all splits",
            f"{plural(count, 'image')} {'occur' if count > 1 else 'occurs'} again with another label, bit for bit: a "
            "network cannot learn both.",
            "keep one label of each image.",
            section="copies",
        )
    if repeats.training:
        yield Remark(
            "note",
            "training images",
            f"{repeats.training:,} of {repeats.compared:,} training images equal another training image, bit for bit.",
            section="copies",
        )


def of_counts(counts: np.ndarray, classes: Sequence[str], has_finding: bool) -> Iterator[Remark]:
    """Classes of very different size.

    Args:
        counts: the number of training images of each class, (classes,).
        classes: the names of the classes.
        has_finding: whether the doctor reports the imbalance already.
    """
    few, many = int(counts.argmin()), int(counts.argmax())
    if not has_finding and counts[many] >= MANY_TIMES * max(1, counts[few]):
        times = f"{counts[many] / counts[few]:,.0f} times as many" if counts[few] else "all"
        yield Remark(
            "warning",
            "classes",
            f"The largest class, {classes[many]}, has {times} training images {'as' if counts[few] else 'and'} the "
            f"smallest, {classes[few]}{' has none' if not counts[few] else ''} ({counts[many]:,} and {counts[few]:,}).",
            overrides=("data.class_weights=balanced",),
            section="classes",
        )


def of_files(dataset: Dataset, sizes: FileSizes | None, config: Config) -> Iterator[Remark]:
    """Files that are not read, and files that change much when they are resized."""
    if dataset.skipped:
        several = len(dataset.skipped) > 1
        yield Remark(
            "warning",
            "files",
            f"{plural(len(dataset.skipped), 'file')} cannot be read and {'are' if several else 'is'} left out.",
            section="files",
        )
    if dataset.left_out:
        reasons = list(dict.fromkeys(reason for _, reason in dataset.left_out))
        text = ", ".join(reasons[:3]) + (", …" if len(reasons) > 3 else "")
        several = len(dataset.left_out) > 1
        yield Remark(
            "note",
            "files",
            f"{len(dataset.left_out):,} {'entries' if several else 'entry'} of the folder {'are' if several else 'is'} "
            f"not read: {text}.",
            section="files",
        )
    if sizes is None:
        return
    height, width, _ = dataset.image_shape
    smaller = float(((sizes.sizes[:, 0] < width) | (sizes.sizes[:, 1] < height)).mean())
    if smaller > SMALLER:
        yield Remark(
            "warning",
            "files",
            f"{smaller:.0%} of the files have fewer than {width}×{height} pixels and are enlarged, which adds no "
            "detail.",
            overrides=(f"data.size={max(1, int(np.quantile(sizes.sizes.min(1), SMALLER)))}",),
            section="extremes",
        )
    ratios = sizes.sizes[:, 0] / sizes.sizes[:, 1]
    thin = float(((ratios > THIN) | (ratios < 1 / THIN)).mean())
    if thin > SMALLER and width == height:
        yield Remark(
            "warning",
            "files",
            f"{thin:.0%} of the files are more than {THIN:g} times as long as wide: cropping them to a square removes "
            "most of them.",
            section="extremes",
        )


def of_config(config: Config) -> Iterator[Remark]:
    """Settings that change what the network sees in a way that this page cannot show."""
    if config.adversary.name != "none":
        yield Remark(
            "note",
            "settings",
            f"adversary={config.adversary.name} changes training images further, by gradients of the network: this "
            "page shows them without that.",
        )
    if config.trainer.overfit_batch:
        yield Remark(
            "note",
            "settings",
            "With trainer.overfit_batch=true, the network sees only the first batch, without augmentation.",
        )
    if config.doctor.name == "none":
        yield Remark(
            "note", "settings", "With doctor=none, the images were not checked, for example for copies in two splits."
        )
