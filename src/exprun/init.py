"""The init room: Keras' initialisers by the names of the config."""

from typing import Any

import keras

from exprun.config.schema import Init, InitPart

_CLASSES = {
    "glorot_uniform": keras.initializers.GlorotUniform,
    "glorot_normal": keras.initializers.GlorotNormal,
    "he_normal": keras.initializers.HeNormal,
    "he_uniform": keras.initializers.HeUniform,
    "lecun_normal": keras.initializers.LecunNormal,
}


def part_for(init: Init, kind: str) -> InitPart:
    """What holds for a kind of layer: `conv`, `dense` or `classifier`."""
    return getattr(init, kind) or init


def kernel_initializer(part: InitPart, seed: int) -> Any:
    """A Keras initialiser for a kernel; the same seed makes the same values."""
    match part.name:
        case "orthogonal":
            return keras.initializers.Orthogonal(gain=part.gain, seed=seed)
        case "gaussian":
            return keras.initializers.RandomNormal(stddev=part.stddev, seed=seed)
        case "truncated_normal":
            return keras.initializers.TruncatedNormal(stddev=part.stddev, seed=seed)
    return _CLASSES[part.name](seed=seed)


def bias_initializer(part: InitPart) -> Any:
    """A Keras initialiser for a bias."""
    return keras.initializers.Constant(part.bias)
