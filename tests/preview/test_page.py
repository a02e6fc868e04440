"""The page of `show`: the tensors are those of a run, and what stands out is said first, for any set of images."""

import re

import numpy as np
import pytest
from PIL import Image

import exprun
from exprun import Session, augment, cli
from exprun.assembly import assemble, prepare
from exprun.config.compose import Composer
from exprun.config.errors import DataError
from exprun.pages.frame import Page
from exprun.preview.page import look, render_page
from exprun.preview.tensors import Pipeline
from exprun.run_doctor import examined_images
from exprun.trainer.feed import epoch_order
from preview.pictures import HOSTILE, photo, write_arrays, write_folder
from tiny import LAYERS

MAX_BYTES = 10e6


def looked(*overrides):
    return look(Composer().config(list(overrides)), Session())


def texts(found, severity=("error", "warning")):
    return " ".join(remark.text for remark in found.remarks if remark.severity in severity)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("images"))


@pytest.fixture
def of_folder(folder):
    return ["data=image_folder", f"data.root={folder}", "data.size=32"]


@pytest.mark.parametrize(
    "name",
    [
        "augment=mixup",
        pytest.param("augment=alternating_flip", marks=pytest.mark.slow),
        pytest.param("input.crop=24", marks=pytest.mark.slow),
        *(pytest.param(f"augment={name}", marks=pytest.mark.slow) for name in ("cifar", "affine", "cutmix")),
    ],
)
def test_the_first_batch_is_that_of_the_first_step(name):
    overrides = [LAYERS, "data.limit=200", "trainer.batch_size=32", "trainer.precision=float32", "seed=3", name]
    config = Composer().config(overrides)
    session = Session()
    assembly = assemble(config, session)
    train = assembly.dataset.train
    order = epoch_order(len(train), 32, 3, 0)[0]
    mirrored = augment.mirrored_in(order[None], len(train), 3, 0)[0]
    wanted = np.asarray(assembly.step.batch_inputs(train.images[train.rows], order, np.int32(0), mirrored))
    pipeline = Pipeline(config, prepare(config, session))
    found = pipeline.in_step(0, 10)
    assert np.allclose(found.tensors, wanted[:10], atol=1e-5)
    assert np.array_equal(found.labels, train.row_labels[order[:10]])
    again = pipeline.in_step(1, 10)
    assert not np.allclose(found.tensors, again.tensors)


def test_mixed_images_have_both_labels_and_their_shares():
    found = looked("data=digits", "data.limit=200", "trainer.batch_size=32", "augment=cutmix")
    captions = [picture.caption for picture in found.augmented.pictures]
    mixed = [re.fullmatch(r"(\d+)% (\d), (\d+)% (\d)", caption) for caption in captions]
    assert sum(one is not None for one in mixed) > len(captions) / 2
    for one in filter(None, mixed):
        assert 99 <= int(one[1]) + int(one[3]) <= 101
        assert one[2] != one[4]
    assert "cutmix 1" in found.augmentation
    assert any(", " in picture.caption for picture in found.seen[0][1].pictures)  # those of the first batch too


def test_nothing_unusual_in_healthy_images():
    found = looked("data=digits", "data.limit=600")
    assert found.verdict == "Nothing unusual in 600 images of 10 classes."
    assert found.augmented is None
    assert {one.name for one in found.values} == {"training", "validation", "test"}
    assert found.differences == {}


def test_an_injected_fault_shows_as_in_a_run():
    found = looked("data=digits", "data.limit=600", "input=unit", "fault=unscaled_eval")
    assert [remark.cause for remark in found.serious] == ["unscaled-evaluation"]
    assert "258 times as widely" in found.differences["validation"]
    page = render_page(found, "command")
    assert page.index("unscaled-evaluation") < page.index("Images as the network gets them")


@pytest.mark.slow
def test_bypassed_preprocessing_shows_unscaled_images_without_augmentation():
    found = looked("data=digits", "data.limit=200", "augment=cifar", "fault=bypass_preprocessing")
    assert found.augmented is None
    assert found.values[0].high[0] == 255


@pytest.mark.slow
def test_shuffled_labels_show_in_the_captions():
    plain, shuffled = (looked("data=digits", "data.limit=200", f"fault={name}") for name in ("none", "shuffled_labels"))
    captions = [[picture.caption for picture in found.seen[0][1].pictures] for found in (plain, shuffled)]
    assert captions[0] != captions[1]


def test_a_folder_with_copies_broken_files_and_html_in_names(of_folder):
    found = looked(*of_folder, "augment=affine")
    said = texts(found)
    assert "occur again with another label" in said
    assert "1 file cannot be read" in said
    assert "enlarged" in said
    assert found.copies is not None
    assert found.copies.pictures[0].mark == "bad"
    assert "dog/broken.png" in found.files.shown[0][0]
    assert found.files.total == 2
    assert {title for title, _ in found.extremes} >= {"Smallest files", "Largest files", "Darkest", "Brightest"}
    smallest = dict(found.extremes)["Smallest files"].pictures[0]
    assert "24×30" in smallest.caption
    of_class = {picture.caption: picture.lines[-1] for picture in dict(found.each_class)[HOSTILE].pictures}
    assert of_class["largest file"] == "63×30 pixels in its file"
    page = render_page(found, "command")
    assert "<script>alert" not in page
    assert f"{HOSTILE[:3]} &lt;b&gt;" in page
    assert "src=" not in re.sub(r"data:image/[a-z]+;base64,[^)\"]+", "", page)


def test_the_largest_and_the_smallest_class(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.array([0] * 120 + [1] * 100 + [2] * 8)
    images = (
        rng.integers(0, 100, (len(labels), 8, 8, 1), np.uint8) + (labels * 50).astype(np.uint8)[:, None, None, None]
    )
    np.savez(tmp_path / "a.npz", x_train=images, y_train=labels, x_test=images[::4] + 1, y_test=labels[::4])
    found = looked("data=arrays", f"data.root={tmp_path / 'a.npz'}")
    assert "has 14 times as many training images as the smallest, 2" in texts(found)
    assert [one.name for one in found.classes] == ["0", "1", "2"]


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1, 1), (3, 40, 1)])
def test_images_of_any_shape(tmp_path, shape):
    file = write_arrays(tmp_path / "a.npz", 40, 2, shape)
    found = looked("data=arrays", f"data.root={file}", "augment=flip")
    assert found.images == 44
    assert len(render_page(found, "command")) < MAX_BYTES


@pytest.mark.slow
@pytest.mark.parametrize("size", [224, "null"])
def test_large_files_and_pages_stay_small(tmp_path, size):
    rng = np.random.default_rng(0)
    for name in "ab":
        (tmp_path / name).mkdir()
        for number in range(3):
            photo(rng, (4000, 3000)).save(tmp_path / name / f"{number}.jpg")
    config = ["data=image_folder", f"data.root={tmp_path}", "data.val_fraction=0.4"]
    found = looked(*config, f"data.size={size}")
    assert found.images == 6
    assert len(render_page(found, "command")) < MAX_BYTES


@pytest.mark.slow
def test_a_thousand_classes_are_shown_by_their_ends(tmp_path):
    file = write_arrays(tmp_path / "a.npz", 3000, 1000, (8, 8, 3))
    found = looked("data=arrays", f"data.root={file}")
    assert len(found.classes) == 1000
    assert (len(found.each_class), found.classes_in_sample) == (30, 1000)
    page = render_page(found, "command")
    assert "980 classes between" in page
    assert len(page) < MAX_BYTES


@pytest.mark.slow
def test_fifty_thousand_images_of_a_thousand_classes(tmp_path):
    file = write_arrays(tmp_path / "a.npz", 50_000, 1000, (32, 32, 3))
    found = looked("data=arrays", f"data.root={file}", "augment=flip")
    assert found.images == 55_000
    assert len(render_page(found, "command")) < MAX_BYTES


def test_a_network_that_does_not_fit_the_images_stands_out(tmp_path):
    file = write_arrays(tmp_path / "a.npz", 40, 2, (8, 8, 3))
    assert [remark.severity for remark in looked("data=arrays", f"data.root={file}", "model=vgg16").serious] == [
        "error"
    ]


def test_settings_that_the_page_cannot_show_are_said():
    found = looked("data=digits", "data.limit=100", "doctor=none", "adversary=fgsm", "trainer.overfit_batch=true")
    said = texts(found, ["note"])
    for text in ("adversary=fgsm", "only the first batch", "doctor=none"):
        assert text in said


def test_the_same_seed_draws_the_same_page():
    pages = [render_page(looked("data=digits", "data.limit=100", f"seed={seed}"), "c") for seed in (0, 0, 1)]
    assert pages[0] == pages[1] != pages[2]


def test_one_class_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "only").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "only" / "a.png")
    with pytest.raises(DataError, match="1 class"):
        looked("data=image_folder", f"data.root={tmp_path}")


def test_the_command_writes_the_page_and_says_what_stands_out(of_folder, tmp_path, capsys):
    assert cli.main(["show", *of_folder, "--html", "found.html"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == "page: found.html"
    assert "stand out in" in printed[1]
    assert any(line.startswith("warning: ") for line in printed)
    page = (tmp_path / "found.html").read_text()
    assert "python -m exprun show" in page


def test_a_notebook_shows_the_page_in_a_frame():
    page = exprun.show(["data=digits", "data.limit=100"])
    assert isinstance(page, Page)
    assert page.path.parent.name == "pages"
    framed = page._repr_html_()
    assert framed.startswith("<iframe sandbox")
    assert framed.count("<") == 2  # the page is escaped


def test_large_images_are_thinned_for_the_doctor_with_their_crop_but_not_where_they_are_compared(tmp_path):
    write_arrays(tmp_path / "large.npz", 20, 2, (240, 240, 3))
    config = Composer().config(["data=arrays", f"data.root={tmp_path / 'large.npz'}", "input.crop=200"])
    context, _ = examined_images(config, prepare(config, Session()))
    assert context.subject.train.inputs.shape[1:] == (100, 100, 3)
    assert context.prints[0].images.shape[1:] == (240, 240, 3)
