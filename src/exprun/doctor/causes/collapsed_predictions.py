"""collapsed-predictions: the same class predicted for every image."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context

CAUSE = Cause(
    id="collapsed-predictions",
    why="The network predicts the same class for every image.",
    source="Karpathy 2019, A Recipe for Training Neural Networks",
    phases=(Phase.PROBE,),
    confirm={Phase.PROBE: 3},
    explains=("loss-at-chance", "no-generalization"),
    is_symptom=True,
    is_refutable=True,
    keras="lower the learning rate; check the labels and the initialisation.",
    overrides=("{slower}", "norm=batch"),
)
MIN_CLASSES = 3  # classes of the images, of which a network that learns would predict more than one
MIN_STEPS = 20  # steps; before them, many networks predict one class


def check(context: Context) -> Iterator[Finding]:
    """Find the same class predicted for every image, in a network that has trained for some steps."""
    outputs, labels, chance = context.forward.outputs, context.labels, context.chance
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
