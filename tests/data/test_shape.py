"""The shape of images as far as a few files show it."""

import numpy as np
import pytest
from PIL import Image

from exprun.config.images import Data
from exprun.data.shape import image_shape

FOLDER = Data(name="image_folder", root="set", channels=3)


def image(path, size):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "set"


@pytest.mark.parametrize("deep", ["", "train/", "deep/"])
def test_folders_show_their_common_size(folder, deep):
    for name in "ab":
        image(folder / deep / name / "further" / "1.png", (40, 30))
        (folder / deep / name / "notes.txt").touch()
        (folder / deep / name / "._1.png").touch()
    (folder / "empty").mkdir()
    assert image_shape(FOLDER) == (30, 40, 3)
    assert image_shape(Data(name="image_folder", root="set", channels=1, size=8)) == (8, 8, 1)


def test_files_that_differ_or_are_damaged_show_nothing(folder):
    image(folder / "a" / "1.png", (40, 30))
    image(folder / "b" / "1.png", (30, 30))
    assert image_shape(FOLDER) is None
    (folder / "b" / "1.png").write_text("no image")
    assert image_shape(FOLDER) == (30, 40, 3)
    (folder / "a" / "1.png").write_text("no image")
    assert image_shape(FOLDER) is None
    assert image_shape(Data(name="image_folder", root="nowhere", channels=3)) is None


def test_a_csv_file_shows_the_size_of_its_first_images(folder):
    for number in range(12):
        image(folder / f"{number}.png", (40, 30) if number < 8 else (20, 20))
    lines = ["image,label", *(f"{number}.png,{number % 2}" for number in range(12))]
    (folder / "all.csv").write_text("\n".join(lines))
    data = Data(name="csv", root="set/all.csv", channels=3)
    assert image_shape(data) == (30, 40, 3)
    (folder / "all.csv").write_text("picture,label\n0.png,1")
    assert image_shape(data) is None


def test_arrays_show_their_shape_without_being_read(folder):
    folder.mkdir()
    data = Data(name="arrays", root="set")
    assert image_shape(data) is None
    np.save(folder / "x_train.npy", np.zeros((2, 30, 40, 3), np.uint8))
    assert image_shape(data) == (30, 40, 3)
    data = Data(name="arrays", root="set/x.npz", channels=3)
    np.savez_compressed(folder / "x.npz", x_train=np.zeros((2, 30, 40), np.uint8))
    assert image_shape(data) == (30, 40, 3)
    (folder / "x.npz").write_text("damaged")
    assert image_shape(data) is None


def test_known_data_sets_have_known_shapes():
    assert image_shape(Data(name="mnist")) == (28, 28, 1)
    assert image_shape(Data(name="digits", size=32, channels=3)) == (32, 32, 3)
