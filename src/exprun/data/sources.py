"""Find and read the files of each data set, and download them if needed.

A data set is searched for in `data.root`, in Keras' cache and in the folder of Debian's packages. If it is in none of
them, it is downloaded and its checksum is compared. No file that is read can execute code: the reader of pickles
accepts only arrays and plain values, and arrays are loaded without pickles.
"""

import gzip
import importlib.util
import io
import os
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from exprun.config.datasets import FACTS, PALM_SIZE
from exprun.config.errors import DataError, one_line
from exprun.config.images import Data
from exprun.config.labels import ROWS
from exprun.config.paths import NO_HOME, user_path
from exprun.data import palm_vein
from exprun.data.arrow import locate_arrow
from exprun.data.csv_file import locate_csv
from exprun.data.folder import is_hidden, locate_folder
from exprun.data.groups import groups_of_arrays
from exprun.data.label_values import checked
from exprun.data.pool import TEST, TRAIN, VALIDATION, Allocate, Pool, Source, plain
from exprun.data.remote import is_remote
from exprun.data.remote_folder import locate_remote_folder
from exprun.data.tfds import locate_tfds
from exprun.data.tfrecord import locate_tfrecord
from exprun.data.webdataset import locate_webdataset

MAX_CLASSES = 100_000
SHARD_FORMATS: dict[str, Callable[[Data], Source]] = {
    "parquet": locate_arrow,
    "tfrecord": locate_tfrecord,
    "webdataset": locate_webdataset,
    "huggingface": locate_arrow,
    "tfds": locate_tfds,
}


class Remote(NamedTuple):
    """A file that can be downloaded.

    Args:
        url: the URL of the file.
        checksum: the checksum of the file in the notation of pooch: "sha256:…" or "md5:…".
    """

    url: str
    checksum: str


# The checksums of MNIST and CIFAR (sha256) come from Keras' loaders, those of Fashion-MNIST (md5) from the page of its
# authors.
_FASHION_URL = "https://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
REMOTES = {
    "mnist.npz": Remote(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
        "sha256:731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    ),
    "cifar-10-python.tar.gz": Remote(
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        "sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    ),
    "cifar-100-python.tar.gz": Remote(
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        "sha256:85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    ),
    "train-images-idx3-ubyte.gz": Remote(
        _FASHION_URL + "train-images-idx3-ubyte.gz", "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d"
    ),
    "train-labels-idx1-ubyte.gz": Remote(
        _FASHION_URL + "train-labels-idx1-ubyte.gz", "md5:25c81989df183df01b3e8a0aad5dffbe"
    ),
    "t10k-images-idx3-ubyte.gz": Remote(
        _FASHION_URL + "t10k-images-idx3-ubyte.gz", "md5:bef4ecab320f06d8554ea6380940ec79"
    ),
    "t10k-labels-idx1-ubyte.gz": Remote(
        _FASHION_URL + "t10k-labels-idx1-ubyte.gz", "md5:bb300cfdad3c16e7a12a480ee83cd310"
    ),
}
IDX = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def locate(data: Data) -> Source:
    """The files of a data set and their reader; files that are not on the machine are downloaded.

    Raises:
        DataError: files are missing and cannot be downloaded; the message names them and the folder to put them in.
    """
    match data.name:
        case "digits":
            return _digits()
        case "mnist":
            return _mnist(data)
        case "fashion_mnist":
            files = _find_idx(_folders(data, "fashion-mnist")) or _download_idx(data)
            return Source(files, lambda _: _read_idx(files, data.name))
        case "cifar10" | "cifar100":
            return _cifar(data)
        case "palm_vein":
            return _palm_vein(data)
        case "image_folder":
            return locate_remote_folder(data) if is_remote(str(data.root)) else locate_folder(data)
        case "csv":
            return locate_csv(data)
        case "arrays":
            return _arrays(data)
    return SHARD_FORMATS[data.name](data)


def _folders(data: Data, *names: str) -> list[Path]:
    """The folders to search for files of a data set: the user's, or Keras' cache, Debian's folder and downloads."""
    if data.root is not None:
        root = user_path(data.root, f"data.root={data.root}")
        if not root.exists():
            raise DataError(f"data.root={data.root} does not exist.")
        return [root, *(root / name for name in names)]
    keras = _keras_folder()
    system = Path("/usr/share/datasets")
    return [keras, *(keras / name for name in names), *(system / name for name in names), _downloads(data)]


def _keras_folder() -> Path:
    home = os.environ.get("KERAS_HOME")
    keras = user_path(home, f"KERAS_HOME={home}") if home else Path(os.path.expanduser("~/.keras"))
    return keras / "datasets"


def _downloads(data: Data) -> Path:
    return user_path(data.cache, f"data.cache={data.cache}") / "downloads" / data.name


def _download(data: Data, name: str) -> Path:
    """Download the file `name` with a progress bar and compare its checksum; returns its path."""
    import pooch

    folder, remote = _downloads(data), REMOTES[name]
    keras = _keras_folder()
    target = data.root or (folder if keras.is_relative_to(NO_HOME) else keras)
    where = f"put {name} into {target}, or set data.root to its folder"
    if data.root is not None:
        raise DataError(f"data.root={data.root} has no files of {data.name}: {where}.")
    try:
        return Path(pooch.retrieve(remote.url, remote.checksum, name, folder, progressbar=True))
    except ValueError as error:  # pooch deletes a file whose checksum differs
        raise DataError(
            f"The download of {data.name} is damaged ({one_line(error)[:120]}); try again, or {where}."
        ) from None
    except Exception as error:
        host = remote.url.split("/")[2]
        reason = f"{host} cannot be reached" if "Connection" in type(error).__name__ else one_line(error)[:80]
        raise DataError(f"{data.name} is not on this machine and cannot be downloaded ({reason}): {where}.") from None


def _digits() -> Source:
    """The 8×8 digits of scikit-learn (Alpaydin & Kaynak 1998), read without importing it, which would take seconds."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise DataError("data=digits needs scikit-learn, which contains the images: pip install scikit-learn.")
    file = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"

    def read(_: Allocate) -> Pool:
        rows = np.loadtxt(file, delimiter=",")
        images = np.rint(rows[:, :-1].reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
        return _pool("digits", images, rows[:, -1], np.zeros(len(rows)))

    return Source([file], read)


def _palm_vein(data: Data) -> Source:
    """Palm veins, which are drawn; the cache key is everything that the drawing depends on, its code included."""
    people, each, size, first = data.people, data.images_per_person, data.size or PALM_SIZE, data.first_person
    assert people is not None
    assert each is not None
    assert first is not None
    read = lambda allocate: palm_vein.draw(people, each, size, first, allocate)  # noqa: E731
    return Source([Path(palm_vein.__file__)], read, f"{people} {each} {first}")


def _mnist(data: Data) -> Source:
    folders = _folders(data, "mnist", "MNIST/raw")
    if files := _find_idx(folders):
        return Source(files, lambda _: _read_idx(files, "mnist"))
    file = next((f / "mnist.npz" for f in folders if (f / "mnist.npz").is_file()), None) or _download(data, "mnist.npz")

    def read(_: Allocate) -> Pool:
        arrays = _load_npz(file)
        if missing := [name for name in ("x_train", "y_train", "x_test", "y_test") if name not in arrays]:
            raise DataError(f"{file} lacks {', '.join(missing)}.")
        images = np.concatenate([arrays["x_train"], arrays["x_test"]])[..., None]
        labels = np.concatenate([arrays["y_train"], arrays["y_test"]])
        return _pool("mnist", images, labels, np.repeat([TRAIN, TEST], [len(arrays["x_train"]), len(arrays["x_test"])]))

    return Source([file], read)


def _find_idx(folders: list[Path]) -> list[Path] | None:
    """The four idx files, compressed or not, of the first folder that has all of them; None if no folder has."""
    for folder in folders:
        files = [next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None) for name in IDX]
        if all(files):
            return [file for file in files if file is not None]
    return None


def _download_idx(data: Data) -> list[Path]:
    return [_download(data, f"{name}.gz") for name in IDX]


def _read_idx(files: list[Path], name: str) -> Pool:
    arrays = [_idx(file) for file in files]
    for file, array, rank in zip(files, arrays, (3, 1, 3, 1), strict=True):
        if array.ndim != rank:
            raise DataError(f"{file} contains an array of {array.ndim} axes, but must have {rank}.")
    images = np.concatenate([arrays[0], arrays[2]])[..., None]
    labels = np.concatenate([arrays[1], arrays[3]])
    return _pool(name, images, labels, np.repeat([TRAIN, TEST], [len(arrays[0]), len(arrays[2])]))


def _idx(file: Path) -> np.ndarray:
    """The array of a file in MNIST's idx format: two zero bytes, type, rank, sizes, values (uint8 only)."""
    try:
        raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        zero, kind, rank = struct.unpack_from(">HBB", raw)
        shape = struct.unpack_from(f">{rank}I", raw, 4)
        if zero or kind != 8:
            raise ValueError("not an idx file of bytes")
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)
    except (OSError, EOFError, ValueError, struct.error) as error:
        raise DataError(f"{file} is damaged: {one_line(error)}.") from None


class _PlainUnpickler(pickle.Unpickler):
    """Reads CIFAR's pickles: plain values and arrays only, nothing that could execute code."""

    _allowed = frozenset(
        {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy._core.numeric", "_frombuffer"),
            ("numpy.core.numeric", "_frombuffer"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("_codecs", "encode"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        """The class of an array; everything else is refused."""
        if (module, name) not in self._allowed:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no image file needs")
        return super().find_class(module, name)


def _unpickle(content: bytes, file: str) -> dict[bytes, Any]:
    try:
        content_dict = _PlainUnpickler(io.BytesIO(content), encoding="bytes").load()
        if not isinstance(content_dict, dict):
            raise ValueError("it contains no dictionary")
        return {key.encode() if isinstance(key, str) else key: value for key, value in content_dict.items()}
    except Exception as error:  # a damaged pickle can raise exceptions of many classes
        raise DataError(f"{file} is damaged or not a CIFAR file: {one_line(error)[:160]}.") from None


def _cifar(data: Data) -> Source:
    hundred = data.name == "cifar100"
    folder_name = "cifar-100-python" if hundred else "cifar-10-batches-py"
    archive_name = "cifar-100-python.tar.gz" if hundred else "cifar-10-python.tar.gz"
    train = ["train"] if hundred else [f"data_batch_{i}" for i in range(1, 6)]
    names = [*train, "test" if hundred else "test_batch", "meta" if hundred else "batches.meta"]
    label_key, names_key = (b"fine_labels", b"fine_label_names") if hundred else (b"labels", b"label_names")
    # Keras unpacks its download into a folder that is named after the archive.
    folders = _folders(data, folder_name, f"{folder_name}-target/{folder_name}")
    folder = next((f for f in folders if all((f / name).is_file() for name in names)), None)
    if folder is not None:
        files = [folder / name for name in names]
    else:
        archives = [f / archive_name for f in folders] + [f / f"{folder_name}.tar.gz" for f in folders]
        files = [next((a for a in archives if a.is_file()), None) or _download(data, archive_name)]

    def read(_: Allocate) -> Pool:
        content = _members(files[0], names) if folder is None else {n: (folder / n).read_bytes() for n in names}
        batches = [_unpickle(content[name], name) for name in names]
        try:
            pixels = np.concatenate([np.asarray(batch[b"data"], np.uint8) for batch in batches[:-1]])
            images = np.ascontiguousarray(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
            labels = np.concatenate([np.asarray(batch[label_key]) for batch in batches[:-1]])
            sizes = [sum(len(batch[b"data"]) for batch in batches[:-2]), len(batches[-2][b"data"])]
            classes = [name.decode() for name in batches[-1][names_key]]
        except (KeyError, ValueError, AttributeError, TypeError) as error:
            raise DataError(
                f"{files[0].parent} does not contain {data.name} as published: {one_line(error)}."
            ) from None
        return _pool(data.name, images, labels, np.repeat([TRAIN, TEST], sizes), classes)

    return Source(files, read)


def _members(archive: Path, names: list[str]) -> dict[str, bytes]:
    """The content of the named files of an archive, read without unpacking it to disk."""
    contents = {}
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = member.name.rsplit("/", 1)[-1]
                if member.isfile() and name in names and member.size < 2**28:
                    file = tar.extractfile(member)
                    assert file is not None
                    contents[name] = file.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"{archive} is damaged: {one_line(error)}.") from None
    if missing := [name for name in names if name not in contents]:
        raise DataError(f"{archive} lacks {', '.join(missing)}.")
    return contents


def _load_npz(file: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name; an .npy file has one array, memory-mapped and named after the file."""
    try:
        loaded = np.load(file, mmap_mode="r", allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {file.stem: loaded}
        with loaded as npz:
            return {name: npz[name] for name in npz.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{file} cannot be read: {one_line(error)[:120]}.") from None


def _arrays(data: Data) -> Source:
    """Arrays in NumPy files: `x_train`, `y_train`, and optionally `x_val`, `y_val`, `x_test`, `y_test`, `classes`."""
    assert data.root is not None
    root = user_path(data.root, f"data.root={data.root}")
    if not root.exists():
        raise DataError(f"data.root={data.root} does not exist.")
    files = [root] if root.is_file() else sorted(f for f in root.glob("*.npy") if not is_hidden(f.name))

    def read(allocate: Allocate) -> Pool:
        arrays: dict[str, np.ndarray] = {}
        for file in files:
            arrays |= _load_npz(file)
        return _pool_of_arrays(arrays, root, data.labels, allocate)

    if not files or (root.is_file() and root.suffix != ".npz"):
        raise DataError(f"data.root={data.root} is not an .npz file and contains no .npy files.")
    return Source(files, read, groups=None if data.group is None else partial(groups_of_arrays, files, data.group))


def _pool_of_arrays(arrays: dict[str, np.ndarray], root: Path, kind: str, allocate: Allocate) -> Pool:
    images, labels, parts = [], [], []
    for part, name in ((TRAIN, "train"), (VALIDATION, "val"), (TEST, "test")):
        x, y = arrays.get(f"x_{name}"), arrays.get(f"y_{name}")
        if x is None and y is None:
            continue
        if x is None or y is None:
            raise DataError(f"{root}: x_{name} and y_{name} belong together, and one of them is missing.")
        if x.ndim not in (3, 4) or not len(x) or (x.ndim == 4 and x.shape[3] not in (1, 3)):
            shape = "×".join(map(str, x.shape))
            raise DataError(
                f"{root}: x_{name} is {shape}, but must be images × height × width, optionally × 1 or 3 channels."
            )
        if y.ndim < 1 or len(y) != len(x):
            raise DataError(f"{root}: x_{name} has {len(x)} images, but y_{name} has {len(y) if y.ndim else 0} labels.")
        if x.dtype != np.uint8:
            raise DataError(f"{root}: x_{name} is {x.dtype}, but must be uint8, pixels from 0 to 255.")
        images.append(x[..., None] if x.ndim == 3 else x)
        labels.append(_rows(y, kind, f"{root}: y_{name}") if kind in ROWS else _class_numbers(y, f"{root}: y_{name}"))
        parts.append(np.full(len(x), part))
    if not images or parts[0][0] != TRAIN:
        raise DataError(f"{root} contains no x_train and y_train; it has {', '.join(sorted(arrays)) or 'nothing'}.")
    if len({x.shape[1:] for x in images}) > 1:
        raise DataError(f"{root}: the splits differ in the shape of their images.")
    if len({y.shape[1:] for y in labels}) > 1:
        raise DataError(f"{root}: the splits differ in the number of classes.")
    count = labels[0].shape[1] if kind in ROWS else int(max(y.max() for y in labels)) + 1
    trained = np.flatnonzero(labels[0].any(axis=0)) if kind in ROWS else np.unique(labels[0])
    if missing := sorted(set(range(min(count, MAX_CLASSES))) - set(trained.tolist())):
        raise DataError(f"{root}: class {missing[0]} has no training image; number the classes without gaps.")
    if not 2 <= count <= MAX_CLASSES:
        raise DataError(f"{root}: the labels number {count} classes from 0 up, but must number 2 to {MAX_CLASSES}.")
    classes = [str(name) for name in arrays["classes"]] if "classes" in arrays else [str(i) for i in range(count)]
    if len(classes) < count:
        raise DataError(f"{root}: the largest label is {count - 1}, but there are only {len(classes)} classes.")
    if kind in ROWS and len(classes) > count:
        raise DataError(f"{root}: the labels have {count} columns, but there are {len(classes)} classes.")
    return _pool("arrays", _joined(images, allocate), np.concatenate(labels), np.concatenate(parts), classes)


def _rows(y: np.ndarray, kind: str, where: str) -> np.ndarray:
    """Several or soft labels, float32, (images, classes), after a check."""
    if y.ndim != 2 or y.shape[1] < 2 or y.dtype.kind not in "biuf":
        shape = "×".join(map(str, y.shape))
        raise DataError(
            f"{where} is {y.dtype} of shape {shape}, but data.labels={kind} needs numbers, images × classes."
        )
    return checked(y, kind, [f"{where}, row {row}" for row in range(len(y))])


def _joined(images: list[np.ndarray], allocate: Allocate) -> np.ndarray:
    """The images of several arrays in one array, one after the other."""
    if len(images) == 1:
        return images[0]
    together, done = allocate((sum(map(len, images)), *images[0].shape[1:])), 0
    for part in images:
        together[done : done + len(part)] = part
        done += len(part)
    return together


def _class_numbers(y: np.ndarray, where: str) -> np.ndarray:
    """The class numbers of labels that are integers, (images,) or (images, 1), or one-hot, (images, classes)."""
    if y.ndim == 2 and y.shape[1] > 1:
        if not (np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all()):
            raise DataError(f"{where} has two axes but is not one-hot.")
        return y.argmax(axis=1)
    y = y.reshape(-1) if y.size == len(y) else y
    if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer) or (len(y) and y.min() < 0):
        raise DataError(f"{where} is {y.dtype}, but must be integer class numbers from 0 up, or one-hot.")
    return y


def _pool(
    name: str, images: np.ndarray, labels: np.ndarray, parts: np.ndarray, classes: list[str] | None = None
) -> Pool:
    """A pool of the images, with a check of the labels; several or soft labels are already checked.

    Raises:
        DataError: the labels are fewer or more than the images, or do not number the classes.
    """
    names = classes if classes is not None else list(FACTS[name].classes)
    numbers = np.asarray(labels, np.int32 if labels.ndim == 1 else np.float32)
    if len(numbers) != len(images) or (len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(names)):
        raise DataError(f"{name}: the labels must be as many as the images, and each from 0 to {len(names) - 1}.")
    return Pool(np.ascontiguousarray(images), numbers, [plain(n) for n in names], np.asarray(parts, np.uint8))
