"""small-batch-norm: batch norm over very few images."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.text import plural

CAUSE = Cause(
    id="small-batch-norm",
    why="The mean and variance of so few examples are mostly noise.",
    source="Wu & He 2018, arXiv:1803.08494, figure 1",
    phases=(Phase.SETUP,),
    thresholds={
        "norm_batch": Threshold(
            4,
            (
                "Smallest number of images in a batch that is large enough for batch normalisation; if only feature "
                "maps are normalised, the batch may have one image less."
            ),
            source="Wu & He 2018, arXiv:1803.08494, figure 1: the error rises for batches of 8 and fewer images",
            ge=1,
        ),
    },
    explains_symptoms=True,
    explains=("learning-rate-low", "learning-rate-high", "lagging-batch-norm", "shuffled-labels"),
    keras="use larger batches, or GroupNormalization.",
    overrides=("norm=group", "trainer.accumulate=1", "trainer.batch_size=32"),
)
MAPS = 4  # dimensions of a batch of feature maps, which give batch norm many values for each image


def check(context: Context) -> Iterator[Finding]:
    """Find batch norm over too few images."""
    norms, pace = context.trained_norms, context.subject.pace
    if not norms or pace is None:
        return
    least = int(context.threshold("norm_batch"))
    if all(layer.layer.input_spec.ndim == MAPS for layer in norms):
        least = max(2, least - 1)
    count = pace.batch // pace.parts
    if count < least:
        yield context.finding(
            "warning",
            f"layer {norms[0].name}" + (f" and {len(norms) - 1} more" if len(norms) > 1 else ""),
            f"Batch norm averages over {plural(count, 'image')} at a time; 16 or more is usual.",
            {"batch": count},
        )
