"""Folders of images as people have them: what is found, what is left out, and how that is said."""

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exprun import cli, predict
from exprun.config.errors import ConfigError, DataError
from exprun.config.images import Data
from exprun.data import load
from exprun.data.folder import find_images, locate_folder, summary
from exprun.data.pool import LeftOut
from tiny import tiny


def image(path, **options):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)).save(path, **options)


def images(*classes, count=6):
    for name in classes:
        for number in range(count):
            image(f"{name}/{number}.png")


CONFIG = Data(name="image_folder", root="set", channels=3, size=8, corrupt="skip", background="white")
HIDDEN = ["._1.png", ".1.png", ".ipynb_checkpoints/1-checkpoint.png", "@eaDir/1.png/SYNOPHOTO_THUMB_M.jpg"]


def found(config=CONFIG):
    """The number of images of each class, and what is left out for which reason."""
    source = locate_folder(config)
    counts = Counter(Path(file).relative_to("set").parts[0] for file in map(str, source.files))
    return dict(counts), dict(source.left_out)


# What is hidden


@pytest.mark.parametrize("place", ["", "deep/", "deep/er/"])
@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_images_are_left_out_at_any_depth_in_training_and_in_predict(place, name):
    images("set/cat", "set/dog")
    image("set/cat/deep/er/1.png")
    image(f"set/cat/{place}{name}")
    hidden = {f"cat/{place}{name.split('/')[0]}": "hidden"}
    assert found() == ({"cat": 7, "dog": 6}, hidden)
    files, left_out = predict.find(["set"])
    assert len(files) == 13
    assert left_out == [LeftOut(f"set/{path}", reason) for path, reason in hidden.items()]


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_images_are_left_out_where_splits_have_folders(name):
    images("set/train/cat", "set/train/dog", "set/val/cat", "set/test/dog")
    for place in ("", "train/", "val/cat/", "test/dog/"):
        image(f"set/{place}{name}")
    counts, left_out = found()
    assert (counts, set(left_out.values())) == ({"train": 12, "val": 6, "test": 6}, {"hidden"})
    assert len(left_out) == 4


def test_the_copy_that_macos_packs_beside_a_set_is_no_class():
    images("set/cat", "set/dog", "set/__MACOSX/cat")
    assert found() == ({"cat": 6, "dog": 6}, {"__MACOSX": "hidden"})


def test_hidden_files_that_are_no_images_are_not_worth_a_word():
    images("set/cat", "set/dog")
    for name in (".DS_Store", "cat/.DS_Store", "cat/Thumbs.db", "cat/desktop.ini"):
        Path(f"set/{name}").write_bytes(b"x")
    assert found()[1] == {}


def test_what_a_person_names_is_read_though_it_is_hidden():
    image(".hidden/cat/1.png")
    image(".hidden/.1.png")
    assert predict.find([".hidden", ".hidden/.1.png"]) == (
        [".hidden/cat/1.png", ".hidden/.1.png"],
        [LeftOut(".hidden/.1.png", "hidden")],
    )


def test_hidden_arrays_are_left_out():
    os.mkdir("own")
    np.save("own/x_train.npy", np.zeros((8, 4, 4, 1), np.uint8))
    np.save("own/y_train.npy", np.arange(8) % 2)
    Path("own/._x_train.npy").write_bytes(b"\0\5\x16\7")
    assert len(load(Data(name="arrays", root="own", val_fraction=0.25)).train) > 0


# What is left out for other reasons


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".JPG", ".JFIF", ".Jpeg"])
def test_all_suffixes_of_jpeg_are_read(suffix):
    images("set/cat")
    image(f"set/dog/1{suffix}", format="JPEG")
    assert found() == ({"cat": 6, "dog": 1}, {})


def test_a_class_without_images_is_named():
    images("set/cat", "set/dog")
    Path("set/bird").mkdir()
    for name in ("1.heic", "2.HEIC", "README"):
        Path("set/cow").mkdir(exist_ok=True)
        Path(f"set/cow/{name}").write_bytes(b"x")
    assert found() == (
        {"cat": 6, "dog": 6},
        {
            "bird": "without images",
            "cow": "without images",
            "cow/1.heic": "of format .heic",
            "cow/2.HEIC": "of format .heic",
            "cow/README": "of unknown format",
        },
    )


def test_images_outside_of_the_class_folders_are_named():
    images("set/cat", "set/dog")
    image("set/loose.png")
    Path("set/labels.csv").write_text("")
    assert found()[1] == {"loose.png": "in no class folder"}


def test_images_outside_of_the_class_folders_of_a_split_are_named():
    images("set/train/cat", "set/train/dog", "set/test")
    image("set/train/loose.png")
    counts, left_out = found()
    assert counts == {"train": 12}
    assert left_out == {f"test/{number}.png": "in no class folder" for number in range(6)} | {
        "train/loose.png": "in no class folder"
    }


def test_folders_beside_those_of_the_splits_are_named():
    images("set/train/cat", "set/train/dog", "set/car", "set/plane")
    assert found()[1] == {"car": "next to the split folders", "plane": "next to the split folders"}


@pytest.mark.parametrize("name", ["train", "Test", "val"])
def test_a_class_may_be_called_like_a_split_and_that_is_said(name):
    images("set/car", "set/plane", f"set/{name}")
    assert found() == ({"car": 6, "plane": 6, name: 6}, {})
    data = load(CONFIG)
    assert sorted(data.classes) == sorted(["car", "plane", name])
    assert data.remarks()[0].startswith(f"{name} is read as a class, not as a split")


@pytest.mark.parametrize("names", [("train", "test"), ("train", "val", "test"), ("train", "labels")])
def test_splits_without_classes_are_no_classes(names):
    images(*(f"set/{name}" for name in names))
    with pytest.raises(DataError, match=r"set has images of 0 classes.*left out: .*in no class folder"):
        locate_folder(CONFIG)


# Links


def link(target, path):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    os.symlink(os.path.abspath(target), path)


def test_links_are_followed():
    images("set/cat", "elsewhere/more", "elsewhere/dog")
    link("elsewhere/more", "set/cat/linked")
    link("elsewhere/dog", "set/dog")
    link("elsewhere/dog/0.png", "set/cat/one.png")
    assert found() == ({"cat": 13, "dog": 6}, {})
    assert len(predict.find(["set"])[0]) == 19


TWICE = "linked to a folder that is read already"
AROUND = "linked to a folder that contains the data set"


@pytest.mark.parametrize(
    ("target", "reason"), [("set/cat", TWICE), ("set", TWICE), ("set/cat/deep", TWICE), (".", AROUND), ("..", AROUND)]
)
def test_a_link_that_leads_back_is_left_out(target, reason):
    images("set/cat/deep", "set/dog")
    link(target, "set/cat/deep/loop")
    counts, left_out = found()
    assert counts == {"cat": 6, "dog": 6}
    assert left_out == {"cat/deep/loop": reason}


def test_links_in_a_circle_come_to_an_end():
    images("set/cat", "set/dog", "a", "b")
    link("a", "set/cat/a")
    link("b", "a/b")
    link("a", "b/a")
    link("b", "set/cat/b")
    counts, left_out = found()
    assert counts == {"cat": 18, "dog": 6}
    assert list(left_out.values()) == [TWICE, TWICE]


def test_a_folder_that_is_linked_beside_itself_is_read_once_under_its_own_name():
    images("set/cat/real", "set/dog")
    link("set/cat/real", "set/cat/alias")
    assert found() == ({"cat": 6, "dog": 6}, {"cat/alias": TWICE})


def test_links_to_nothing_are_named():
    images("set/cat", "set/dog")
    link("nowhere", "set/cat/gone")
    link("nowhere", "set/gone")
    link("nowhere.png", "set/cat/gone.png")
    os.symlink("itself", "set/cat/itself")
    data = load(CONFIG)
    assert dict(data.left_out) == dict.fromkeys(["cat/gone", "cat/itself", "gone"], "linked to no file")
    assert data.skipped == ["set/cat/gone.png: a broken link"]


def test_a_pipe_is_not_waited_for():
    images("set/cat", "set/dog")
    os.mkfifo("set/cat/pipe.png")
    link("set/cat/pipe.png", "set/cat/linked.png")
    assert found() == (
        {"cat": 6, "dog": 6},
        {"cat/linked.png": "linked to no file", "cat/pipe.png": "neither files nor folders"},
    )


def test_a_folder_without_permission_is_named(monkeypatch):
    images("set/cat", "set/dog")
    image("set/cat/secret/1.png")
    scandir = os.scandir

    def denied(place):
        if str(place).endswith("secret"):  # whoever runs the tests may be permitted all
            raise PermissionError(13, "Permission denied")
        return scandir(place)

    monkeypatch.setattr(os, "scandir", denied)
    assert found()[1] == {"cat/secret": "permission denied"}


# How it is said


def test_one_line_counts_the_reasons_and_shows_a_few_of_each():
    left_out = [LeftOut(f"cat/{number}.heic", "of format .heic") for number in range(1200)]
    left_out += [LeftOut("bird", "without images")]
    assert summary(left_out) == (
        "left out: 1,200 of format .heic (cat/0.heic, cat/1.heic, cat/2.heic, …), 1 without images (bird)"
    )
    many = summary([LeftOut(f"{number}.f{number}", f"of format .f{number}") for number in range(30)])
    assert "\n" not in many
    assert many.endswith("(7.f7), 22 for other reasons")


@pytest.mark.parametrize(
    "command", ["run", *(pytest.param(one, marks=pytest.mark.slow) for one in ("check", "predict"))]
)
def test_what_was_left_out_is_said(command, capfd):
    images("set/cat", "set/dog", count=20)
    Path("set/bird").mkdir()
    image("set/cat/.ipynb_checkpoints/1.png")
    Path("set/cat/broken.png").write_text("text")
    words = ["data=image_folder", "data.root=set", "data.size=8", "data.limit=null", "trainer.batch_size=8"]
    words += ["model.layers=[{conv: 4},flatten]", "trainer.epochs=1", "run_dir=out", "tracking=none", "doctor=watch"]
    if command == "check":
        cli.main(["check", *words])
    else:
        tiny(*words)
    said = capfd.readouterr().out
    if command == "predict":
        assert cli.main(["predict", "out", "set", "--top", "1"]) == 1
        said = capfd.readouterr().err
        assert "left out: 1 hidden (set/cat/.ipynb_checkpoints)." in said
        assert "set/cat/broken.png cannot be read: text, not an image." in said
        return
    assert "left out: 1 without images (bird), 1 hidden (cat/.ipynb_checkpoints)" in " ".join(said.split())
    assert "skipped set/cat/broken.png: text, not an image" in " ".join(said.split())
    if command == "run":
        log = Path("out/run.log").read_text()
        assert "left out bird: without images" in log
        assert "left out cat/.ipynb_checkpoints: hidden" in log


def test_the_refusal_of_a_set_says_what_was_left_out():
    images("set/cat")
    Path("set/dog").mkdir()
    Path("set/dog/1.heic").write_bytes(b"x")
    with pytest.raises(DataError, match=r"images of 1 class: .*left out: 1 without images .dog., 1 of format .heic"):
        locate_folder(CONFIG)
    with pytest.raises(ConfigError, match=r"no image in set/dog; left out: 1 of format .heic"):
        predict.find(["set/dog"])


def test_what_is_left_out_is_not_of_the_cache():
    images("set/cat", "set/dog")
    before = load(CONFIG)
    Path("set/bird").mkdir()
    after = load(CONFIG)
    assert after.remarks() == [*before.remarks(), "left out: 1 without images (bird)"]
    assert before.fingerprint == after.fingerprint


def test_images_come_in_the_order_of_their_paths():
    for name in ("b/2", "a/1", "b/c/1", "0", "b/10"):
        image(f"set/{name}.png")
    assert find_images("set", []) == [f"set/{name}.png" for name in ("0", "a/1", "b/10", "b/2", "b/c/1")]


def test_five_files_that_cannot_be_read_are_named_and_the_others_counted():
    images("set/cat", "set/dog")
    for number in range(7):
        Path(f"set/cat/bad{number}.png").write_bytes(b"")
    data = load(CONFIG)
    lines = data.remarks()[len(data.notes) :]
    assert lines[0] == "skipped set/cat/bad0.png: an empty file"
    assert lines[5:] == ["skipped 2 more files, all listed in the run.log of a run"]


def test_ordered_classes_that_are_numbers_are_sorted_by_size():
    images("set/10", "set/2")
    assert load(CONFIG).classes == ["10", "2"]
    assert load(replace(CONFIG, labels="ordered")).classes == ["2", "10"]  # not those of the cache
    assert load(replace(CONFIG, labels="ordered", classes=["10", "2"])).classes == ["10", "2"]
