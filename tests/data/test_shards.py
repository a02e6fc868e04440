"""Files with many images each: every format gives the same images, and what is wrong with a file is said."""

import gzip
import io
import json
import struct
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exprun import cli
from exprun.config.errors import DataError
from exprun.config.images import Data
from exprun.data import arrow, load
from exprun.data.pool import in_memory
from exprun.data.shards import find_files
from exprun.data.sources import locate
from shard_files import WRITERS, made, splits, write_folder, write_parquet, write_tfrecord, write_webdataset

IMAGES = made()
READ = Data(name="image_folder", root="set", channels=3, corrupt="skip", background="white", val_fraction=0.25)
NEEDS_LIBRARY = pytest.param("tfds", marks=pytest.mark.slow)


def settings(name, **more):
    return replace(READ, name=name, **{"root": name, **WRITERS[name][1], **more})


def read(name, **more):
    return load(settings(name, **more))


def refused(name, **more):
    """The sentence with which the data is refused."""
    with pytest.raises(DataError) as caught:
        read(name, **more)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def refused_before_reading(name, **more):
    with pytest.raises(DataError) as caught:
        locate(settings(name, **more))
    return str(caught.value)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder of the images in each format, written once."""
    root = tmp_path_factory.mktemp("formats")

    def write(name):
        if not (root / name).exists():
            WRITERS[name][0](root / name, IMAGES)
        return root / name

    return write


@pytest.mark.parametrize("name", ["csv", "parquet", "tfrecord", "webdataset", "huggingface", NEEDS_LIBRARY])
def test_every_format_gives_the_same_images(name, written):
    folder = read("image_folder", root=str(written("image_folder")))
    root = written(name) / "labels.csv" if name == "csv" else written(name)
    data = read(name, root=str(root), corrupt="refuse")
    assert data.fingerprint == folder.fingerprint
    assert np.array_equal(data.train.images, folder.train.images)
    assert (data.classes, data.skipped, list(data.left_out)) == (["cat", "dog", "eel"], [], [])
    assert read(name, root=str(root), size=4, channels=1).image_shape == (4, 4, 1)


def test_arrays_have_the_same_images_in_another_order(written):
    folder, arrays = (read(name, root=str(written(name))) for name in ("image_folder", "arrays"))
    order = np.argsort([file.startswith("test") for file in folder.files], kind="stable")
    assert np.array_equal(arrays.train.images, folder.train.images[order])


@pytest.mark.parametrize(
    ("name", "root"),
    [
        ("parquet", "*.parquet"),
        ("parquet", "{train,test}-0000{0..1}-of-00002.parquet"),
        ("tfrecord", "t*"),
        ("webdataset", "{test,train}-{000000..000001}.tar"),
        ("huggingface", "*/data-?????-of-00001.arrow"),
    ],
)
def test_patterns(name, root, written):
    assert len(read(name, root=f"{written(name)}/{root}").files) == len(IMAGES)


def test_one_file_is_divided_by_exprun(written):
    data = read("parquet", root=str(written("parquet") / "train-00000-of-00002.parquet"), test_fraction=0.25)
    assert data.test is not None
    assert len(data.files) == 4


def test_a_changed_file_is_read_again():
    write_parquet(Path("parquet"), IMAGES)
    before = read("parquet").fingerprint
    write_parquet(Path("parquet"), IMAGES[1:])
    assert read("parquet").fingerprint != before
    assert read("parquet", size=4).image_shape == (4, 4, 3)


def test_only_the_labels_are_read_before_the_cache(written, monkeypatch):
    asked = []
    records = arrow._records
    monkeypatch.setattr(arrow, "_records", lambda *args: asked.append(args[-1]) or records(*args))
    source = locate(settings("parquet", root=str(written("parquet"))))
    assert asked == []
    source.read(in_memory)
    assert asked == [["label"]] * 4 + [["image"]] * 8  # the sizes of the images are compared, too


# Columns


def test_columns_with_splits_groups_and_names():
    rows = {
        "picture": [image.content for image in IMAGES],
        "kind": pa.array([image.label for image in IMAGES]).dictionary_encode(),  # categories of pandas
        "subset": [image.split for image in IMAGES],
        "person": [int(image.name) // 2 for image in IMAGES],
    }
    pq.write_table(pa.table(rows), "all.parquet")
    more = {"root": "all.parquet", "image": "picture", "label": "kind", "split": "subset"}
    data = read("parquet", **more)
    assert (len(data.test), data.classes) == (4, ["cat", "dog", "eel"])
    grouped = read("parquet", **more, group="person", val_fraction=0.4)
    assert "keeps groups on one side" in " ".join(grouped.notes)
    person = lambda split: {int(IMAGES[row].name) // 2 for row in split.rows}  # noqa: E731
    assert not person(grouped.train) & person(grouped.val)
    assert (
        read("parquet", **more, group="person", val_fraction=0.4).fingerprint == grouped.fingerprint
    )  # from the cache
    assert "data.split=kind is 'cat', but must be train, val or test" in refused("parquet", **more | {"split": "kind"})


def test_paths_of_images_are_relative_to_the_file():
    write_folder(Path("set"), IMAGES)
    paths = [f"{image.split}/{image.label}/{image.name}.png" for image in IMAGES]
    pq.write_table(pa.table({"image": paths, "label": [image.label for image in IMAGES]}), "set/all.parquet")
    data = read("parquet", root="set/all.parquet", test_fraction=0.25)
    assert np.array_equal(data.train.images, read("image_folder", root="set").train.images)
    Path("set", paths[0]).write_bytes(IMAGES[-1].content)  # a changed image is read again
    assert read("parquet", root="set/all.parquet").fingerprint != data.fingerprint


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([10, 9] * 6, ["9", "10"]),
        ([1.0, 2.0, float("nan")] * 4, ["1", "2"]),
        ([True, False] * 6, ["False", "True"]),
        ([" b", "a", ""] * 4, ["a", "b"]),
    ],
)
def test_labels(labels, classes):
    pq.write_table(pa.table({"image": [image.content for image in IMAGES], "label": labels}), "all.parquet")
    data = read("parquet", root="all.parquet")
    assert data.classes == classes
    assert len(data.skipped) == sum(label != label or label == "" for label in labels)
    if data.skipped:
        assert data.skipped[0] == "all.parquet/2: without a label"
        assert "4 of 12 images have no label, the first is all.parquet/2" in refused(
            "parquet", root="all.parquet", corrupt="refuse"
        )


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([["b", "a"], ["b"], [], ["c"]] * 3, None),
        (["b|a", "b", "", "c"] * 3, None),
        ([[1, 0], [1], [], [2]] * 3, ["a", "b", "c"]),
    ],
)
def test_several_labels(labels, names):
    table = pa.table({"image": [image.content for image in IMAGES], "label": labels})
    if names:  # as Hugging Face's library writes a list of classes
        features = {"label": {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "List"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, "all.parquet")
    data = read("parquet", root="all.parquet", labels="several")
    assert data.classes == ["a", "b", "c"]
    assert data.train.labels.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]] * 3
    assert not data.skipped


def test_labels_of_the_other_fields_of_a_sample():
    for mode in ("w", "w:gz"):
        write_webdataset(Path("webdataset"), IMAGES, mode=mode)
        for path in Path("webdataset").glob("*.tar" if mode == "w:gz" else "*.gz"):
            path.unlink()
        data = read("webdataset", label="label", image="png", group="person")
        assert data.classes == ["cat", "dog", "eel"]
        assert len(data.files) == len(IMAGES)
    Path("webdataset/labels.txt").unlink()
    assert read("webdataset").classes == ["0", "1", "2"]


def test_other_names_of_features(tmp_path):
    write_tfrecord(tmp_path / "a", IMAGES)
    assert read("tfrecord", root="a", label="image/class/text").classes == ["cat", "dog", "eel"]
    message = "data.label=label, but the columns of a/test-00000-of-00002 are image/class/label, image/class/text,"
    assert message in refused_before_reading("tfrecord", root="a", label="label")


@pytest.mark.parametrize(("name", "image"), [("tfrecord", "image/class/label"), ("webdataset", "person")])
def test_columns_that_hold_no_images(name, image):
    WRITERS[name][0](Path(name), IMAGES)
    sentence = refused(name, image=image)
    assert f"data.image={image} is " in sentence
    assert "but must be an image of a format such as JPEG" in sentence


# What is refused, or left out


def test_images_that_are_none(written):
    broken = [
        image._replace(content=b"<html>" if number == 3 else image.content) for number, image in enumerate(IMAGES)
    ]
    broken[5] = broken[5]._replace(content=b"")
    for name, place in (("parquet", "train"), ("webdataset", "train"), ("tfrecord", "test")):
        WRITERS[name][0](Path(name), broken)
        data = read(name, size=8)
        assert len(data.files) == len(IMAGES) - 2
        assert sorted(line.partition(": ")[2] for line in data.skipped) == ["a web page, not an image", "an empty file"]
        assert "2 of 12 images cannot be read" in refused(name, corrupt="refuse")
        assert place


def test_images_of_several_sizes():
    large = [*IMAGES, *(image._replace(name=f"9{image.name}") for image in made(size=9))]
    write_parquet(Path("parquet"), large)
    assert "The images differ in size (8×8, 9×9)" in refused("parquet")


@pytest.mark.parametrize("name", ["parquet", "tfrecord", "webdataset", "huggingface"])
def test_files_that_end_too_early(name):
    WRITERS[name][0](Path(name), IMAGES)
    path = sorted(path for path in Path(name).rglob("*") if path.is_file() and "train" in str(path))[0]
    content = path.read_bytes()
    end_of_tar = len(content.rstrip(b"\0")) + 512 if name == "webdataset" else len(content)
    for end in (0, 1, 600, len(content) // 3, end_of_tar - 512):
        path.write_bytes(content[:end])
        sentence = refused(name)
        assert str(path) in sentence, (end, sentence)
        if name == "tfrecord" and end > 0:
            assert ", record " in sentence


def test_a_record_with_a_wrong_checksum_is_named():
    write_tfrecord(Path("tfrecord"), IMAGES, shards=1)
    path = Path("tfrecord/train-00000-of-00001")
    content = bytearray(path.read_bytes())
    second = 16 + struct.unpack_from("<Q", content)[0]
    content[second + 100] ^= 1
    path.write_bytes(content)
    assert f"{path}, record 1, cannot be read: its checksum is wrong" in refused("tfrecord")
    content[second] ^= 1
    path.write_bytes(content)
    assert "record 1, cannot be read: the checksum of its length is wrong" in refused("tfrecord")


def test_compressed_records_and_those_that_are_no_examples():
    write_tfrecord(Path("a"), IMAGES)
    Path("b").mkdir()
    for path in Path("a").glob("t*"):
        Path("b", f"{path.name}.tfrecord.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert read("tfrecord", root="b").classes == ["0", "1", "2"]
    import tensorflow as tf

    with tf.io.TFRecordWriter("c.tfrecord") as writer:
        writer.write(b"\xff\xff\xff")
    assert "record 0, cannot be read: it is no tf.train.Example" in refused("tfrecord", root="c.tfrecord")


def tar_of(path, files):
    with tarfile.open(path, "w") as tar:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def test_samples_that_are_damaged():
    png = IMAGES[0].content
    first = [("1.png", png), ("1.cls", b"0")]
    for files, said in (
        ([("1.a.png", png), ("1.b.png", png), ("1.cls", b"0")], "the columns of x.tar are a.png, b.png, cls"),
        ([*first, ("2.png", png), ("2.cls", b"1"), *first], "sample 1 appears twice"),
        ([*first, *first], "sample 1 has two files png"),
        ([*first, ("1.json", b"{")], "its JSON file is damaged"),
        ([*first, ("1.json", b"[]")], "its JSON file has no fields with names"),
        ([("README", b"x")], "x.tar contains no files"),
    ):
        tar_of("x.tar", files)
        assert said in refused("webdataset", root="x.tar"), files
    content = bytearray(Path(write_webdataset(Path("w"), IMAGES, shards=1), "train-000000.tar").read_bytes())
    content[6 * 512 + 148 : 6 * 512 + 156] = b"99999999"  # the checksum of a header
    Path("y.tar").write_bytes(content)
    assert "cannot be read: the file is damaged" in refused("webdataset", root="y.tar")


def test_files_that_differ():
    def write(name, **columns):
        pq.write_table(pa.table(columns), f"set/{name}.parquet")

    Path("set").mkdir()
    contents = [image.content for image in IMAGES]
    write("train-0", image=contents, label=[0, 1] * 6)
    for columns, said in (
        (
            {"image": contents, "kind": [0] * 12},
            "data.label=label, but the columns of set/train-1.parquet are image, kind",
        ),
        (
            {"image": contents, "label": ["a"] * 12},
            "is int64 in set/train-0.parquet, but string in set/train-1.parquet",
        ),
        ({"image": [[1, 2]] * 12, "label": [0] * 12}, "data.image=image is list<"),
    ):
        write("train-1", **columns)
        assert said in refused_before_reading("parquet", root="set")
    write("train-1", image=contents, label=[[0]] * 12)
    Path("set/train-0.parquet").unlink()
    assert "set/train-1.parquet/0: data.label=label is [0], but must be one text or whole number" in refused(
        "parquet", root="set"
    )


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["train-0", "more-1"], "set/more-1.parquet names no split, but set/train-0.parquet does"),
        (["test-0", "validation-1"], "None of the 2 files in set is for training"),
    ],
)
def test_names_of_splits(names, said):
    Path("set").mkdir()
    for name in names:
        pq.write_table(pa.table({"image": [b""], "label": [0]}), f"set/{name}.parquet")
    assert said in refused_before_reading("parquet", root="set")


def test_labels_that_do_not_fit():
    write_parquet(Path("parquet"), IMAGES, shards=1)
    path = Path("parquet/test-00000-of-00001.parquet")
    table = pq.read_table(path)
    wrong = table.set_column(1, "label", pa.array([7] * len(table)))
    pq.write_table(wrong.replace_schema_metadata(table.schema.metadata), path)
    assert f"{path}/0: data.label=label is 7, but the 3 classes are numbered from 0 to 2" in refused("parquet")
    write_parquet(
        Path("parquet"), [image for image in IMAGES if image.split == "test" or image.label != "eel"], shards=1
    )
    assert "class eel has no training images" in refused("parquet")
    write_parquet(Path("parquet"), [image for image in IMAGES if image.label == "eel"], shards=1)
    assert "training images of 1 class in data.label=label, but needs at least two" in refused("parquet")
    # Hugging Face's data sets mark test images without a label by -1.
    write_parquet(Path("parquet"), IMAGES, shards=1)
    missing = table.set_column(1, "label", pa.array([-1] * len(table)))
    pq.write_table(missing.replace_schema_metadata(table.schema.metadata), path)
    assert len(read("parquet", test_fraction=0.2).skipped) == 4


def test_a_file_with_the_names_of_classes():
    write_tfrecord(Path("tfrecord"), IMAGES)
    names = Path("tfrecord/labels.txt")
    names.write_text("0:one\n2:two\n")
    assert "must number the classes from 0 without gaps" in refused_before_reading("tfrecord")
    names.write_text("one\ntwo\nthree\n")
    assert read("tfrecord").classes == ["one", "two", "three"]


def test_files_are_found_below_a_folder_and_others_are_left_out():
    for name in ("a/train-0.tar", "a/.hidden.tar", "a/.git/x.tar", "notes.pdf", "labels.txt", "test-0.tar"):
        Path("set", name).parent.mkdir(parents=True, exist_ok=True)
        Path("set", name).touch()
    files = find_files(settings("webdataset", root="set"), r"\.tar$", "tar")
    assert files.paths == ["set/a/train-0.tar", "set/test-0.tar"]
    assert [place.path for place in files.left_out] == ["notes.pdf"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data=parquet", "data.root=none-*.parquet"], "data.root=none-*.parquet matches no file."),
        (["data=webdataset", "data.root='none-{00..02}.tar'"], "matches no file (none-00.tar)."),
        (["data=tfrecord", "data.root=set"], "data.root=set contains no TFRecord files."),
        (["data=huggingface", "data.root=set"], "data.root=set contains no Arrow files."),
        (["data=tfds", "data.root=set"], "contains no data set that TensorFlow Datasets has prepared"),
        (["data=parquet", "data.root=set", "data.label=lable"], "are image, label: did you mean label?"),
        (
            ["data=csv", "data.root=s3://a/b.csv"],
            "data=csv reads files of this machine only, not data.root=s3://a/b.csv",
        ),
        (["data=parquet", "data.root=nothing://a"], "data.root=nothing://a cannot be opened: Protocol not known"),
        (["data=digits", "data.split=a"], "does not use data.split"),
    ],
)
def test_command_lines_are_refused_before_anything_is_read(words, said, capfd):
    write_parquet(Path("set"), IMAGES)
    assert cli.main(words) == 2
    assert said in capfd.readouterr().err
    assert not Path("outputs").exists()


# Other libraries


@pytest.mark.slow
def test_files_of_the_library_of_hugging_face(written):
    datasets = pytest.importorskip("datasets")
    classes = datasets.ClassLabel(names=["cat", "dog", "eel"])
    features = datasets.Features({"image": datasets.Image(), "label": classes})
    rows = {
        split: {"image": [{"bytes": i.content, "path": None} for i in inside], "label": [i.label for i in inside]}
        for split, inside in splits(IMAGES).items()
    }
    every = datasets.DatasetDict({split: datasets.Dataset.from_dict(r, features=features) for split, r in rows.items()})
    every.save_to_disk("saved")
    every["train"].to_parquet("hub/train-0.parquet")
    every["test"].to_parquet("hub/test-0.parquet")
    expected = read("image_folder", root=str(written("image_folder"))).fingerprint
    assert read("huggingface", root="saved").fingerprint == expected
    assert read("parquet", root="hub").fingerprint == expected
    cached = datasets.load_dataset("parquet", data_files={s: f"hub/{s}-0.parquet" for s in rows}, cache_dir="cached")
    cached["train"].filter(lambda row: row["label"] > 0)  # its result is in the folder, too
    assert read("huggingface", root="cached").fingerprint == expected


def test_a_file_of_arrow_that_is_no_stream():
    table = pa.table({"image": [image.content for image in IMAGES], "label": [image.label for image in IMAGES]})
    with pa.OSFile("all.arrow", "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=5)
    assert len(read("huggingface", root="all.arrow").files) == len(IMAGES)


@pytest.mark.slow
def test_folders_of_tensorflow_datasets(written):
    root = written("tfds")
    assert "add one of a/written/1.0.0, b/written/1.0.0" in _several(root)
    meta = json.loads((root / "written/1.0.0/dataset_info.json").read_text())
    assert {split["name"] for split in meta["splits"]} == {"train", "test"}
    assert read("tfrecord", root=f"{root}/written/1.0.0").classes == ["cat", "dog", "eel"]
    assert "data.label=lable, but the columns of" in refused_before_reading("tfds", root=str(root), label="lable")


def _several(root):
    import shutil

    for name in ("a", "b"):
        shutil.copytree(root, f"both/{name}")
    return refused_before_reading("tfds", root="both")
