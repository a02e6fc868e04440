"""Sentences about the effects of a comparison, as a person would quote them."""

import math
from collections.abc import Sequence

from exprun.compare.effects import Effect
from exprun.compare.importance import Importance
from exprun.metrics import is_percentage
from exprun.text import joined


def unit(metric: str) -> tuple[float, str]:
    """The factor by which a difference is multiplied before it is printed, and the unit printed after it."""
    return (100, " points") if is_percentage(metric) else (1, "")


def about(effect: Effect, metric: str, count: int, margin: float | None) -> str:
    """A sentence about an effect.

    Args:
        effect: the effect.
        metric: the metric that is compared.
        count: the number of effects that were corrected together.
        margin: the difference that does not matter, in units of the metric; None without one.
    """
    scale, name = unit(metric)
    form = "+.1f" if scale == 100 else "+.3g"
    part = f", {effect.part}" if effect.part else ""
    start = f"{effect.change}{part}: {scale * effect.mean:{form}}{name} of {metric}"
    seeds, kind = _seeds(effect.seeds, effect.folds), effect.kind
    if math.isnan(effect.seed_half):
        return f"{start} ({seeds}), which may be {kind} noise: run more {kind}s to find out."
    if math.isnan(effect.probability):
        same = (
            f"the difference is the same for every {kind}"
            if effect.blocks
            else "the runs of each arm have the same value"
        )
        return f"{start} ({seeds}), which cannot be judged: {same}."
    ends = f"95 % interval {scale * effect.low:{form}} to {scale * effect.high:{form}}"
    seeds += " as blocks" if effect.blocks else ""
    seeds += ", corrected for overlapping training sets" if effect.folds else ""
    noise = (
        f"{kind} noise ±{_size(effect.seed_half, metric)}{_of_images(effect, metric)}; " if effect.image_half else ""
    )
    corrected = f" after correction for {count} comparisons" if count > 1 else ""
    facts = f"{noise}{seeds}; {p_value(effect.probability)}{corrected}"
    return f"{start}, {ends} ({facts}): {_verdict(effect, metric, margin)}."


def _verdict(effect: Effect, metric: str, margin: float | None) -> str:
    limit = "" if margin is None else f"{_size(margin, metric)}{unit(metric)[1]}"
    if effect.certain:
        verdict = f"more than {effect.kind} noise"
        if effect.images and effect.depends_on_images:
            verdict += f", but other images than these {effect.images:,} may show no difference"
        if effect.equivalent:
            return f"{verdict}, but below {limit}"
        return verdict if margin is None or abs(effect.mean) > margin else f"{verdict}, not shown to be below {limit}"
    if effect.equivalent:
        return f"no difference above {limit}"
    needed = effect.needed
    more = f"; about {needed:,} seeds of each are needed to detect a difference of this size" if needed else ""
    ruled = "" if margin is None else f", and a difference above {limit} is not ruled out"
    return f"it may be {effect.kind} noise{ruled}{more}"


def _of_images(effect: Effect, metric: str) -> str:
    kind = "validation" if metric.startswith("val/") else "test"
    size = _size(effect.image_half, metric)
    return f", finite set of {effect.images:,} {kind} images at most ±{size}{unit(metric)[1]}"


def _size(value: float, metric: str) -> str:
    """A difference without its sign and unit."""
    return f"{100 * value:.1f}" if unit(metric)[0] == 100 else f"{value:.3g}"


def of_importance(importance: Importance | None) -> str:
    """A sentence about the shares of the variance between arms; empty without them."""
    if importance is None:
        return ""
    parts = [f"{' x '.join(factors)} {100 * share:.0f} %" for factors, share in importance.shares]
    return f"Shares of the variance between arms, without that of seed noise: {joined(parts)}."


def of_best(best: str, value: float, others: Sequence[str], count: int, metric: str) -> str:
    """A sentence about the best arm and those that are not shown to be worse.

    Args:
        best: the name of the best arm.
        value: its mean.
        others: the names of the other arms that are not shown to be worse.
        count: the number of all other arms.
        metric: the metric that is compared.
    """
    mean = f"{100 * value:.1f} %" if is_percentage(metric) else f"{value:.4g}"
    start = f"Best: {best} with {metric} {mean}"
    if not others:
        return f"{start}; {'the other arm is' if count == 1 else f'all {count} other arms are'} shown to be worse."
    return f"{start}; not shown to be worse: {joined(list(others))}."


def _seeds(counts: tuple[int, int], folds: int | None) -> str:
    (first, second), kind = counts, "seed" if folds is None else "fold"
    if first != second:
        return f"{first} to {second} {kind}s"
    return f"1 {kind} each" if first == 1 else f"{first} {kind}s each"


def p_value(value: float) -> str:
    """A p-value as text, such as `p = 0.012`."""
    return "p < 0.0001" if value < 1e-4 else f"p = {value:.2g}"
