"""unshuffled-data: a data set sorted by class when it was split or batched."""

import itertools
from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.labels import counts_of, moved

CAUSE = Cause(
    id="unshuffled-data",
    why="If examples are sorted by class, each batch pulls the weights towards one class, and a split lacks classes.",
    source="LeCun et al. 1998, Efficient BackProp, section 4.2",
    phases=(Phase.DATA,),
    explains_symptoms=True,
    explains=("learning-rate-high", "lagging-batch-norm"),
    keras=(
        "shuffle examples and labels together before splitting (validation_split takes the last rows without "
        "shuffling); with tf.data, call dataset.shuffle(number of examples) before batch."
    ),
)
MIN_VAL_IMAGES = 30  # with fewer validation images, a comparison of splits proves nothing
RARE = 0.05  # share of a class in training, in units of its share in validation, below which training lacks the class
LACKING = 0.2  # share of validation images of classes that training lacks, above which the split counts as sorted
LUCK = 1e-6  # probability of a validation split of one class that is no luck, if images were split at random
NAMED = 5  # classes that are named
BEYOND = 0.2  # share of validation targets outside the training range, above which the split counts as sorted
MIN_TARGETS = 100  # training targets that define this range
MAX_GAP = 0.1  # gap between the ranges of two parts of a sorted data set, as a share of the training range
MAX_WIDER = 10.0  # how many times wider the validation targets may be than the training targets
MIN_BATCH, MIN_BATCHES = 4, 3  # images in a batch, and batches, that show an order
MIN_TURNS, IN_TURN = 7, 0.9  # changes of the class from batch to batch, and their share, of two classes in turn
MIN_DRIFTED = 200  # labels of a third of an epoch, at least
DRIFTED = 0.2  # share of labels that change from the first third of an epoch to the last one
DEVIATIONS = 8.0  # standard deviations of chi squared beyond which its value is no luck
APART = 0.5  # mean share of labels in which two batches differ beyond luck, in data that is sorted in parts
ALIKE = 0.7  # the same of batches that follow each other, as a part of that of all pairs, at most
MIN_PARTED = 12  # batches that show parts, at least
PURE, MIXED = 0.8, 0.7  # shares of the most frequent class: in a batch of sorted data (mean), and in all at most


def check(context: Context) -> Iterator[Finding]:
    """Find a split or batches of sorted data."""
    yield from _split(context)
    yield from _targets(context)
    order = list(_order(context))
    yield from order or _drift(context)


def _split(context: Context) -> Iterator[Finding]:
    """Find validation images of classes that the training split hardly has."""
    subject = context.subject
    if subject.val is None or subject.train.counts is None or subject.val.counts is None:
        return
    both = subject.train.counts, subject.val.counts
    classes = max(map(len, both))
    trained, other = (np.pad(counts, (0, classes - len(counts))).astype(float) for counts in both)
    if min(trained.sum(), other.sum()) < MIN_VAL_IMAGES:
        yield from _single(context, trained, other)
        return
    missing = trained / trained.sum() < RARE * other / other.sum()
    share = float(other[missing].sum() / other.sum())
    if share > LACKING:
        few = ", ".join(subject.class_name(number) for number in np.flatnonzero(missing)[:NAMED])
        yield context.finding(
            "error",
            "validation labels",
            f"{share:.0%} of the validation images belong to classes that hardly occur in training ({few}). The data "
            "set was probably sorted when it was split.",
            {"share": share},
        )
    else:
        yield from _single(context, trained, other)


def _single(context: Context, trained: np.ndarray, other: np.ndarray) -> Iterator[Finding]:
    """Find validation images that are all of one class, although both splits together have several.

    Args:
        context: the context of the check.
        trained: how often each class occurs in training, (classes,).
        other: how often each class occurs in validation, (classes,).
    """
    total, top, val = float(other.sum()), int(other.argmax()), context.subject.val
    if val is None or not val.is_representative or not total or other[top] < total or not trained.sum():
        return
    share = float((trained[top] + total) / (trained.sum() + total))
    if share < 1 and share**total < LUCK:
        yield context.finding(
            "warning",
            "validation labels",
            f"All {int(total):,} validation images are of class {context.subject.class_name(top)}, which has only "
            f"{share:.0%} of the images of both splits. The data set was probably sorted when it was split, and the "
            "validation accuracy says nothing about the other classes.",
            {"share": share},
        )


def _targets(context: Context) -> Iterator[Finding]:
    """Find validation targets that begin where the range of the training targets ends."""
    subject = context.subject
    trained, other = subject.train.amounts, None if subject.val is None else subject.val.amounts
    if trained is None or other is None or trained.shape[1:] != other.shape[1:]:
        return
    if len(trained) < MIN_TARGETS or len(other) < MIN_VAL_IMAGES:
        return
    if not (np.isfinite(trained).all() and trained.std(0).min() > 0):
        return
    least, most = trained.min(0), trained.max(0)
    beyond = ((other < least) | (other > most)).mean(0)
    column = int(beyond.argmax())
    gap = max(other[:, column].min() - most[column], least[column] - other[:, column].max(), 0.0)
    far = gap > MAX_GAP * (most - least)[column]  # these targets may only be scaled differently
    if beyond[column] > BEYOND and not far and other[:, column].std() < MAX_WIDER * trained[:, column].std():
        yield context.finding(
            "warning",
            "validation labels",
            f"{beyond[column]:.0%} of the validation targets are outside the range of the training targets, "
            f"{least[column]:.3g} to {most[column]:.3g}: they go from {other[:, column].min():.3g} to "
            f"{other[:, column].max():.3g}. The data set was probably sorted when it was split.",
            {"share": float(beyond[column])},
            "shuffle inputs and targets together before splitting; for a forecast, keep the order and predict "
            "changes in place of levels.",
        )


def _order(context: Context) -> Iterator[Finding]:
    """Find batches that mostly contain one class each."""
    classes = [batch for batch in context.subject.batches if batch is not None and len(batch) >= MIN_BATCH]
    if len(classes) < MIN_BATCHES:
        return
    everything = np.concatenate(classes)
    least = everything.min()
    each = float(np.mean([np.bincount(batch - least).max() / len(batch) for batch in classes]))
    overall = float(np.bincount(everything - least).max() / len(everything))
    tops = [int(np.bincount(batch - least).argmax()) for batch in classes]
    turns = sum(one != two for one, two in itertools.pairwise(tops))
    if len(set(tops)) == 2 and turns >= MIN_TURNS and turns > IN_TURN * (len(tops) - 1):
        return  # real and generated images in turn, as adversarial networks get them
    if each > PURE and overall < MIXED:
        yield context.finding(
            "error",
            "training batches",
            f"In each of {len(classes)} batches, one class has {each:.0%} of the images (mean), but no class "
            f"has more than {overall:.0%} of all images.",
            {"share": each, "overall": overall},
        )
    elif overall < MIXED and len(classes) >= MIN_PARTED:
        yield from _parts(context, classes)


def _parts(context: Context, batches: list[np.ndarray]) -> Iterator[Finding]:
    """Find batches that have a few classes each, most of them those of the batch before.

    Args:
        context: the context of the check.
        batches: the class numbers of each batch.
    """
    known, numbers = np.unique(np.concatenate(batches), return_inverse=True)
    ends = np.cumsum([len(batch) for batch in batches])[:-1]
    shares = np.stack([np.bincount(part, minlength=len(known)) / max(1, len(part)) for part in np.split(numbers, ends)])
    distances = np.abs(shares[:, None] - shares).sum(2) / 2
    mean, size = shares.mean(0), float(np.mean([len(batch) for batch in batches]))
    # Two means of n draws from the same distribution differ by sqrt(2) times as much as one from the truth.
    luck = float(np.sqrt(mean * (1 - mean) / (np.pi * size)).sum())
    far = float(distances[~np.eye(len(batches), dtype=bool)].mean())
    near = float(distances.diagonal(1).mean())
    if far - luck > APART and near < ALIKE * far:
        each = float(np.mean([np.count_nonzero(row) for row in shares]))
        yield context.finding(
            "warning",
            "training batches",
            f"{len(batches)} batches have {each:.1f} of {len(known)} classes each (mean), mostly those of the batch "
            f"before: two batches differ in {far:.0%} of their labels, and in {near:.0%} if they follow each other. "
            "The data set is sorted in parts, and is not shuffled, or only within these parts.",
            {"apart": far, "near": near},
            "shuffle all rows before training; with tf.data, call dataset.shuffle(number of examples): a smaller "
            "buffer mixes only neighbours.",
        )


def _drift(context: Context) -> Iterator[Finding]:
    """Find classes that are much more frequent at the beginning of an epoch than at its end, or the reverse."""
    batches = context.subject.in_order
    third = len(batches) // 3
    if third < MIN_BATCHES:
        return
    parts = [np.concatenate(some) for some in (batches[:third], batches[-third:])]
    if min(map(len, parts)) < MIN_DRIFTED:
        return
    first, last = counts_of(*parts)
    both = first + last
    known = both > 0
    expected = [both[known] * part.sum() / both.sum() for part in (first, last)]
    statistic = float(sum(((part[known] - e) ** 2 / e).sum() for part, e in zip((first, last), expected, strict=True)))
    freedom = max(1, int(known.sum()) - 1)
    share = moved(first, last)
    if share > DRIFTED and statistic > freedom + DEVIATIONS * np.sqrt(2 * freedom):
        yield context.finding(
            "warning",
            "training batches",
            f"{share:.0%} of the labels in the last third of an epoch would have to change to be distributed like "
            "those in its first third: the data set is sorted in parts, and is not shuffled, or with a buffer that is "
            "too small.",
            {"moved": share},
            "shuffle the rows before training; with tf.data, call dataset.shuffle(number of examples): a smaller "
            "buffer mixes only neighbours.",
        )
