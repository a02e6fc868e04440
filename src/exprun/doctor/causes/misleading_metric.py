"""misleading-metric: an accuracy that does not count right predictions."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Severity
from exprun.doctor.context import Context
from exprun.doctor.instruments.accuracies import Accuracy, Guesses, guesses_of

CAUSE = Cause(
    id="misleading-metric",
    why="The network may learn well, or not at all, while this number shows something else.",
    source="Keras documentation, Accuracy metrics",
    phases=(Phase.FIRST_BATCH, Phase.PROBE, Phase.LATER),
    confirm={Phase.PROBE: 2},
    keras="metrics=['accuracy'].",
    in_code=True,
)
SOUND = 0.9  # accuracy of right predictions from which it counts as sound
DIFFERENCE = 0.1  # difference of the reported and the actual accuracy of the same examples that is reported
NARROW, WIDE = 0.4, 8.0  # logits of predictions by a narrow and by a wide margin; a threshold of 0.5 lies between both
NEAR = 0.01  # error of predictions that are nearly right, in standard deviations of the targets
ABOVE = "(model.predict(x)[:, 0] > 0.5).astype(int), with a threshold of 0 if the outputs are logits."
UNCLEAR = "metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)]: a logit of 0 is a probability of 0.5."


def check(context: Context) -> Iterator[Finding]:
    """Find an accuracy that right predictions do not raise, or that is not their share, and argmax of one output."""
    if context.use is not None:
        if context.use.takes_largest_of_one:
            yield context.finding(
                "error",
                context.use.name,
                "The network has one output for each row, and argmax of one number is 0: every row counts as class 0.",
                keras=ABOVE,
            )
        return
    if not context.accuracies:
        return
    guesses = guesses_of(context.forward, context.subject.objective, context.all_labels)
    if context.phase is Phase.PROBE:
        found = () if guesses is None else _measured(context, guesses)
    elif guesses is None:
        found = _of_numbers(context)
    else:
        found = _tried(context, guesses)
    yield from list(found)[:1]


def _tried(context: Context, guesses: Guesses) -> Iterator[Finding]:
    """Compare the accuracy of right and of wrong predictions, by a narrow and by a wide margin."""
    for accuracy in _in_question(context, guesses):
        narrow, wide = (_of_right_and_wrong(accuracy, guesses, margin) for margin in (NARROW, WIDE))
        if narrow is None or wide is None or _is_sound(narrow):
            continue
        if wide[0] - wide[1] < 0.5:
            yield context.finding(
                _severity(accuracy),
                f"metric {accuracy.name}",
                f"{accuracy.kind} is {wide[0]:.0%} for predictions that are all right, and {wide[1]:.0%} for "
                "predictions that are all wrong.",
                {"right": wide[0], "wrong": wide[1]},
            )
        elif narrow[0] < SOUND and not guesses.may_have_threshold:
            yield context.finding(
                "note",
                f"metric {accuracy.name}",
                f"{accuracy.kind} is {narrow[0]:.0%} for predictions that are all right by a narrow margin: its "
                f"threshold does not fit the {'logits' if guesses.are_logits else 'outputs'} of the network.",
                {"right": narrow[0]},
                _remedy(guesses),
            )


def _severity(accuracy: Accuracy) -> Severity:
    """How sure it is that an accuracy is not what was meant: a function of the script may count near misses."""
    return "note" if accuracy.is_own else "warning"


def _is_sound(values: tuple[float, float]) -> bool:
    return values[0] >= SOUND and values[1] <= 1 - SOUND


def _in_question(context: Context, guesses: Guesses) -> list[Accuracy]:
    """The accuracies that may mislead: those of the script do not if another one counts right predictions."""
    tried = (_of_right_and_wrong(accuracy, guesses, NARROW) for accuracy in context.accuracies)
    is_known = any(values is not None and _is_sound(values) for values in tried)
    return [accuracy for accuracy in context.accuracies if not (accuracy.is_own and is_known)]


def _of_right_and_wrong(accuracy: Accuracy, guesses: Guesses, margin: float) -> tuple[float, float] | None:
    right, wrong = (accuracy.value(guesses.labels, guesses.made(margin, is_right)) for is_right in (True, False))
    return None if right is None or wrong is None else (right, wrong)


def _measured(context: Context, guesses: Guesses) -> Iterator[Finding]:
    """Compare the accuracy with the share of right predictions of the same examples."""
    outputs = context.forward.outputs
    if guesses.may_have_threshold:
        return
    actual = guesses.share_right(outputs)
    for accuracy in _in_question(context, guesses):
        reported = accuracy.value(guesses.labels[: len(outputs)], outputs)
        if reported is not None and abs(reported - actual) > DIFFERENCE:
            yield context.finding(
                _severity(accuracy),
                f"metric {accuracy.name}",
                f"{accuracy.kind} is {reported:.0%} for {len(outputs)} examples of which the network predicts "
                f"{actual:.0%} correctly.",
                {"reported": reported, "actual": actual},
                _remedy(guesses),
            )


def _remedy(guesses: Guesses) -> str:
    return UNCLEAR if guesses.are_logits and guesses.units == 1 else ""


def _of_numbers(context: Context) -> Iterator[Finding]:
    """Find an accuracy of numbers that does not count predictions that are nearly right."""
    objective, labels = context.subject.objective, context.all_labels
    if objective is None or objective.kind not in ("error", "unknown") or labels.kind != "amounts":
        return
    if (
        labels.values.size != len(labels.values) * context.forward.outputs[0].size
        or not np.isfinite(labels.values).all()
    ):
        return
    targets = labels.values.astype(np.float32)
    near = (targets + NEAR * targets.std()).reshape(len(targets), *context.forward.outputs.shape[1:])
    for accuracy in context.accuracies:
        value = accuracy.value(targets, near)
        if value is not None and value < 0.5:
            yield context.finding(
                "note",
                f"metric {accuracy.name}",
                f"The targets are numbers, and {accuracy.kind} is {value:.0%} for predictions that miss them by 1% of "
                "their standard deviation: it counts only equal numbers.",
                {"near": value},
                "metrics=['mae'] or metrics=[keras.metrics.R2Score()]; an accuracy is for classes.",
            )
