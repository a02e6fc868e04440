"""The verdict of a comparison: two sentences that a person would quote."""

import math

from exprun.compare.analysis import Analysis
from exprun.compare.arms import label
from exprun.compare.design import AGAINST
from exprun.compare.effects import Effect
from exprun.compare.sentences import p_value
from exprun.compare.spending import FIRST_LOOK
from exprun.metrics import is_better_low
from exprun.text import joined, plural


def verdict(analysis: Analysis) -> list[str]:
    """Two sentences: the best arm, and the difference that is decided, or what it takes to decide one."""
    return [_best(analysis), _difference(analysis)]


def _best(analysis: Analysis) -> str:
    """The arm with the best mean, and whether the others are shown to be worse."""
    arms = [arm for arm in analysis.arms if arm.values]
    first = analysis.best[0] if analysis.best else arms[0]
    low, high = analysis.interval(first)
    seeds = plural(len(first.values), "seed" if first.folds is None else "fold")
    noise = f" (mean of {seeds}, 95 % interval {_value(low, analysis)} to {_value(high, analysis)})"
    mean = f"{_value(first.mean, analysis)}{_percent(analysis)}{noise if math.isfinite(low) else f' ({seeds})'}"
    if len(arms) == 1:
        repeat = "seed" if first.folds is None else "seed and the fold"
        return f"The runs differ in nothing but the {repeat}; their {analysis.metric} is {mean}."
    name = label(first.levels, analysis.factors)
    start = f"Of {len(arms)} arms, {name} has the best {analysis.metric}: {mean}"
    if first is not arms[0]:  # an arm that a deciding sweep dropped may have a better mean of fewer seeds
        start = f"Of {len(arms)} arms, {name} is the best by the looks of the sweep, with a {analysis.metric} of {mean}"
    if analysis.best is None:
        return f"{start}."
    others = [label(arm.levels, analysis.factors) for arm in analysis.best if arm is not first]
    if not others:
        return f"{start}, and {'the other one is' if len(arms) == 2 else 'all others are'} shown to be worse."
    those = f"{others[0]} is" if len(others) == 1 else f"{len(others)} others are"
    return f"{start}, but {those} not shown to be worse."


def _difference(analysis: Analysis) -> str:
    """The largest difference that is decided; else the largest one, with the seeds that it needs."""
    effects, margin = analysis.effects, analysis.margin
    if not effects:
        return "No difference was tested, as there are no two arms that can be compared with each other."
    simple = [effect for effect in effects if len(effect.factor) < 2] or effects
    decided = [effect for effect in simple if effect.certain] or [effect for effect in effects if effect.certain]
    if decided:
        return _decided(max(decided, key=lambda effect: abs(effect.mean)), analysis)
    if margin is not None and all(effect.equivalent for effect in effects):
        return f"No difference is above {_size(margin, analysis)}."
    # The comparisons with the best arm, which the first sentence reports, may decide what contrasts do not.
    count = sum(bool(arm.values) for arm in analysis.arms)
    some_worse = analysis.best is not None and len(analysis.best) < count
    undecided = "Beyond that, no difference is decided" if some_worse else "No difference is decided"
    is_same = some_worse and count == 2  # the comparison with the best arm is a test in one direction
    if is_same:
        undecided = "A test in both directions does not decide this"
    if single := next((effect for effect in simple if math.isnan(effect.seed_half)), None):
        if analysis.rule is not None:
            return f"No difference is decided, because not all arms share the {FIRST_LOOK} seeds of a first look."
        kind = single.kind
        return f"{undecided}, because an arm with one {kind} does not show the size of its {kind} noise."
    effect = max(simple, key=lambda effect: abs(effect.mean))
    scale, name = analysis.unit
    change = effect.change if is_same else f"the largest, {effect.change},"
    size = f"{scale * effect.mean:{'+z.1f' if scale == 100 else '+z.3g'}}{name}"
    if math.isnan(effect.probability):
        same = "the runs of each arm have the same value"
        same = f"the difference is the same for every {effect.kind}" if effect.blocks else same
        return f"{undecided}: {change} is {size}, which cannot be judged because {same}."
    start = f"{undecided}: {change} is {size}{_noise(effect, 1, analysis)}"
    if not effect.needed:
        return f"{start}."
    return f"{start}; about {effect.needed:,} seeds of each arm would decide a difference of this size."


def _decided(effect: Effect, analysis: Analysis) -> str:
    """A difference that is more than seed noise: which side is better, and by how much."""
    size = f"{_size(abs(effect.mean), analysis)} of {analysis.metric}"
    sign = math.copysign(1, effect.mean)
    noise = _noise(effect, sign, analysis)
    sides = effect.change.split(AGAINST)
    if len(effect.factor) > 1 or len(sides) != 2:
        more = "more" if sign > 0 else "less"
        return f"The settings depend on each other: {effect.change}, {more} by {size}{noise}."
    better, worse = sides if (sign < 0) == is_better_low(analysis.metric) else reversed(sides)
    images = f"; this is more than {effect.kind} noise, but other images may show no difference"
    images = images if effect.depends_on_images else ""
    small = ""
    if analysis.margin is not None and effect.equivalent:
        small = f", which is less than {_size(analysis.margin, analysis)}"
    part = f", {effect.part}," if effect.part else ""
    depends = _depends(effect, analysis)
    return f"{depends}{better} is better than {worse}{part} by {size}{noise}{small}{images}."


def _depends(effect: Effect, analysis: Analysis) -> str:
    """The start of a sentence about a factor whose effect depends on another factor; empty if none is shown to."""
    pairs = [other.factor for other in analysis.effects if len(other.factor) == 2 and other.certain]
    in_pairs = dict.fromkeys(key for pair in pairs if set(effect.factor) < set(pair) for key in pair)
    others = [key for key in in_pairs if key not in effect.factor]
    return f"On average over {joined(others)}, which changes this difference, " if others else ""


def _noise(effect: Effect, sign: float, analysis: Analysis) -> str:
    """The interval of a difference and its p-value, in brackets; the sign turns a difference around."""
    if not math.isfinite(effect.low):
        return ""
    scale, _ = analysis.unit
    low, high = sorted(sign * scale * end for end in (effect.low, effect.high))
    form = "z.1f" if scale == 100 else "z.3g"  # z: no -0.0
    probability = "" if math.isnan(effect.probability) else f", {p_value(effect.probability)}"
    return f" (95 % interval {low:{form}} to {high:{form}}{probability})"


def _value(value: float, analysis: Analysis) -> str:
    scale, _ = analysis.unit
    return f"{scale * value:.1f}" if scale == 100 else f"{value:.4g}"


def _percent(analysis: Analysis) -> str:
    return " %" if analysis.unit[0] == 100 else ""


def _size(margin: float, analysis: Analysis) -> str:
    scale, name = analysis.unit
    return f"{scale * margin:.1f}{name}" if scale == 100 else f"{margin:.3g}"
