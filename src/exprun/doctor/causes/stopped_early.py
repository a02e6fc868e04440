"""stopped-early: early stopping that ends a run that still learns, or that restores weights which are not the best."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.history import LUCK
from exprun.doctor.instruments.stopping import Stopping, right_mode
from exprun.text import plural, rounded

CAUSE = Cause(
    id="stopped-early",
    why="Early stopping that watches for the wrong thing keeps weights that have hardly learned.",
    source="Prechelt 1998, Early Stopping - But When?; Keras API, EarlyStopping",
    phases=(Phase.END,),
    explains=("loss-at-chance", "collapsed-predictions", "slow-learning", "no-generalization"),
    keras="EarlyStopping(monitor='val_loss', patience=10, restore_best_weights=True), with the default min_delta.",
)
HALF = 0.5  # share of the planned epochs within which a run has ended early
STILL_FALLS = 0.03  # share by which an epoch lowers a loss that still falls
FITTED = 0.3  # loss below which the network has learned, in units of chance level, or else of the first epoch
NEAR_LOWEST = 1.01  # validation loss that counts as the lowest, in units of the lowest
MUCH_WORSE = 1.2  # validation loss of restored weights that are not the best, in units of the lowest
MIN_GAP = 0.05  # accuracy that restored weights lack, at least


def check(context: Context) -> Iterator[Finding]:
    """Find an end that is too early, or restored weights that are much worse than others of the run."""
    stopping = context.history.stopping
    if stopping is None or not context.history.epochs:
        return
    ended, restored = _ended(context, stopping), _restored(context, stopping)
    if not ended and not restored:
        return
    how = f"EarlyStopping(monitor={stopping.monitor!r}, patience={stopping.patience}{stopping.settings})"
    evidence, keras = " ".join(text for text in (ended, restored) if text), ""
    if stopping.is_upside_down:
        right = right_mode(stopping.monitor)
        evidence += f" It has mode={stopping.mode!r}, so that it takes each improvement of the metric for the opposite."
        keras = (
            f"mode={right!r}, because {stopping.monitor} is better if it is {'lower' if right == 'min' else 'higher'}."
        )
    yield context.finding(
        "error" if stopping.is_upside_down else "warning",
        how,
        evidence,
        {"epochs": len(context.history.epochs) - stopping.epochs, "planned": stopping.planned},
        keras,
    )


def _ended(context: Context, stopping: Stopping) -> str:
    """The sentence about a run that ended while its losses still fell; empty for other runs."""
    history, chance = context.history, context.comparable_chance
    epochs, evaluations = history.epochs[stopping.epochs :], history.evaluations[stopping.evaluations :]
    if not stopping.has_stopped or len(epochs) < 2 or len(epochs) > HALF * stopping.planned:
        return ""
    first, last = epochs[0].loss, epochs[-1].loss
    reference = first if chance is None else chance.loss
    # The falls of the epochs in which early stopping has seen no improvement.
    waited = min(len(epochs) - 1, max(1, stopping.patience))
    falls = last < (1 - STILL_FALLS) ** waited * epochs[-1 - waited].loss and last < (1 - STILL_FALLS) * epochs[-2].loss
    if not (np.isfinite(last) and falls and last > FITTED * reference):
        return ""
    validated = ""
    if evaluations:
        if not evaluations[-1].loss <= NEAR_LOWEST * min(one.loss for one in evaluations):
            return ""
        validated = f", and the validation loss is at its lowest ({rounded(evaluations[-1].loss)})"
    return (
        f"The run has ended after {len(epochs)} of {plural(stopping.planned, 'epoch')}, although the training loss "
        f"still falls (from {rounded(epochs[-2].loss)} to {rounded(last)} in the last epoch){validated}."
    )


def _restored(context: Context, stopping: Stopping) -> str:
    """The sentence about restored weights that are much worse than others of the fit; empty if they are not.

    They are compared by the loss, which says little about weights that are rightly chosen by another metric.
    """
    history, number = context.history, stopping.restored
    epochs, evaluations = history.epochs[stopping.epochs :], history.evaluations[stopping.evaluations :]
    if number is None or len(evaluations) != len(epochs) or not stopping.first < number <= stopping.first + len(epochs):
        return ""
    if not stopping.is_of_loss and not stopping.is_upside_down:
        return ""
    kept, best = evaluations[number - 1 - stopping.first], min(evaluations, key=lambda one: one.loss)
    luck = LUCK * np.sqrt(kept.accuracy * (1 - kept.accuracy) / history.val_images) if history.val_images else 0.0
    less_accurate = best.accuracy - kept.accuracy > max(MIN_GAP, luck)
    if not (kept.loss > MUCH_WORSE * best.loss and (less_accurate or np.isnan(kept.accuracy))):
        return ""
    accuracies = "" if np.isnan(kept.accuracy) else f" and an accuracy of {kept.accuracy:.1%}"
    of_best = "" if np.isnan(best.accuracy) else f" and {best.accuracy:.1%}"
    return (
        f"It has restored the weights of epoch {number}, with a validation loss of {rounded(kept.loss)}{accuracies}; "
        f"the best epoch, {evaluations.index(best) + 1 + stopping.first}, had {rounded(best.loss)}{of_best}."
    )
