"""The doctor of a run: what it finds for each fault, what it leaves alone, and where that is written."""

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from exprun import check
from exprun.config.errors import RunError
from exprun.input import channel_moments
from exprun.run_doctor import RunDoctor, _expected, within_memory
from exprun.runner import run
from exprun.session import Session
from tiny import SESSION, TINY, checkpoint, config, same

WATCHED = [*(word for word in TINY if word != "doctor=none"), "norm=batch"]
RIGHT = {
    "bypass_preprocessing": "bypassed-layers",
    "unscaled_eval": "unscaled-evaluation",
    "shuffled_labels": "shuffled-labels",
    "softmax_twice": "softmax-twice",
    "frozen_layers": "frozen-layers",
    "wrong_loss": "wrong-loss",
    "missing_activation": "missing-nonlinearity",
}
LONGER = RIGHT.keys() - {"softmax_twice"}


def watched(*overrides):
    return run([*WATCHED, *overrides], SESSION)


def findings(result):
    path = result.run_dir / "findings.json"
    return json.loads(path.read_text()) if path.exists() else []


@pytest.mark.parametrize("fault", [pytest.param(name, marks=[pytest.mark.slow] * (name in LONGER)) for name in RIGHT])
def test_check_names_each_fault_first(fault):
    # Labels can be judged by validation images only where there are enough of them.
    found = check.examine(config("doctor=watch", f"fault={fault}", "data.limit=1200"), SESSION)
    assert found[0].cause == RIGHT[fault]
    assert found[0].severity == "error"
    assert not any("fault" in override for f in found for override in f.overrides)


@pytest.mark.parametrize("precision", ["float32", pytest.param("mixed_bfloat16", marks=pytest.mark.slow)])
def test_check_finds_nothing_in_a_healthy_run(precision):
    assert check.examine(config("doctor=watch", f"trainer.precision={precision}"), SESSION) == []


@pytest.mark.slow
def test_what_the_splits_lack_is_said_by_check_and_by_the_run(capsys):
    few, said = ["data.limit=30", "trainer.batch_size=8"], []
    check.examine(config("doctor=watch", *few), SESSION, said.append)
    result = run([*TINY, *few], SESSION)
    [note] = said
    assert note.startswith("Not every class is in every split: there are no validation images of 7 of 10 classes")
    assert note in capsys.readouterr().out
    assert note in (result.run_dir / "run.log").read_text()


def pictures(folder, seed):
    """Ten pictures of each of two classes, as different from each other as photos."""
    rng = np.random.default_rng(seed)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for number in range(10):
            small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8))
            small.resize((48, 48), Image.Resampling.BICUBIC).save(folder / name / f"{number}.png")


def leaks_in(folder, *more):
    words = ["data=image_folder", f"data.root={folder}", "data.size=32", "trainer.batch_size=8", *more]
    found = check.examine(config("doctor=watch", *words), Session())
    return {f.cause: f.evidence for f in found if f.cause.startswith("leaked")}


@pytest.mark.slow
def test_a_test_folder_that_is_a_copy_of_the_training_folder_is_found(tmp_path):
    pictures(tmp_path / "train", 0)
    pictures(tmp_path / "val", 1)
    pictures(tmp_path / "test", 2)
    assert leaks_in(tmp_path) == {}
    shutil.rmtree(tmp_path / "test")
    shutil.copytree(tmp_path / "train", tmp_path / "test")
    [(cause, evidence)] = leaks_in(tmp_path).items()
    assert cause == "leaked-test"
    pair = re.fullmatch(
        r"20 of 20 test images \(100%\) are exact copies of training images, such as test/(.*) and train/(.*)\.",
        evidence,
    )
    assert pair[1] == pair[2]
    for file in (tmp_path / "test").rglob("*.png"):
        Image.open(file).resize((64, 64)).save(file.with_suffix(".jpg"), quality=80)
        file.unlink()
    evidence = leaks_in(tmp_path)["leaked-test"]
    assert (
        "are nearly the same (except for compression, size or brightness) as training images, such as test/" in evidence
    )


def test_a_test_set_that_is_validated_on_is_no_leak(tmp_path):
    pictures(tmp_path / "train", 0)
    pictures(tmp_path / "test", 2)
    assert leaks_in(tmp_path, "data.validation=test") == {}


def test_check_calls_classes_by_their_names(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [10, 10, 280])
    np.savez(
        tmp_path / "few.npz",
        x_train=rng.integers(0, 256, (300, 8, 8, 1), np.uint8),
        y_train=labels,
        classes=["cat", "dog", "eel"],
    )
    found = check.examine(config("doctor=watch", "data=arrays", f"data.root={tmp_path / 'few.npz'}"), SESSION)
    [imbalance] = [f for f in found if f.cause == "class-imbalance"]
    assert "93% of 240 labels are class eel, so" in imbalance.evidence


@pytest.mark.slow
def test_what_is_found_does_not_depend_on_the_name_of_the_fault(monkeypatch):
    """The doctor gets a config without it, so hiding it changes nothing."""
    seen = []
    plain = RunDoctor.__init__

    def init(self, *arguments):
        plain(self, *arguments)
        seen.append(self.config.fault.name)

    monkeypatch.setattr(RunDoctor, "__init__", init)
    result = watched("fault=softmax_twice", "trainer.epochs=1")
    assert seen == ["none"]
    assert findings(result)[0]["cause"] == "softmax-twice"


def test_a_finding_is_on_the_terminal_in_the_folder_and_in_the_store(capsys):
    result = watched("fault=unscaled_eval", "trainer.epochs=1", "tracking=mlflow", "progress=plain")
    assert capsys.readouterr().out.count("doctor: [unscaled-evaluation] error, validation images:") == 1
    [row] = findings(result)
    assert row["overrides"] == ["input=raw", "norm=layer"]
    assert row["source"]
    import mlflow

    note = json.loads((result.run_dir / "tracking.json").read_text())
    client = mlflow.MlflowClient(tracking_uri=note["uri"])
    tags = client.get_run(note["run_id"]).data.tags
    assert tags["exprun.finding.unscaled-evaluation"].startswith("error: [unscaled-evaluation]")
    assert "findings.json" in [artifact.path for artifact in client.list_artifacts(note["run_id"])]


def test_a_healthy_run_learns_the_same_with_and_without_it():
    one, two = (run([*WATCHED, f"doctor={name}"], Session(SESSION.datasets, {})) for name in ("watch", "none"))
    assert findings(one) == []
    assert same(checkpoint(one), checkpoint(two))


def test_it_ends_a_run_when_asked_to():
    with pytest.raises(RunError, match=r"doctor.on_failure=stop: \[unscaled-evaluation\]"):
        watched("fault=unscaled_eval", "doctor.on_failure=stop")


def test_a_mistake_of_its_own_ends_no_run(monkeypatch, failures):
    monkeypatch.setattr("exprun.run_doctor.subject_of", lambda *_: 1 / 0)
    assert watched("trainer.epochs=1", "progress=quiet").status == "FINISHED"
    assert any("ZeroDivisionError" in text for text in failures)
    failures.clear()


def test_a_cause_can_be_silenced():
    assert findings(watched("fault=unscaled_eval", "doctor.silence=[unscaled-evaluation]", "trainer.epochs=1")) == []


@pytest.mark.parametrize(
    ("overrides", "cause"),
    [
        (["optim.learning_rate=100.0", "optim=sgd", "norm=none"], "learning-rate-high"),
        pytest.param(["norm=none", "init=gaussian", "init.stddev=1.0"], "exploding-signal", marks=pytest.mark.slow),
        pytest.param(["norm.momentum=0.999"], "lagging-batch-norm", marks=pytest.mark.slow),
        pytest.param(["norm=none", "init=gaussian", "init.stddev=0.001"], "vanishing-signal", marks=pytest.mark.slow),
        pytest.param(["trainer.batch_size=2", "data.limit=100"], "small-batch-norm", marks=pytest.mark.slow),
        pytest.param(
            ["model.layers=[{conv: 8},flatten,{dense: 32, dropout: 0.9}]"], "excessive-dropout", marks=pytest.mark.slow
        ),
        pytest.param(
            ["schedule=inverse_time", "schedule.decay_rate=100.0"], "learning-rate-decay", marks=pytest.mark.slow
        ),
    ],
)
def test_settings_that_hurt_are_found_before_training(overrides, cause):
    given = {word.split("=")[0]: word for word in [*WATCHED, *overrides]}
    from exprun.config.compose import Composer

    found = check.examine(Composer().config(list(given.values())), SESSION)
    assert cause in [f.cause for f in found]


@pytest.mark.slow
def test_a_network_that_stays_at_chance_is_found_while_it_trains():
    silence = "doctor.silence=[shuffled-labels,collapsed-predictions,input-independent,dead-relu,learning-rate-low]"
    result = watched("fault=shuffled_labels", "trainer.epochs=5", silence, "optim.learning_rate=1e-5", "optim=sgd")
    assert [row["cause"] for row in findings(result) if row["severity"] != "note"] == ["loss-at-chance"]
    assert findings(result)[0]["step"] >= 20


@pytest.mark.parametrize(
    ("given", "found"),
    [((), ["split-groups"]), pytest.param((r"data.group=(person\d)_",), [], marks=pytest.mark.slow)],
)
def test_check_prints_the_group_to_set_if_people_are_split(tmp_path, given, found):
    from exprun.data import palm_vein

    drawn = palm_vein.draw(8, 20, 32, 0, lambda shape: np.empty(shape, np.uint8))
    for number, (pixels, person) in enumerate(zip(drawn.images, drawn.labels, strict=True)):
        path = tmp_path / "palms" / ("left", "right")[person % 2] / f"person{person}_{number % 20}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[..., 0]).save(path)
    words = ["doctor=watch", "data=image_folder", f"data.root={tmp_path / 'palms'}", "data.val_fraction=0.25", *given]
    told = check.examine(config(*words, "data.test_fraction=0.25"), SESSION)
    groups = [finding for finding in told if finding.cause == "split-groups"]
    assert [finding.cause for finding in groups] == found
    assert all(r"set 'data.group=(person\d+)_', which keeps" in str(finding) for finding in groups)


def test_a_pass_of_the_doctor_has_as_many_images_as_fit(monkeypatch):
    import keras

    model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(25)])  # 100 bytes of outputs for each image
    step = SimpleNamespace(model=model, device=SimpleNamespace(gpu=False, precision="float32"))
    limits = config("doctor=watch").doctor
    monkeypatch.setattr("exprun.run_doctor.available", lambda: 4_000)
    assert 2 <= within_memory(limits, step).images < limits.images
    step.device.gpu = True
    assert within_memory(limits, step) == limits


def test_a_run_in_which_no_pass_fits_trains_without_the_doctor(monkeypatch):
    monkeypatch.setattr("exprun.run_doctor.available", lambda: 10_000)
    result = watched("run_dir=out", "trainer.max_steps=2")
    assert result.status == "FINISHED"
    assert "The doctor does not watch this run: To pass 2 images" in Path("out/run.log").read_text()


def test_the_scaling_of_loaded_weights_is_known_if_it_is_another():
    place = run(
        [*TINY, "data.channels=3", "input=unit", "trainer.max_steps=1", "run_dir=outputs/first"], SESSION
    ).run_dir
    dataset = SESSION.dataset(config("data.channels=3"))
    mean, deviation = channel_moments(dataset.train)
    applied = ["model=application", "model.application=ResNet50", "model.layers=null"]

    def expected(*overrides):
        return _expected(config("data.channels=3", *overrides), dataset)

    for weights in (place, place / "checkpoints" / "best.npz"):
        found = expected(f"model.weights={weights}", "input=raw")
        assert found.override == "input=unit"
        np.testing.assert_allclose([found.mean, found.deviation], [mean / 255, deviation / 255], rtol=1e-5)
        assert expected(f"model.weights={weights}", "input=unit") is None
    found = expected(*applied, "model.weights=imagenet", "input=unit")
    assert found.override == "input=caffe"
    np.testing.assert_allclose(found.mean, mean[::-1] - [103.939, 116.779, 123.68], rtol=1e-5)
    assert expected(*applied, "model.weights=imagenet") is None
    assert expected("model.weights=other.keras", "input=raw") is None
