"""Compare the predictions of an exported file with those of the run that it comes from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exprun.config.errors import DataError, RunError, one_line
from exprun.data import Dataset, Split, load
from exprun.formats import LIMITS
from exprun.network_interface import Interface
from exprun.predict import LABELLED, decoded
from exprun.records import Run
from exprun.run_folder import RunFolder
from exprun.text import plural

MOST = 100  # images that are compared
CALIBRATION = 200  # training images that give the ranges of int8


@dataclass(frozen=True)
class Agreement:
    """How well an exported file agrees with the command `predict`.

    Args:
        images: the images that were compared, for people.
        difference: the largest difference of a probability.
        equal: the share of the images with the same likeliest class, or with the same labels.
        limit: the largest difference that the precision of the file explains.
    """

    images: str
    difference: float
    equal: float
    limit: float

    @property
    def holds(self) -> bool:
        """Whether the precision of the file explains the difference; a difference of NaN never holds."""
        return self.difference <= self.limit

    def __str__(self) -> str:
        return (
            f"Compared with predict on {self.images}: the largest difference of a probability is "
            f"{self.difference:.2g}, and {100 * self.equal:.4g} % of the classes are equal."
        )


def agreement(name: str, wanted: np.ndarray, found: np.ndarray, precision: str, several: bool = False) -> Agreement:
    """The agreement of probabilities, (images, classes) each.

    Args:
        name: the images, for people.
        wanted: the probabilities by the command `predict`.
        found: the probabilities of the file.
        precision: the precision of the file, one of `exprun.formats.PRECISIONS`.
        several: whether an image may have several labels.
    """
    if several:
        equal = float(((wanted > LABELLED) == (found > LABELLED)).all(axis=1).mean())
    else:
        equal = float((wanted.argmax(axis=1) == found.argmax(axis=1)).mean())
    return Agreement(name, float(np.abs(wanted - found).max()), equal, LIMITS[precision])


def reader(path: Path, form: str, interface: Interface) -> Callable[[np.ndarray], np.ndarray]:
    """The function of an exported file, from images, uint8, to the probabilities of the classes, (images, classes).

    Args:
        path: the path of the file or folder.
        form: the format, a key of `exprun.formats.FORMATS`.
        interface: the interface of the network.

    Raises:
        RunError: Keras cannot load the file.
    """
    if form == "keras":
        import keras

        try:
            keras_model = keras.saving.load_model(path)
        except Exception as error:  # layers of other packages may not restore from their own config
            raise RunError(
                f"Keras cannot load the file that it saved: {one_line(error)[:110].rstrip('.')}; choose another --to."
            ) from None
        return lambda images: interface.probabilities(keras_model(images))
    if form == "savedmodel":
        import tensorflow as tf

        saved = tf.saved_model.load(str(path))
        return lambda images: np.asarray(saved(images))
    if form == "tflite":
        from ai_edge_litert.interpreter import Interpreter

        runner = Interpreter(str(path)).get_signature_runner()
        return lambda images: np.asarray(runner(image=images)["output_0"])
    if form == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return lambda images: np.asarray(session.run(None, {"image": images})[0])
    import mlflow

    served = mlflow.pyfunc.load_model(str(path))
    return lambda images: np.asarray(served.predict(images))


def data_of(run: Run, interface: Interface) -> Dataset:
    """The images of a run, by its config.

    Raises:
        UserError: they are missing or damaged, or no longer have the shape that the network takes.
    """
    dataset = load(RunFolder(run.folder).read_config().data)
    if dataset.image_shape != interface.image:
        wanted, given = ("×".join(map(str, one)) for one in (interface.image, dataset.image_shape))
        raise DataError(f"the images of {run.name} now have the shape {given}, but its network takes {wanted}.")
    return dataset


def spread(split: Split, most: int) -> np.ndarray:
    """Up to `most` images of a split, spread over all of it, uint8, (images, height, width, channels)."""
    return split.images[split.rows[np.linspace(0, len(split) - 1, min(len(split), most)).astype(int)]]


def images_of_data(dataset: Dataset) -> tuple[str, np.ndarray]:
    """Up to `MOST` test images or, without a test split, validation images: for people, and as an array."""
    name, split = ("test", dataset.test) if dataset.test is not None else ("validation", dataset.val)
    found = spread(split, MOST)
    return plural(len(found), f"{name} image"), found


def images_of_files(files: Sequence[str], run: Run, interface: Interface) -> tuple[str, np.ndarray]:
    """The first `MOST` of the named images: for people, and as an array.

    Raises:
        DataError: one of them cannot be read.
    """
    found, problems = decoded(files[:MOST], run, interface)
    for file, reason in problems.items():
        raise DataError(f"{file} cannot be read: {reason}.")
    return f"{plural(len(found), 'image')} given with --images", np.stack(list(found.values()))
