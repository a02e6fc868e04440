"""What goes into a trained network and what comes out, so that it can be used without its training images."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exprun.config.errors import RunError
from exprun.files import write_whole
from exprun.input import Scaling
from exprun.run_folder import RunFolder

if TYPE_CHECKING:
    from exprun.data import Dataset


@dataclass(frozen=True)
class Interface:
    """What goes into a network and what comes out.

    Args:
        classes: names, in the order of the logits.
        image: height, width and channels of an image.
        scaling: of its pixels.
    """

    classes: list[str]
    image: tuple[int, int, int]
    scaling: Scaling

    @classmethod
    def of(cls, dataset: "Dataset", scaling: Scaling) -> "Interface":
        """Of a network that is trained on these images."""
        return cls(dataset.classes, dataset.image_shape, scaling)

    def write(self, folder: RunFolder) -> None:
        """Write `network.json` into the folder of a run."""
        scaling = {
            "scale": self.scaling.scale.tolist(),
            "offset": self.scaling.offset.tolist(),
            "per_image": self.scaling.per_image,
            "reverse": self.scaling.reverse,
            "crop": self.scaling.crop,
        }
        found = {"classes": self.classes, "image": list(self.image), "scaling": scaling}
        write_whole(folder.network, json.dumps(found, indent=1, ensure_ascii=False))

    @classmethod
    def read(cls, folder: RunFolder) -> "Interface":
        """Of the run in a folder.

        Raises:
            RunError: it has none, or one that cannot be read.
        """
        try:
            found = json.loads(folder.network.read_text(encoding="utf-8"))
            height, width, channels = map(int, found["image"])
            scale, offset = (np.asarray(found["scaling"].pop(key), np.float32) for key in ("scale", "offset"))
            if not scale.shape == offset.shape == (channels,):
                raise ValueError
            return cls(
                [str(name) for name in found["classes"]],
                (height, width, channels),
                Scaling(scale, offset, **found["scaling"]),
            )
        except FileNotFoundError:
            raise RunError(
                f"{folder.path} has no {folder.network.name}: the run ended before its network was built."
            ) from None
        except (OSError, ValueError, KeyError, TypeError):
            raise RunError(f"{folder.network} is damaged.") from None


def save_keras(path: Path, model: Any, scaling: Scaling, shape: tuple[int, int, int]) -> None:
    """Write a model with its input scaling inside: it takes pixels of 0 to 255 and yields logits."""
    of_pixels(model, scaling, shape).save(path)


def of_pixels(model: Any, scaling: Scaling, shape: tuple[int, int, int]) -> Any:
    """The Keras model that scales pixels of 0 to 255, (batch, *shape), before `model`."""
    import keras

    pixels = keras.Input(shape, name="pixels")
    return keras.Model(pixels, model(scaling.on_graph(pixels)), name=model.name)
