"""The verdict on the metrics of the short runs: means, intervals, and one sentence."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from exprun.explain.candidates import AS_IT_IS, OTHER
from exprun.explain.trials import Trial
from exprun.seed_statistics import Interval, interval
from exprun.text import joined, plural

DEVIATIONS = 3.0  # standard deviations of chance level by which an accuracy must exceed it
EXPLAINS = 0.5  # share of the gap from which a change accounts for it
WORSE, BETTER = 1.5, 0.9  # loss clearly above and clearly below chance level, in units of the loss of chance level
NO_RESULT = "Too few runs finished for a result."


@dataclass(frozen=True)
class Summary:
    """The validation metrics of a config, over its longest runs.

    Args:
        label: the label of the candidate.
        steps: the number of steps of each run.
        seeds: the number of seeds.
        loss: the validation loss; infinite if a run failed.
        accuracy: the validation accuracy; a run that failed counts as chance level.
        gain: the accuracy minus the accuracy of the config as it is, paired by seed.
        change: the loss minus the loss of the config as it is, paired by seed, without runs that failed.
        failures: the reasons why runs failed.
        in_full: whether no config ran for more steps.
        shares: the shares of the gap to the other config, in accuracy and in loss; NaN if there is no gap.
    """

    label: str
    steps: int
    seeds: int
    loss: Interval
    accuracy: Interval
    gain: Interval
    change: Interval
    failures: tuple[str, ...]
    in_full: bool
    shares: tuple[float, float]


@dataclass(frozen=True)
class ValidationChance:
    """Loss and accuracy of always predicting the class frequencies of the validation images.

    Args:
        accuracy: the share of the most frequent class among the validation images.
        loss: the cross-entropy of the class frequencies.
        images: the number of validation images.
    """

    accuracy: float
    loss: float
    images: int

    @property
    def margin(self) -> float:
        """How far above chance level an accuracy must be to be clearly above it."""
        return DEVIATIONS * math.sqrt(self.accuracy * (1 - self.accuracy) / max(self.images, 1))

    @property
    def clear(self) -> float:
        """The accuracy above which a network is clearly better than chance level."""
        return self.accuracy + self.margin


@dataclass(frozen=True)
class Verdict:
    """The result of a comparison.

    Args:
        sentence: the result in words.
        label: the label of the change that explains the result; None if no change does.
    """

    sentence: str
    label: str | None = None


def summaries(trials: Iterable[Trial], chance: float) -> list[Summary]:
    """A summary of each config: first the config as it is, then the others by validation loss, pruned ones last.

    Args:
        trials: the short runs of all rungs.
        chance: the accuracy of chance level, which is also used for a run that failed.
    """
    runs = {(trial.label, trial.steps, trial.seed): trial for trial in trials}
    most = max((steps for label, steps, _ in runs if label == AS_IT_IS), default=0)
    rows = []
    for label in dict.fromkeys(label for label, _, _ in runs):
        steps = max(steps for name, steps, _ in runs if name == label)
        seeds = [seed for name, number, seed in runs if (name, number) == (label, steps)]
        if all((AS_IT_IS, steps, seed) in runs for seed in seeds):
            rows.append(_summary(runs, label, steps, seeds, chance, steps == most))
    return sorted(rows, key=lambda row: (row.label != AS_IT_IS, -row.steps, row.loss.mean))


def _summary(
    runs: Mapping[tuple[str, int, int], Trial], label: str, steps: int, seeds: list[int], chance: float, in_full: bool
) -> Summary:
    own, base, other = ([runs.get((name, steps, seed)) for seed in seeds] for name in (label, AS_IT_IS, OTHER))
    failures = tuple(trial.failure for trial in own if trial and trial.failure)
    gain, change = (interval(values) for values in _differences(own, base, chance))
    gaps = [interval(values).mean for values in _differences(other, base, chance)]
    shares = [mean / gap if gap else math.nan for mean, gap in zip((gain.mean, change.mean), gaps, strict=True)]
    return Summary(
        label,
        steps,
        len(seeds),
        interval([_loss(trial) for trial in own if trial]),
        interval([_accuracy(trial, chance) for trial in own if trial]),
        gain,
        change,
        failures,
        in_full,
        (shares[0], shares[1]),
    )


def _differences(
    trials: Sequence[Trial | None], base: Sequence[Trial | None], chance: float
) -> tuple[list[float], list[float]]:
    """The accuracy and the loss minus those of the base, seed by seed; the loss without runs that failed."""
    pairs = [(a, b) for a, b in zip(trials, base, strict=True) if a and b]
    gains = [_accuracy(a, chance) - _accuracy(b, chance) for a, b in pairs]
    changes = [a.loss - b.loss for a, b in pairs if not a.failure and not b.failure]
    return gains or [math.nan], changes or [math.nan]


def _loss(trial: Trial) -> float:
    return math.inf if trial.failure else trial.loss


def _accuracy(trial: Trial, chance: float) -> float:
    return chance if trial.failure else trial.accuracy


def helps(row: Summary, chance: ValidationChance) -> bool:
    """Whether a change makes a config learn, judged by validation accuracy or by validation loss."""
    return helps_accuracy(row, chance) or helps_loss(row, chance)


def helps_accuracy(row: Summary, chance: ValidationChance) -> bool:
    """Whether the accuracy is clearly above chance level and certainly higher than for the config as it is.

    A single seed has no interval; then the gain must be larger than the margin above chance level.
    """
    least = row.gain.half if row.seeds > 1 else chance.margin
    return row.accuracy.mean > chance.clear and row.gain.mean > least


def helps_loss(row: Summary, chance: ValidationChance) -> bool:
    """Whether the loss was clearly worse than chance level and is now clearly better, and has certainly fallen."""
    as_it_is = row.loss.mean - row.change.mean
    least = row.change.half if row.seeds > 1 else 0.0
    crossed = row.loss.mean < BETTER * chance.loss and as_it_is > WORSE * chance.loss
    return crossed and -row.change.mean > least and row.gain.mean > -chance.margin


def of_changes(rows: Sequence[Summary], pair: tuple[str, str] | None, chance: ValidationChance) -> Verdict:
    """The verdict on changes of one config.

    Args:
        rows: the summaries of all configs that were measured.
        pair: the labels of the two changes that were also measured together; None if there is no such pair.
        chance: the chance level of the validation images.
    """
    together = " ".join(pair) if pair else ""
    base, single = _base(rows), [row for row in rows if row.label not in (AS_IT_IS, together)]
    full = [row for row in single if row.in_full]
    if base is None or not full:
        return Verdict(NO_RESULT)
    if all(len(row.failures) == row.seeds for row in rows):
        return Verdict(f"Every run failed: {base.failures[0]}.")
    surely = base.seeds == 1 or base.accuracy.mean - base.accuracy.half > chance.accuracy
    learns = surely and base.accuracy.mean > chance.clear
    costly = math.isfinite(base.loss.mean) and base.loss.mean > WORSE * chance.loss
    loss = f", but its validation loss is {base.loss.mean:.4g} and chance level is {chance.loss:.3g}" if costly else ""
    as_it_is = f"The config learns as it is, to {_percent(base.accuracy.mean)}{loss}. " if learns else ""
    helping = [row for row in rows if row.in_full and row.label != AS_IT_IS and helps(row, chance)]
    helping.sort(key=lambda row: -row.seeds)  # stable; the time may have ended before all seeds
    best = next((row for row in helping if row.label != together), None)
    if best is not None:
        rest = _rest([row for row in single if row is not best], chance)
        effect = _effect(base, best, chance)
        return Verdict(f"{as_it_is}With {_name(best.label)} alone, {effect}; {rest}.{_few(best)}", best.label)
    if helping and pair:
        names = f"{_name(pair[0])} and {_name(pair[1])} together"
        effect = f"{_effect(base, helping[0], chance)}; neither is certain to help alone."
        return Verdict(f"{as_it_is}With {names}, {effect}{_few(helping[0])}", together)
    best = min(full, key=lambda row: row.loss.mean)
    helped = "is certain to improve it" if learns else "makes it learn"
    effect = f"with the best, {_name(best.label)}, {_effect(base, best, chance)}.{_few(best)}"
    return Verdict(f"{as_it_is}None of the changes {helped}; {effect}")


def of_groups(rows: Sequence[Summary], pair: tuple[str, str] | None, chance: ValidationChance) -> Verdict:
    """The verdict on the groups in which two configs differ: which of them accounts for the gap between the configs.

    Args:
        rows: the summaries of all configs that were measured.
        pair: the labels of the two changes that were also measured together; None if there is no such pair.
        chance: the chance level of the validation images.
    """
    together = " ".join(pair) if pair else ""
    base, other = _base(rows), next((row for row in rows if row.label == OTHER and row.in_full), None)
    full = [row for row in rows if row.in_full and row.label not in (AS_IT_IS, OTHER)]
    single = [row for row in full if row.label != together]
    if base is None or other is None or not single:
        return Verdict(NO_RESULT)
    of_accuracy = abs(other.gain.mean) > (other.gain.half if other.seeds > 1 else chance.margin)
    gap = f"{_percent(base.accuracy.mean)} to {_percent(other.accuracy.mean)} of validation accuracy"
    if not of_accuracy:
        if not abs(other.change.mean) > other.change.half:
            more = "more --minutes or more --seeds may show one"
            return Verdict(f"After {base.steps} steps, no difference between the two is certain ({gap}); {more}.")
        gap = f"{base.loss.mean:.4g} to {other.loss.mean:.4g} of validation loss"
    metric = 0 if of_accuracy else 1
    ranked = sorted((row for row in single if not math.isnan(row.shares[metric])), key=lambda r: -r.shares[metric])
    if not ranked:
        return Verdict(NO_RESULT)
    best, rest = ranked[0], ranked[1:]
    if best.shares[metric] >= EXPLAINS and _sure(best, metric):
        next_best = f"; the next, {_name(rest[0].label)}, closes {_share(rest[0], metric)}" if rest else ""
        closes = f"alone it closes {_share(best, metric)} of the gap from {gap} ({_seeds(best)}){next_best}"
        return Verdict(f"{_name(best.label)} accounts for the gap: {closes}.{_few(best)}", best.label)
    none = f"no single change closes half of the gap from {gap}; {_name(best.label)} closes {_share(best, metric)}"
    row = next((row for row in full if row.label == together), None)
    if row is not None and pair and row.shares[metric] >= EXPLAINS and _sure(row, metric):
        return Verdict(
            f"{_name(pair[0])} and {_name(pair[1])} together close {_share(row, metric)}; {none}.{_few(row)}", together
        )
    return Verdict(f"{none[0].upper()}{none[1:]}.{_few(best)}")


def _sure(row: Summary, metric: int) -> bool:
    """Whether the difference from the config as it is excludes 0; one seed has no interval and passes."""
    difference = (row.gain, row.change)[metric]
    return row.seeds == 1 or abs(difference.mean) > difference.half


def _base(rows: Sequence[Summary]) -> Summary | None:
    return next((row for row in rows if row.label == AS_IT_IS), None)


def _rest(others: Sequence[Summary], chance: ValidationChance) -> str:
    """A clause about the effect of the other changes."""
    full = [row for row in others if row.in_full]
    too = [f"{_name(row.label)} ({_percent(row.accuracy.mean)})" for row in full if helps_accuracy(row, chance)]
    lower = [
        f"{_name(row.label)} ({row.loss.mean:.4g})"
        for row in full
        if helps_loss(row, chance) and not helps_accuracy(row, chance)
    ]
    unsure = [
        f"{_name(row.label)} ({_percent(row.accuracy.mean)}, {_seeds(row)})"
        for row in full
        if not helps(row, chance) and min(row.accuracy.mean - chance.accuracy, row.gain.mean) > chance.margin
    ]
    early = [row for row in others if not row.in_full and helps(row, chance)]
    clauses = [f"{joined(too)} {'helps' if len(too) == 1 else 'help'} too"] if too else []
    if lower:
        clauses.append(f"{joined(lower)} {'brings' if len(lower) == 1 else 'bring'} the loss below chance level")
    if unsure:
        clauses.append(f"{joined(unsure)} may help too, but that is not certain")
    if early:
        was = "was" if len(early) == 1 else "were"
        names = joined([_name(row.label) for row in early])
        clauses.append(f"{names} helped after {early[0].steps} steps but {was} not measured further")
    return "; ".join(clauses) or "no other change helps"


def _effect(base: Summary, row: Summary, chance: ValidationChance) -> str:
    if helps_loss(row, chance) and not helps_accuracy(row, chance):
        return (
            f"validation loss goes from {base.loss.mean:.4g} to {row.loss.mean:.4g} (chance level is "
            f"{chance.loss:.3g}), and accuracy from {_percent(base.accuracy.mean)} to {_percent(row.accuracy.mean)} "
            f"({_seeds(row)})"
        )
    failed = f", {len(row.failures)} of its runs failed" if row.failures else ""
    start = "chance level (every run failed)" if len(base.failures) == base.seeds else _percent(base.accuracy.mean)
    end = f"{_percent(row.accuracy.mean)} ({_seeds(row)}{_spread(row)}{failed})"
    return f"validation accuracy goes from {start} to {end}"


def _seeds(row: Summary) -> str:
    return plural(row.seeds, "seed")


def _spread(row: Summary) -> str:
    return f", ±{100 * row.accuracy.half:.1f}" if row.seeds > 1 else ""


def _few(row: Summary) -> str:
    """A caveat if there is only one seed, or if the seeds differ too much; otherwise empty."""
    if row.seeds == 1:
        return " One seed gives no interval: more --seeds show how certain this is."
    if row.gain.mean > 0 and not row.gain.mean > row.gain.half:
        points = f"{100 * row.gain.mean:+.1f} ± {100 * row.gain.half:.1f} points"
        return f" Its gain of {points} in accuracy may be chance: more --seeds show whether it is."
    return ""


def _share(row: Summary, metric: int) -> str:
    return f"{100 * row.shares[metric]:.0f} %"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _name(label: str) -> str:
    """The label of a change in a sentence, in quotes if it has several words."""
    return f"'{label}'" if " " in label else label
