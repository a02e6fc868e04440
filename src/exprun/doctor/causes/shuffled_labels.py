"""shuffled-labels: labels that belong to other images."""

from collections.abc import Iterator
from dataclasses import replace

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context

CAUSE = Cause(
    id="shuffled-labels",
    why="Labels that do not belong to their images can only be memorised.",
    source="Zhang et al. 2017, arXiv:1611.03530, section 2",
    phases=(Phase.DATA, Phase.STEP, Phase.EVALUATION),
    explains_symptoms=True,
    explains=("learning-rate-high",),
    is_refutable=True,
    keras="plot ten images with their labels; read, sort and shuffle images and labels with the same index.",
)
TWICE = 2  # evaluations in a row at chance level that confirm a suspicion


def check(context: Context) -> Iterator[Finding]:
    """Find labels that do not belong to their images."""
    match context.phase:
        case Phase.STEP:
            yield from _step(context)
        case Phase.EVALUATION:
            yield from _evaluation(context)


def _step(context: Context) -> Iterator[Finding]:
    """Confirm a suspicion about labels: the network stays at chance level, whatever its loss is."""
    if context.history.is_no_better_than_chance:
        yield from _confirmed(context)


def _evaluation(context: Context) -> Iterator[Finding]:
    """Confirm a suspicion about labels: training learns, but validation stays at chance level."""
    history = context.history
    if history.suspicion is None or history.chance is None:
        return
    at_chance = history.evaluations[-1].accuracy <= 1.25 * history.chance.accuracy + 0.02  # few images may be lucky
    if context.streak("memorised", at_chance and history.training_learns) >= TWICE and context.lag is None:
        yield from _confirmed(context)


def _confirmed(context: Context) -> Iterator[Finding]:
    if context.history.suspicion is not None:
        yield replace(context.history.suspicion, severity="warning", step=context.step)
