"""CSV files as people have them: how they are read, what is left out, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exprun import cli
from exprun.config.errors import DataError
from exprun.config.images import Data
from exprun.data import load
from exprun.data.csv_file import locate_csv

CSV = Data(
    name="csv", root="set/labels.csv", channels=3, size=8, corrupt="skip", background="white", val_fraction=0.2
)  # fmt: skip


@pytest.fixture(autouse=True)
def images():
    """Eight images of two classes, named after the classes."""
    for number in range(8):
        path = Path(f"set/images/{'ab'[number % 2]}{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), 30 * number, np.uint8)).save(path)


def rows(separator=",", header="image,label", ends="\n", path="images/{}.png"):
    names = [f"{'ab'[number % 2]}{number}" for number in range(8)]
    lines = [header.replace(",", separator), *(f"{path.format(name)}{separator}{name[0]}" for name in names)]
    return ends.join(lines) + ends


def write(text, encoding="utf-8"):
    Path("set/labels.csv").write_bytes(text.encode(encoding))


def read(**more):
    return load(replace(CSV, **more))


def labelled(data):
    return {file: data.classes[label] for file, label in zip(data.files, data.train.labels, strict=True)}


TEXTS = {
    "comma": rows(),
    "semicolon": rows(";"),
    "tab": rows("\t"),
    "bar": rows("|"),
    "colon": rows(":"),
    "Windows": rows(ends="\r\n"),
    "old Mac": rows(ends="\r"),
    "quotes": '"image", "label"\n' + rows(path='"images/{}.png"').partition("\n")[2],
    "spaces": rows(" , "),
    "more columns": rows(header="image,label,comment").replace(",a\n", ',a,"x, ""y""\nz"\n'),
    "empty rows": rows().replace("\n", "\n\n,\n"),
    "Windows paths": rows(path="images\\{}.png"),
    "upwards": rows(path="../set/images/{}.png"),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("text", TEXTS)
def test_csv_files_of_many_programs(text, encoding):
    write(TEXTS[text], encoding)
    data = read()
    assert labelled(data) == {f"images/{'ab'[n % 2]}{n}.png": "ab"[n % 2] for n in range(8)}
    assert (data.train.images[:, 0, 0, 0] == [30 * n for n in range(8)]).all()


def test_absolute_paths_and_other_columns():
    write(rows(header="file,diagnosis", path=f"{Path.cwd()}/set/images/{{}}.png"))
    assert len(labelled(read(image="file", label="diagnosis"))) == 8


def test_splits_and_groups_are_columns():
    lines = rows().splitlines()
    splits = ["Train", "train", "training", "train", "VAL", "validation", "test", "test"]
    more = [f",{name},p{number}" for number, name in enumerate(splits)]
    write("\n".join(map("".join, zip(lines, [",subset,person", *more], strict=True))))
    data = read(split="subset")
    assert [part.rows.tolist() for part in (data.train, data.val, data.test)] == [[0, 1, 2, 3], [4, 5], [6, 7]]
    grouped = read(group="person", val_fraction=0.3)
    assert "data.group=person keeps groups on one side" in " ".join(grouped.notes)
    assert (
        "column subset of set/labels.csv names splits, but is not used: data.split=subset uses it" in grouped.notes[0]
    )
    assert not any("is not used" in note for note in data.notes)


@pytest.mark.parametrize(
    "ordered", [("9", "10", "100"), ("-1.0", "2.0", "10.0"), ("7", "a10", "a9"), ("1", "2", "3" * 5000)]
)
def test_numbers_are_ordered_by_size(ordered):
    numbers = [ordered[place] for place in (1, 0, 2, 0, 1, 2, 0, 1)]
    names = [line.split(",")[0] for line in rows().splitlines()[1:]]
    write("image,label\n" + "\n".join(map(",".join, zip(names, numbers, strict=True))))
    assert read().classes == list(ordered)


def test_images_that_are_missing_or_damaged_are_skipped_or_refused():
    Path("set/images/a0.png").unlink()
    Path("set/images/b1.png").write_bytes(b"")
    write(rows())
    data = read()
    assert data.skipped == ["set/images/a0.png: there is no such file", "set/images/b1.png: an empty file"]
    assert len(data.files) == 6
    with pytest.raises(DataError, match=r"2 of 8 images cannot be read, the first is set/images/a0.png: there is no"):
        read(corrupt="refuse")


def test_rows_that_are_left_out_are_named():
    write(rows() + "images/a0.png,a\n,b\nimages/c.png,\n")
    assert dict(locate_csv(CSV).left_out) == {
        "images/a0.png": "listed twice",
        "line 11": "without the path of an image",
        "images/c.png": "without a label",
    }


WRONG = [
    (rows() + "images/a0.png,b\n", {}, r"lists images/a0.png in lines 2 and 10 with two labels \(a and b\)"),
    (rows() + "images/a0.png,a,b\n", {}, r"line 10, has 3 fields, but there are 2 columns: put values with ','"),
    (rows() + 'images/a0.png,"a\n', {}, "line 10, is not CSV: unexpected end of data"),
    (rows(path="pictures/{}.png"), {}, r"None of the 8 images in set/labels.csv exists, such as set/pictures/a0.png"),
    (rows(header="image,image"), {"label": "image"}, "several columns image"),
    (
        rows(),
        {"label": "lable"},
        r"data.label=lable, but the columns of set/labels.csv are image, label: did you mean l",
    ),
    (
        rows(),
        {"group": "person"},
        r"data.group=person, but the columns of set/labels.csv are image, label: set data.group to one of them",
    ),
    ("image\n" + rows().partition("\n")[2].replace(",a", "").replace(",b", ""), {}, "the columns of .* are image: set"),
    (rows(header="file,class"), {}, "data.image=image, but the columns of .* are file, class: set data.image to one"),
    (rows(), {"split": "label"}, r"line 2: data.split=label is 'a', but must be train, val or test"),
    (rows(header="image,label,p"), {"group": "p"}, "line 2: data.group=p is empty, but each image needs a group"),
    (rows().replace(",b", ",a"), {}, "training images of 1 class in data.label=label, but needs at least two"),
    ("image,label\n", {}, "lists no images with labels"),
    (
        "image,label\nimages/a0.png,\n",
        {},
        r"lists no images with labels; left out: 1 without a label \(images/a0.png\)",
    ),
    ("\n \n", {}, "is empty"),
    (",,\n,\n", {}, "is empty"),
]


@pytest.mark.parametrize(("text", "more", "said"), WRONG)
def test_files_that_are_refused(text, more, said):
    write(text)
    with pytest.raises(DataError, match=said):
        read(**more)


def test_a_class_without_training_images_is_refused():
    write("image,label,s\nimages/a0.png,a,train\nimages/b1.png,b,train\nimages/a2.png,c,test\n")
    with pytest.raises(DataError, match="class c has no training images"):
        read(split="s")


def test_text_in_another_encoding_is_refused():
    write(rows().replace("b\n", "ä\n"), "latin-1")
    with pytest.raises(DataError, match=r"not UTF-8 text \(line 3\): save it as CSV in UTF-8"):
        read()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "data.label=lable, but the columns"),
        (("data.root=set",), "set is a folder, not a CSV file"),
        (("data.root=nowhere.csv",), "data.root=nowhere.csv does not exist"),
    ],
)
def test_wrong_columns_are_refused_before_anything_is_written(words, said, capsys):
    write(rows())
    assert cli.main(["data=csv", "data.root=set/labels.csv", "data.label=lable", *words]) == 2
    assert said in capsys.readouterr().err
    assert not Path("outputs").exists()


def test_a_moved_label_makes_another_cache_entry():
    write(rows())
    first = read().fingerprint
    write(rows().replace("a0.png,a", "a0.png,b"))
    assert read().fingerprint != first


NAMED = "".join(f"images/{'ab'[n % 2]}{n}.png,{'|'.join(['cat'] * (n % 2) + ['10'] * (n > 2))}\n" for n in range(8))


def test_several_labels_in_one_column():
    write("image,label\n" + NAMED)
    data = read(labels="several", val_fraction=0.1, test_fraction=0.1)
    assert data.classes == ["10", "cat"]
    assert {file: data.train.labels[row].tolist() for row, file in enumerate(data.files)} == {
        f"images/{'ab'[n % 2]}{n}.png": [float(n > 2), float(n % 2)] for n in range(8)
    }
    assert not data.left_out  # the image without a label is one of no class


def test_a_column_for_each_class():
    write("image,b,a\n" + "".join(f"images/{'ab'[n % 2]}{n}.png,{n % 2},{n % 3 % 2}\n" for n in range(8)))
    data = read(labels="several", label=["a", "b"])
    assert data.classes == ["a", "b"]
    assert data.train.labels.tolist() == [[n % 3 % 2, n % 2] for n in range(8)]
    write("image,a,b\n" + "".join(f"images/{'ab'[n % 2]}{n}.png,0.{n + 1},0.{9 - n}\n" for n in range(8)))
    data = read(labels="soft", label=["a", "b"])
    np.testing.assert_allclose(data.train.shares[:, 0], [0.1 * (n + 1) for n in range(8)], atol=1e-6)
    write("image,a,b\nimages/a0.png,0,1\nimages/b1.png,yes,1\n")
    with pytest.raises(
        DataError, match=r"line 3: the label is yes\|1, but data.labels=several needs a number for each"
    ):
        read(labels="several", label=["a", "b"])
    write("image,a,b\nimages/a0.png,0,1\nimages/b1.png,0,1\n")
    with pytest.raises(DataError, match="has training images of 1 class"):
        read(labels="several", label=["a", "b"])
