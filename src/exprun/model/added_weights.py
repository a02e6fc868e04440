"""Layers with one weight for each channel or value of a feature map, which Keras does not have."""

from typing import Any

import keras


@keras.saving.register_keras_serializable("exprun")
class LayerScale(keras.layers.Layer):
    """A learned factor γ for each channel (Touvron et al. 2021, arXiv:2103.17239, section 2.1).

    Args:
        init: the initial value of all factors.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, init: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.init = init

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the factors, (channels,)."""
        self.gamma = self.add_weight(
            shape=input_shape[-1:], initializer=keras.initializers.Constant(self.init), name="gamma"
        )

    def call(self, x: Any) -> Any:
        """Multiply images, (batch, height, width, channels), by the factors."""
        return x * self.gamma

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape of the output, which equals the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the layer, from which Keras restores it."""
        return {**super().get_config(), "init": self.init}


@keras.saving.register_keras_serializable("exprun")
class PositionEmbedding(keras.layers.Layer):
    """A learned vector for each pixel, which is added to it (Dosovitskiy et al. 2021, arXiv:2010.11929, section 3.1).

    Its values start at a normal distribution of standard deviation 0.02, as in the code of the paper. It counts as a
    bias, so it is usually exempt from weight decay.

    Args:
        seed: the seed of the initial values.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the vectors, (height, width, channels)."""
        self.bias = self.add_weight(
            shape=input_shape[1:], initializer=keras.initializers.RandomNormal(stddev=0.02, seed=self.seed), name="bias"
        )

    def call(self, x: Any) -> Any:
        """Add the vectors to images, (batch, height, width, channels)."""
        return x + self.bias

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape of the output, which equals the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the layer, from which Keras restores it."""
        return {**super().get_config(), "seed": self.seed}
