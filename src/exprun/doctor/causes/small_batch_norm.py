"""small-batch-norm: batch norm over very few images."""

from exprun.doctor.cause import Cause, Phase, Threshold

CAUSE = Cause(
    id="small-batch-norm",
    why="The mean and variance of so few images are mostly noise.",
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
    overrides=("norm=group", "trainer.batch_size=32"),
)
