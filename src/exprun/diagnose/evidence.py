"""What references and experiments say about a network that a script has trained, and about what the doctor found."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from exprun.diagnose.fit import Fit, arrays_of
from exprun.doctor.cause import Finding
from exprun.doctor.diagnosis import SYMPTOMS, explained_by
from exprun.experiments.proof import Proof, own_score, prove
from exprun.experiments.reference import Reference
from exprun.experiments.sample import Sample, sample_of
from exprun.experiments.trials import Network, Trial

AS_GOOD = 0.9  # share of the best reference from which a network counts as as good
LEARNABLE = 0.3  # score of a reference above which the labels can be learned
POOR = 0.6  # share of the best reference below which a network is tried with changes although nothing was found


@dataclass(frozen=True)
class Evidence:
    """What was measured after the script had ended.

    Args:
        own: how good the trained network is: 0 is as good as guessing, 1 is perfect.
        proof: what references and trials have shown.
    """

    own: float
    proof: Proof

    def without_trials(self) -> "Evidence":
        """The evidence of the references alone."""
        return Evidence(self.own, Proof(self.proof.references, (), (), None, None))


def evidence(fit: Fit, findings: Sequence[Finding], seconds: float, tell: Callable[[str], None]) -> Evidence | None:
    """Measure references on the rows of a fit and, if its network is not as good, look for the change that it needs.

    Args:
        fit: the fit.
        findings: what the doctor has found.
        seconds: the time for everything.
        tell: called with a line about each result.

    Returns:
        What was measured; None if the rows or the network do not allow it.
    """
    sample = _sample(fit)
    if sample is None or not fit.initial or len(fit.initial) != len(fit.model.variables):
        return None
    arguments = fit.arguments
    network = Network(
        fit.model,
        fit.initial,
        int(arguments.get("batch_size") or fit.doctor.batch or 32),
        bool(arguments.get("shuffle", True)),
        arguments.get("class_weight"),
    )
    own = own_score(network, sample)
    if own is None:
        return None
    serious = [finding.cause for finding in findings if finding.severity != "note"]

    def needs_trials(found: Sequence[Reference]) -> bool:
        best = max([reference.score for reference in found], default=1.0)
        return own < (AS_GOOD if serious else POOR) * best

    proof = prove(network, sample, fit.steps, seconds, needs_trials, serious, tell)
    return Evidence(own, proof)


def weighed(findings: Sequence[Finding], found: Evidence) -> list[Finding]:
    """The findings in the light of the evidence, most likely cause first.

    The cause whose change makes the network learn comes first, and is added if the doctor had not found it. These
    become notes: warnings whose changes do nothing; the suspicion that labels are shuffled, if a reference predicts
    them; and, about a network as good as the references, all warnings and the errors that say that it cannot learn.
    """
    proof = found.proof
    best = proof.best_reference
    result = list(findings)
    if best is not None and best.score > LEARNABLE:  # labels that a reference predicts belong to their rows
        result = [replace(one, severity="note") if one.is_suspicion else one for one in result]
    if best is not None and found.own >= AS_GOOD * best.score and not proof.tried:
        return [replace(one, severity="note") if _is_refuted(one) else one for one in result]
    if proof.decisive is None:
        return result
    causes = [cause for change in proof.decisive.changes for cause in change.causes]
    first = next((one for one in result if one.cause in causes and one.severity != "note"), None)
    if first is None:
        first = _proven(causes[0], proof.decisive, proof)
    others = [_demoted(one, causes) for one in result if one.cause != first.cause]
    return [replace(first, severity="error"), *others]


def _is_refuted(finding: Finding) -> bool:
    """Whether a network that learns well refutes a finding: a warning, a symptom, or an error that explains all."""
    explained = {finding.cause, *explained_by(finding.cause)}
    return finding.severity == "warning" or finding.cause in SYMPTOMS or explained >= SYMPTOMS


def _proven(cause: str, decisive: Trial, proof: Proof) -> Finding:
    names = " and ".join(change.name for change in decisive.changes)
    remedy = " ".join(change.keras for change in decisive.changes)
    plain = max(trial.score for trial in proof.plain)
    return Finding(
        cause,
        "error",
        "training",
        f"From the same first weights, {decisive.steps} steps bring the network {max(0.0, plain):.0%} of the way from "
        f"guessing to perfect as it is, and {decisive.score:.0%} with {names}.",
        numbers={"plain": plain, "changed": decisive.score},
        keras=remedy,
    )


def _demoted(finding: Finding, causes: Sequence[str]) -> Finding:
    return (
        replace(finding, severity="note") if finding.severity == "warning" and finding.cause not in causes else finding
    )


def _sample(fit: Fit) -> Sample | None:
    train, validation = arrays_of(fit.arguments)
    if train is None:
        train, validation = fit.doctor.rows("train"), fit.doctor.rows("val")
    return None if train is None else sample_of(train[0], train[1], validation)


def as_text(found: Evidence) -> list[str]:
    """The evidence as lines for the terminal."""
    proof, lines = found.proof, []
    if (best := proof.best_reference) is not None:
        lines.append(
            f"On the same rows, {best.name} gets {_way(best.score)} in {best.seconds:.0f} s; the trained network, "
            f"{_way(found.own)}."
        )
    if proof.decisive is not None:
        names = " and ".join(change.name for change in proof.decisive.changes)
        scores = " and ".join(f"{trial.score:.0%}" for trial in (proof.decisive, proof.confirmed) if trial is not None)
        plain = " and ".join(f"{max(0.0, trial.score):.0%}" for trial in proof.plain)
        lines.append(
            f"From its first weights, in {proof.decisive.steps} steps: {plain} as it is, {scores} with {names}."
        )
        lines.append(f"Training loss with {names}: {_curve(proof.decisive)}; as it is: {_curve(proof.plain[0])}.")
    elif proof.tried:
        lines.append(f"None of {len(proof.tried)} changes makes the network learn in {proof.tried[0].steps} steps.")
    return lines


def as_record(found: Evidence) -> dict[str, Any]:
    """The evidence as a dictionary for JSON."""
    proof = found.proof

    def record(trial: Trial) -> dict[str, Any]:
        changes = [{"name": change.name, "causes": change.causes, "keras": change.keras} for change in trial.changes]
        return {"changes": changes} | {n: getattr(trial, n) for n in ("seed", "score", "losses", "steps", "seconds")}

    return {
        "own": found.own,
        "references": [asdict(reference) for reference in proof.references],
        "plain": [record(trial) for trial in proof.plain],
        "tried": [record(trial) for trial in proof.tried],
        "decisive": None if proof.decisive is None else record(proof.decisive),
        "confirmed": None if proof.confirmed is None else record(proof.confirmed),
    }


def _way(score: float) -> str:
    return f"{max(0.0, score):.0%} of the way from guessing to perfect"


def _curve(trial: Trial) -> str:
    picked = np.unique(np.linspace(0, len(trial.losses) - 1, min(5, len(trial.losses))).astype(int))
    return ", ".join(f"{trial.losses[number]:.3g}" for number in picked)
