"""slow-input: a training step that waits for its images."""

from exprun.doctor.cause import Cause, Phase, Threshold

CAUSE = Cause(
    id="slow-input",
    why="The device that trains is idle while it waits for images.",
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
