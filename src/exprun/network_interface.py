"""The interface of a trained network, with which it can be used without its training images."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exprun import classification
from exprun.config.errors import RunError
from exprun.files import write_whole
from exprun.input import Scaling
from exprun.run_folder import RunFolder

if TYPE_CHECKING:
    from exprun.data import Dataset


@dataclass(frozen=True)
class Interface:
    """The inputs and outputs of a network: its classes, the shape of its images and the scaling of their pixels.

    Args:
        classes: the names of the classes, in the order of the logits.
        image: the height, width and channels of an image.
        scaling: the crop and the scaling of its pixels.
        several: whether an image may have several labels, each with a probability of its own.
    """

    classes: list[str]
    image: tuple[int, int, int]
    scaling: Scaling
    several: bool = False

    @classmethod
    def of(cls, dataset: "Dataset", scaling: Scaling) -> "Interface":
        """The interface of a network that is trained on a data set."""
        return cls(dataset.classes, dataset.image_shape, scaling, dataset.has_several)

    def probabilities(self, logits: Any) -> np.ndarray:
        """The probabilities of logits, float64, (images, classes): their softmax, or the sigmoid of several labels."""
        found = np.asarray(logits, np.float64)
        if self.several:
            return np.asarray(np.exp(-np.logaddexp(0, -found)))
        return classification.softmax(found)

    def write(self, folder: RunFolder) -> None:
        """Write the interface to `network.json` in the run folder."""
        scaling = {
            "scale": self.scaling.scale.tolist(),
            "offset": self.scaling.offset.tolist(),
            "per_image": self.scaling.per_image,
            "reverse": self.scaling.reverse,
            "crop": self.scaling.crop,
        }
        record = {"classes": self.classes, "image": list(self.image), "scaling": scaling, "several": self.several}
        write_whole(folder.network, json.dumps(record, indent=1, ensure_ascii=False))

    @classmethod
    def read(cls, folder: RunFolder) -> "Interface":
        """Read the interface from `network.json` in the run folder.

        Raises:
            RunError: the file does not exist or is damaged.
        """
        try:
            record = json.loads(folder.network.read_text(encoding="utf-8"))
            height, width, channels = map(int, record["image"])
            scale, offset = (np.asarray(record["scaling"].pop(key), np.float32) for key in ("scale", "offset"))
            if not scale.shape == offset.shape == (channels,):
                raise ValueError
            return cls(
                [str(name) for name in record["classes"]],
                (height, width, channels),
                Scaling(scale, offset, **record["scaling"]),
                bool(record.get("several", False)),  # which older versions did not write
            )
        except FileNotFoundError:
            raise RunError(
                f"{folder.path} has no {folder.network.name}: the run ended before its network was built."
            ) from None
        except (OSError, ValueError, KeyError, TypeError):
            raise RunError(f"{folder.network} is damaged.") from None


def save_keras(path: Path, model: Any, scaling: Scaling, shape: tuple[int, int, int]) -> None:
    """Save a Keras model with its scaling, from pixels of 0 to 255 to logits, which loads without exprun."""
    from exprun.model.plain import plain, plain_initializers

    whole = of_pixels(plain(model, convolutions=False), scaling, shape)
    with plain_initializers(whole):
        whole.save(path)


def served(model: Any, interface: Interface) -> Any:
    """The network and its probabilities as a graph of TensorFlow, without exprun and the classes of Keras layers.

    Args:
        model: the Keras model, from pixels of 0 to 255, (images, *interface.image), to logits, (images, classes).
        interface: the interface of the network.

    Returns:
        A `tf.Module`; called with images, uint8, (images, *interface.image), it returns the probabilities of the
        classes, float32, (images, classes).
    """
    import tensorflow as tf

    class Served(tf.Module):
        """The network and its probabilities as a function of TensorFlow."""

        def __init__(self) -> None:
            self.weights = [variable.value for variable in model.variables]  # TensorFlow saves what attributes hold

        @tf.function(input_signature=[tf.TensorSpec((None, *interface.image), tf.uint8, "image")])
        def __call__(self, image: Any) -> Any:
            logits = tf.cast(model(tf.cast(image, tf.float32), training=False), tf.float32)
            return tf.nn.sigmoid(logits) if interface.several else tf.nn.softmax(logits)

    return Served()


def of_pixels(model: Any, scaling: Scaling, shape: tuple[int, int, int]) -> Any:
    """The Keras model that scales pixels of 0 to 255, (batch, *shape), and then calls `model`."""
    import keras

    pixels = keras.Input(shape, name="pixels")
    return keras.Model(pixels, model(scaling.on_graph(pixels)), name=model.name)
