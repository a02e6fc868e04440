"""What makes a comparison unfair or uncertain, in sentences."""

import math
from collections.abc import Iterable, Sequence

from exprun.compare import outcomes
from exprun.compare.arms import LEARNING_RATE, Arm, all_tuned, fold_of, has_folds, label
from exprun.compare.design import Grid
from exprun.metrics import BEST, is_fraction, is_percentage
from exprun.records import Fold, Run, shown
from exprun.run_folder import CODE
from exprun.text import listed, nouns

# The entries of the environment that should be the same in all runs of a comparison, and their names in warnings.
SHOULD_AGREE = {
    "commit": "code",
    "changes": "uncommitted code",
    CODE: "code of the builder",
    "version": "version of exprun",
    "data_fingerprint": "images",
    "weights_fingerprint": "first weights",
    "teacher_fingerprint": "teacher",
    "precision": "precision",
    "device": "device",
    "tensorflow": "version of TensorFlow",
    "keras": "version of Keras",
}
# Further entries of the environment, and their names in warnings: they change a metric about as much as another seed.
COMPUTING = {
    "intra_op_threads": "threads per operation",
    "onednn": "oneDNN",
    "instructions": "instructions",
    "variables": "variables",
}
# The region in which methods claim too many differences, by the benchmark `compare_simulation`: the accuracies of an
# arm have at least this skewness, and this many times the deviation of another arm. With few seeds, the rare bad ones
# are often missing, and an arm looks as if its noise were small and even: an accuracy above `NEAR` is enough.
SKEWNESS, SKEW_RATIO, NEAR = 0.5, 2.0, 0.98
MAX_MISSING = 3  # combinations of levels without a result, or folds, that a warning lists
STEPS = "steps"  # the number of steps of a run, which like its images may depend on the fold


def unfair(
    runs: Sequence[Run],
    ended: Sequence[Run],
    arms: Sequence[Arm],
    factors: Sequence[str],
    vary: Sequence[str],
    metric: str,
    sequential: bool = False,
) -> Iterable[str]:
    """Warnings about differences between the runs other than the factors, and about missing or unequal data.

    Args:
        runs: the runs.
        ended: the runs that have a value and did not diverge.
        arms: the arms.
        factors: the keys of the factors.
        vary: the keys in which the runs differ.
        metric: the metric that is compared.
        sequential: whether a deciding sweep chose the number of seeds of each arm.
    """
    for key in vary:
        if key not in factors and not any(key.startswith(f"{factor}.") for factor in factors):
            yield f"The runs also differ in {key}: {listed(shown(run.setting(key)) for run in runs)}."
    for key, name in SHOULD_AGREE.items():
        some = _of_one_fold(ended, key)
        values = {run.environment.get(key, "") for run in some}
        if len(values) > 1 and not follows(ended, key, factors):
            texts = [_short(value) if value or key != "changes" else "none" for value in values]
            yield f"The runs differ in their {name}: {listed(sorted(texts))}."
    if differ := [f"{name} ({text})" for key, name in COMPUTING.items() if (text := _values_of(ended, key))]:
        yield (
            f"The runs were computed differently, which changes metrics about as much as another seed does: "
            f"{', '.join(differ)}."
        )
    steps = {int(run.history[-1]["step"]) for run in _of_one_fold(ended, STEPS) if run.history}
    if len(steps) > 1:
        yield f"The runs took different numbers of steps: {listed(f'{step:,}' for step in sorted(steps))}."
    early = [run for run in ended if run.reason]
    if early:
        yield f"{len(early)} of {len(ended)} runs ended before all epochs were done: {listed(r.reason for r in early)}."
    yield from _folds_unlike(ended, arms, factors)
    yield from _seeds_unlike(arms, factors, sequential)
    yield from _incomplete(arms, factors)
    yield from _uncertain(arms, factors, metric, sequential)
    for arm in arms if all_tuned(ended) else ():
        if len({shown(run.setting(LEARNING_RATE)) for run in arm.runs}) > 1:
            yield (
                f"{label(arm.levels, factors)} has runs at several learning rates: the sweep was interrupted and chose "
                "another one when it was rerun."
            )
    if ("optim" in factors or "optim.name" in factors) and not all_tuned(ended):
        rates: dict[str, set[str]] = {}
        for run in ended:
            rates.setdefault(shown(run.config.get("optim.name")), set()).add(shown(run.setting("optim.learning_rate")))
        if all(len(values) == 1 for values in rates.values()):
            tested = ", ".join(f"{name} {next(iter(values))}" for name, values in rates.items())
            yield f"The optimisers were not tuned: each was run at one learning rate ({tested})."
    losses = {_loss(run, metric) for run in ended} if metric.endswith("loss") else set()
    if len(losses) > 1:
        yield (
            f"{metric} is not the same quantity in all runs, as they train with different losses: "
            f"{listed(sorted(losses))}. Compare an accuracy instead."
        )
    if metric.startswith(f"val/{BEST}"):
        yield f"{metric} is the best of all epochs, which favours settings whose metric varies most between epochs."


def _loss(run: Run, metric: str) -> str:
    """The loss of a run, as far as it decides what a metric measures; older runs have cross-entropy."""
    name, gamma = run.config.get("loss.name") or "cross_entropy", run.config.get("loss.gamma")
    words = [shown(name), *([f"gamma={shown(gamma)}"] if gamma is not None else [])]
    if metric.startswith("train/"):
        keys = ("loss.label_smoothing", "loss.class_balance", "augment.mixup", "augment.cutmix")
        extras = {key.split(".")[1]: run.config.get(key) for key in keys}
        words += [f"{key}={shown(value)}" for key, value in extras.items() if value]
    return " ".join(words)


def _uncertain(arms: Sequence[Arm], factors: Sequence[str], metric: str, sequential: bool) -> Iterable[str]:
    """Warnings about runs that diverged, equal values, missing combinations of levels, and skewed noise."""
    for arm in arms:
        if arm.diverged:
            value = outcomes.value(arm.diverged[0], metric) or math.nan
            level = f"{100 * value:.1f} %" if is_percentage(metric) else f"{value:.3g}"
            count = len(arm.diverged)
            yield (
                f"{label(arm.levels, factors)}: {count} of {len(arm.runs)} runs diverged and "
                f"{'counts' if count == 1 else 'count'} as the chance level, {level} "
                f"({nouns(count, 'seed')} {listed(run.seed for run in arm.diverged)}: "
                f"{outcomes.why_diverged(arm.diverged[0], metric)})."
            )
    values = [value for arm in arms for value in arm.values.values()]
    if len(values) > 1 and len(set(values)) == 1:
        yield f"All {len(values)} runs have the same {metric}, so there is no difference to judge."
    grid = Grid(arms, factors)
    if grid.missing:
        names = [label(levels, factors) for levels in grid.first_missing(MAX_MISSING)]
        more = f" and {grid.missing - len(names):,} more" if grid.missing > len(names) else ""
        yield (
            f"The design is incomplete, as there are no results of {', '.join(names)}{more}: contrasts use the "
            "combinations that exist."
        )
    spreads = [arm.deviation for arm in arms if len(arm.values) > 1]
    skewed = [
        label(arm.levels, factors)
        for arm in (arms if is_fraction(metric) and len(spreads) > 1 else ())
        if arm.mean > NEAR
        or (arm.deviation > SKEW_RATIO * min(spreads) and _skewness(arm.mean, arm.deviation) > SKEWNESS)
    ]
    if skewed:
        share = "six" if sequential else "nine"  # by the benchmarks `decide_simulation` and `compare_simulation`
        yield (
            f"The noise of {listed(skewed)} is probably skewed, as {metric} ends at 0 and 100 %. Where arms vary "
            f"unequally, such noise looks like a difference in up to one of {share} comparisons without one, "
            "whatever the method."
        )


def _skewness(mean: float, deviation: float) -> float:
    """The size of the skewness of a beta distribution, which stays between 0 and 1.

    Args:
        mean: the mean of the distribution.
        deviation: its standard deviation, above 0.
    """
    both = mean * (1 - mean)
    size = both / deviation**2  # the sum of both parameters, plus 1
    return 2 * abs(1 - 2 * mean) * math.sqrt(size / both) / (size + 1) if size > 0 else math.inf


def _values_of(runs: Sequence[Run], key: str) -> str:
    """The values of an entry of the environment, as text; empty if all runs that recorded it have the same."""
    values = {run.environment[key] for run in runs if key in run.environment}
    if len(values) < 2:
        return ""
    if key != "instructions":
        return listed(value or "none" for value in sorted(values))
    kinds = [frozenset(value.split()) for value in values]
    shared, all_of_them = kinds[0].intersection(*kinds), kinds[0].union(*kinds)
    return f"not all have {listed(sorted(all_of_them - shared))}"


def follows(runs: Sequence[Run], key: str, factors: Sequence[str]) -> bool:
    """Whether the runs differ in an entry of the environment because a factor of the comparison changes it."""
    if key == CODE:  # this is so if each builder has one version of its code
        builders = {run.config.get("model.builder") for run in runs}
        return len({(run.config.get("model.builder"), run.environment.get(key, "")) for run in runs}) == len(builders)
    changes = {
        "precision": "trainer.precision",
        "data_fingerprint": "data",
        "weights_fingerprint": "model.weights",
        "teacher_fingerprint": "model.teacher",
    }
    if key not in changes:
        return False
    return any(factor == changes[key] or factor.startswith(f"{changes[key]}.") for factor in factors)


def _of_one_fold(runs: Sequence[Run], key: str) -> Sequence[Run]:
    """The runs that should agree in something: all runs or, if it depends on the fold, those of one fold.

    Args:
        runs: the runs.
        key: an entry of the environment, or `STEPS`.
    """
    if key not in (STEPS, "data_fingerprint"):
        return runs
    by_fold: dict[object, list[Run]] = {}
    for run in runs:
        by_fold.setdefault((run.config["data.folds"], fold_of(run)) if has_folds(run) else None, []).append(run)
    unlike = (some for some in by_fold.values() if len({_entry(run, key) for run in some}) > 1)
    return next(unlike, next(iter(by_fold.values()), []))


def _entry(run: Run, key: str) -> object:
    return run.environment.get(key, "") if key != STEPS else run.history[-1]["step"] if run.history else None


def _folds_unlike(runs: Sequence[Run], arms: Sequence[Arm], factors: Sequence[str]) -> Iterable[str]:
    """Warnings about runs with and without folds, folds that are missing in some arms, and incomplete repetitions."""
    found = [has_folds(run) for run in runs]
    if any(found) and not all(found):
        yield (
            f"{sum(found)} of {len(found)} runs have folds, and the others do not: their training sets differ in size "
            "and images."
        )
    compared = [arm for arm in arms if arm.values and arm.folds is not None]
    if not compared:
        return
    every = sorted({fold for arm in compared for fold in arm.values if isinstance(fold, Fold)})
    lacking = {label(arm.levels, factors): [str(fold) for fold in every if fold not in arm.values] for arm in compared}
    if some := [f"{name} lacks {_first(folds)}" for name, folds in lacking.items() if folds]:
        yield f"Not all arms have the same folds ({_first(some, '; ')}), so the folds are not blocks."
    wanted = max(arm.folds or 0 for arm in compared)
    missing = [
        str(Fold(seed, fold))
        for seed in sorted({fold.split_seed for fold in every})
        for fold in range(wanted)
        if Fold(seed, fold) not in every
    ]
    if missing:
        yield f"No arm has {_first(missing)}, so not all images count equally."


def _first(texts: Sequence[str], mark: str = ", ") -> str:
    """The first few of some texts, separated by a mark."""
    return mark.join(texts[:MAX_MISSING]) + (f"{mark}…" if len(texts) > MAX_MISSING else "")


def _seeds_unlike(arms: Sequence[Arm], factors: Sequence[str], sequential: bool) -> Iterable[str]:
    compared = [arm for arm in arms if arm.values]
    if any(arm.folds is not None for arm in compared):
        return
    if {len(arm.values) for arm in compared} == {1}:
        yield "Each arm has one seed, so the size of the seed noise is unknown. Add seed=0,1,2."
    elif not sequential and len({tuple(arm.values) for arm in compared}) > 1:
        counts = ", ".join(f"{label(arm.levels, factors)}: {len(arm.values)}" for arm in compared)
        yield f"Not all arms have the same seeds ({counts}), so the seeds are not blocks."
        for arm in compared:
            if len(arm.values) == 1:
                yield f"{label(arm.levels, factors)} has one seed, so its seed noise is unknown. Add seed=0,1,2."


def _incomplete(arms: Sequence[Arm], factors: Sequence[str]) -> Iterable[str]:
    """Warnings about arms that have no result, or have lost runs."""
    for arm in arms:
        if not arm.values:
            yield f"{label(arm.levels, factors)} is not compared: none of its {len(arm.lost)} runs has a result."
        elif arm.lost:
            yield (
                f"{label(arm.levels, factors)} lost {len(arm.lost)} of {len(arm.lost) + len(arm.runs)} runs; the "
                "mean of the others may look better than the arm is."
            )


def _short(value: str) -> str:
    """The first 12 characters of a fingerprint; other values as they are, or "unknown" if empty."""
    return value[:12] if len(value) >= 40 and " " not in value else value or "unknown"
