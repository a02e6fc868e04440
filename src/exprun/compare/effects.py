"""The judgement of contrasts: interval, corrected p-value, equivalence within a margin, and the seeds needed."""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np

from exprun.compare import contrasts, families, outcomes
from exprun.compare.arms import Arm
from exprun.compare.design import Contrast, Family
from exprun.metrics import is_fraction
from exprun.seed_statistics import CONFIDENCE


@dataclass(frozen=True)
class Effect:
    """A contrast of arms and how it is judged.

    Args:
        factor: the key of the factor; two keys for an interaction; empty for pairs of arms and chosen contrasts.
        change: what is compared, as text.
        mean: the contrast of the means over seeds.
        seed_half: half the width of its confidence interval over seeds; NaN if an arm has one seed.
        image_half: half the width of its confidence interval over images, at most; 0 if it is unknown, or part of
            `seed_half`.
        limit: the largest possible size of the contrast; infinite for metrics without a highest value.
        seeds: the smallest and the largest number of seeds of its arms.
        blocks: whether the seeds are blocks.
        uncorrected: the p-value; NaN if it is unknown.
        probability: the p-value, corrected for the number of contrasts.
        equivalence: the corrected p-value of the two one-sided tests within the margin; NaN without one.
        needed: the number of seeds of each arm that detect a difference of this size; None if it is unknown.
        images: the number of images on which the metric was measured; None if it is unknown, or if each fold has
            images of its own.
        part: the share of the design that the contrast uses, as text; empty if it uses all of it.
        folds: the number of folds, if runs are repeated by folds; `seeds` then counts folds. None without folds.
    """

    factor: tuple[str, ...]
    change: str
    mean: float
    seed_half: float
    image_half: float
    limit: float
    seeds: tuple[int, int]
    blocks: bool
    uncorrected: float
    probability: float
    equivalence: float
    needed: int | None
    images: int | None
    part: str = ""
    folds: int | None = None

    @property
    def half(self) -> float:
        """Half the width of the confidence interval over seeds and images."""
        return math.hypot(self.seed_half, self.image_half)

    @property
    def low(self) -> float:
        """The lower end of the confidence interval, within the range of the metric; NaN if it is unknown."""
        return outcomes.within(self.mean - self.half, -self.limit, self.limit)

    @property
    def high(self) -> float:
        """The upper end of the confidence interval, within the range of the metric; NaN if it is unknown."""
        return outcomes.within(self.mean + self.half, -self.limit, self.limit)

    @property
    def kind(self) -> str:
        """What the runs of an arm differ in: `seed` or `fold`."""
        return "seed" if self.folds is None else "fold"

    @property
    def depends_on_images(self) -> bool:
        """Whether the interval contains 0 only because of the finite set of images."""
        return abs(self.mean) > self.seed_half and self.low < 0 < self.high

    @property
    def certain(self) -> bool:
        """Whether a contrast of this size is unlikely to be seed noise."""
        return self.probability < 1 - CONFIDENCE

    @property
    def equivalent(self) -> bool:
        """Whether the contrast is shown to be smaller than the margin."""
        return self.equivalence < 1 - CONFIDENCE


def judge(arms: Sequence[Arm], family: Family, metric: str, margin: float | None = None) -> list[Effect]:
    """The effects of a family of contrasts.

    Args:
        arms: the arms, in the order of the weights.
        family: the contrasts.
        metric: the metric that is compared.
        margin: the difference that does not matter, in units of the metric; None to test no equivalence.
    """
    blocks = blocked(arms)
    found = [estimate(arms, contrast.weights, blocks) for contrast in family.contrasts]
    known = [number for number, one in enumerate(found) if one.error[0] > 0]
    factors = family.factors if len(known) == len(found) else list(range(len(known), 0, -1))
    some = [found[number] for number in known]
    corrected = dict(zip(known, _corrected(some, factors), strict=True))
    holm = list(range(len(known), 0, -1))
    equivalent = dict(zip(known, _corrected(some, holm, margin or math.nan), strict=True))
    unknown = (math.nan, 1)
    return [
        effect(
            arms,
            contrast,
            found[number],
            blocks,
            metric,
            corrected.get(number, unknown),
            equivalent.get(number, unknown)[0],
        )
        for number, contrast in enumerate(family.contrasts)
    ]


def _corrected(
    found: Sequence[contrasts.Estimates], factors: Sequence[int], margin: float = 0.0
) -> list[tuple[float, int]]:
    """The corrected p-value of each contrast, and the factor by which it was multiplied."""
    if not found or math.isnan(margin):
        return [(math.nan, 1)] * len(found)
    together = contrasts.Estimates(*(np.concatenate(arrays) for arrays in zip(*map(astuple, found), strict=True)))
    values, used = families.corrected(lambda factor: together.probability(margin, factor), factors)
    return [(float(value), int(factor)) for value, factor in zip(values, used, strict=True)]


def blocked(arms: Sequence[Arm]) -> bool:
    """Whether seeds or folds are blocks: all arms have the same ones, and these have similar metrics in all arms.

    The same folds are the same images, so folds are always blocks if all arms have them.
    """
    present = [arm for arm in arms if arm.values]
    if len({tuple(arm.values) for arm in present}) != 1:
        return False
    if present[0].folds is not None:
        return len({arm.folds for arm in present}) == 1
    return bool(contrasts.has_blocks(np.array([list(arm.values.values()) for arm in present])))


def estimate(arms: Sequence[Arm], weights: np.ndarray, blocks: bool) -> contrasts.Estimates:
    """The estimate of one contrast; its arrays have the shape (1,), with NaN for what needs a second seed.

    Args:
        arms: the arms.
        weights: the weight of each arm, (arms,).
        blocks: whether seeds are blocks.
    """
    used = _used(arms, weights)
    some = np.array([[weight for _, weight in used]])
    means = np.array([arm.mean for arm, _ in used])
    if min(len(arm.values) for arm, _ in used) < 2:
        unknown = np.array([math.nan])
        return contrasts.Estimates(some @ means, unknown, unknown, unknown, unknown)
    if blocks:
        found = contrasts.by_seed(np.array([list(arm.values.values()) for arm, _ in used]), some)
        found = replace(found, error=found.error * math.sqrt(used[0][0].inflation))
    else:
        counts = np.array([len(arm.values) for arm, _ in used])
        found = contrasts.by_arm(means, np.array([arm.variance * arm.inflation for arm, _ in used]), counts, some)
    if found.error[0] <= contrasts.NO_SPREAD * np.abs(means).max():
        unknown = np.array([math.nan])
        return contrasts.Estimates(found.estimate, np.array([0.0]), unknown, unknown, unknown)
    return found


def _used(arms: Sequence[Arm], weights: np.ndarray) -> list[tuple[Arm, float]]:
    """The arms of a contrast with their weights; most contrasts of a search have few of many arms."""
    return [(arms[place], float(weights[place])) for place in np.flatnonzero(weights).tolist()]


def effect(
    arms: Sequence[Arm],
    contrast: Contrast,
    found: contrasts.Estimates,
    blocks: bool,
    metric: str,
    corrected: tuple[float, int] = (math.nan, 1),
    equivalence: float = math.nan,
) -> Effect:
    """The effect of a contrast.

    Args:
        arms: the arms, in the order of the weights.
        contrast: the contrast.
        found: its estimate.
        blocks: whether the seeds are blocks.
        metric: the metric that is compared.
        corrected: the corrected p-value, and the factor by which it was multiplied.
        equivalence: the corrected p-value of the two one-sided tests within the margin; NaN without one.
    """
    probability, factor = corrected
    mean, error = float(found.estimate[0]), float(found.error[0])
    used = _used(arms, contrast.weights)
    counts = [len(arm.values) for arm, _ in used]
    weights = np.array([weight for _, weight in used])
    # The values of folds differ also because their images do: the fold noise includes that of the images.
    images = [None if arm.images_differ else arm.images for arm, _ in used]
    known = None if None in images else min(count for count in images if count)
    level = 1 - CONFIDENCE
    folds = max((arm.folds or 0 for arm, _ in used), default=0)
    if not error > 0 or folds:  # more folds or repetitions overlap more, so their number does not make it certain
        needed = None
    elif blocks:
        needed = contrasts.needed_seeds(mean, np.array([error**2 * counts[0]]), np.ones(1), level, factor, True)
    else:
        variances = np.array([arm.variance for arm, _ in used])
        needed = contrasts.needed_seeds(mean, variances, weights, level, factor, False)
    return Effect(
        factor=contrast.factor,
        change=contrast.change,
        mean=mean,
        seed_half=float(found.half(CONFIDENCE)[0]) if error > 0 else error,
        image_half=_image_half(used, known) if known else 0.0,
        limit=float(weights[weights > 0].sum()) if is_fraction(metric) else math.inf,
        seeds=(min(counts), max(counts)),
        blocks=blocks,
        uncorrected=float(found.probability()[0]),
        probability=probability,
        equivalence=equivalence,
        needed=needed,
        images=known,
        part=contrast.part,
        folds=folds or None,
    )


def _image_half(used: Sequence[tuple[Arm, float]], images: int) -> float:
    """Half the width of the confidence interval of a contrast over images, at most.

    The arms of each side are taken to be right on the same images, and the two sides on independent ones. Since images
    that are hard for one side are usually hard for the other as well, the noise is smaller than that.
    """
    halves = []
    for sign in (-1, 1):
        side = [(arm.mean, abs(weight)) for arm, weight in used if weight * sign > 0]
        total = math.fsum(weight for _, weight in side)
        mean = math.fsum(weight * value for value, weight in side) / total
        halves.append(outcomes.image_half(mean, images, CONFIDENCE, total))
    return math.hypot(*halves)
