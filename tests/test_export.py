"""A trained network as a file of its own, what it says of pictures, and runs that are repeated."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from exprun import cli
from exprun.compare.fairness import follows
from exprun.config.errors import ConfigError
from exprun.data.dataset import load
from exprun.export import continued
from exprun.formats.card import card
from exprun.network_interface import Interface
from exprun.records import Run
from exprun.records import find_run as find
from exprun.run_folder import RunFolder
from exprun.runs import start_of
from tiny import TINY, config, tiny

WORDS = ["model.layers=[{conv: 8},{pool: max},{conv: 16},{pool: max},flatten]", "data.size=16", "trainer.epochs=4"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a run on grey digits, and of one whose network is Python code."""
    place = tmp_path_factory.mktemp("trained")
    (place / "mine.py").write_text(
        "import keras\n"
        "def net(shape, classes):\n"
        "    x = keras.Input(shape)\n"
        "    return keras.Model(x, keras.layers.Dense(classes)(keras.layers.Flatten()(x)))\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.syspath_prepend(str(place))
        words = ["data.channels=1", "run_dir=outputs/runs/digits", "doctor=watch", "trainer.deterministic=true"]
        tiny(*WORDS, *words)
        tiny("model=python", "~model.layers", "model.builder=mine:net", "run_dir=outputs/runs/code", "trainer.epochs=1")
    return place


@pytest.fixture
def place(trained, monkeypatch):
    monkeypatch.chdir(trained)
    return trained


def pictures(place, count=8):
    """Test images of the run as files, and what class each is of."""
    dataset = load(config(*WORDS, "data.channels=1").data)
    folder = place / "pictures"
    folder.mkdir(exist_ok=True)
    for row in dataset.test.rows[:count]:
        Image.fromarray(dataset.test.images[row][..., 0]).save(folder / f"{row}.png")
    return {str(row): dataset.classes[dataset.test.labels[row]] for row in dataset.test.rows[:count]}


def test_the_exported_model_says_what_the_run_measured(place, capsys):
    import keras

    assert cli.main(["export", "digits"]) == 0
    *files, compared = capsys.readouterr().out.splitlines()
    assert compared.startswith("Compared with predict on 40 test images: ")
    assert files == ["outputs/runs/digits/export/model.keras", "outputs/runs/digits/export/README.md"]
    model = keras.saving.load_model(files[0])
    test = load(config(*WORDS, "data.channels=1").data).test
    right = np.argmax(np.asarray(model(test.images[test.rows])), axis=1) == test.row_labels
    assert right.mean() == pytest.approx(find("digits").metrics["test/accuracy"], abs=1e-6)


def test_the_card_tells_use_figures_and_settings(place):
    cli.main(["export", "digits", "--folder", "elsewhere"])
    text = (place / "elsewhere" / "README.md").read_text()
    run = find("digits")
    assert text.startswith("---\nlibrary_name: keras\n")
    assert f"{run.metrics['test/accuracy']:.2%}" in text
    assert "| optim.name | sgd_momentum |" in text
    assert "| loss.name | cross_entropy |" in text
    assert f"| seed | {run.config['seed']} |" in text
    assert "images of 16×16 pixels and 1 channel into 10 classes: 0, 1, 2" in text


def test_text_on_the_card_is_no_markup(place):
    run = find("digits")
    run.config["model.name"] = "<script>alert(1)</script> | `x`"
    text = card(run, Interface.read(RunFolder(run.folder)), "keras", "float32", None)
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_pictures_get_their_classes(place, capsys):
    wanted = pictures(place)
    assert cli.main(["predict", "digits", "pictures", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    said = {entry["file"].split("/")[-1].removesuffix(".png"): next(iter(entry["classes"])) for entry in found}
    assert said.keys() == wanted.keys()
    assert sum(said[name] == wanted[name] for name in wanted) >= 6
    assert all(len(entry["classes"]) == 3 for entry in found)
    shares = [share for entry in found for share in entry["classes"].values()]
    assert all(0 <= share <= 1 for share in shares)


def test_a_picture_of_another_size_and_colour_is_made_fit(place, capsys):
    Image.fromarray(np.full((40, 30, 3), 200, np.uint8)).save(place / "colour.jpg")
    assert cli.main(["predict", "digits", "colour.jpg", "--top", "1"]) == 0
    assert capsys.readouterr().out.startswith("colour.jpg  ")


def test_a_damaged_picture_is_said_and_the_others_are_told(place, capsys):
    pictures(place, 1)
    (place / "damaged.png").write_bytes(b"nothing")
    assert cli.main(["predict", "digits", "damaged.png", "pictures"]) == 1
    captured = capsys.readouterr()
    assert "damaged.png cannot be read" in captured.err
    assert captured.out.count("%") >= 3


def test_code_of_a_run_is_not_executed_without_consent(place, capsys, monkeypatch):
    for words in (
        ["export", "code"],
        ["predict", "code", "mine.py"],
        ["runs", "repeat", "code"],
        ["runs", "continue", "code"],
    ):
        assert cli.main(words) == 2
        assert "builds its network with Python code, mine:net: add --trust" in capsys.readouterr().err
    monkeypatch.syspath_prepend(str(place))
    assert cli.main(["export", "code", "--trust"]) == 0


def test_a_run_is_repeated_from_its_own_config(place, capsys):
    assert cli.main(["runs", "repeat", "digits"]) == 0
    text = capsys.readouterr().out
    assert "repeated: all metrics are equal to those of outputs/runs/digits, in every digit." in text
    again = find("last")
    assert again.folder != find("digits").folder
    assert again.config["model.layers"] == find("digits").config["model.layers"]
    assert again.config["trainer.epochs"] == 4
    assert {path.name for path in (place / "outputs").iterdir()} <= {"runs", "cache"}


def arrays(run, name):
    with np.load(run.folder / "checkpoints" / f"{name}.npz") as file:
        return {key: file[key] for key in file.files}


def test_a_continued_run_starts_from_the_weights_with_a_new_optimizer_and_schedule(place, capsys):
    words = ["optim.learning_rate=1e-9", "optim.weight_decay=0", "trainer.epochs=2"]
    assert cli.main(["runs", "continue", "digits", *words]) == 0
    text = capsys.readouterr().out
    before, now = find("digits"), find("last")
    assert f"continued: val/best_accuracy was {before.metrics['val/best_accuracy']:.5g} in {before.name}" in text
    assert "after 2 more epochs." in text
    assert now.config["model.weights"] == "outputs/runs/digits"
    assert now.config["tracking.run_name"] == "cnn-digits-batch-sgd_momentum-0 continued"
    assert {key for key in now.config if now.config[key] != before.config.get(key)} <= {
        "model.weights",
        "optim.learning_rate",
        "optim.weight_decay",
        "trainer.epochs",
        "tracking.run_name",
        "run_dir",
        "progress",
    }
    start, end = arrays(before, "best"), arrays(now, "last")
    kernels = [key for key in start if key.startswith("model/") and "kernel" in key]
    assert len(kernels) >= 3
    for key in kernels:  # so small a learning rate moves nothing
        np.testing.assert_allclose(end[key], start[key], atol=1e-6)
    steps = int(now.history[-1]["step"])
    assert [int(end[key]) for key in end if key.endswith("/iteration")] == [steps]
    assert steps < before.history[-1]["step"]
    assert cli.main(["runs", "show", "last"]) == 0
    assert "It started from the weights of outputs/runs/digits.\n" in capsys.readouterr().out


def test_a_continued_run_can_start_from_the_last_weights(place):
    last = "outputs/runs/digits/checkpoints/last.npz"
    config = continued(find("digits"), [f"model.weights={last}", "tracking.run_name=mine"], place / "x")
    assert config.model.weights == last
    assert config.tracking.run_name == "mine"
    assert start_of(replace(find("digits"), config={"model.weights": last})) == last


def test_the_learning_rate_of_some_layers_is_not_silently_that_of_all(place):
    run = find("digits")
    run.config["model.fine_tune_rate"] = 0.1
    with pytest.raises(ConfigError, match=r"add model.fine_tune_rate=1 or model.fine_tune_rate=0.1\."):
        continued(run, [], place / "x")
    assert continued(run, ["model.fine_tune_rate=1"], place / "x").model.fine_tune_rate == 1


@pytest.mark.parametrize(
    "more",
    [
        "hydra:\n  callbacks:\n    x:\n      _target_: never.net\n",
        pytest.param("defaults:\n  - model: mine\n", marks=pytest.mark.slow),
        pytest.param("_target_: never.net\n", marks=pytest.mark.slow),
    ],
)
def test_nothing_in_the_folder_of_a_run_is_composed_or_executed(place, capsys, more):
    import shutil

    folder = place / "outputs" / "runs" / "strange"
    shutil.copytree(place / "outputs" / "runs" / "digits", folder, dirs_exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(path.read_text() + more)
    (place / "never.py").write_text("def net(*_): ...")
    for words in (["runs", "repeat", "strange"], ["export", "strange"]):
        assert cli.main(words) == 0
        assert f"{more.partition(':')[0]}=" in capsys.readouterr().err  # named, and left out
    assert "never" not in sys.modules


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ("export nothing", 2, "There is no run named nothing; python -m exprun runs lists all runs."),
        ("export digits --folder pictures/x.png", 2, "--folder pictures/x.png is a file, but must be a folder."),
        ("predict digits nothing.png", 2, "There is no image nothing.png."),
        ("predict digits empty", 2, "There is no image in empty."),
        ("predict digits mine.py --top 0", 2, "--top is 0, but must be above 0."),
        ("predict digits", 2, "The following arguments are required: IMAGE"),
        ("export bare", 1, "has no checkpoints/best.npz"),
        ("export early", 1, "the run ended before its network was built"),
        ("export broken", 1, "network.json is damaged."),
        ("runs repeat digits norm", 2, "runs repeat takes one run, not 2."),
        ("runs repeat digits nor=none", 2, "Unknown key nor"),
        (
            "runs repeat digits norm=none",
            2,
            "norm=none does not give a key one value, but a run is repeated from its own config",
        ),
        ("runs continue digits norm=none", 2, "but a run is continued from its own config"),
        ("runs continue digits optim.lr=0.1", 2, "Unknown key optim.lr; did you mean optim.learning_rate?"),
        (
            "runs continue digits model.layers=[flatten]",
            2,
            "model.layers cannot be changed: runs continue trains the network of outputs/runs/digits further",
        ),
        ("runs continue digits data.split_seed=3", 2, "data.split_seed cannot be changed: runs continue trains"),
        ("runs continue digits data.size=32", 2, "data.size cannot be changed: runs continue trains"),
        ("runs continue digits model.weights=nothing.npz", 2, "model.weights=nothing.npz does not exist"),
        ("runs continue bare", 2, "outputs/runs/bare has no checkpoints/best.npz to continue from"),
    ],
)
def test_mistakes_are_said_in_a_sentence(place, capsys, words, code, sentence):
    import shutil

    (place / "empty").mkdir(exist_ok=True)
    (place / "pictures").mkdir(exist_ok=True)
    (place / "pictures" / "x.png").touch()
    source = place / "outputs" / "runs" / "digits"
    for name in ("bare", "early", "broken"):
        shutil.copytree(source, source.parent / name, dirs_exist_ok=True)
    shutil.rmtree(source.parent / "bare" / "checkpoints", ignore_errors=True)
    (source.parent / "early" / "network.json").unlink(missing_ok=True)
    (source.parent / "broken" / "network.json").write_text('{"classes": []}')
    assert cli.main(words.split()) == code
    assert sentence in capsys.readouterr().err
    (place / "pictures" / "x.png").unlink()


def test_the_interface_of_a_run_is_that_of_its_images(place):
    found = Interface.read(RunFolder(place / "outputs" / "runs" / "digits"))
    assert found.classes == [str(digit) for digit in range(10)]
    assert found.image == (16, 16, 1)
    assert found.scaling.scale.shape == (1,)


@pytest.fixture
def other_code(place):
    """Make the run of Python code one that other code made; or, with None, one of an older version."""
    file = place / "outputs/runs/code/environment.json"
    found = file.read_text()

    def change(digest):
        known = json.loads(found)
        assert len(known.pop("builder_code")) == 12
        file.write_text(json.dumps(known if digest is None else known | {"builder_code": digest}))

    yield change
    file.write_text(found)


AGAIN = ["model=python", "model.builder=mine:net", "trainer.epochs=1"]


def start(*words):
    return cli.main([*TINY[1:], *AGAIN, *words])


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda: cli.main(["export", "code", "--trust"]), "outputs/runs/code was trained with other code of mine:net"),
        (lambda: cli.main(["predict", "code", ".", "--trust"]), "was trained with other code of mine:net"),
        (lambda: start("run_dir=outputs/runs/code", "trainer.resume=true", "trainer.epochs=2"), "to resume"),
        (lambda: start("model.weights=outputs/runs/code"), "model.weights=outputs/runs/code was trained with other"),
        (lambda: cli.main(["runs", "continue", "code", "--trust"]), "was trained with other code of mine:net"),
    ],
    ids=["export", "predict", "resume", "model.weights", "continue"],
)
def test_weights_are_not_put_into_a_network_of_other_code(place, other_code, capsys, act, said):
    pictures(place, 1)
    other_code("0123456789ab")
    before = sorted((place / "outputs/runs").iterdir())
    assert act() == 2
    assert said in capsys.readouterr().err
    assert sorted((place / "outputs/runs").iterdir()) == before


@pytest.mark.slow
def test_what_other_code_does_not_touch_goes_on(place, other_code, capsys):
    other_code("0123456789ab")
    assert start("run_dir=outputs/runs/code", "trainer.resume=true") == 0  # complete: no weights are used
    weights = "model.weights=outputs/runs/code/checkpoints/best.npz"
    assert start(weights, "run_dir=outputs/runs/taken") == 0
    capsys.readouterr()
    assert cli.main(["runs", "repeat", "code", "--trust"]) == 0
    assert "outputs/runs/code was trained with other code of mine:net." in capsys.readouterr().out
    assert cli.main(["runs", "diff", "code", "taken"]) == 0
    assert "environment.builder_code" in capsys.readouterr().out


def test_a_run_of_an_older_version_is_taken_with_one_warning(place, other_code, capsys):
    other_code(None)
    assert start("run_dir=outputs/runs/code", "trainer.resume=true", "trainer.epochs=2") == 0
    assert capsys.readouterr().err.count("did not record the code of model.builder=mine:net") == 1


@pytest.mark.slow
def test_a_sweep_trains_anew_what_other_code_made(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.syspath_prepend(str(trained))
    words = ["-m", *TINY[1:], *AGAIN, "progress=plain", "sweep.rerun=changed", "seed=0,1"]
    assert cli.main(words) == 0
    file = next((tmp_path / "outputs/sweeps").glob("*/0/environment.json"))
    file.write_text(json.dumps(json.loads(file.read_text()) | {"builder_code": "0123456789ab"}))
    capsys.readouterr()
    assert cli.main(words) == 0
    assert "trained again: the code of mine:net has changed" in (said := capsys.readouterr().out)
    assert "1 trained, 1 kept" in said


def test_a_comparison_names_other_code_of_one_builder_but_not_two_builders(place, tmp_path):
    def made(builder, code):
        return Run(tmp_path, "FINISHED", "", {"seed": 0, "model.builder": builder}, {}, [], {"builder_code": code})

    assert not follows([made("a:b", "1"), made("a:b", "2")], "builder_code", ["norm"])
    assert follows([made("a:b", "1"), made("c:d", "2"), made("a:b", "1")], "builder_code", ["model.builder"])
