"""wrong-preprocessing: inputs on another scale than those that the loaded weights were trained on."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.instruments.layers import WEIGHTED
from exprun.doctor.instruments.norms import is_nearly_fresh, normalised
from exprun.text import rounded

CAUSE = Cause(
    id="wrong-preprocessing",
    why="Filters that were trained on inputs of one scale respond to inputs of another scale with noise.",
    source="Keras Applications, https://keras.io/api/applications/: each network expects a kind of preprocessing",
    phases=(Phase.SETUP, Phase.FIRST_BATCH),
    thresholds={
        "pretrained_factor": Threshold(
            1.5,
            "Inputs are scaled wrongly if the standard deviation of a channel is larger or smaller by this factor than "
            "with the scaling of the loaded weights.",
            gt=1,
        ),
        "pretrained_shift": Threshold(
            0.5,
            "Inputs are scaled wrongly if the mean of a channel differs by more standard deviations from that with the "
            "scaling of the loaded weights.",
            gt=0,
        ),
        "pretrained_norm": Threshold(
            5.0,
            "If the scaling of the weights is not known, inputs are scaled wrongly if their standard deviation at the "
            "first batch norm is larger or smaller by this factor than its moving average.",
            gt=1,
        ),
    },
    explains=(
        "frozen-statistics",
        "exploding-signal",
        "vanishing-signal",
        "unscaled-input",
        "lagging-batch-norm",
        "loss-at-chance",
        "low-capacity",
        "slow-learning",
        "no-generalization",
        "overfitting",
        "plateau",
    ),
    keras=(
        "scale inputs as in the training of the weights; for keras.applications, use preprocess_input of the network's "
        "module."
    ),
)
IMAGE_AXES = 4


def check(context: Context) -> Iterator[Finding]:
    """Find inputs that do not have the scale of those that the loaded weights were trained on."""
    match context.phase:
        case Phase.SETUP if context.subject.expected is not None:
            yield from _known(context)
        case Phase.FIRST_BATCH if context.subject.expected is None:
            yield from _measured(context)


def _known(context: Context) -> Iterator[Finding]:
    """Compare the inputs with the same images in the scaling of the loaded weights."""
    expected, inputs = context.subject.expected, context.subject.train.inputs
    assert expected is not None
    if inputs.ndim != IMAGE_AXES or not len(inputs) or not np.isfinite(inputs).all():
        return
    axes = (0, 1, 2)
    mean, deviation = (np.asarray(found) for found in (inputs.mean(axes, np.float64), inputs.std(axes, np.float64)))
    wanted = np.maximum(expected.deviation, 1e-9)
    factors = np.maximum(deviation, 1e-9) / wanted
    factors = np.maximum(factors, 1 / factors)
    shifts = np.abs(mean - expected.mean) / wanted
    threshold = context.threshold
    if factors.max() <= threshold("pretrained_factor") and shifts.max() <= threshold("pretrained_shift"):
        return
    worst = int(np.argmax(np.maximum(factors / threshold("pretrained_factor"), shifts / threshold("pretrained_shift"))))
    yield context.finding(
        "error",
        "input",
        f"The loaded weights were trained with {expected.override}. In channel {worst + 1}, it gives these images a "
        f"mean of {_shown(expected.mean[worst])} and a standard deviation of {_shown(wanted[worst])}, but they have "
        f"{_shown(mean[worst])} and {_shown(deviation[worst])}.",
        {"factor": float(factors[worst]), "shift": float(shifts[worst])},
        remedies=(expected.override,),
    )


def _shown(value: float) -> str:
    return rounded(float(value))


def _measured(context: Context) -> Iterator[Finding]:
    """Compare what reaches the first batch norm of a trained network with its moving averages."""
    calls = context.forward.calls
    first = next((place for place, one in enumerate(calls) if one.layer.is_plain_batch_norm), None)
    before = [one for one in calls[:first] if one.layer.isa(*WEIGHTED)]
    if first is None or not before or is_nearly_fresh(calls[first].layer):
        return
    if context.subject.earlier or any(context.is_fresh(one.layer) for one in before):
        return  # averages of a short training have not settled, and its filters are still nearly random
    _, deviation = normalised(calls[first])
    factor = max(deviation, 1 / max(deviation, 1e-9))
    if factor > context.threshold("pretrained_norm"):
        yield context.finding(
            "error",
            f"layer {calls[first].layer.name}",
            "The filters before the first batch norm are trained, but their outputs for these images have "
            f"{_shown(deviation)} times the standard deviation of its moving average.",
            {"factor": factor},
            remedies=(),
        )
