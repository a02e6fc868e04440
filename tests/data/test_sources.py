"""Files of each kind of set: how they are read, and what is said where they are wrong, missing or hostile."""

import contextlib
import gzip
import hashlib
import http.server
import io
import os
import pickle
import struct
import tarfile
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exprun.config.errors import DataError
from exprun.config.images import Data
from exprun.data import load, sources
from exprun.data.pool import TEST, TRAIN, VALIDATION, in_memory
from exprun.data.sources import IDX, locate

RNG = np.random.default_rng(0)
folders = sources._folders


@pytest.fixture(autouse=True)
def _no_network_and_no_files_of_this_machine(tmp_path, monkeypatch):
    """No set of the machine's own is found, and a download fails unless a test provides it."""
    import pooch

    def offline(*_, **__):
        raise ConnectionError("HTTPSConnectionPool: Max retries exceeded (Caused by NameResolutionError('x'))")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "no-keras"))
    monkeypatch.setattr(pooch, "retrieve", offline)
    monkeypatch.setattr(sources, "_folders", lambda *given: [p for p in folders(*given) if p.parts[1:2] != ("usr",)])


def read(**config):
    return locate(Data(**config)).read(in_memory)


def refused(**config):
    """The sentence with which the set is refused."""
    with pytest.raises(DataError) as caught:
        load(Data(**config))
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


# The idx format of MNIST and Fashion-MNIST


def idx(array, kind=8):
    return struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


ARRAYS = [
    RNG.integers(0, 256, (40, 28, 28)).astype(np.uint8),
    np.arange(40) % 10,
    RNG.integers(0, 256, (20, 28, 28)).astype(np.uint8),
    np.arange(20) % 10,
]


def write_idx(folder, packed=False):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(IDX, ARRAYS, strict=True):
        content = idx(np.asarray(array))
        (folder / f"{name}.gz" if packed else folder / name).write_bytes(gzip.compress(content) if packed else content)
    return folder


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("packed", [True, False])
def test_idx_files_are_read_packed_or_plain(tmp_path, name, packed):
    pool = read(name=name, root=str(write_idx(tmp_path / "set", packed)))
    np.testing.assert_array_equal(pool.images[:40, ..., 0], ARRAYS[0])
    np.testing.assert_array_equal(pool.images[40:, ..., 0], ARRAYS[2])
    assert pool.labels.tolist() == [*ARRAYS[1], *ARRAYS[3]]
    assert pool.parts.tolist() == [TRAIN] * 40 + [TEST] * 20
    assert pool.classes[0] == {"mnist": "0", "fashion_mnist": "T-shirt/top"}[name]


def test_idx_files_are_found_where_keras_keeps_them(tmp_path):
    write_idx(tmp_path / "no-keras/datasets/fashion-mnist", packed=True)
    assert len(load(Data(name="fashion_mnist")).test) == 20


@pytest.mark.parametrize("file", range(4))
@pytest.mark.parametrize("keep", [0, 3, 10, -5])
@pytest.mark.parametrize("packed", [True, False])
def test_a_truncated_idx_file_is_named(tmp_path, file, keep, packed):
    folder = write_idx(tmp_path / "set", packed)
    path = folder / f"{IDX[file]}{'.gz' if packed else ''}"
    path.write_bytes(path.read_bytes()[:keep])
    assert path.name in refused(name="mnist", root=str(folder))


def test_a_packed_file_with_wrong_bytes_inside_is_named(tmp_path):
    folder = write_idx(tmp_path / "set", packed=True)
    path = folder / f"{IDX[0]}.gz"
    content = bytearray(path.read_bytes())
    content[20:4000] = b"\xff" * 3980
    path.write_bytes(content)
    assert path.name in refused(name="mnist", root=str(folder))


@pytest.mark.parametrize(
    "content", [b"\0\0\x0d\x01\0\0\0\x01\0", b"PK\x03\x04 no idx", b"\0\0\x08\xff", b"\0\0\x08\0\0"]
)
def test_what_is_no_idx_file_of_bytes_is_named(tmp_path, content):
    folder = write_idx(tmp_path / "set")
    (folder / IDX[1]).write_bytes(content)
    refused(name="mnist", root=str(folder))


def test_labels_in_the_place_of_images_are_refused(tmp_path):
    folder = write_idx(tmp_path / "set")
    for images, labels in (IDX[:2], IDX[2:]):
        (folder / images).write_bytes((folder / labels).read_bytes())
    refused(name="mnist", root=str(folder))


def test_labels_beyond_the_classes_are_refused(tmp_path):
    folder = write_idx(tmp_path / "set")
    (folder / IDX[1]).write_bytes(idx(np.full(40, 10)))
    assert "labels" in refused(name="mnist", root=str(folder))


# MNIST as .npz


def write_mnist(folder, **changes):
    folder.mkdir(parents=True, exist_ok=True)
    arrays = dict(zip(("x_train", "y_train", "x_test", "y_test"), ARRAYS, strict=True)) | changes
    np.savez(folder / "mnist.npz", **{name: array for name, array in arrays.items() if array is not None})
    return folder / "mnist.npz"


def test_mnist_is_read_from_an_npz_file(tmp_path):
    write_mnist(tmp_path / "no-keras/datasets")
    data = load(Data(name="mnist", size=28, channels=1))
    assert (len(data.train), len(data.val), len(data.test)) == (36, 4, 20)
    assert data.image_shape == (28, 28, 1)


@pytest.mark.parametrize("keep", [0, 3, 300, -30])
def test_a_truncated_npz_file_is_named(tmp_path, keep):
    file = write_mnist(tmp_path / "set")
    file.write_bytes(file.read_bytes()[:keep])
    assert "mnist.npz" in refused(name="mnist", root=str(tmp_path / "set"))


def test_an_npz_file_with_wrong_bytes_inside_is_named(tmp_path):
    file = write_mnist(tmp_path / "set")
    content = bytearray(file.read_bytes())
    content[1000:1100] = bytes(100)
    file.write_bytes(content)
    assert "mnist.npz" in refused(name="mnist", root=str(tmp_path / "set"))


@pytest.mark.parametrize(
    "changes", [{"x_test": None}, {"y_train": np.arange(5)}, {"y_train": np.array(["a"] * 40, object)}]
)
def test_an_npz_file_that_holds_something_else_is_named(tmp_path, changes):
    write_mnist(tmp_path / "set", **changes)
    assert "mnist" in refused(name="mnist", root=str(tmp_path / "set"))


# CIFAR in its official layout


def cifar(hundred=False, images=4):
    """The files of a tiny CIFAR set, by name, and its pixels as (images, height, width, channels)."""
    train = ["train"] if hundred else [f"data_batch_{i}" for i in range(1, 6)]
    files, pixels = {}, []
    for name in [*train, "test" if hundred else "test_batch"]:
        data = RNG.integers(0, 256, (images, 3072)).astype(np.uint8)
        pixels.append(data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        labels = [i % 10 for i in range(images)]
        keys = {b"fine_labels": labels, b"coarse_labels": labels} if hundred else {b"labels": labels}
        files[name] = pickle.dumps({b"data": data, **keys, b"batch_label": b"x"}, 2)
    if hundred:
        files["meta"] = pickle.dumps({b"fine_label_names": [b"c%d" % i for i in range(100)]}, 2)
    else:
        names = b"airplane automobile bird cat deer dog frog horse ship truck".split()
        files["batches.meta"] = pickle.dumps({b"label_names": names}, 2)
    return files, np.concatenate(pixels)


def write_cifar(folder, files, packed):
    name = "cifar-100-python" if "meta" in files else "cifar-10-batches-py"
    if packed:
        folder.mkdir(exist_ok=True)
        archive = folder / ("cifar-100-python.tar.gz" if "meta" in files else "cifar-10-python.tar.gz")
        with tarfile.open(archive, "w:gz") as tar:
            for file, content in files.items():
                member = tarfile.TarInfo(f"{name}/{file}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        return archive
    (folder / name).mkdir(parents=True)
    for file, content in files.items():
        (folder / name / file).write_bytes(content)
    return folder / name


@pytest.mark.parametrize("hundred", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_cifar_is_read_from_its_folder_or_archive(tmp_path, hundred, packed):
    files, pixels = cifar(hundred)
    write_cifar(tmp_path / "set", files, packed)
    pool = read(name="cifar100" if hundred else "cifar10", root=str(tmp_path / "set"))
    np.testing.assert_array_equal(pool.images, pixels)
    assert pool.parts.tolist() == [TRAIN] * (4 if hundred else 20) + [TEST] * 4
    assert pool.labels[:4].tolist() == [0, 1, 2, 3]
    assert pool.classes[3] == ("c3" if hundred else "cat")


def test_the_root_may_be_the_folder_itself(tmp_path):
    folder = write_cifar(tmp_path / "set", cifar()[0], packed=False)
    assert len(read(name="cifar10", root=str(folder)).images) == 24


class Evil:
    """Runs a command when an ordinary unpickler reads it."""

    def __reduce__(self):
        return os.system, ("touch executed",)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("payload", [Evil(), {b"data": Evil()}])
def test_a_pickle_that_would_run_a_command_is_refused_and_runs_nothing(tmp_path, packed, payload):
    files, _ = cifar()
    write_cifar(tmp_path / "set", {**files, "data_batch_3": pickle.dumps(payload)}, packed)
    assert "data_batch_3" in refused(name="cifar10", root=str(tmp_path / "set"))
    assert not Path("executed").exists()


@pytest.mark.parametrize("module", ["builtins.eval", "numpy.load", "numpy.f2py.compile", "codecs.encode"])
def test_a_pickle_gets_no_other_function(tmp_path, module):
    files, _ = cifar()
    package, name = module.rsplit(".", 1)
    hostile = f"c{package}\n{name}\n(S'1'\ntR.".encode()
    write_cifar(tmp_path / "set", {**files, "test_batch": hostile}, packed=False)
    assert module in refused(name="cifar10", root=str(tmp_path / "set"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        pickle.dumps([1]),
        pickle.dumps({b"labels": [1]}),
        pickle.dumps({b"data": np.zeros((1, 7), np.uint8), b"labels": [1]}),
        pickle.dumps({b"data": np.zeros((4, 3072), np.uint8), b"labels": [1, 2, 3, 10]}),
        pickle.dumps({b"data": np.zeros((4, 3072), np.uint8), b"labels": [1]}),
        pickle.dumps({b"data": np.zeros((4, 3072), np.uint8), b"labels": None}),
    ],
)
def test_a_damaged_batch_is_refused(tmp_path, content):
    write_cifar(tmp_path / "set", {**cifar()[0], "data_batch_1": content}, packed=False)
    refused(name="cifar10", root=str(tmp_path / "set"))


@pytest.mark.parametrize("damage", ["cut", "overwritten", "no archive"])
def test_a_damaged_archive_is_named(tmp_path, damage):
    archive = write_cifar(tmp_path / "set", cifar()[0], packed=True)
    content = bytearray(archive.read_bytes())
    middle = len(content) // 2
    content[middle:] = {"cut": b"", "overwritten": b"\xff" * middle, "no archive": b""}[damage]
    archive.write_bytes(b"hello" if damage == "no archive" else content)
    assert archive.name in refused(name="cifar10", root=str(tmp_path / "set"))


def test_an_archive_without_a_batch_says_which(tmp_path):
    files, _ = cifar()
    del files["data_batch_2"]
    write_cifar(tmp_path / "set", files, packed=True)
    assert "lacks data_batch_2" in refused(name="cifar10", root=str(tmp_path / "set"))


# One's own arrays

X = RNG.integers(0, 256, (20, 6, 5, 3)).astype(np.uint8)
Y = np.arange(20) % 4


def write_arrays(place, **arrays):
    if place.suffix == ".npz":
        np.savez(place, **arrays)
    else:
        place.mkdir(exist_ok=True)
        for name, array in arrays.items():
            np.save(place / f"{name}.npy", array)
    return {"name": "arrays", "root": str(place)}


@pytest.mark.parametrize("place", ["own.npz", "own"])
def test_arrays_are_read_from_a_file_or_a_folder(tmp_path, place):
    config = write_arrays(tmp_path / place, x_train=X, y_train=Y, x_val=X[:4], y_val=Y[:4], x_test=X[:3], y_test=Y[:3])
    pool = read(**config)
    np.testing.assert_array_equal(pool.images, np.concatenate([X, X[:4], X[:3]]))
    assert pool.parts.tolist() == [TRAIN] * 20 + [VALIDATION] * 4 + [TEST] * 3
    assert (pool.labels[:5].tolist(), pool.classes) == ([0, 1, 2, 3, 0], ["0", "1", "2", "3"])


@pytest.mark.parametrize("y", [Y, Y[:, None], np.eye(4)[Y], np.eye(4, dtype=bool)[Y], Y.astype(np.uint8)])
def test_labels_may_be_numbers_a_column_or_one_hot(tmp_path, y):
    assert read(**write_arrays(tmp_path / "own.npz", x_train=X, y_train=y)).labels.tolist() == Y.tolist()


def test_grey_arrays_may_leave_out_the_channel_axis(tmp_path):
    assert read(**write_arrays(tmp_path / "own.npz", x_train=X[..., 0], y_train=Y)).images.shape == (20, 6, 5, 1)


def test_arrays_may_name_the_classes(tmp_path):
    config = write_arrays(tmp_path / "own", x_train=X, y_train=Y, classes=np.array(["a", "b", "c\x1b[31m", "d"]))
    assert read(**config).classes == ["a", "b", "c�[31m", "d"]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x_train": X / 255, "y_train": Y}, "x_train is float64, but must be uint8"),
        ({"x_train": X.astype(np.int64), "y_train": Y}, "x_train is int64, but must be uint8"),
        ({"x_train": X, "y_train": Y[:5]}, "has 20 images, but y_train has 5 labels"),
        ({"x_train": X, "y_train": Y[0]}, "y_train"),
        ({"x_train": X[0, 0], "y_train": Y[:5]}, "but must be images × height × width"),
        ({"x_train": X}, "y_train"),
        ({"x_test": X, "y_test": Y}, "no x_train"),
        ({"X": X}, "it has X"),
        ({"x_train": X[:0], "y_train": Y[:0]}, "own"),
        ({"x_train": X, "y_train": Y * 0.5}, "class numbers"),
        ({"x_train": X, "y_train": Y - 1}, "class numbers"),
        ({"x_train": X, "y_train": np.ones((20, 4))}, "not one-hot"),
        ({"x_train": X, "y_train": np.array(["a"] * 20)}, "class numbers"),
        (
            {"x_train": X, "y_train": Y, "classes": np.array(["a", "b"])},
            "the largest label is 3, but there are only 2 classes",
        ),
        ({"x_train": X, "y_train": Y, "x_test": X[:, :3], "y_test": Y}, "differ in the shape"),
        ({"x_train": X, "y_train": Y * 0}, "class"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path, arrays, said):
    assert said in refused(**write_arrays(tmp_path / "own.npz", **arrays))


@pytest.mark.parametrize("place", ["own.npz", "own"])
def test_pickled_objects_in_arrays_are_refused_and_run_nothing(tmp_path, place):
    objects = np.empty(20, object)
    objects[:] = [Evil()] * 20
    refused(**write_arrays(tmp_path / place, x_train=X, y_train=objects))
    assert not Path("executed").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"hello", b"\x93NUMPY"])
@pytest.mark.parametrize("place", ["own.npz", "own/x_train.npy"])
def test_files_that_are_no_arrays_are_named(tmp_path, content, place):
    config = write_arrays(tmp_path / "own", x_train=X, y_train=Y)
    (tmp_path / place).write_bytes(content)
    assert "own" in refused(**{**config, "root": str(tmp_path / place.split("/")[0])})


@pytest.mark.parametrize("place", ["nowhere", "empty", "text.txt"])
def test_a_place_without_arrays_is_refused(tmp_path, place):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("hello")
    assert f"data.root={place}" in refused(name="arrays", root=place)


# A folder of pictures


def picture(path, picture=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    (picture or Image.new("RGB", (8, 8), (200, 100, 50))).save(path, **options)
    return path


def folder(tmp_path, **config):
    """Ten pictures of each of two classes, 8×8, and their config."""
    for name in ("cat", "dog"):
        for index in range(10):
            picture(tmp_path / f"set/{name}/{index}.png")
    defaults = {"name": "image_folder", "root": "set", "channels": 3, "corrupt": "skip"}
    return {**defaults, **config}


def alone(tmp_path, made, name="0.png", **config):
    """The pixels of one picture, read from a folder where it is the first."""
    picture(tmp_path / f"set/cat/{name}", made, **config.pop("options", {}))
    picture(tmp_path / "set/dog/0.png", Image.new("RGB", made.size))
    pool = read(**{"name": "image_folder", "root": "set", "channels": 3, "corrupt": "refuse", **config})
    return pool.images[0]


def test_a_folder_a_class(tmp_path):
    pool = read(**folder(tmp_path))
    assert (pool.images.shape, pool.classes) == ((20, 8, 8, 3), ["cat", "dog"])
    assert pool.labels.tolist() == [0] * 10 + [1] * 10
    assert set(pool.parts) == {TRAIN}
    assert pool.images[0, 0, 0].tolist() == [200, 100, 50]


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("Training", "validation", "TEST"), ("train", "valid", "test")]
)
def test_folders_for_the_splits(tmp_path, names):
    for number, split in zip((3, 2, 1), names, strict=True):
        for name in ("cat", "dog"):
            for index in range(number):
                picture(tmp_path / f"set/{split}/{name}/{index}.png")
    data = load(Data(name="image_folder", root="set", channels=3, corrupt="skip"))
    assert (len(data.train), len(data.val), len(data.test)) == (6, 4, 2)


def test_pictures_in_folders_within_a_class_and_hidden_folders(tmp_path):
    config = folder(tmp_path)
    picture(tmp_path / "set/cat/more/deep/0.png")
    picture(tmp_path / "set/.cache/0.png")
    (tmp_path / "set/cat/notes.txt").write_text("not a picture")
    pool = read(**config)
    assert (len(pool.images), pool.classes, pool.skipped) == (21, ["cat", "dog"], [])


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "0 classes"),
        (["cat/0.png"], "1 class"),
        (["0.png", "1.png"], "folder of its own"),
        (["test/cat/0.png", "test/dog/0.png"], "no train folder"),
        (["train/cat/0.png", "train/dog/0.png", "test/cow/0.png"], "class cow has no training images"),
    ],
)
def test_folders_that_do_not_fit_are_refused(tmp_path, files, said):
    (tmp_path / "set").mkdir()
    for file in files:
        picture(tmp_path / "set" / file)
    assert said in refused(name="image_folder", root="set", channels=3, corrupt="skip")


@pytest.mark.parametrize("root", ["nowhere", "file"])
def test_a_root_that_is_no_folder_is_refused(tmp_path, root):
    (tmp_path / "file").write_text("")
    assert f"data.root={root} is not a folder" in refused(name="image_folder", root=root, corrupt="skip")


def test_mixed_sizes_need_a_size(tmp_path):
    config = folder(tmp_path)
    picture(tmp_path / "set/cat/wide.png", Image.new("RGB", (12, 8)))
    assert "data.size=64" in refused(**config)
    assert load(Data(**config, size=16)).image_shape == (16, 16, 3)


def test_a_wide_picture_is_cropped_in_its_middle(tmp_path):
    wide = Image.new("RGB", (24, 8), "red")
    wide.paste((0, 0, 255), (8, 0, 16, 8))
    assert (alone(tmp_path, wide, size=8) == [0, 0, 255]).all()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA", "1"])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_every_mode_are_made_grey_or_coloured(tmp_path, mode, channels):
    pixels = alone(tmp_path, Image.new("RGB", (8, 8), "white").convert(mode), channels=channels)
    assert pixels.shape == (8, 8, channels)
    assert (pixels == 255).all()


def test_colours_of_a_palette_and_under_full_opacity_stay(tmp_path):
    made = Image.new("RGBA", (8, 8), (200, 100, 50, 255))
    assert alone(tmp_path, made)[0, 0].tolist() == [200, 100, 50]
    assert alone(tmp_path, made.convert("P"))[0, 0].tolist() == pytest.approx([200, 100, 50], abs=26)


def test_grey_is_the_luma_of_colours(tmp_path):
    assert alone(tmp_path, Image.new("RGB", (8, 8), (255, 0, 0)), channels=1)[0, 0] == pytest.approx(76, abs=1)


def test_pictures_of_16_bits_are_scaled_not_clipped(tmp_path):
    grey = Image.fromarray(np.full((8, 8), 128 * 257, np.uint16))
    assert alone(tmp_path, grey)[0, 0] == pytest.approx([128] * 3, abs=1)


def turned(size=(8, 8)):
    """A picture, its left half red, that EXIF wants turned a quarter clockwise: then its upper half is red."""
    made = Image.new("RGB", size, "blue")
    made.paste((255, 0, 0), (0, 0, size[0] // 2, size[1]))
    exif = Image.Exif()
    exif[0x0112] = 6
    return made, {"exif": exif}


def test_pictures_are_turned_as_exif_says(tmp_path):
    made, options = turned()
    pixels = alone(tmp_path, made, options=options)
    assert (pixels[0] == [255, 0, 0]).all()
    assert (pixels[-1] == [0, 0, 255]).all()


def test_without_a_size_turned_pictures_keep_their_own_shape(tmp_path):
    made, options = turned((16, 8))
    for name in ("cat", "dog"):
        picture(tmp_path / f"set/{name}/0.png", made, **options)
    assert read(name="image_folder", root="set", channels=3, corrupt="refuse").images.shape == (2, 16, 8, 3)


def bomb():
    """A PNG that says it has 50,000 × 50,000 pixels."""
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))  # noqa: E731
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def png():
    file = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (8, 8, 3)).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


BAD = {
    "empty": b"",
    "text": b"hello",
    "cut": png()[:-60],
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'/>",
    "bomb": bomb(),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("size", [None, 8])
def test_a_picture_that_cannot_be_read_is_skipped_and_named_or_refused(tmp_path, kind, size):
    config = folder(tmp_path, size=size)
    (tmp_path / "set/cat/5.jpg").write_bytes(BAD[kind])
    data = load(Data(**config))
    assert len(data.skipped) == 1
    assert "set/cat/5.jpg: " in data.skipped[0]
    assert len(data.train) + len(data.val) + len(data.test) == 20
    sentence = refused(**{**config, "corrupt": "refuse"})
    assert "1 of 21 images" in sentence
    assert "5.jpg" in sentence
    assert "data.corrupt=skip" in sentence


@pytest.mark.parametrize("size", [None, 8])
def test_postscript_starts_no_other_program(tmp_path, monkeypatch, size):
    from PIL import EpsImagePlugin

    started = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_, **__: started.append(1))
    config = folder(tmp_path, size=size)
    (tmp_path / "set/cat/5.jpg").write_bytes(BAD["postscript"])
    load(Data(**config))
    assert started == []
    with contextlib.suppress(Exception):
        Image.open("set/cat/5.jpg").load()
    assert started == [1]  # Pillow left to itself would have


@pytest.mark.parametrize("size", [None, 8])
def test_a_set_whose_pictures_all_fail_names_one(tmp_path, size):
    for name in ("cat", "dog"):
        (tmp_path / "set" / name).mkdir(parents=True)
        (tmp_path / "set" / name / "0.png").write_bytes(b"hello")
    sentence = refused(name="image_folder", root="set", channels=3, corrupt="skip", size=size)
    assert "0.png" in sentence


def test_a_class_whose_pictures_all_fail_is_named(tmp_path):
    config = folder(tmp_path)
    (tmp_path / "set/cow").mkdir()
    (tmp_path / "set/cow/0.png").write_bytes(b"hello")
    assert "cow" in refused(**config)


def test_odd_names_do_not_disturb(tmp_path):
    config = folder(tmp_path)
    picture(tmp_path / "set/dög \x1b[31m/ü 'x'.PNG")
    picture(tmp_path / "set/dög \x1b[31m/1.png")
    assert load(Data(**config, val_fraction=0.2)).classes[2] == "dög �[31m"


# Downloads

OFFLINE = {
    "mnist": "mnist.npz",
    "fashion_mnist": "train-images-idx3-ubyte.gz",
    "cifar10": "cifar-10-python.tar.gz",
    "cifar100": "cifar-100-python.tar.gz",
}


@pytest.mark.parametrize(("name", "file"), OFFLINE.items())
def test_without_a_network_the_file_and_its_place_are_named(tmp_path, name, file):
    sentence = refused(name=name)
    assert f"{name} is not on this machine and cannot be downloaded" in sentence
    assert f"put {file} into" in sentence
    assert "~/.keras/datasets" in sentence or str(tmp_path / "no-keras/datasets") in sentence
    assert "data.root" in sentence


@pytest.mark.parametrize(("name", "file"), OFFLINE.items())
def test_a_root_without_the_files_is_not_downloaded_to(tmp_path, name, file):
    (tmp_path / "set").mkdir()
    sentence = refused(name=name, root="set")
    assert "data.root=set has no files of" in sentence
    assert file in sentence


@pytest.mark.parametrize("name", OFFLINE)
def test_a_root_that_does_not_exist_is_refused(name):
    assert "data.root=nowhere does not exist" in refused(name=name, root="nowhere")


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A server on this machine, whose `mnist.npz` the download fetches with pooch itself."""
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "no-keras"))
    content = write_mnist(tmp_path / "server").read_bytes()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    asked = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def remote(checksum):
        url = f"http://127.0.0.1:{server.server_port}/mnist.npz"
        monkeypatch.setitem(sources.REMOTES, "mnist.npz", sources.Remote(url, f"sha256:{checksum}"))

    remote(hashlib.sha256(content).hexdigest())
    yield asked, remote
    server.shutdown()
    server.server_close()


def test_a_download_is_kept(served):
    asked, _ = served
    assert len(load(Data(name="mnist")).test) == 20
    load(Data(name="mnist"))
    assert asked == ["/mnist.npz"]


def test_a_download_with_a_wrong_checksum_is_refused_and_not_kept(served):
    _, remote = served
    remote("0" * 64)
    sentence = refused(name="mnist")
    assert "The download of mnist is damaged" in sentence
    assert "mnist.npz" in sentence
    assert not list(Path("outputs/cache").rglob("*.npz"))
