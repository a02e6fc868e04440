"""Which causes are found, and which of them are only consequences of others."""

import contextlib
import json
import logging
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from exprun.doctor.cause import SEVERITIES, Finding, Phase, cause_of
from exprun.doctor.causes import CHAIN
from exprun.doctor.context import Context
from exprun.files import write_whole

log = logging.getLogger(__name__)
_RANK = {module.CAUSE.id: number for number, module in enumerate(CHAIN)}
BEFORE_TRAINING = (Phase.DATA, Phase.STRUCTURE, Phase.SETUP, Phase.FIRST_BATCH)
SYMPTOMS = frozenset(module.CAUSE.id for module in CHAIN if module.CAUSE.is_symptom)
# Causes that a fit shows as if it was the whole training: of no meaning if another fit of the same model follows.
UNFINISHED = ("too-few-steps", "loss-at-chance", "slow-learning", "collapsed-predictions")
_PREEMPTING = {  # the causes that preempt each cause
    module.CAUSE.id: [other.CAUSE.id for other in CHAIN if module.CAUSE.id in other.CAUSE.preempts] for module in CHAIN
}
_BY_PHASE = {phase: {m.CAUSE.id: m for m in CHAIN if phase in m.CAUSE.phases} for phase in Phase}
_OF_NUMBERS = (
    Phase.STEP,
    Phase.WAIT,
    Phase.EPOCH,
    Phase.END,
)  # phases whose checks compare recorded numbers, and draw none


def examine(context: Context, *phases: Phase) -> list[Finding]:
    """The findings of all checks of some phases, one phase after the other, without those that others preempt.

    A check that fails is logged and skipped, because a bug in the doctor must not end a run. A check is not made if a
    cause is found that preempts it.

    Args:
        context: what the checks may look at.
        *phases: the phases; none for that of the context.
    """
    found: list[Finding] = []
    for phase in phases or (context.phase,):
        found += _examined(context.at(phase))
    return found


def _examined(context: Context) -> list[Finding]:
    modules = _BY_PHASE[context.phase]
    made: dict[str, list[Finding]] = {}

    def found(identifier: str) -> list[Finding]:
        """What a check finds, which is made when it is first asked for, by the loop below or by another check."""
        if identifier not in made:
            preempted = any(found(other) for other in _PREEMPTING[identifier] if other in modules)
            made[identifier] = [] if preempted else _checked(modules[identifier], context)
        return made[identifier]

    context.finds = lambda identifier: identifier in modules and bool(found(identifier))
    confirmed: list[Finding] = []
    for identifier, module in modules.items():
        findings, needed = found(identifier), module.CAUSE.confirm.get(context.phase, 1)
        if needed == 1 or context.streak(identifier, bool(findings)) >= needed:
            confirmed += findings
    return confirmed


def _checked(module: Any, context: Context) -> list[Finding]:
    """The findings of the check of a cause; none if it fails."""
    outer, context.cause = context.cause, module.CAUSE.id
    try:
        with _protected(context.phase):
            return list(module.check(context))
    except Exception:
        # Not as an error, which Python prints if a script has not set up logging.
        log.info("A check failed", exc_info=True)
        return []
    finally:
        context.cause = outer


@contextlib.contextmanager
def _protected(phase: Phase) -> Iterator[None]:
    """Keep the random states of Keras, TensorFlow and NumPy as they are, where there is a network at all."""
    if phase in _OF_NUMBERS or "keras" not in sys.modules:
        yield
        return
    from exprun.doctor.instruments.states import undrawn

    with undrawn():
        yield


def explained_by(identifier: str) -> frozenset[str]:
    """The causes that are only consequences when a cause is found."""
    cause = cause_of(identifier)
    return frozenset([*cause.explains, *(SYMPTOMS if cause.explains_symptoms else ())]) - {identifier}


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """The findings without those that are only consequences of others.

    Errors and warnings come before notes; within both, the order is that of `CHAIN`.
    """
    findings = list(findings)
    explaining = {f.cause for f in findings if f.severity != "note" and not f.is_later}
    consequences = frozenset().union(*(explained_by(cause) for cause in explaining))
    errors = {f.cause for f in findings if f.severity == "error"} - consequences
    kept = [f for f in findings if f.cause not in consequences and not (f.is_suspicion and errors)]
    return sorted(kept, key=lambda f: (f.severity == "note", _RANK[f.cause]))


class Diagnosis:
    """The findings of a run, at most one for each cause, without those that were withdrawn.

    Args:
        silence: the causes that are not reported.
    """

    def __init__(self, silence: Iterable[str] = ()) -> None:
        self.silence = frozenset(silence)
        self._found: dict[str, Finding] = {}

    @property
    def findings(self) -> list[Finding]:
        """All findings except those that are only consequences of other findings, in the order of `ordered`."""
        return ordered(self._found.values())

    def add(self, findings: Iterable[Finding]) -> list[Finding]:
        """Add findings; returns those that are new and not consequences of others, in the order of `ordered`.

        A finding is new if its cause was not found before, or was found with a lower severity. A withdrawal is new if
        the finding that it withdraws was reported by an earlier call.
        """
        news: list[Finding] = []
        withdrawn: list[Finding] = []
        for finding in findings:
            if finding.withdrawn:
                earlier = self._found.pop(finding.cause, None)
                withdrawn += [] if earlier is None or earlier in news else [finding]
                continue
            earlier = self._found.get(finding.cause)
            is_new = earlier is None or SEVERITIES.index(finding.severity) > SEVERITIES.index(earlier.severity)
            if finding.cause not in self.silence and is_new:
                self._found[finding.cause] = finding
                news.append(finding)
        return withdrawn + [finding for finding in self.findings if finding in news]

    def amend(self, finding: Finding) -> None:
        """Replace the finding of a cause with one that has more evidence."""
        self._found[finding.cause] = finding


def verdict(findings: Iterable[Finding]) -> str:
    """All findings as text for the terminal, one paragraph each."""
    paragraphs = [f"doctor: {finding}" for finding in findings]
    return "\n".join(paragraphs) if paragraphs else "doctor: found nothing that would keep the network from learning."


def write_findings(path: Path, findings: Iterable[Finding]) -> None:
    """Write findings as JSON, each with the reason why it matters and its source."""
    rows = []
    for finding in findings:
        cause = cause_of(finding.cause)
        rows.append(asdict(finding) | {"why": cause.why, "source": cause.source, "text": str(finding)})
    write_whole(path, json.dumps(rows, indent=1, ensure_ascii=False))
