"""large-first-loss: a loss before training that is far above chance level."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.instruments.chance import uniform_loss
from exprun.doctor.instruments.passes import rms
from exprun.text import rounded

CAUSE = Cause(
    id="large-first-loss",
    why=(
        "An untrained network should give all classes about the same probability, and numbers of about the size of "
        "the targets."
    ),
    source="Karpathy 2019, A Recipe for Training Neural Networks",
    phases=(Phase.FIRST_BATCH,),
    thresholds={
        "large_loss": Threshold(
            4.0,
            "The loss before training counts as too large above this multiple of ln(number of classes).",
            source=(
                "healthy networks start at 1 to 2.5 times ln(classes); Karpathy 2019, A Recipe for Training Neural "
                "Networks"
            ),
            gt=1,
        ),
    },
    is_symptom=True,
    is_disprovable=True,
    keras="scale the inputs, and give the last layer small initial weights.",
    overrides=("input=standardize", "init=he_normal", "init=he_normal input=standardize"),
)
WARNING_FACTOR = 3  # a loss above this many times the threshold is a warning, not a note


def check(context: Context) -> Iterator[Finding]:
    """Compare the loss with the initial weights with the loss of giving all classes the same probability."""
    found, objective, large = context.forward, context.subject.objective, context.threshold("large_loss")
    if objective is None or found.loss is None:
        return
    if objective.kind == "error":
        yield from _numbers(context, large)
        return
    uniform = uniform_loss(objective.kind, found.outputs.shape[-1])
    if uniform is not None and np.isfinite(found.loss) and found.loss > large * uniform:
        yield context.finding(
            "warning" if found.loss > WARNING_FACTOR * large * uniform else "note",
            "loss",
            f"The loss is {rounded(found.loss, 4)} before training; chance level is {uniform:.3f}, and up to "
            f"{large:g} times that is normal.",
            {"loss": found.loss, "guessing": uniform},
        )


def _numbers(context: Context, large: float) -> Iterator[Finding]:
    """Find first predictions that are far larger than the targets: most steps then only make them smaller."""
    found, level = context.forward, context.first_level
    if level is None or found.loss is None or not np.isfinite(found.loss) or not context.fits:
        return
    predicted, wanted = rms(found.outputs), rms(context.labels)
    if found.loss > large**2 * level.loss and predicted > large * wanted:
        yield context.finding(
            "note",
            "loss",
            f"Before training, the predictions are around {rounded(predicted)} (root mean square), but the targets "
            f"around {rounded(wanted)}. The loss is {rounded(found.loss, 4)}; {level.described}.",
            {"loss": found.loss, "guessing": level.loss},
        )
