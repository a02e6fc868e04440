"""Exported files: each predicts what its run predicts, and its card shows code that runs."""

import importlib.util
import os
import re
import zipfile

import numpy as np
import pytest
from PIL import Image

from exprun import cli
from exprun.config.errors import DataError
from exprun.data.dataset import load
from exprun.formats import FORMATS, agreement, export
from exprun.predict import predict
from exprun.records import find_run
from tiny import config, tiny

# One layer of each kind that other formats or programs lack: a grouped convolution, GELU, local response normalisation,
# attention, a position embedding, layer scale, and the initialisation of a depthwise convolution.
WORDS = [
    "model.layers=[{conv: 8, stride: 2},{conv: 8, groups: 2, activation: gelu},{pool: max},position,"
    "{residual: [{depthwise: 1},{attention: 2}], scale: 0.1},flatten]",
    "norm=lrn",
    "data.size=16",
    "data.channels=1",
]
# TFLite and ONNX convert for seconds; of the variants of TFLite, int8 is the one that does the most.
VARIANTS = [
    ("keras", []),
    pytest.param("savedmodel", [], marks=pytest.mark.slow),
    ("onnx", []),
    ("tflite", ["--int8"]),
    pytest.param("tflite", [], marks=pytest.mark.slow),
    pytest.param("tflite", ["--float16"], marks=pytest.mark.slow),
    pytest.param("mlflow", [], marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        tiny(*WORDS, "run_dir=outputs/runs/it", "trainer.epochs=4")
    return folder


@pytest.fixture
def place(trained, monkeypatch):
    monkeypatch.chdir(trained)
    return trained


def need(name):
    for package in FORMATS[name].packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install 'exprun[{name}]'")


@pytest.mark.slow
def test_the_weights_are_not_copied_for_each_optimisation_of_onnx(place, monkeypatch):
    need("onnx")
    from tf2onnx.graph import Graph

    updates, update = [], Graph.update_proto
    monkeypatch.setattr(Graph, "update_proto", lambda *args: updates.append(args) or update(*args))
    assert cli.main(["export", "it", "--to", "onnx"]) == 0
    assert len(updates) <= 2


@pytest.mark.parametrize(("name", "words"), VARIANTS, ids=lambda value: "".join(value))
def test_a_file_predicts_what_the_run_predicts_and_its_card_runs(place, capsys, monkeypatch, name, words):
    need(name)
    assert cli.main(["export", "it", "--to", name, *words]) == 0
    file, card, compared = capsys.readouterr().out.splitlines()
    assert os.path.basename(file) == FORMATS[name].file
    found = re.fullmatch(
        r"Compared with predict on 40 test images: the largest difference of a probability is (\S+), and (\S+) % of "
        r"the classes are equal\.",
        compared,
    )
    assert float(found[1]) <= (0.1 if "--int8" in words else 0.01 if words else 1e-4)
    assert float(found[2]) >= 95
    text = (place / card).read_text()
    assert compared in text
    assert "into 10 classes: 0, 1, 2" in text
    code = text.partition("```python\n")[2].partition("```")[0]
    assert len(code.splitlines()) <= 6
    if name == "keras":
        assert b"exprun" not in zipfile.ZipFile(place / file).read("config.json")
    images = load(config(*WORDS).data).test.images[:3]
    monkeypatch.chdir(os.path.dirname(file))
    known = {}
    exec(code, known)  # one image
    assert np.shape(known["probabilities"]) == (1, 10)
    exec(code.replace(re.search(r"np\.zeros\(.*\)", code)[0], "given"), known := {"given": images})
    for number, image in enumerate(images):
        Image.fromarray(image[..., 0]).save(place / f"{number}.png")
    monkeypatch.chdir(place)
    predictions = predict(find_run("it"), [f"{number}.png" for number in range(3)], 10)
    wanted = [[dict(one.classes)[str(label)] for label in range(10)] for one in predictions]
    np.testing.assert_allclose(known["probabilities"], wanted, atol=0.1 if words else 1e-4)


def test_a_file_that_predicts_something_else_is_named_and_kept(place, capsys, monkeypatch):
    monkeypatch.setattr(export, "reader", lambda *_: lambda images: np.full((len(images), 10), 0.1))
    assert cli.main(["export", "it", "--folder", "other"]) == 1
    assert "does not agree with the run: a difference of at most 0.001 was expected." in capsys.readouterr().err
    assert (place / "other" / "model.keras").exists()
    assert "the largest difference of a probability is " in (place / "other" / "README.md").read_text()


def test_probabilities_that_are_not_numbers_never_agree():
    found = agreement.agreement("1 image", np.array([[0.5, 0.5]]), np.array([[np.nan, 0.5]]), "int8")
    assert not found.holds


@pytest.fixture
def without_data(monkeypatch):
    def gone(_):
        raise DataError("data.root=photos does not exist.")

    monkeypatch.setattr(agreement, "load", gone)


def test_a_run_whose_images_are_gone_is_exported_unless_int8_needs_them(place, capsys, without_data):
    assert cli.main(["export", "it", "--folder", "unseen"]) == 0
    assert "not compared with predict: data.root=photos does not exist. --images names" in capsys.readouterr().err
    assert "was not compared with the run" in (place / "unseen" / "README.md").read_text()
    Image.new("RGB", (20, 20), "red").save(place / "red.png")
    assert cli.main(["export", "it", "--folder", "given", "--images", "red.png"]) == 0
    assert "Compared with predict on 1 image given with --images: " in capsys.readouterr().out
    (place / "torn.png").write_bytes(b"nothing")
    assert cli.main(["export", "it", "--folder", "torn", "--images", "torn.png"]) == 1
    assert "torn.png cannot be read" in capsys.readouterr().err
    need("tflite")
    assert cli.main(["export", "it", "--to", "tflite", "--int8"]) == 1
    assert "--int8 needs training images of the run: data.root=photos does not exist." in capsys.readouterr().err


@pytest.mark.parametrize("name", ["onnx", "tflite"])
def test_a_package_that_is_missing_is_named_with_the_command_that_installs_it(capsys, monkeypatch, name):
    monkeypatch.setattr("exprun.formats.importlib.util.find_spec", lambda _: None)
    assert cli.main(["export", "it", "--to", name]) == 2
    assert f"not installed: pip install 'exprun[{name}]'." in capsys.readouterr().err
