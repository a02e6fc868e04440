"""too-few-steps: a run that ends before the network has learned anything, while its loss still falls."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.history import History
from exprun.text import plural

CAUSE = Cause(
    id="too-few-steps",
    why="A network learns in small steps; a run that ends after a few of them shows nothing about it.",
    source="Goodfellow et al. 2016, Deep Learning, section 8.1.3",
    phases=(Phase.EPOCH,),
    thresholds={
        "untrained": Threshold(
            0.85,
            "A run counts as too short if it ends with a training loss above this fraction of the chance-level loss, "
            "and the loss still falls or the run has few steps.",
            gt=0,
            lt=1,
        ),
    },
    explains=("loss-at-chance", "collapsed-predictions", "slow-learning", "no-generalization"),
    is_symptom=True,
    keras=(
        "train for more epochs, or with a smaller batch_size, which makes more steps of an epoch; if the loss falls "
        "slowly, multiply the learning rate by 3."
    ),
    overrides=("{faster}",),
)
FEW_STEPS = 50  # steps in which hardly a network learns
MIN_ROWS = 100  # rows of training, from which a run with few steps is not a part of a longer one
HALF_LEARNED = 0.5  # loss at the end from which it is worth a note that the loss still falls, in units of chance level
FALLS = 0.04  # share by which the loss has fallen in the last quarter of a run in which it still falls
NOISE = 3.0  # standard errors by which two losses differ without a cause


def check(context: Context) -> Iterator[Finding]:
    """Find a run that has ended at a loss near chance level, although the loss still falls or the steps were few."""
    history, chance = context.history, context.comparable_chance
    epochs, steps = history.epochs, history.total_steps
    if chance is None or steps is None or not history.has_ended or history.follows:
        return  # a fit that an earlier one has prepared shows nothing about the number of steps
    last = epochs[-1]
    before, now, noise, apart = _at_the_end(history)
    if not np.isfinite([last.loss, before, now]).all() or history.has_diverged:
        return
    falls = before - now > max(FALLS * before, NOISE * noise)
    low = context.threshold("untrained") * chance.loss - NOISE * chance.error
    rose = history.first_loss is not None and now > history.first_loss + NOISE * noise
    few = steps < FEW_STEPS and steps * history.batch >= MIN_ROWS and not rose
    if now < chance.at(HALF_LEARNED) or not (falls or (few and now > low)):
        return
    ways = f" The loss still falls, from {chance.shown(before)} {plural(apart, 'step')} earlier." if falls else ""
    yield context.finding(
        "warning" if now > low else "note",
        "training",
        f"The run ends after {plural(steps, 'step')} in {plural(len(epochs), 'epoch')} with a training loss of "
        f"{chance.shown(now)}; {chance.described}.{ways}",
        {"loss": now, "guessing": chance.loss, "before": before, "steps": steps},
    )


def _at_the_end(history: History) -> tuple[float, float, float, int]:
    """The training loss some steps ago and at the end, the standard error of their difference, and how many steps.

    A run of several epochs is compared with what it was a quarter of the run ago, a shorter one within its last steps.
    """
    epochs = history.epochs
    if len(epochs) >= 8:
        before, end = epochs[-1 - len(epochs) // 4], epochs[-1]
        return before.loss, end.loss, float(np.hypot(before.noise, end.noise)), end.step - before.step
    losses = np.array([loss for loss, _ in history.recent])
    quarter = max(1, len(losses) // 4)
    earlier, last = losses[-2 * quarter : -quarter], losses[-quarter:]
    if not len(earlier):
        return float(last.mean()), float(last.mean()), 0.0, 0
    noise = float(np.hypot(earlier.std(), last.std())) / float(np.sqrt(quarter))
    return float(earlier.mean()), float(last.mean()), noise, quarter
