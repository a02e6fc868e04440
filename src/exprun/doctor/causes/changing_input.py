"""changing-input: inputs whose scale changes from epoch to epoch."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context

CAUSE = Cause(
    id="changing-input",
    why="The network has to learn again in each epoch, and works on no scale for long.",
    source="NumPy documentation, Copies and views",
    phases=(Phase.EPOCH,),
    thresholds={
        "changed_scale": Threshold(
            3.0,
            (
                "Inputs count as changing if, from one epoch to the next one, their "
                "standard deviation changes by more than this factor, or their mean by more than this number of "
                "standard deviations."
            ),
            gt=1,
        ),
    },
    explains_symptoms=True,
    explains=("learning-rate-high", "learning-rate-low", "unscaled-evaluation", "unscaled-input", "lagging-batch-norm"),
    keras=(
        "scale a copy, because x /= 255, x -= mean and preprocess_input(x) write into the array that they are given: "
        "preprocess_input(x.copy()); or scale all inputs once before fit."
    ),
)
CERTAIN = 10.0  # factor, or number of standard deviations, from which no curriculum explains a change


def check(context: Context) -> Iterator[Finding]:
    """Find inputs with one scale throughout an epoch, and with another one in the next epoch."""
    jump, least = context.history.jump, context.threshold("changed_scale")
    if jump is None or max(jump.ratio, jump.shift) <= least:
        return
    (mean, deviation), (later_mean, later_deviation) = jump.before, jump.after
    yield context.finding(
        "error" if max(jump.ratio, jump.shift) > CERTAIN else "warning",
        "training batches",
        f"The inputs have mean {mean:.3g} and standard deviation {deviation:.3g} at the beginning and at the end of "
        f"epoch {jump.epoch - 1}, but mean {later_mean:.3g} and standard deviation {later_deviation:.3g} in epoch "
        f"{jump.epoch} (each batch without its extreme values).",
        {"mean": mean, "std": deviation, "later_mean": later_mean, "later_std": later_deviation},
    )
