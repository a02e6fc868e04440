"""Writers of the same images in each format that `data` reads, for tests and `scripts/bench data_formats`."""

import csv
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from PIL import Image as Pillow


class Image(NamedTuple):
    """An image file.

    Args:
        split: `train` or `test`.
        label: the name of its class.
        name: its name, without the suffix.
        content: the content of the file.
        suffix: its suffix, without the dot.
    """

    split: str
    label: str
    name: str
    content: bytes
    suffix: str = "png"


def made(count: int = 12, size: int = 8, classes: Sequence[str] = ("cat", "dog", "eel")) -> list[Image]:
    """Some images of noise, two thirds of them for training, in the order in which a folder is read."""
    rng = np.random.default_rng(0)
    images = []
    for number in range(count):
        file = io.BytesIO()
        Pillow.fromarray(rng.integers(0, 256, (size, size, 3), np.uint8)).save(file, "PNG")
        split = "test" if number >= count * 2 // 3 else "train"
        images.append(Image(split, classes[number % len(classes)], f"{number:04d}", file.getvalue()))
    return sorted(images, key=lambda image: (image.split, image.label, image.name))


def splits(images: Sequence[Image]) -> dict[str, list[Image]]:
    """The images of each split, in the order of its first image."""
    found: dict[str, list[Image]] = {}
    for image in images:
        found.setdefault(image.split, []).append(image)
    return found


def classes_of(images: Sequence[Image]) -> list[str]:
    """The names of the classes, sorted."""
    return sorted({image.label for image in images})


def write_folder(folder: Path, images: Sequence[Image]) -> str:
    """Write a folder with a folder for each split and class, and return the path for `data.root`, as all writers do."""
    for image in images:
        path = folder / image.split / image.label / f"{image.name}.{image.suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image.content)
    return str(folder)


def write_csv(folder: Path, images: Sequence[Image]) -> str:
    """Write image files and a table with the columns `image`, `label` and `split`."""
    write_folder(folder, images)
    with open(folder / "labels.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "label", "split"])
        for image in images:
            rows.writerow([f"{image.split}/{image.label}/{image.name}.{image.suffix}", image.label, image.split])
    return str(folder / "labels.csv")


def _table(images: Sequence[Image], classes: list[str]) -> Any:
    """A table with the columns of Hugging Face's library, and with the names of the classes in its metadata."""
    import pyarrow as pa

    features = {"image": {"_type": "Image"}, "label": {"names": classes, "_type": "ClassLabel"}}
    values = {
        "image": [{"bytes": image.content, "path": f"{image.name}.{image.suffix}"} for image in images],
        "label": [classes.index(image.label) for image in images],
    }
    return pa.table(values).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def _pieces(images: Sequence[Image], shards: int) -> list[Sequence[Image]]:
    each = -(-len(images) // shards)
    return [images[start : start + each] for start in range(0, len(images), each)]


def write_parquet(folder: Path, images: Sequence[Image], shards: int = 2, rows: int = 100) -> str:
    """Write Parquet files as on the Hugging Face Hub, some for each split.

    Args:
        folder: the folder of the files.
        images: the images.
        shards: the number of files for each split.
        rows: the number of rows in a row group.
    """
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    for split, inside in splits(images).items():
        for number, piece in enumerate(_pieces(inside, shards)):
            path = folder / f"{split}-{number:05d}-of-{shards:05d}.parquet"
            pq.write_table(_table(piece, classes_of(images)), path, row_group_size=rows)
    return str(folder)


def write_huggingface(folder: Path, images: Sequence[Image]) -> str:
    """Write the Arrow files of `save_to_disk`, a folder for each split."""
    import pyarrow as pa

    for split, inside in splits(images).items():
        (folder / split).mkdir(parents=True, exist_ok=True)
        table = _table(inside, classes_of(images))
        path = str(folder / split / "data-00000-of-00001.arrow")
        with pa.OSFile(path, "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table, max_chunksize=1000)
        (folder / split / "state.json").write_text("{}")
    return str(folder)


def write_tfrecord(folder: Path, images: Sequence[Image], shards: int = 2) -> str:
    """Write TFRecord files with TensorFlow, with the features of its scripts for ImageNet."""
    import tensorflow as tf

    folder.mkdir(parents=True, exist_ok=True)
    classes = classes_of(images)
    for split, inside in splits(images).items():
        for number, piece in enumerate(_pieces(inside, shards)):
            with tf.io.TFRecordWriter(str(folder / f"{split}-{number:05d}-of-{shards:05d}")) as writer:
                for image in piece:
                    feature = {
                        "image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image.content])),
                        "image/class/label": tf.train.Feature(
                            int64_list=tf.train.Int64List(value=[classes.index(image.label)])
                        ),
                        "image/class/text": tf.train.Feature(
                            bytes_list=tf.train.BytesList(value=[image.label.encode()])
                        ),
                        "image/object/bbox/xmin": tf.train.Feature(float_list=tf.train.FloatList(value=[0.5, 0.25])),
                    }
                    example = tf.train.Example(features=tf.train.Features(feature=feature))
                    writer.write(example.SerializeToString())
    (folder / "labels.txt").write_text("".join(f"{number}:{name}\n" for number, name in enumerate(classes)))
    return str(folder)


def write_webdataset(folder: Path, images: Sequence[Image], shards: int = 2, mode: Literal["w", "w:gz"] = "w") -> str:
    """Write tar files with an image, a file `cls` and a file `json` for each sample."""
    folder.mkdir(parents=True, exist_ok=True)
    classes = classes_of(images)
    for split, inside in splits(images).items():
        for number, piece in enumerate(_pieces(inside, shards)):
            with tarfile.open(folder / f"{split}-{number:06d}.tar{'.gz' if mode == 'w:gz' else ''}", mode) as tar:
                for image in piece:
                    fields = json.dumps({"label": image.label, "person": image.name}).encode()
                    number_of_class = str(classes.index(image.label)).encode()
                    files = {image.suffix: image.content, "cls": number_of_class, "json": fields}
                    for suffix, content in files.items():
                        member = tarfile.TarInfo(f"{image.name}.{suffix}")
                        member.size = len(content)
                        tar.addfile(member, io.BytesIO(content))
    (folder / "labels.txt").write_text("\n".join(classes))
    return str(folder)


def write_arrays(folder: Path, images: Sequence[Image]) -> str:
    """Write decoded images as arrays."""
    folder.mkdir(parents=True, exist_ok=True)
    classes = classes_of(images)
    arrays: dict[str, Any] = {"classes": np.array(classes)}
    for split, inside in splits(images).items():
        decoded = [np.asarray(Pillow.open(io.BytesIO(image.content)).convert("RGB")) for image in inside]
        arrays |= {f"x_{split}": np.stack(decoded), f"y_{split}": np.array([classes.index(i.label) for i in inside])}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return str(folder)


def write_tfds(folder: Path, images: Sequence[Image]) -> str:
    """Prepare a data set with TensorFlow Datasets."""
    import tensorflow_datasets as tfds

    classes = classes_of(images)
    features = tfds.features.FeaturesDict(
        {"image": tfds.features.Image(shape=(None, None, 3)), "label": tfds.features.ClassLabel(names=classes)}
    )
    examples = {
        split: [(n, {"image": io.BytesIO(image.content), "label": image.label}) for n, image in enumerate(inside)]
        for split, inside in splits(images).items()
    }
    tfds.dataset_builders.store_as_tfds_dataset(
        name="written",
        version="1.0.0",
        features=features,
        split_datasets=examples,
        data_dir=str(folder),
        disable_shuffling=True,
    )
    return str(folder)


# The writer of each format, and the settings with which the images that it wrote are read.
WRITERS: dict[str, tuple[Callable[..., str], dict[str, str]]] = {
    "image_folder": (write_folder, {}),
    "csv": (write_csv, {"split": "split"}),
    "arrays": (write_arrays, {}),
    "parquet": (write_parquet, {}),
    "tfrecord": (write_tfrecord, {"image": "image/encoded", "label": "image/class/label"}),
    "webdataset": (write_webdataset, {"label": "cls"}),
    "huggingface": (write_huggingface, {}),
    "tfds": (write_tfds, {}),
}
