"""example-weights: class weights or sample weights that leave examples out of the loss, or make the loss tiny."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context

CAUSE = Cause(
    id="example-weights",
    why="The weight of an example multiplies its loss, and so its gradient: with weight 0, the network never sees it.",
    source="Keras API, Model training APIs, fit: class_weight and sample_weight",
    phases=(Phase.DATA,),
    explains_symptoms=True,
    explains=("learning-rate-low", "class-imbalance"),
    keras=(
        "print the weights that fit gets; weights that are 1 on average keep the loss as it is: "
        "sample_weight = sample_weight / sample_weight.mean()."
    ),
)
MIN_EXAMPLES = 30  # examples with weights that show a rule
MIN_OF_CLASS = 5  # examples of a class that have no weight
EMPTY = 0.5  # share of batches without any weight from which steps are wasted
TINY = 0.1  # mean weight below which the loss counts as made smaller
LOST = 0.01  # share of a usual step that is left by gradients far below epsilon
LEARNED = 0.2  # share of the way from chance level to 100 % from which the network learns
PROPORTIONAL = ("sgd", "sgd_momentum", "nesterov", "adagrad")  # optimisers whose steps shrink with the gradient


def check(context: Context) -> Iterator[Finding]:
    """Find the worst property of the weights of the first examples."""
    each = [weights for weights in context.subject.weights if len(weights)]
    together = np.concatenate([np.zeros(0), *each])
    if len(together) < MIN_EXAMPLES:
        return
    numbers = {"examples": float(len(together))}
    if not np.isfinite(together).all():
        yield context.finding(
            "error",
            "weights in the loss",
            f"{int((~np.isfinite(together)).sum()):,} of {len(together):,} weights are NaN or infinite.",
            numbers,
            "look for a division by 0, such as by the number of examples of a class that does not occur.",
        )
    elif not together.any():
        yield context.finding(
            "error",
            "weights in the loss",
            f"All {len(together):,} examples checked have the weight 0, so the loss is 0 for all predictions.",
            numbers,
        )
    else:
        yield from _classes(context, together)
        yield from _batches(context, each)
        yield from _size(context, float(np.abs(together).mean()))


def _classes(context: Context, weights: np.ndarray) -> Iterator[Finding]:
    """Find classes all of whose examples have the weight 0."""
    classes, subject = context.subject.weighted_classes, context.subject
    if classes is None or len(classes) != len(weights) or classes.min() < 0:
        return
    counts = np.bincount(classes)
    lost = np.flatnonzero((counts >= MIN_OF_CLASS) & (np.bincount(classes, weights != 0) == 0))
    if not len(lost):
        return
    tested = None if subject.val is None else subject.val.counts
    is_tested = tested is not None and bool(tested[lost[lost < len(tested)]].any())
    share = float(counts[lost].sum() / len(weights))
    named = ", ".join(subject.class_name(int(number)) for number in lost[:MIN_OF_CLASS])
    yield context.finding(
        "error" if is_tested else "warning",
        "weights in the loss",
        f"All {int(counts[lost].sum()):,} examples of class {named} have the weight 0, {share:.0%} of the examples "
        f"checked{', but validation has this class' if is_tested else ''}.",
        {"classes": float(len(lost)), "share": share},
        "give each class a weight above 0: class_weight={c: len(y) / (classes * (y == c).sum()) for c in "
        "range(classes)}, with a key for each class number.",
    )


def _batches(context: Context, each: list[np.ndarray]) -> Iterator[Finding]:
    """Find batches that have no weight at all."""
    empty = sum(not weights.any() for weights in each)
    if empty > EMPTY * len(each):
        yield context.finding(
            "warning",
            "weights in the loss",
            f"In {empty} of {len(each)} batches, all examples have the weight 0, so that these steps change nothing.",
            {"empty": float(empty), "batches": float(len(each))},
            "leave out the examples without weight before they are put into batches, or shuffle them.",
        )


def _size(context: Context, mean: float) -> Iterator[Finding]:
    """Find weights so small that the steps of the optimiser become tiny, in a network that has not learned."""
    pace, usual = context.subject.pace, context.usual_rates
    if pace is None or usual is None or pace.highest_rate is None or mean >= TINY or _learns(context):
        return
    effect = ""
    if pace.optimizer in PROPORTIONAL and pace.highest_rate * mean < usual[0]:
        effect = (
            f"a step of {pace.optimizer} at learning rate {pace.highest_rate:.2g} is then as long as one at "
            f"{pace.highest_rate * mean:.1g} without weights; {usual[0]:g} to {usual[1]:g} is usual"
        )
    elif pace.epsilon and (size := _gradient(context)) is not None and size * mean < LOST * pace.epsilon:
        effect = (
            f"the gradient is then around {size * mean:.0e}, and {pace.optimizer}, which adds its epsilon of "
            f"{pace.epsilon:.0e} to the size of the gradient before it divides by it, hardly moves a weight"
        )
    if effect:
        yield context.finding(
            "warning", "weights in the loss", f"The weights are {mean:.2g} on average: {effect}.", {"mean": mean}
        )


def _learns(context: Context) -> bool:
    """Whether the last epoch is clearly more accurate than chance level."""
    epochs, chance = context.history.epochs, context.chance
    if not epochs or chance is None:
        return False
    return epochs[-1].accuracy > chance.accuracy + LEARNED * (1 - chance.accuracy)


def _gradient(context: Context) -> float | None:
    """The root mean square of the gradient without weights; None if it is unknown or 0."""
    known = [gradient.ravel() for gradient in context.forward.gradients if gradient is not None]
    size = float(np.sqrt(np.mean(np.square(np.concatenate(known))))) if known else 0.0
    return size if np.isfinite(size) and size > 0 else None
