"""What references and experiments say about a network that was trained, and about what the doctor found."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from exprun.doctor.cause import Finding, cause_of
from exprun.doctor.diagnosis import explained_by
from exprun.doctor.instruments.layers import RECURRENT, Layer
from exprun.doctor.instruments.losses import of_keras
from exprun.doctor.instruments.objective import Objective
from exprun.doctor.instruments.packing import packing_of
from exprun.doctor.instruments.recording import fixed_rows
from exprun.doctor.instruments.states import undrawn
from exprun.experiments.proof import LEARNED, Proof, own_score, prove
from exprun.experiments.reference import Reference, references
from exprun.experiments.sample import Sample, Task, sample_of
from exprun.experiments.trials import Network, Trial, outputs_of

AS_GOOD = 0.9  # share of the best reference from which a network counts as as good
LEARNABLE = 0.3  # score of a reference above which the labels can be learned
HARDLY = 0.1  # score below which predictions are hardly better than guessing
UNRELATED = "shuffled-labels"
# Causes that a good score does not refute: it may come from them, or says nothing about them.
OF_THE_ROWS = frozenset(
    (
        *("leaked-validation", "leaked-test", "misleading-metric", "non-finite-input", "single-class"),
        *("unshuffled-data", "repeated-batches", "example-weights"),
    )
)
NOT_FINITE, TOO_FAST = "not-finite", "learning-rate-high"
CROSSED, DIFFERING = "broadcast-loss", "unscaled-evaluation"
OF_SPLITS = (DIFFERING, "unshuffled-data", "single-class")  # findings that say how validation differs
INSIDE_SHARE = 0.1  # share of the whole time for references on training rows alone
IMBALANCE = "class-imbalance"  # a score above that of the most frequent class shows that rare ones are predicted
MASKS, MASK_AXES = 8, 3  # masks that are looked at, and their axes at least
POOR = 0.6  # share of the best reference below which a network is tried with changes although nothing was found


Rows = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Training:
    """A training that has ended.

    Args:
        network: the network, with its first weights and the settings of the training.
        train: the inputs and targets that it was trained on.
        validation: the inputs and targets of its validation; None without.
        steps: the number of steps.
        is_loop: whether the script makes the steps itself.
    """

    network: Network
    train: Rows
    validation: Rows | None
    steps: int
    is_loop: bool = False


@dataclass(frozen=True)
class Evidence:
    """What was measured after the training.

    Args:
        own: how good the trained network is: 0 is as good as guessing, 1 is perfect.
        proof: what references and trials have shown.
        is_held_out: whether the network was not trained on the tested rows, as the references were not.
        is_certain: whether the references suit the rows, and so many rows were tested that their score is no luck.
        may_cross: whether the script computes a loss of outputs of the shape (n, 1) and labels of the shape (n,).
        inside: the best reference on training rows that it does not know, where none predicts the validation rows.
    """

    own: float
    proof: Proof
    is_held_out: bool = True
    is_certain: bool = True
    may_cross: bool = False
    inside: Reference | None = None

    @property
    def nothing_learns(self) -> bool:
        """Whether neither the network nor references nor changes are better than guessing on rows they do not know."""
        proof = self.proof
        scores = [one.score for one in proof.references] + [one.score for one in (*proof.plain, *proof.tried)]
        own = [self.own] if self.is_held_out or not proof.plain else []
        return self.is_certain and bool(proof.references) and max([*own, *scores]) < HARDLY

    @property
    def splits_differ(self) -> bool:
        """Whether what training rows show about their labels is of no use for those of validation."""
        return self.is_certain and self.inside is not None and self.inside.score > POOR

    def without_trials(self) -> "Evidence":
        """The evidence of the references alone."""
        return replace(self, proof=Proof(self.proof.references))


def evidence(
    training: Training, findings: Sequence[Finding], seconds: float, tell: Callable[[str], None]
) -> Evidence | None:
    """Measure references on the rows of a training and, if its network is not as good, look for the change it needs.

    Args:
        training: the training.
        findings: what the doctor has found.
        seconds: the time for everything.
        tell: called with a line about each result.

    Returns:
        What was measured; None if the rows or the network do not allow it.
    """
    serious = [finding.cause for finding in findings if finding.severity != "note"]
    prepared = _prepared(training, any(finding.severity == "error" for finding in findings))
    if prepared is None:
        return None
    network, sample, own = prepared
    model = network.model
    is_certain = _suits(model, sample) and sample.noise < HARDLY

    def needs_trials(found: Sequence[Reference]) -> bool:
        scores = [reference.score for reference in found]
        if training.validation is None and is_certain and scores and max(scores) < HARDLY:
            return True  # what it gets right, it may only have memorised, as it was trained on the tested rows
        return own < (AS_GOOD if serious else POOR) * max([LEARNED, *scores])

    proof = prove(
        network,
        sample,
        training.steps,
        seconds,
        needs_trials,
        serious,
        0.0 if training.validation is None else own,
        tell,
    )
    known = training.validation is not None and max([own, *(one.score for one in proof.references)]) < HARDLY
    inside = _inside(training, sample, INSIDE_SHARE * seconds) if known and is_certain and proof.references else None
    return Evidence(own, proof, training.validation is not None, is_certain, _may_cross(training, sample), inside)


def _inside(training: Training, sample: Sample, seconds: float) -> Reference | None:
    """The best reference on training rows that it was not trained on; None if there is none."""
    held = sample_of(*training.train, None, sample.task, sample.axes)
    found = [] if held is None else references(held, seconds)
    return max(found, key=lambda one: one.score, default=None)


def own_of(training: Training) -> float | None:
    """How good a trained network is: 0 is as good as guessing, 1 is perfect; None if it cannot be scored."""
    prepared = _prepared(training, False)
    return None if prepared is None else prepared[2]


def _prepared(training: Training, has_error: bool) -> tuple[Network, Sample, float] | None:
    """The network, the rows and the score of the trained network; None if the rows or the network do not allow it.

    Args:
        training: the training.
        has_error: whether something was found for certain, so that a loss of one's own is tried, too.
    """
    network, model = training.network, training.network.model
    if not network.initial or len(network.initial) != len(model.variables):
        return None
    objective = of_keras(model)
    if objective is None or (objective.kind == "unknown" and not has_error and not _are_masks(training)):
        return None  # outputs that mean something else, such as the places of faces, cannot be scored
    axes = len(getattr(model, "output_shape", None) or (0, 0))
    sample = sample_of(*training.train, training.validation, _task(model, objective), axes)
    if sample is not None and network.weights is not None and sample.is_classes:
        sample = replace(sample, is_balanced=True)
    if sample is not None and (fixed := fixed_rows(model)) is not None:
        sample, network = sample.in_batches(fixed), replace(network, batch=fixed)
    if sample is None or not len(sample.x) or not len(sample.test_x):
        return None
    own = own_score(network, sample)
    return None if own is None else (network, sample, own)


def _are_masks(training: Training) -> bool:
    """Whether labels are masks of 0 and 1, and outputs probabilities of the same shape."""
    x, y = training.train
    if y.ndim < MASK_AXES or not np.isin(y[:MASKS], (0, 1)).all():
        return False
    try:
        with undrawn():
            outputs = outputs_of(training.network.model, x[:MASKS], training=False)
    except Exception:  # such as several outputs
        return False
    return outputs.shape == y[:MASKS].shape and bool(outputs.min() >= 0 and outputs.max() <= 1)


def weighed(findings: Sequence[Finding], found: Evidence) -> list[Finding]:
    """The findings in the light of the evidence, most likely cause first.

    The cause whose change makes the network learn comes first, and is added if the doctor had not found it. These
    become notes: warnings whose changes do nothing; the suspicion that labels are shuffled, if a reference predicts
    them; and, about a network as good as the references, all but findings about the rows and how they are measured.
    """
    proof = found.proof
    best = proof.best_reference
    result = list(findings)
    if best is not None and best.score > LEARNABLE:  # labels that a reference predicts belong to their rows
        result = [replace(one, severity="note") if one.is_suspicion else one for one in result]
    is_good = best is not None and found.own >= AS_GOOD * max(best.score, LEARNED) and not proof.tried
    if best is not None and is_good and (found.is_held_out or best.score > LEARNABLE):  # not only memorised
        return [replace(one, severity="note") if _is_refuted(one, found.is_held_out) else one for one in result]
    if found.splits_differ and not any(one.cause in OF_SPLITS and one.severity != "note" for one in result):
        return [_differing(found), *(one for one in result if one.cause not in (UNRELATED, DIFFERING))]
    if found.nothing_learns and not any(one.severity == "error" for one in result):
        others = [one for one in result if one.cause != UNRELATED]
        return [_unrelated(found), *others]
    if found.may_cross and proof.plain and not proof.tried and found.own < AS_GOOD * proof.plain[0].score:
        return [_crossed(found), *(one for one in result if one.cause != CROSSED)]
    if proof.decisive is None:
        return result
    causes = proof.decisive.causes
    related = {cause for change in proof.decisive.changes for cause in (*change.causes, *change.consequences)}
    failed = {cause for trial in proof.tried if trial.score < proof.least for cause in trial.causes}
    serious = [one for one in result if one.severity != "note"]
    first = next((one for one in serious if one.cause in causes), None)
    if first is not None and cause_of(first.cause).is_symptom and first.cause != causes[0]:
        first = _proven(causes[0], proof.decisive, proof)
    if first is None:  # an error about what the change has changed says more precisely what was wrong
        exact = (one for one in serious if one.severity == "error" and not cause_of(one.cause).is_symptom)
        first = next((one for one in exact if one.cause in related), None)
    if first is None and _is_ruined(proof):  # whatever happens to avoid it
        first = next((one for one in serious if one.cause == NOT_FINITE and one.severity == "error"), None)
    if first is None:
        first = _proven(causes[0], proof.decisive, proof)
    if first.cause not in {one.cause for one in serious}:  # a finding that explains what the change compensates
        likely = (one for one in serious if one.cause not in failed)
        first = next((one for one in likely if first.cause in explained_by(one.cause)), first)
    others = [_demoted(one, failed - set(causes)) for one in result if one.cause != first.cause]
    return [first if proof.confirmed is None else replace(first, severity="error"), *others]


def _is_ruined(proof: Proof) -> bool:
    """Whether the loss is not finite at lower learning rates either, so that no step is too large."""
    slower = [trial for trial in proof.tried if len(trial.changes) == 1 and TOO_FAST in trial.changes[0].causes[:1]]
    return bool(slower) and not np.isfinite([trial.score for trial in (*proof.plain, *slower)]).any()


def _is_refuted(finding: Finding, is_held_out: bool) -> bool:
    """Whether a network that predicts well refutes a finding.

    On rows that it was trained on, that is any finding that says that it cannot learn, or that it ignores rare classes;
    on others, all findings but those about rows, or about how it is measured.

    Args:
        finding: the finding.
        is_held_out: whether the network was not trained on the rows that it predicts.
    """
    if finding.is_later:
        return False
    if is_held_out:
        return finding.cause not in OF_THE_ROWS
    return cause_of(finding.cause).is_disprovable or finding.cause == IMBALANCE


def _unrelated(found: Evidence) -> Finding:
    best = found.proof.best_reference
    assert best is not None
    tried = f", and {len(found.proof.tried)} changes of it did not help" if found.proof.tried else ""
    own = found.own if found.is_held_out or not found.proof.plain else max(one.score for one in found.proof.plain)
    return Finding(
        UNRELATED,
        "warning",
        "labels",
        f"On rows that they were not trained on, the best simple method ({best.name}) gets "
        f"{max(0.0, best.score):.0%} of the way from guessing to perfect, and the network {max(0.0, own):.0%}"
        f"{tried}. The labels belong to other rows, or the inputs do not show what they depend on.",
        numbers={"reference": best.score, "own": own},
    )


def _differing(found: Evidence) -> Finding:
    inside, best = found.inside, found.proof.best_reference
    assert inside is not None
    assert best is not None
    return Finding(
        DIFFERING,
        "warning",
        "validation",
        f"Trained on some of the training rows, a simple method ({inside.name}) gets {_way(inside.score)} on the "
        f"others, but the best one ({best.name}) only {max(0.0, best.score):.0%} on the validation rows: their inputs "
        "or their labels are prepared in another way.",
        numbers={"inside": inside.score, "validation": best.score},
        keras="fit scalers, encoders of labels and vocabularies on the training data, once, and apply these to the "
        "validation data; check that class numbers mean the same in both.",
    )


def _proven(cause: str, decisive: Trial, proof: Proof) -> Finding:
    names = " and ".join(change.name for change in decisive.changes)
    remedy = " ".join(change.keras for change in decisive.changes)
    plain = max(trial.score for trial in proof.plain)
    return Finding(
        cause,
        "warning",
        "training",
        f"From the same first weights, {proof.plain[0].steps} steps bring the network {max(0.0, plain):.0%} of the way "
        f"from guessing to perfect as it is; {decisive.steps} steps bring it {decisive.score:.0%} with {names}.",
        numbers={"plain": plain, "changed": decisive.score},
        keras=remedy,
    )


def _demoted(finding: Finding, failed: set[str]) -> Finding:
    """A finding, which becomes a note if it is a warning about a cause whose changes did not help."""
    return replace(finding, severity="note") if finding.severity == "warning" and finding.cause in failed else finding


def _may_cross(training: Training, sample: Sample) -> bool:
    """Whether a step of the script's own compares outputs of the shape (n, 1) with labels of the shape (n,)."""
    import keras

    model = training.network.model
    own = training.is_loop or type(model).train_step is not keras.Model.train_step
    if not own or training.train[1].ndim > 1:
        return False
    with undrawn():
        return outputs_of(model, sample.test_x[:1], training=False).shape == (1, 1)


def _crossed(found: Evidence) -> Finding:
    plain = found.proof.plain[0]
    return Finding(
        CROSSED,
        "warning",
        "training step",
        f"From the same first weights, {plain.steps} steps of Keras bring the network {_way(plain.score)}; the steps "
        f"of the script, {_way(found.own)}. Keras gives labels of the shape (n,) the shape of the outputs, (n, 1); "
        "code of one's own has to do so itself.",
        numbers={"own": found.own, "plain": plain.score},
        keras="y = y[:, None] before the training, or self.compute_loss(x, y, y_pred) in train_step.",
    )


def _suits(model: Any, sample: Sample) -> bool:
    """Whether the references can be expected to learn: from images and tables, but not from sequences and words."""
    layers = [Layer(layer) for layer in model._flatten_layers(include_self=False)]
    packing = packing_of(model)
    if packing is not None and any(len(leaf.shape) > 1 for leaf in packing.leaves):
        return False  # such as pairs of images, of which a reference sees rows of pixels
    return sample.x.ndim in (2, 4) and not any(layer.isa("Embedding", *RECURRENT) for layer in layers)


def _task(model: Any, objective: Objective) -> Task | None:
    """What the loss takes the targets for; None if that depends on their values."""
    shape = getattr(model, "output_shape", None)
    if objective.kind == "error" and isinstance(shape, tuple) and shape[-1] == 1:
        return "numbers"  # which may be whole, such as an age
    return "classes" if objective.kind == "softmax" else None


def as_text(found: Evidence) -> list[str]:
    """The evidence as lines for the terminal."""
    proof, lines = found.proof, []
    if (best := proof.best_reference) is not None:
        lines.append(
            f"On the same rows, the best simple method ({best.name}) gets {_way(best.score)} in {best.seconds:.0f} s; "
            f"the trained network, {_way(found.own)}."
        )
    if proof.decisive is not None:
        names = " and ".join(change.name for change in proof.decisive.changes)
        scores = " and ".join(f"{trial.score:.0%}" for trial in (proof.decisive, proof.confirmed) if trial is not None)
        plain = " and ".join(f"{max(0.0, trial.score):.0%}" for trial in proof.plain)
        lines.append(
            f"From its first weights, in {proof.decisive.steps} steps: {plain} as it is, {scores} with {names}."
        )
        lines.append(f"Training loss with {names}: {_curve(proof.decisive)}; as it is: {_curve(proof.plain[0])}.")
    elif proof.plain and not proof.tried and max(trial.score for trial in proof.plain) >= max(LEARNED, found.own):
        lines.append(
            f"From its first weights, the network learns in {proof.plain[0].steps} plain steps as it is. The fault is "
            "in what the script does besides: its own training step, callbacks, weights of rows, or order of data."
        )
    elif proof.tried:
        lines.append(f"None of {len(proof.tried)} changes makes the network learn in {proof.tried[0].steps} steps.")
    return lines


def as_record(found: Evidence) -> dict[str, Any]:
    """The evidence as a dictionary for JSON."""
    proof = found.proof

    def record(trial: Trial) -> dict[str, Any]:
        changes = [{"name": change.name, "keras": change.keras} for change in trial.changes]
        names = ("causes", "seed", "score", "losses", "steps", "seconds")
        return {"changes": changes} | {name: getattr(trial, name) for name in names}

    return {
        "own": found.own,
        "references": [asdict(reference) for reference in proof.references],
        "plain": [record(trial) for trial in proof.plain],
        "tried": [record(trial) for trial in proof.tried],
        "decisive": None if proof.decisive is None else record(proof.decisive),
        "alone": [UNRELATED]
        if found.nothing_learns
        else []
        if (alone := proof.without_findings) is None
        else alone.causes,
        "confirmed": None if proof.confirmed is None else record(proof.confirmed),
    }


def _way(score: float) -> str:
    return f"{max(0.0, score):.0%} of the way from guessing to perfect"


def _curve(trial: Trial) -> str:
    picked = np.unique(np.linspace(0, len(trial.losses) - 1, min(5, len(trial.losses))).astype(int))
    return ", ".join(f"{trial.losses[number]:.3g}" for number in picked)
