"""unscaled-target: numbers to predict that are so far away that no run of this length can reach them."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.instruments.divergence import is_of_a_usual_rate
from exprun.doctor.instruments.passes import rms
from exprun.text import plural, rounded

CAUSE = Cause(
    id="unscaled-target",
    why=(
        "An optimiser such as Adam moves each weight by about its learning rate in a step, however wrong the "
        "predictions are, so targets that are far from 0 take very many steps to reach; the steps of SGD grow with the "
        "targets, and overshoot."
    ),
    source="Kingma & Ba 2015, arXiv:1412.6980, section 2.1",
    phases=(Phase.FIRST_BATCH, Phase.STEP),
    thresholds={
        "far_target": Threshold(
            10.0,
            "Targets count as too far away if their distance from the first predictions is above this multiple of "
            "what the last layer can move in the run.",
            gt=1,
        ),
    },
    explains_symptoms=True,
    explains=("learning-rate-low", "learning-rate-high"),
    is_disprovable=True,
    keras=(
        "standardise the targets, y = (y - y_train.mean()) / y_train.std(), and turn predictions back: "
        "y_train.mean() + y_train.std() * prediction; or use a learning rate that is 10 to 100 times higher."
    ),
)
# Optimisers that scale each gradient to about the same size, so that a step is as long as the learning rate.
WIDE = 10.0  # how many times further apart than the far ones targets may be: hidden units grow, and differ, meanwhile
FAR = 2.0  # distance from the first predictions, in standard deviations of the targets, from which scaling matters
SCALING = ("rmsprop", "adam", "adamw", "nadam", "lion")


LARGE = 10.0  # root mean square of targets from which the steps of SGD overshoot at usual learning rates


def check(context: Context) -> Iterator[Finding]:
    """Find targets that are too far to be reached, or so large that steps overshoot, or pixels in a cross-entropy."""
    if context.phase is Phase.STEP:
        yield from _step(context)
        return
    pixels = context.task.get(CAUSE.id, ())
    yield from pixels or _first_batch(context)


def _step(context: Context) -> Iterator[Finding]:
    """Find large targets where steps of SGD overshoot although the learning rate is usual."""
    subject, found = context.subject, context.divergence
    pace, objective = subject.pace, subject.objective
    if objective is None or objective.kind != "error" or pace is None or pace.optimizer in SCALING:
        return
    size = rms(context.all_labels.values) if context.all_labels.kind in ("amounts", "numbers") else 0.0
    if size > LARGE and is_of_a_usual_rate(found, pace, context.usual_rates):
        assert found is not None
        yield context.finding(
            "error",
            "labels",
            f"{found.evidence} The targets have values around {rounded(size)} (root mean square), and gradients grow "
            f"with them; a learning rate of {pace.highest_rate:.2g} is usual for values near 1.",
            {"rms": size, **found.numbers},
        )


def _first_batch(context: Context) -> Iterator[Finding]:
    """Compare the distance to the targets with what the last layer can move in all steps of the run."""
    subject, found = context.subject, context.forward
    pace, objective = subject.pace, subject.objective
    if objective is None or objective.kind != "error" or pace is None or pace.steps is None:
        return
    if pace.optimizer not in SCALING or not len(pace.known_rates) or not found.weighted:
        return
    if context.all_labels.kind not in ("amounts", "numbers"):
        return
    targets = context.all_labels.values.reshape(len(context.all_labels.values), -1)
    usual = context.usual_rates
    if usual is not None and float(pace.known_rates.max()) < usual[0] and rms(targets) < LARGE:
        return  # the targets are scaled, and the learning rate is too low
    inputs = found.weighted[-1].inputs.reshape(len(found.outputs), -1)
    if found.outputs.ndim != 2 or targets.shape[1] != found.outputs.shape[1]:
        return
    distance = float(np.abs(targets.mean(0) - found.outputs.mean(0)).max())
    # A step moves the bias and each weight of the last layer by the learning rate, and the hidden units grow meanwhile.
    step = float(pace.known_rates.mean()) * (1 + float(np.abs(inputs).sum(1).mean()))
    reach = pace.steps * step
    most = context.threshold("far_target") * reach
    # Near the others, a target is only hard to predict.
    is_far = distance > FAR * float(targets.std(0).max()) and distance > most
    width = float(np.subtract(*np.quantile(targets, (0.75, 0.25), axis=0)).max())
    if np.isfinite(distance) and reach > 0 and (is_far or width > WIDE * most):
        yield context.finding(
            "warning",
            "labels",
            f"The targets are {rounded(targets.mean(), 4)} on average (standard deviation {rounded(targets.std())}), "
            f"and the first predictions {rounded(found.outputs.mean())}. With {pace.optimizer} and a learning rate of "
            f"{pace.highest_rate:.2g}, the last layer moves by about {step:.2g} in a step and {rounded(reach)} in all "
            f"{plural(pace.steps, 'step')}.",
            {"distance": distance, "reach": reach},
        )
