"""slow-input: a training step that waits for its images."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context

CAUSE = Cause(
    id="slow-input",
    why="The device that trains is idle while it waits for data.",
    source="TensorFlow, Better performance with the tf.data API",
    phases=(Phase.WAIT,),
    thresholds={
        "waiting": Threshold(
            0.5,
            "The input pipeline counts as slow if training waits for images for more than this fraction of the time.",
            gt=0,
            lt=1,
        ),
    },
    keras="dataset.cache() after decoding, map(…, num_parallel_calls=tf.data.AUTOTUNE), prefetch(tf.data.AUTOTUNE).",
    overrides=("trainer.resident=true",),
)


def check(context: Context) -> Iterator[Finding]:
    """Find training steps that wait for their images most of the time."""
    waits = context.history.waits
    share = float(np.mean(waits))
    if len(waits) == waits.maxlen and share > context.threshold("waiting"):
        yield context.finding(
            "note",
            "input pipeline",
            f"In the last {len(waits)} calls, training has spent {share:.0%} of the time waiting for images.",
            {"share": share},
        )
