"""collapsed-predictions: the same class, or the same number, predicted for every example."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.chance import ChanceLevel
from exprun.doctor.instruments.passes import spread
from exprun.text import rounded

CAUSE = Cause(
    id="collapsed-predictions",
    why="The network predicts the same for every example, whatever its inputs are.",
    source="Karpathy 2019, A Recipe for Training Neural Networks",
    phases=(Phase.PROBE,),
    confirm={Phase.PROBE: 3},
    explains=("loss-at-chance", "no-generalization"),
    is_symptom=True,
    is_refutable=True,
    is_disprovable=True,
    keras="lower the learning rate; check the labels and the initialisation.",
    overrides=("{slower}", "norm=batch"),
)
MIN_CLASSES = 3  # classes of the images, of which a network that learns would predict more than one
MIN_STEPS = 20  # steps; before them, many networks predict one class
SAME = 0.02  # standard deviation of predictions of one number, in units of that of the targets
MIN_ROWS = 8  # rows whose predictions are compared


def check(context: Context) -> Iterator[Finding]:
    """Find the same class predicted for every image, in a network that has trained for some steps."""
    outputs, labels, chance = context.forward.outputs, context.labels, context.chance
    if chance is not None and chance.of_numbers:
        yield from _numbers(context, chance)
        return
    if chance is None or chance.classes < 2 or outputs.ndim != 2 or outputs.shape[1] < 2:
        return
    predicted = np.unique(outputs.argmax(1))
    labelled = len(np.unique(labels.reshape(len(labels), -1), axis=0))
    if len(predicted) > 1 or labelled < MIN_CLASSES or context.has_learned or (context.step or 0) < MIN_STEPS:
        return
    yield context.finding(
        "warning",
        "output",
        f"The network predicts class {context.subject.class_name(int(predicted[0]))} for all {len(outputs)} images of "
        f"the probe, but they belong to {labelled} classes.",
        {"classes": labelled},
    )


def _numbers(context: Context, chance: ChanceLevel) -> Iterator[Finding]:
    """Find predictions that are about the same number for every row, in a network that stays at chance level."""
    outputs, labels = context.forward.outputs, context.labels
    if len(outputs) < MIN_ROWS or outputs.size != labels.size or not np.isfinite(outputs).all():
        return
    predicted, wanted = spread(outputs), spread(labels)
    if predicted < SAME * wanted and context.history.is_at_chance and not context.explains_numbers:
        yield context.finding(
            "warning",
            "output",
            f"The predictions for {len(outputs)} examples have a standard deviation of {predicted:.2g} around "
            f"{rounded(outputs.mean(), 4)}, but that of their targets is {rounded(wanted)} around "
            f"{rounded(labels.mean(), 4)}. The loss is {chance.shown(context.history.mean_loss)}; {chance.described}.",
            {"predicted": predicted, "wanted": wanted},
            "scale the inputs and the targets to mean 0 and standard deviation 1, and check that labels and outputs "
            "have the same shape; then change the learning rate by factors of 10.",
            (),
        )
