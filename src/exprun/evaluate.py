"""The metrics of a trained network on labelled images that its run may never have seen."""

import hashlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from exprun import classification
from exprun import metrics as names
from exprun.classification import PerClass
from exprun.config.compose import Composer
from exprun.config.errors import ConfigError, DataError, UserError
from exprun.config.images import Data
from exprun.config.options import option_names
from exprun.config.paths import user_path
from exprun.data import load
from exprun.data.dataset import read_pool
from exprun.data.folder import SPLITS, find_images, is_hidden, summary
from exprun.data.pool import TEST, LeftOut, plain
from exprun.data.stream import HASH_BYTES, hashes_of
from exprun.export import network
from exprun.files import sha256
from exprun.network_interface import Interface
from exprun.predict import BATCH, decoded
from exprun.records import Run
from exprun.run_folder import RunFolder
from exprun.text import listed, plural

TABLES: dict[str, Literal["csv", "arrays"]] = {".csv": "csv", ".npz": "arrays"}  # options of data by suffixes
CONFIDENCE = 0.95
MAX_HASHED = 4 * 2**30  # bytes of training images up to which they are compared with the images that are measured


@dataclass(frozen=True)
class Labelled:
    """Labelled images.

    Args:
        name: what the images are, for people.
        labels: the class of each image in the order of the run's classes, int32, (images,); or several labels, 0 or 1,
            (images, classes).
        read: function that reads the images at some positions: the images that can be read, uint8, (images, height,
            width, channels), by position, and the reason for each other one.
        files: the path of each image; empty if the images have no files of their own.
        left_out: files and folders that are not read.
    """

    name: str
    labels: np.ndarray
    read: Callable[[range], tuple[dict[int, np.ndarray], dict[int, str]]]
    files: Sequence[str] = ()
    left_out: Sequence[LeftOut] = ()


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a run's network on labelled images.

    Args:
        data: what the images are, for people.
        images: the number of images that were measured.
        classes: the names of the classes of the run.
        metrics: the metrics by name, such as `macro_f1`.
        intervals: the 95 % interval of those metrics that are shares of images.
        each: the metrics of each class.
        warnings: sentences on what makes the metrics doubtful.
        unreadable: the files that cannot be read, each with the reason.
    """

    data: str
    images: int
    classes: list[str]
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    each: PerClass
    warnings: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def interval_of_class(self, metric: str, number: int) -> tuple[float, float]:
        """The 95 % interval of the recall or the precision of a class; NaN if it is not defined.

        Args:
            metric: `recall` or `precision`.
            number: the number of the class.
        """
        share = float(getattr(self.each, metric)[number])
        count = int((self.each.images if metric == names.RECALL else self.each.predicted)[number])
        return wilson(round(share * count), count) if count else (math.nan, math.nan)


def wilson(right: int, images: int) -> tuple[float, float]:
    """The 95 % interval of a share of images (Wilson 1927, doi:10.1080/01621459.1927.10502953).

    Args:
        right: the number of images in the share.
        images: the number of all images, at least 1.
    """
    from scipy.stats import binomtest  # type: ignore[import-untyped]

    found = binomtest(right, images).proportion_ci(CONFIDENCE, "wilson")
    return float(found.low), float(found.high)


def find(run: Run, data: str) -> Labelled:
    """The labelled images that a person names.

    Args:
        run: the run whose network will be measured.
        data: a folder with a folder for each class, one with a folder for each split, a CSV file or NumPy arrays with
            the columns and kind of labels of the run, or an option of `data`.

    Raises:
        ConfigError: there is no such folder or option, or the folder has splits without a test split.
        DataError: the images have a class that the run does not know, or there are none.
        RunError: the run has no network.
    """
    interface = Interface.read(RunFolder(run.folder))
    path = user_path(data)
    if path.suffix.lower() in TABLES and path.is_file():
        return _in_table(run, interface, path, data)
    if interface.several and (path.is_dir() or data in option_names()["data"]):
        raise ConfigError(
            f"{data} has one class for each image, but {run.name} finds several labels: name a CSV or .npz file with "
            "such labels."
        )
    if path.is_dir():
        return _in_folder(run, interface, path, data)
    options = option_names()["data"]
    if data not in options or path.exists():
        problem = "is not a folder" if path.exists() else "does not exist"
        raise ConfigError(
            f"{data} {problem}: name a folder with a folder of images for each class, a CSV file, or an option of data "
            f"({', '.join(options)})."
        )
    return _of_option(run, interface, data)


def _in_folder(run: Run, interface: Interface, path: Path, name: str) -> Labelled:
    """The images of a folder with a folder for each class, or of its test split."""
    inside = _folders(path)
    splits = [one for one in inside if one.lower() in SPLITS and one not in interface.classes and _folders(path / one)]
    if splits:
        test = next((one for one in splits if SPLITS[one.lower()] == TEST), None)
        if test is None:
            raise ConfigError(
                f"{name} has the folders {listed(splits)} but no test folder: name the folder to measure, such as "
                f"{Path(name) / splits[-1]}."
            )
        path, name = path / test, str(Path(name) / test)
        inside = _folders(path)
    left_out: list[LeftOut] = []
    found = {one: find_images(str(path / one), left_out) for one in inside}
    numbers = _numbers(run, interface, [one for one, images in found.items() if images], name)
    files = [file for images in found.values() for file in images]
    if not files:
        also = f"; {summary(left_out)}" if left_out else ""
        raise DataError(f"There is no image in {name}: it must have a folder of images for each class{also}.")
    labels = [numbers[one] for one, images in found.items() for _ in images]

    def read(rows: range) -> tuple[dict[int, np.ndarray], dict[int, str]]:
        images, problems = decoded([files[row] for row in rows], run, interface)
        position = {files[row]: row for row in rows}
        return {position[f]: x for f, x in images.items()}, {position[f]: text for f, text in problems.items()}

    return Labelled(name, np.array(labels, np.int32), read, [os.path.relpath(file) for file in files], left_out)


def _folders(path: Path) -> list[str]:
    """The names of the folders in a folder that are not hidden."""
    return sorted(entry.name for entry in path.iterdir() if entry.is_dir() and not is_hidden(entry.name))


def _in_table(run: Run, interface: Interface, path: Path, name: str) -> Labelled:
    """All images of a CSV file or of arrays, with the columns and the kind of labels of the run's config."""
    own, kind = RunFolder(run.folder).read_config().data, TABLES[path.suffix.lower()]
    height, width, channels = interface.image
    columns: dict[str, Any] = {"image": own.image, "label": own.label} if own.name == kind == "csv" else {}
    source, pool = read_pool(
        Data(
            name=kind,
            root=str(path),
            size=height if height == width else None,
            channels=3 if channels == 3 else 1,
            labels=own.labels,
            corrupt="refuse",
            background=own.background,
            cache=own.cache,
            **columns,
        )
    )
    if pool.images.shape[1:] != interface.image:
        wanted, given = ("×".join(map(str, shape)) for shape in (interface.image, pool.images.shape[1:]))
        raise DataError(f"{name} has images of {given}, but {run.name} takes {wanted}.")
    numbers = _numbers(run, interface, pool.classes, name)
    places = np.array([numbers[one] for one in pool.classes])
    if interface.several:
        labels = np.zeros((len(pool.images), len(interface.classes)), np.float32)
        labels[:, places] = pool.labels
    else:
        labels = places[pool.labels.argmax(axis=1) if pool.labels.ndim > 1 else pool.labels].astype(np.int32)

    def read(rows: range) -> tuple[dict[int, np.ndarray], dict[int, str]]:
        return {row: pool.images[row] for row in rows}, {}

    return Labelled(name, labels, read, pool.files, source.left_out)


def _of_option(run: Run, interface: Interface, option: str) -> Labelled:
    """The test images of an option of `data`, in the size and channels of the run's images."""
    height, width, channels = interface.image
    words = [f"data={option}", f"data.channels={channels}", "model.layers=[{global_pool: avg}]"]
    config = Composer().config([*words, *([f"data.size={height}"] if height == width else [])])
    dataset = load(config.data)
    if dataset.test is None or dataset.image_shape != interface.image:
        shape = "×".join(map(str, interface.image))
        problem = "no test images" if dataset.test is None else f"images that cannot be scaled to {shape}"
        raise DataError(f"data={option} has {problem}.")
    test = dataset.test
    numbers = _numbers(run, interface, [dataset.classes[i] for i in np.unique(test.row_labels)], f"data={option}")
    labels = np.array([numbers[dataset.classes[label]] for label in test.row_labels], np.int32)

    def read(rows: range) -> tuple[dict[int, np.ndarray], dict[int, str]]:
        return {row: test.images[test.rows[row]] for row in rows}, {}

    files = [dataset.files[row] for row in test.rows] if dataset.files else []
    return Labelled(f"the test images of data={option}", labels, read, files, dataset.left_out)


def _numbers(run: Run, interface: Interface, classes: Sequence[str], name: str) -> dict[str, int]:
    """The number of each class in the run, by name.

    Raises:
        DataError: the run does not know a class.
    """
    known = {one: number for number, one in enumerate(interface.classes)}
    if unknown := [plain(one) for one in classes if plain(one) not in known]:
        raise DataError(
            f"{name} has images of {listed(unknown)}, but {run.name} knows only the classes "
            f"{listed(interface.classes, most=20)}: leave out or rename {'them' if len(unknown) > 1 else 'it'}."
        )
    return {one: known[plain(one)] for one in classes}


def evaluate(run: Run, data: Labelled) -> Evaluation:
    """Measure labelled images with the network of a run, with the weights that validation chose.

    Args:
        run: the run.
        data: the images.

    Raises:
        ConfigError: the config of the run cannot be read, or the code of its network has changed.
        DataError: none of the images can be read.
        RunError: the run has no network.
    """
    model, interface = network(run)
    rows: list[int] = []
    logits: list[np.ndarray] = []
    digests: list[bytes] = []
    unreadable: dict[int, str] = {}
    for start in range(0, len(data.labels), BATCH):
        images, problems = data.read(range(start, min(start + BATCH, len(data.labels))))
        unreadable |= problems
        if images:
            rows += images
            digests += map(_digest, images.values())
            logits.append(np.asarray(model(np.stack(list(images.values()))), np.float32))
    failed = [f"{data.files[row]}: {reason}" for row, reason in unreadable.items()]
    if not rows:
        raise DataError(f"No image of {data.name} can be read; the first is {failed[0]}.")
    labels, together = data.labels[rows], np.concatenate(logits)
    each = classification.per_class(labels, classification.predicted(labels, together), len(interface.classes))
    ordered = run.config.get("data.labels") == "ordered"
    found = _metrics(labels, together, run.metrics.get(f"val/{names.BEST}{names.TEMPERATURE}"), ordered)
    of_images = (names.SUBSET_ACCURACY,) if interface.several else ("accuracy", names.TOP5_ACCURACY)
    shares = (name for name in of_images if name in found)
    files = [data.files[row] for row in rows] if data.files else []
    return Evaluation(
        data=data.name,
        images=len(rows),
        classes=interface.classes,
        metrics=found,
        intervals={name: wilson(round(found[name] * len(rows)), len(rows)) for name in shares},
        each=each,
        warnings=[*_undefined(labels, together, interface.classes), *_seen(run, files, digests)],
        unreadable=failed,
    )


def _metrics(labels: np.ndarray, logits: np.ndarray, temperature: float | None, ordered: bool) -> dict[str, float]:
    """All metrics of a set of images by name.

    Args:
        labels: the class of each image, (images,), or several labels, (images, classes).
        logits: the logits of each image, (images, classes).
        temperature: the temperature that the run fitted to its validation images; None without one.
        ordered: whether the classes have an order.
    """
    predictions = classification.predicted(labels, logits)
    return {
        "loss": classification.cross_entropy(labels, logits),
        "accuracy": classification.accuracy(labels, predictions),
        **classification.of_predictions(labels, predictions, logits.shape[1], ordered),
        **classification.of_logits(labels, logits, temperature=temperature),
    }


def _undefined(labels: np.ndarray, logits: np.ndarray, classes: Sequence[str]) -> Iterator[str]:
    """Sentences on classes without images, on metrics that are not defined, and on logits that are not finite."""
    present = np.flatnonzero(labels.any(axis=0)) if labels.ndim > 1 else np.unique(labels)
    if absent := [name for number, name in enumerate(classes) if number not in present]:
        yield f"There are no images of {listed(absent)}, so they have no recall and are left out of means over classes."
    if reason := classification.undefined(names.AUROC, labels, len(classes)):
        yield f"There is no AUROC: {reason}."
    if not np.isfinite(logits).all():
        yield "Some logits are not finite, so there are no metrics that need all of them."


def _digest(image: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image).tobytes(), digest_size=16).digest()


def _content(file: str) -> bytes:
    """The hash of the content of a file as `hashes_of` has it; empty if there is no such file."""
    try:
        return bytes.fromhex(sha256(Path(file)))[:HASH_BYTES]
    except OSError:
        return b""


def _seen(run: Run, files: Sequence[str], digests: Sequence[bytes]) -> Iterator[str]:
    """Sentences on images that the run has trained on or that chose its weights.

    Args:
        run: the run.
        files: the path of each image; empty if the images have no files of their own.
        digests: the digest of the pixels of each image.
    """
    try:
        dataset = load(RunFolder(run.folder).read_config().data)
    except UserError as error:
        yield f"The images are not compared with those of the training, which cannot be read: {error}"
        return
    images = dataset.train.images
    contents = hashes_of(images)  # compared instead of pixels, for which all images would have to be decoded
    if contents is not None:
        digests = [_content(file) for file in files]
    elif len(dataset.train) * images[0].nbytes > MAX_HASHED:
        yield "The images are not compared with those of the training, which would take long because there are many."
        return
    if not all(digests) or not digests:
        yield "The images are not compared with those of the training: they are compared by their files, and have none."
        return
    for how, split in {"trained on": dataset.train, "chose its weights by": dataset.val}.items():
        if contents is None:
            known = {_digest(images[row]) for row in split.rows}
        else:
            known = {content.tobytes() for content in contents[split.rows]}
        seen = [number for number, digest in enumerate(digests) if digest in known]
        if seen:
            examples = f" ({listed(files[number] for number in seen)})" if files else ""
            yield (
                f"The run {how} {len(seen):,} of the {plural(len(digests), 'image')}{examples}, so the metrics are "
                "probably better than on new images."
            )
