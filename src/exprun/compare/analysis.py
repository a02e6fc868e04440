"""The analysis of a comparison: arms, contrasts, importance, and warnings about what is unfair or uncertain."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from exprun.compare import deciding, design, effects, outcomes, sentences
from exprun.compare.arms import LEARNING_RATE, Arm, all_tuned, arms_of, chose_learning_rate, label, varying
from exprun.compare.effects import Effect
from exprun.compare.fairness import unfair
from exprun.compare.importance import Importance, importance, not_worse
from exprun.config.errors import ConfigError
from exprun.metrics import is_better_low, is_fraction
from exprun.records import Run, shown
from exprun.text import html_lines, html_table

METRIC = "val/accuracy"


@dataclass(frozen=True)
class Analysis:
    """The result of a comparison.

    Args:
        metric: the metric that is compared.
        factors: the keys of the factors.
        arms: the arms, the best first.
        effects: the chosen contrasts, or the effects of single factors and the interactions of pairs.
        warnings: sentences about what makes the comparison unfair or uncertain.
        lost: the runs without a value.
        tuned: a sentence with the learning rate of each arm; empty without `sweep=tuned`.
        margin: the difference that does not matter, in units of the metric; None without one.
        importance: the shares of the variance between arms; None if they cannot be computed.
        best: the arms that are not shown to be worse than another one, the best first; None if it is unknown.
        rule: the rule of the deciding sweep to which all runs belong; None without one.
    """

    metric: str
    factors: tuple[str, ...]
    arms: list[Arm]
    effects: list[Effect]
    warnings: list[str]
    lost: list[Run]
    tuned: str = ""
    margin: float | None = None
    importance: Importance | None = None
    best: list[Arm] | None = None
    rule: deciding.Rule | None = None

    @property
    def unit(self) -> tuple[float, str]:
        """The factor by which a difference is multiplied before it is printed, and the unit printed after it."""
        return sentences.unit(self.metric)

    def sentences(self) -> list[str]:
        """A sentence about each effect."""
        count = sum(not math.isnan(effect.probability) for effect in self.effects)
        return [sentences.about(effect, self.metric, count, self.margin) for effect in self.effects]

    def summary(self) -> list[str]:
        """Sentences about importance, the looks of a deciding sweep, and last about the best arms, as far as known."""
        found = [sentences.of_importance(self.importance)]
        found.append(deciding.sentence(self.arms, self.rule) if self.rule else "")
        if self.best:
            first, *others = self.best
            names = [label(arm.levels, self.factors) for arm in others]
            count = sum(bool(arm.values) for arm in self.arms) - 1
            found.append(sentences.of_best(label(first.levels, self.factors), first.mean, names, count, self.metric))
        return [sentence for sentence in found if sentence]

    def _repr_html_(self) -> str:
        """The arms as a table, the effects as sentences, and the warnings, for a notebook."""
        scale, _ = self.unit
        shown = lambda value: "–" if math.isnan(value) else f"{scale * value:.4g}"  # noqa: E731
        rows = []
        for arm in self.arms:
            low, high = self.interval(arm)
            mean = shown(arm.mean) if arm.values else "–"
            between = "–" if math.isnan(low) else f"{shown(low)} to {shown(high)}"
            rows.append([label(arm.levels, self.factors), len(arm.values), mean, between])
        table = html_table(["arm", "runs", f"mean{', %' if scale == 100 else ''}", "95 % interval"], rows)
        warnings = [f"warning: {warning}" for warning in self.warnings]
        return html_lines(self.metric) + table + html_lines(*self.sentences(), *self.summary(), *warnings, title=False)

    def interval(self, arm: Arm) -> tuple[float, float]:
        """The ends of the confidence interval of an arm, within the range of the metric; NaN if they are unknown."""
        found = arm.interval
        if not is_fraction(self.metric):
            lowest = 0.0 if is_better_low(self.metric) else -math.inf  # losses and times
            return outcomes.within(found.low, lowest, math.inf), found.high
        return outcomes.within(found.low, 0.0, 1.0), outcomes.within(found.high, 0.0, 1.0)


def analyse(
    runs: Sequence[Run],
    by: Sequence[str] | None = None,
    metric: str | None = None,
    chosen: Sequence[str] = (),
    margin: float | None = None,
) -> Analysis:
    """Compare runs.

    Args:
        runs: the runs, at least two.
        by: the factors, each the key of a setting or a group whose options are compared; None for all settings that
            vary.
        metric: the final metric that is compared, by its name in MLflow; None for the one by which a deciding sweep
            decided, and for validation accuracy otherwise.
        chosen: contrasts that replace the usual ones, as in `design.EXAMPLE`.
        margin: a difference that does not matter, in points for percentages such as accuracies, else in units of the
            metric; None to test no equivalence.

    Raises:
        ConfigError: no run has a value of the metric, all runs diverged, only one arm has a value, a factor is not a
            setting or does not vary, a chosen contrast is not one of the design, or runs with the same levels and seed
            differ in another setting.
    """
    runs = [run for run in runs if not chose_learning_rate(run)]
    if not runs:
        raise ConfigError(
            "All runs so far belong to the first part of sweep=tuned, which chooses the learning rates; run the sweep "
            "to its end first."
        )
    rule, warning = deciding.shared_rule(runs)
    if metric is None:
        metric = METRIC if rule is None else rule.metric
    found = [(run, outcomes.value(run, metric)) for run in runs]
    values = [(run, value) for run, value in found if value is not None]
    lost = [run for run, value in found if value is None]
    ended = [run for run, _ in values if not outcomes.diverged(run, metric)]
    if not ended:
        raise ConfigError(_nothing_to_compare(runs, metric))
    vary = varying(runs)
    factors = tuple(vary) if by is None else tuple(by)
    for factor in factors:
        if by is not None and len({shown(run.setting(factor)) for run in runs}) < 2:
            keys = ", ".join(vary) or "nothing but the seed"
            raise ConfigError(f"--by {factor}: the runs do not differ in {factor}; they differ in {keys}.")
    arms, repeated = arms_of(values, lost, factors, [key for key in vary if key not in factors], metric)
    present = [arm for arm in arms if arm.values]
    if len(present) == 1 and len(arms) > 1:
        name = label(present[0].levels, factors)
        raise ConfigError(f"Only {name} has runs with {metric}; a comparison needs a second arm: wait, or rerun it.")
    if rule is not None:
        arms = [replace(arm, confidence=deciding.mean_confidence(arm, rule)) for arm in arms]
        warning = deciding.beyond(arms, rule, factors)
        if margin is None and metric == rule.metric:
            margin = rule.margin
    units = None if margin is None else margin / sentences.unit(metric)[0]
    family, low = design.family(arms, factors, chosen), is_better_low(metric)
    warnings = [*repeated, *unfair(runs, ended, arms, factors, vary, metric, rule is not None)]
    shares, tuned = importance(arms, factors), _tuned(arms, factors)
    if rule is not None:
        judged, best = deciding.judge(arms, family, rule, metric, units), deciding.best(arms, family, rule, low)
    else:
        judged, best = effects.judge(arms, family, metric, units), not_worse(arms, low)
    order = lambda arm: (1 if low else -1) * arm.mean if arm.values else math.inf  # noqa: E731
    arms.sort(key=order)
    best = None if best is None else sorted(best, key=order)
    warnings += [warning] if warning else []
    return Analysis(metric, factors, arms, judged, warnings, lost, tuned, units, shares, best, rule)


def _tuned(arms: Sequence[Arm], factors: Sequence[str]) -> str:
    """A sentence with the learning rate of each arm; empty unless all arms tested the same number of them."""
    runs = [run for arm in arms for run in arm.runs]
    tested = {len(run.config.get("sweep.rates") or ()) for run in runs}
    if not all_tuned(runs) or len(tested) != 1:
        return ""
    chosen = [f"{label(arm.levels, factors)}: {shown(arm.runs[0].setting(LEARNING_RATE))}" for arm in arms if arm.runs]
    return (
        f"Each arm was run at the best of {tested.pop()} learning rates, chosen by validation in runs with another "
        f"seed ({', '.join(chosen)})."
    )


def _nothing_to_compare(runs: Sequence[Run], metric: str) -> str:
    diverged = [run for run in runs if outcomes.diverged(run, metric)]
    finished = [run for run in runs if run.status == "FINISHED"]
    if diverged and (not finished or any(metric in run.metrics for run in finished)):
        rest = len(runs) - len(diverged)
        who = f"All {len(diverged)} runs" if len(diverged) > 1 else "The only run"
        with_result = " with a result" if rest else ""
        others = f" and {rest} {'has' if rest == 1 else 'have'} no result" if rest else ""
        return (
            f"{who}{with_result} diverged ({outcomes.why_diverged(diverged[0], metric)}){others}, so there is nothing "
            "to compare: lower optim.learning_rate, or ask python -m exprun check for the cause."
        )
    metrics = sorted({name for run in runs for name in run.metrics})
    if not metrics or not finished:
        return f"None of the {len(runs)} runs has finished: {runs[0].reason or runs[0].status}."
    kinds = dict.fromkeys(re.sub("^([^/]*/[^/]*)/.*", r"\1/<class>", name) for name in metrics)
    return f"No finished run has the metric {metric}; the metrics are {', '.join(kinds)}."
