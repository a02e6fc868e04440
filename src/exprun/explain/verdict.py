"""What the figures of the short runs prove: means, intervals, and one sentence."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from exprun.explain.candidates import AS_IT_IS, OTHER
from exprun.explain.trials import Trial
from exprun.statistics import Interval, interval

DEVIATIONS = 3.0  # of guessing on so many images, by which an accuracy must lie above chance
CARRIES = 0.5  # share of the gap from which a change carries it
WORSE, BETTER = 1.5, 0.9  # in units of the loss of guessing: clearly above and clearly below it
NOTHING = "Too few runs came to their end to tell anything."


@dataclass(frozen=True)
class Row:
    """The figures of a config after the most steps that it was given.

    Args:
        label: of the candidate.
        steps: of each run.
        seeds: that were run.
        loss: of validation; infinite where a run failed.
        accuracy: likewise; a run that failed counts as chance.
        gain: accuracy beyond that of the config as it is, paired by seed.
        change: loss beyond that of the config as it is, paired by seed, without runs that failed.
        failures: why runs failed.
        in_full: whether no config was given more steps.
        shares: of the gap to the other config, in accuracy and in loss; NaN where there is none.
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
class Guessing:
    """What answers are worth that look at no image.

    Args:
        accuracy: share of the most frequent class among the validation images.
        loss: cross-entropy of the classes' shares there.
        images: that were validated on.
    """

    accuracy: float
    loss: float
    images: int

    @property
    def margin(self) -> float:
        """How far above guessing an accuracy must lie on so many images."""
        return DEVIATIONS * math.sqrt(self.accuracy * (1 - self.accuracy) / max(self.images, 1))

    @property
    def clear(self) -> float:
        """The accuracy that is clearly above guessing."""
        return self.accuracy + self.margin


@dataclass(frozen=True)
class Verdict:
    """One sentence, and the change that explains what was asked; None where none does."""

    sentence: str
    label: str | None = None


def rows(trials: Iterable[Trial], chance: float) -> list[Row]:
    """A row for each config, the one as it is first, then by validation loss; what was given up early comes last.

    Args:
        trials: of all rungs.
        chance: accuracy of guessing, which a run that failed is taken to have.
    """
    runs = {(trial.label, trial.steps, trial.seed): trial for trial in trials}
    most = max((steps for label, steps, _ in runs if label == AS_IT_IS), default=0)
    found = []
    for label in dict.fromkeys(label for label, _, _ in runs):
        steps = max(steps for name, steps, _ in runs if name == label)
        seeds = [seed for name, number, seed in runs if (name, number) == (label, steps)]
        if all((AS_IT_IS, steps, seed) in runs for seed in seeds):
            found.append(_row(runs, label, steps, seeds, chance, steps == most))
    return sorted(found, key=lambda row: (row.label != AS_IT_IS, -row.steps, row.loss.mean))


def _row(
    runs: Mapping[tuple[str, int, int], Trial], label: str, steps: int, seeds: list[int], chance: float, in_full: bool
) -> Row:
    of_it, base, other = ([runs.get((name, steps, seed)) for seed in seeds] for name in (label, AS_IT_IS, OTHER))
    failures = tuple(trial.failure for trial in of_it if trial and trial.failure)
    gain, change = (interval(values) for values in _differences(of_it, base, chance))
    gaps = [interval(values).mean for values in _differences(other, base, chance)]
    shares = [mean / gap if gap else math.nan for mean, gap in zip((gain.mean, change.mean), gaps, strict=True)]
    return Row(
        label,
        steps,
        len(seeds),
        interval([_loss(trial) for trial in of_it if trial]),
        interval([_accuracy(trial, chance) for trial in of_it if trial]),
        gain,
        change,
        failures,
        in_full,
        (shares[0], shares[1]),
    )


def _differences(
    trials: Sequence[Trial | None], base: Sequence[Trial | None], chance: float
) -> tuple[list[float], list[float]]:
    """Accuracies and losses beyond the base's, seed by seed; losses without runs that failed."""
    pairs = [(a, b) for a, b in zip(trials, base, strict=True) if a and b]
    gains = [_accuracy(a, chance) - _accuracy(b, chance) for a, b in pairs]
    changes = [a.loss - b.loss for a, b in pairs if not a.failure and not b.failure]
    return gains or [math.nan], changes or [math.nan]


def _loss(trial: Trial) -> float:
    return math.inf if trial.failure else trial.loss


def _accuracy(trial: Trial, chance: float) -> float:
    return chance if trial.failure else trial.accuracy


def helps(row: Row, guessing: Guessing) -> bool:
    """Whether a change makes a config learn, by the accuracy of validation or by its loss."""
    return helps_accuracy(row, guessing) or helps_loss(row, guessing)


def helps_accuracy(row: Row, guessing: Guessing) -> bool:
    """Whether the accuracy is clearly above guessing, and surely better than as it is.

    A single seed has no interval; then the gain must be as large as what is clearly above guessing.
    """
    least = row.gain.half if row.seeds > 1 else guessing.margin
    return row.accuracy.mean > guessing.clear and row.gain.mean > least


def helps_loss(row: Row, guessing: Guessing) -> bool:
    """Whether the loss was clearly worse than that of guessing and is clearly better, and surely lower than before."""
    before = row.loss.mean - row.change.mean
    least = row.change.half if row.seeds > 1 else 0.0
    mended = row.loss.mean < BETTER * guessing.loss and before > WORSE * guessing.loss
    return mended and -row.change.mean > least and row.gain.mean > -guessing.margin


def of_changes(found: Sequence[Row], pair: tuple[str, str] | None, guessing: Guessing) -> Verdict:
    """What changes of one config show.

    Args:
        found: its rows.
        pair: the labels of two changes that were also measured together.
        guessing: what that gives.
    """
    together = " ".join(pair) if pair else ""
    base, single = _base(found), [row for row in found if row.label not in (AS_IT_IS, together)]
    full = [row for row in single if row.in_full]
    if base is None or not full:
        return Verdict(NOTHING)
    if all(len(row.failures) == row.seeds for row in found):
        return Verdict(f"Every run failed: {base.failures[0]}.")
    surely = base.seeds == 1 or base.accuracy.mean - base.accuracy.half > guessing.accuracy
    learns = surely and base.accuracy.mean > guessing.clear
    costly = math.isfinite(base.loss.mean) and base.loss.mean > WORSE * guessing.loss
    but = (
        f", but its validation loss is {base.loss.mean:.4g} where guessing costs {guessing.loss:.3g}" if costly else ""
    )
    before = f"It learns as it is, to {_percent(base.accuracy.mean)}{but}. " if learns else ""
    helping = [row for row in found if row.in_full and row.label != AS_IT_IS and helps(row, guessing)]
    helping.sort(key=lambda row: -row.seeds)  # stable; the time may have ended before all seeds
    best = next((row for row in helping if row.label != together), None)
    if best is not None:
        rest = _rest([row for row in single if row is not best], guessing)
        takes = _takes(base, best, guessing)
        return Verdict(f"{before}{_name(best.label)} alone takes {takes}; {rest}.{_few(best)}", best.label)
    if helping and pair:
        takes = f"together take {_takes(base, helping[0], guessing)}; neither alone does for certain."
        sentence = f"Only {_name(pair[0])} and {_name(pair[1])} {takes}{_few(helping[0])}"
        return Verdict(f"{before}{sentence}", together)
    best = min(full, key=lambda row: row.loss.mean)
    does = "improves it for certain" if learns else "makes it learn"
    return Verdict(
        f"{before}Nothing tried {does}; the best, {_name(best.label)}, takes {_takes(base, best, guessing)}."
        f"{_few(best)}"
    )


def of_groups(found: Sequence[Row], pair: tuple[str, str] | None, guessing: Guessing) -> Verdict:
    """Which of the groups in which two configs differ carries the gap between them; arguments as above."""
    together = " ".join(pair) if pair else ""
    base, other = _base(found), next((row for row in found if row.label == OTHER and row.in_full), None)
    full = [row for row in found if row.in_full and row.label not in (AS_IT_IS, OTHER)]
    single = [row for row in full if row.label != together]
    if base is None or other is None or not single:
        return Verdict(NOTHING)
    of_accuracy = abs(other.gain.mean) > (other.gain.half if other.seeds > 1 else guessing.margin)
    gap = f"{_percent(base.accuracy.mean)} to {_percent(other.accuracy.mean)} of validation accuracy"
    if not of_accuracy:
        if not abs(other.change.mean) > other.change.half:
            more = " More --minutes, or more --seeds, may tell."
            return Verdict(f"After {base.steps} steps the two do not differ for certain ({gap}).{more}")
        gap = f"{base.loss.mean:.4g} to {other.loss.mean:.4g} of validation loss"
    figure = 0 if of_accuracy else 1
    ranked = sorted((row for row in single if not math.isnan(row.shares[figure])), key=lambda r: -r.shares[figure])
    if not ranked:
        return Verdict(NOTHING)
    best, rest = ranked[0], ranked[1:]
    if best.shares[figure] >= CARRIES and _sure(best, figure):
        next_best = f"; the next, {_name(rest[0].label)}, {_share(rest[0], figure)}" if rest else ""
        closes = f"alone it closes {_share(best, figure)} of the gap from {gap} ({_seeds(best)}){next_best}"
        return Verdict(f"{_name(best.label)} carries the gap: {closes}.{_few(best)}", best.label)
    none = f"no single change closes half of the gap from {gap}; {_name(best.label)} closes {_share(best, figure)}"
    row = next((row for row in full if row.label == together), None)
    if row is not None and pair and row.shares[figure] >= CARRIES and _sure(row, figure):
        return Verdict(
            f"{_name(pair[0])} and {_name(pair[1])} together close {_share(row, figure)}; {none}.{_few(row)}", together
        )
    return Verdict(f"{none[0].upper()}{none[1:]}.{_few(best)}")


def _sure(row: Row, figure: int) -> bool:
    """Whether the difference from the config as it is cannot be 0; one seed cannot tell, which is said."""
    found = (row.gain, row.change)[figure]
    return row.seeds == 1 or abs(found.mean) > found.half


def _base(found: Sequence[Row]) -> Row | None:
    return next((row for row in found if row.label == AS_IT_IS), None)


def _rest(others: Sequence[Row], guessing: Guessing) -> str:
    """What the other changes do, as a clause."""
    full = [row for row in others if row.in_full]
    too = [f"{_name(row.label)} ({_percent(row.accuracy.mean)})" for row in full if helps_accuracy(row, guessing)]
    lower = [
        f"{_name(row.label)} ({row.loss.mean:.4g})"
        for row in full
        if helps_loss(row, guessing) and not helps_accuracy(row, guessing)
    ]
    unsure = [
        f"{_name(row.label)} ({_percent(row.accuracy.mean)}, {_seeds(row)})"
        for row in full
        if not helps(row, guessing) and min(row.accuracy.mean - guessing.accuracy, row.gain.mean) > guessing.margin
    ]
    early = [row for row in others if not row.in_full and helps(row, guessing)]
    said = [f"{_list(too)} {'does' if len(too) == 1 else 'do'} so too"] if too else []
    if lower:
        said.append(f"{_list(lower)} {'brings' if len(lower) == 1 else 'bring'} the loss below that of guessing")
    if unsure:
        said.append(f"{_list(unsure)} may do so too, which is not certain")
    if early:
        was = "was" if len(early) == 1 else "were"
        names = _list([_name(row.label) for row in early])
        said.append(f"{names} {was} on the way after {early[0].steps} steps and not followed further")
    return "; ".join(said) or "nothing else tried does"


def _takes(base: Row, row: Row, guessing: Guessing) -> str:
    if helps_loss(row, guessing) and not helps_accuracy(row, guessing):
        return (
            f"validation loss from {base.loss.mean:.4g} to {row.loss.mean:.4g}, where guessing costs "
            f"{guessing.loss:.3g}, and accuracy from {_percent(base.accuracy.mean)} to {_percent(row.accuracy.mean)} "
            f"({_seeds(row)})"
        )
    failed = f", {len(row.failures)} of its runs failed" if row.failures else ""
    start = "what diverges" if len(base.failures) == base.seeds else _percent(base.accuracy.mean)
    return f"validation accuracy from {start} to {_percent(row.accuracy.mean)} ({_seeds(row)}{_spread(row)}{failed})"


def _seeds(row: Row) -> str:
    return "1 seed" if row.seeds == 1 else f"{row.seeds} seeds"


def _spread(row: Row) -> str:
    return f", ±{100 * row.accuracy.half:.1f}" if row.seeds > 1 else ""


def _few(row: Row) -> str:
    """What has to be said where seeds are too few, or their results too far apart."""
    if row.seeds == 1:
        return " One seed gives no interval: more --seeds tell how certain this is."
    if row.gain.mean > 0 and not row.gain.mean > row.gain.half:
        points = f"{100 * row.gain.mean:+.1f} ± {100 * row.gain.half:.1f} points"
        return f" Its gain of {points} in accuracy may be none; more --seeds tell."
    return ""


def _share(row: Row, figure: int) -> str:
    return f"{100 * row.shares[figure]:.0f} %"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _name(label: str) -> str:
    """A change in a sentence; of several words, it is quoted."""
    return f"'{label}'" if " " in label else label


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
