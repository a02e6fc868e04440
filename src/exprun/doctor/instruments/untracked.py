"""Variables that a model uses but does not know of."""

from typing import Any

import tensorflow as tf

from exprun.doctor.instruments.recording import called
from exprun.doctor.instruments.states import unchanged


def untracked(model: Any, inputs: Any) -> list[str]:
    """The trainable variables that affect the output but that the model does not track, each with its shape.

    Args:
        model: a Keras model.
        inputs: a few images, as the model takes them.
    """
    with unchanged(model), tf.GradientTape() as tape:
        called(model, inputs, False)
        used = tape.watched_variables()
    tracked = {id(v.value) for v in model.variables} | {id(v) for v in model.variables}
    unknown = [v for v in used if v.trainable and id(v) not in tracked]
    return [f"{v.name.split(':')[0]} of shape {tuple(v.shape)}" for v in unknown]
