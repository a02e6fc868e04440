"""frozen-statistics: batch norm with frozen averages that are far from what reaches it."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.instruments.norms import is_nearly_fresh, normalised, uses_averages
from exprun.text import plural, rounded

CAUSE = Cause(
    id="frozen-statistics",
    why=(
        "A batch norm that is frozen, or called with training=False, normalises with the averages of the data that it "
        "was trained on, so its inputs must be scaled as they were then."
    ),
    source="Keras guides, Transfer learning & fine-tuning",
    phases=(Phase.FIRST_BATCH,),
    thresholds={
        "frozen_scale": Threshold(
            10.0,
            (
                "Frozen averages count as foreign if the standard deviation of the inputs of a batch norm is smaller "
                "or larger than that of its averages by this factor, or if their means differ by this many standard "
                "deviations."
            ),
            gt=1,
        ),
    },
    explains_symptoms=True,
    explains=("unscaled-input", "learning-rate-low", "vanishing-signal", "exploding-signal", "shuffled-labels"),
    keras=(
        "scale the inputs as in the training of the frozen layers, with the preprocess_input of its module in "
        "keras.applications, and only once."
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Compare the frozen averages of the first batch norm with the values that reach it."""
    frozen = [call for call in context.forward.calls if call.layer.is_plain_batch_norm and uses_averages(call)]
    if not frozen or is_nearly_fresh(frozen[0].layer):
        return
    first, most = frozen[0], context.threshold("frozen_scale")
    shift, scale = normalised(first)
    if not np.isfinite([shift, scale]).all() or (1 / most <= scale <= most and shift <= most):
        return
    times = f"{rounded(scale)} times" if scale > 1 else f"1/{rounded(1 / max(scale, 1e-9))} of"
    more = f" The network has {plural(len(frozen), 'batch norm')} with frozen averages." if len(frozen) > 1 else ""
    yield context.finding(
        "warning",
        f"layer {first.layer.name}",
        f"The values that reach the layer have {times} the standard deviation of its frozen averages, and their mean "
        f"is {rounded(shift, 2)} of these standard deviations away.{more}",
        {"scale": scale, "shift": shift},
    )
