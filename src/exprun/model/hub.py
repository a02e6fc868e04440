"""Build a network from a backbone of KerasHub."""

from typing import Any

import keras

from exprun.config.errors import RunError, one_line
from exprun.config.hub import PRESET, preset_source
from exprun.config.schema import Config
from exprun.model.application import add_head


def hub(config: Config, shape: tuple[int, int, int], classes: int) -> tuple[Any, Any]:
    """A network with a backbone of KerasHub, and the backbone.

    The layers of the backbone are layers of the network, so their names can be used in `model.freeze`.

    Args:
        config: the config of the run; `model.preset`, `weights`, `pooling`, `hidden`, `head_dropout`, `init` and `seed`
            are used.
        shape: the height, width and channels of the network's input.
        classes: the number of classes, which is the number of logits.

    Returns:
        The network, from scaled images to logits, float32, and the Keras model from its input to a feature map (batch,
        height, width, channels), or to vectors (batch, patches, channels).

    Raises:
        RunError: the preset cannot be loaded, does not fit the images, or is not of a backbone for images.
    """
    import keras_hub  # type: ignore[import-untyped]

    model = config.model
    try:
        backbone = keras_hub.models.Backbone.from_preset(
            preset_source(str(model.preset)),
            load_weights=model.weights == PRESET,
            image_shape=shape,
            dtype=keras.config.dtype_policy().name,
        )
    except Exception as error:  # KerasHub raises exceptions of many classes, also for sizes that its weights do not fit
        raise RunError(
            f"model.preset={model.preset} cannot be loaded for images of {'×'.join(map(str, shape))}: "
            f"{one_line(error)[:200].rstrip('.')}; set data.size and data.channels to those of the preset."
        ) from None
    x = backbone.output
    if not isinstance(x, keras.KerasTensor) or len(x.shape) not in (3, 4):
        raise RunError(
            f"model.preset={model.preset} returns no feature map and no vectors of patches; name the preset of "
            "an image classifier."
        )
    return keras.Model(backbone.input, add_head(_pooled(x, model.pooling), config, classes), name="hub"), backbone


def _pooled(x: Any, pooling: str | None) -> Any:
    """A feature map, or vectors of patches, as one vector, (batch, features)."""
    if pooling == "flatten":
        return keras.layers.Flatten(name="flatten")(x)
    kind = f"Global{'Max' if pooling == 'max' else 'Average'}Pooling{len(x.shape) - 2}D"
    return getattr(keras.layers, kind)(name="global_pool")(x)
