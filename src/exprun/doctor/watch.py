"""Checks while a network trains: of its losses, of its evaluations, and of a probe at regular steps."""

import logging
import time
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from exprun.config.doctor import Doctor
from exprun.doctor.cause import Finding, Phase, cause_of
from exprun.doctor.causes import CHAIN
from exprun.doctor.context import Context
from exprun.doctor.diagnosis import examine
from exprun.doctor.history import Epoch, History
from exprun.doctor.instruments.chance import ChanceLevel
from exprun.doctor.instruments.stopping import Stopping
from exprun.doctor.probes import measured
from exprun.doctor.schedule import Schedule
from exprun.doctor.subject import Images, Subject

log = logging.getLogger(__name__)
DISPROVABLE = tuple(module.CAUSE.id for module in CHAIN if module.CAUSE.is_disprovable)
AT_CHANCE = ("loss-at-chance", "collapsed-predictions")
REFUTABLE = tuple(module.CAUSE.id for module in CHAIN if module.CAUSE.is_refutable)


class Watch:
    """Records what is measured while a network trains, and examines it.

    Args:
        subject: the network and the data of the run.
        chance: the chance level of the training labels; None if the labels are not classes, or too few are known yet.
        steps: the number of steps of the whole run; None if unknown.
        limits: the thresholds.
    """

    def __init__(self, subject: Subject, chance: ChanceLevel | None, steps: int | None, limits: Doctor) -> None:
        self.subject = subject
        context = Context(subject, limits)
        batch = subject.pace.batch if subject.pace is not None else 1
        penalised = bool(getattr(subject.model, "losses", ()))
        averaged, margin = int(context.threshold("chance_steps")), context.threshold("chance_margin")
        self.history = History(chance, steps, batch, subject.weighted, penalised, averaged, margin)
        self._context = replace(context, history=self.history)
        self._symptoms: set[str] = set()  # causes of findings of earlier probes that a later one may withdraw
        self._most = int(context.threshold("every"))
        every = min(self._most, max(1, steps // 10)) if steps else self._most
        self.schedule = Schedule(every, context.threshold("share"), len(context.labels), batch)

    def due(self, step: int) -> bool:
        """Whether a probe is due after a step."""
        return self.schedule.due(step)

    def go_on(self) -> None:
        """Go on with a training that was expected to have ended: how long it will be is unknown from now on."""
        averaged = int(self._context.threshold("chance_steps"))
        self.history.go_on(averaged)
        self.schedule.every = self._most

    def suspect(self, findings: Iterable[Finding], val: Images | None = None) -> None:
        """Keep the findings about labels, which the run later confirms or refutes.

        Args:
            findings: the findings about the data.
            val: the validation images, whose number decides which accuracy is above luck; None if there are none.
        """
        self.history.suspect(findings, None if val is None else val.counts)

    def steps(self, step: int, losses: np.ndarray, accuracies: np.ndarray) -> list[Finding]:
        """Record the loss and accuracy of training steps; returns new findings.

        Args:
            step: the number of steps done after these.
            losses: the loss of each step, (steps,).
            accuracies: the accuracy on the batch of each step, (steps,); NaN if it is not measured.
        """
        self.history.record_steps(losses, accuracies)
        return examine(self._at(Phase.STEP, step))

    def probe(self, step: int) -> list[Finding]:
        """Send the images of the probe through the network and back; returns new findings."""
        started = time.perf_counter()
        try:
            findings = self._probe(step)
        except Exception:  # a bug in the doctor must not end the run
            log.info("A probe failed", exc_info=True)
            findings = []
        self.schedule.probed(step, time.perf_counter() - started)
        return findings

    def _probe(self, step: int) -> list[Finding]:
        context = self._at(Phase.PROBE, step)
        if context.has_finite_weights:
            matrices = [weight.values for weight in context.weights if weight.is_matrix]
            self.history.record_probe(step, matrices, context.forward.loss)
            self.history.probes.add(step, measured(context.forward, context.weights, self.history.moves))
        findings = examine(context)
        return [*self._recovered(context, findings), *findings]

    def _recovered(self, context: Context, findings: list[Finding]) -> list[Finding]:
        """The withdrawals of symptoms that earlier probes have shown, and this one does not."""
        now = {one.cause for one in findings if cause_of(one.cause).is_symptom and cause_of(one.cause).is_disprovable}
        gone = self._symptoms - now if np.isfinite(context.forward.outputs).all() else set()
        self._symptoms = (self._symptoms | now) - gone
        evidence = "The network has learned to do better since."
        return [Finding(one, "note", "probe", evidence, context.step, withdrawn=True) for one in sorted(gone)]

    def waited(self, step: int, share: float) -> list[Finding]:
        """Record the share of the last call, or batch, that was spent waiting for images; returns new findings."""
        self.history.waits.append(share)
        return examine(self._at(Phase.WAIT, step))

    def epoch(self, epoch: Epoch) -> list[Finding]:
        """Record the metrics of a training epoch; returns new findings."""
        self.history.record_epoch(epoch)
        return [*self._disproved(epoch), *examine(self._at(Phase.EPOCH, epoch.step))]

    def _disproved(self, epoch: Epoch) -> list[Finding]:
        """The withdrawals of the findings that would have kept the network from fitting its training examples.

        Findings that the loss is at chance level need less: a whole epoch that is clearly below it.
        """
        chance = self.history.chance
        disproved = DISPROVABLE if self.history.has_fitted else AT_CHANCE if self.history.is_below_chance else ()
        if chance is None:
            return []
        evidence = f"The network does learn: its training loss is {chance.shown(epoch.loss)}; {chance.described}."
        return [Finding(cause, "note", "training", evidence, epoch.step, withdrawn=True) for cause in disproved]

    def evaluated(self, step: int, loss: float, accuracy: float) -> list[Finding]:
        """Record the loss and accuracy of a validation pass; returns new findings. Accuracy is NaN if not measured."""
        self.history.record_evaluation(loss, accuracy)
        return [*self._withdrawn(step), *examine(self._at(Phase.EVALUATION, step))]

    def ended(self, step: int, stopping: Stopping | None) -> list[Finding]:
        """Record the early stopping of a run that has ended, None without one; returns new findings."""
        self.history.stopping = stopping
        return examine(self._at(Phase.END, step))

    def finished(self, step: int) -> list[Finding]:
        """The findings at the end of a training whose length was not known before."""
        self.history.total_steps = step
        return [finding for phase in (Phase.EPOCH, Phase.END) for finding in examine(self._at(phase, step))]

    def _withdrawn(self, step: int) -> list[Finding]:
        """The withdrawals of the findings that the last evaluation refutes."""
        chance = self.history.chance
        if chance is None or not self.history.is_refuted:
            return []
        last = self.history.evaluations[-1]
        evidence = (
            f"The loss is {chance.shown(last.loss)} in validation; {chance.described}."
            if chance.of_numbers or np.isnan(last.accuracy)
            else f"The network predicts {last.accuracy:.1%} of the validation images correctly, with a loss of "
            f"{last.loss:.3f}; chance level is a loss of {chance.loss:.3f}."
        )
        return [Finding(cause, "note", "validation", evidence, step, withdrawn=True) for cause in REFUTABLE]

    def _at(self, phase: Phase, step: int) -> Context:
        return replace(self._context, phase=phase, step=step)
