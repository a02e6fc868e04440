"""Images that TensorFlow Datasets has prepared, read with its package `tensorflow_datasets`."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from exprun.config.errors import DataError, one_line, printable
from exprun.config.images import Data
from exprun.config.labels import label_column
from exprun.config.paths import user_path
from exprun.data.folder import SPLITS
from exprun.data.pool import TRAIN, LeftOut, Source
from exprun.data.shards import Files, Record, Shard, check_columns, source_of

INSTALL = "pip install 'exprun[tfds]'"
INFO, FEATURES = "dataset_info.json", "features.json"  # the files in the folder of a version of a data set


def locate_tfds(data: Data) -> Source:
    """The images in a folder in which TensorFlow Datasets has prepared a data set, with their classes and splits.

    Raises:
        DataError: the package is missing, or there is no such folder, or it has several data sets, lacks a feature or
            has no training split.
    """
    assert data.root is not None
    if find_spec("tensorflow_datasets") is None:
        raise DataError(f"data=tfds needs the package tensorflow-datasets: {INSTALL}.")
    folder = _folder(user_path(data.root, f"data.root={data.root}"), data.root)
    features = _json(folder / FEATURES).get("featuresDict", {}).get("features", {})
    check_columns(data, list(features), str(folder))
    names = _names(folder, label_column(data), features[label_column(data)])
    splits = [str(split["name"]) for split in _json(folder / INFO).get("splits", [])]
    known = {name: SPLITS[name.lower()] for name in splits if name.lower() in SPLITS}
    if TRAIN not in known.values():
        raise DataError(f"{folder} has the splits {printable(', '.join(splits))}, but no train split.")
    left_out = [LeftOut(name, "no split for training, validation or test") for name in splits if name not in known]
    files = Files(str(folder), sorted(str(path) for path in folder.iterdir() if path.is_file()), "", left_out)
    read = partial(_records, folder, data.image)
    shards = [Shard(f"{folder}/{name}", part, partial(read, name)) for name, part in known.items()]
    return source_of(data, files, shards, names)


def _folder(root: Path, given: str) -> Path:
    """The folder of a prepared data set: that of a version, or the only one below a folder.

    Raises:
        DataError: there is none, or there are several.
    """
    found = [root] if (root / FEATURES).is_file() else sorted(path.parent for path in root.glob(f"**/{FEATURES}"))
    if not found:
        what = "contains no data set that TensorFlow Datasets has prepared" if root.is_dir() else "is no folder"
        raise DataError(f"data.root={given} {what}: prepare one with tfds.builder(NAME, data_dir=FOLDER).")
    if len(found) > 1:
        shown = ", ".join(str(path.relative_to(root)) for path in found[:5]) + (", …" if len(found) > 5 else "")
        raise DataError(f"data.root={given} contains several data sets: add one of {printable(shown)} to it.")
    return found[0]


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} is damaged: {one_line(error)[:120].rstrip('.')}.") from None


def _names(folder: Path, label: str, feature: Any) -> list[str] | None:
    """The names of the classes: those in the file of the label, or the numbers; None if the labels are names."""
    path = folder / f"{label}.labels.txt"
    if path.is_file():
        return path.read_text().splitlines()
    count = feature.get("classLabel", {}).get("numClasses")
    return [str(number) for number in range(int(count))] if count is not None else None


def _records(folder: Path, image: str, split: str, columns: Sequence[str]) -> Iterator[Record]:
    """The values of some features of each example; images are not decoded."""
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder_from_directory(str(folder))
        undecoded = {image: tfds.decode.SkipDecoding()} if image in columns else None
        examples = builder.as_dataset(
            split=split,
            decoders=tfds.decode.PartialDecoding(dict.fromkeys(columns, True), decoders=undecoded),
            read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),  # in the order of the files
            shuffle_files=False,
        )
        for number, example in enumerate(examples.as_numpy_iterator()):
            yield str(number), tuple(_plain(example[column]) for column in columns)
    except DataError:
        raise
    except Exception as error:  # TensorFlow and the package raise exceptions of many classes for damaged files
        raise DataError(f"Split {split} of {folder} cannot be read: {one_line(error)[:160].rstrip('.')}.") from None


def _plain(value: Any) -> Any:
    """A value of NumPy as one of Python."""
    return value.tolist() if hasattr(value, "tolist") else value
