"""Runs in a real SQLite store."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

from exprun.config.errors import DataError, without_password
from exprun.run_folder import RunFolder
from exprun.tracking.params import flat
from exprun.tracking.store import tracking_uri
from tiny import config, tiny


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory):
    """A finished run, the same one resumed, one that failed, and one with a bug on purpose, in one store."""
    import mlflow

    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        tracked = ["tracking=mlflow", "trainer.log_every=3"]
        done = tiny(*tracked, "run_dir=done", "+tracking.tags.purpose=test", "tracking.model=keras", "trainer.epochs=1")
        resumed = tiny(
            *tracked, "run_dir=done", "+tracking.tags.purpose=test", "tracking.model=keras", "trainer.resume=true",
            "schedule=cosine",
        )  # fmt: skip
        tiny(*tracked, "run_dir=failed", "optim.learning_rate=1000", "norm=none", "input=raw")
        tiny(*tracked, "run_dir=faulty", "fault=unscaled_eval", "trainer.gap=true", "trainer.epochs=1")
    client = mlflow.MlflowClient(f"sqlite:///{folder}/outputs/mlflow.db")
    experiment = client.get_experiment_by_name("exprun")
    runs = {
        run.data.tags["exprun.run_dir"].rsplit("/", 1)[-1]: run
        for run in client.search_runs([experiment.experiment_id])
    }
    assert done.status == resumed.status == "FINISHED"
    return client, runs, resumed


def test_every_line_of_the_journal_arrives_once(store):
    client, runs, result = store
    wanted: dict[str, list[tuple[int, float]]] = {}
    for row in RunFolder(result.run_dir).read_journal():
        for key, value in row["metrics"].items():
            wanted.setdefault(key, []).append((row["step"], value))
    assert {"train/loss", "train/batch_loss", "val/accuracy", "test/loss", "epoch", "optim/learning_rate"} <= set(
        wanted
    )
    for key, points in wanted.items():
        history = client.get_metric_history(runs["done"].info.run_id, key)
        arrived = sorted((m.step, m.value) for m in history)
        if key == "time/seconds":  # the ends of both starts tell it too, with the last evaluation
            arrived = [point for point in arrived if point in points]
        assert arrived == sorted(points), key


def test_params_are_the_flattened_config(store):
    _, runs, _ = store
    params = runs["done"].data.params
    assert params["optim.learning_rate"] == "0.01"
    assert params["norm.name"] == "batch"
    assert params["trainer.epochs"] == "1"  # params cannot change; the tag tells
    assert runs["done"].data.tags["exprun.resumed_to_epochs"] == "2"


def test_tags_say_what_ran_where(store):
    _, runs, _ = store
    tags = runs["done"].data.tags
    assert tags["purpose"] == "test"
    assert tags["exprun.command"].startswith("python -m exprun ")
    assert tags["exprun.precision"] == "float32"
    assert len(tags["exprun.data_fingerprint"]) == 64
    assert tags["exprun.tensorflow"].count(".") == 2
    assert runs["done"].info.run_name == "cnn-digits-batch-sgd_momentum-0"
    assert runs["done"].inputs.dataset_inputs[0].dataset.name == "digits"


def test_a_bug_on_purpose_is_in_the_tags_the_params_and_the_name(store):
    _, runs, _ = store
    assert runs["faulty"].data.tags["exprun.fault"] == "unscaled_eval"
    assert runs["faulty"].data.params["fault.name"] == "unscaled_eval"
    assert runs["faulty"].info.run_name == "cnn-digits-batch-sgd_momentum-unscaled_eval-0"
    assert "exprun.fault" not in runs["done"].data.tags
    assert "none" not in runs["done"].info.run_name


def test_the_parts_of_the_gap_are_metrics(store):
    _, runs, _ = store
    metrics = runs["faulty"].data.metrics
    assert metrics["train/evaluated_loss"] > metrics["train/inference_loss"]


def test_status_and_reason_of_a_run_that_failed(store):
    _, runs, _ = store
    assert runs["done"].info.status == "FINISHED"
    assert runs["failed"].info.status == "FAILED"
    assert "not finite" in runs["failed"].data.tags["exprun.reason"]


def test_artifacts_lie_under_outputs_and_the_model_takes_pixels(store, tmp_path):
    import keras
    import numpy as np

    client, runs, result = store
    names = {item.path for item in client.list_artifacts(runs["done"].info.run_id)}
    assert {"config.yaml", "confusion.json", "classes.csv", "model.txt", "run.log", "model", "tables"} <= names
    assert "/outputs/mlartifacts/" in runs["done"].info.artifact_uri
    model = keras.saving.load_model(result.run_dir / "model.keras")
    assert model(np.zeros((1, 32, 32, 3), np.uint8)).shape == (1, 10)


def test_a_server_that_is_not_there_costs_the_log_not_the_run(monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    result = tiny(
        "tracking=mlflow", "tracking.uri=http://127.0.0.1:9", "run_dir=out", "progress=plain", "trainer.epochs=1"
    )
    assert result.status == "FINISHED"
    assert "MLflow has not received the run" in capsys.readouterr().out


def test_the_store_is_under_outputs_unless_told_otherwise(monkeypatch, tmp_path):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert tracking_uri(None) == f"sqlite:///{tmp_path}/outputs/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:1")
    assert tracking_uri(None) == "http://localhost:1"
    assert tracking_uri("sqlite:///x.db") == f"sqlite:///{tmp_path}/x.db"  # the same wherever it is read again


def test_passwords_are_not_shown():
    assert without_password("https://me:secret@host:5000/path") == "https://***@host:5000/path"
    assert without_password("sqlite:////tmp/x.db") == "sqlite:////tmp/x.db"


def test_flat_leaves_out_what_is_off():
    assert flat({"a": {"b": 1, "c": None}, "d": [1, 2]}) == {"a.b": "1", "d": "[1, 2]"}


@pytest.mark.slow
def test_two_first_starts_at_once_both_arrive(tmp_path):
    words = [sys.executable, "-m", "exprun", "experiment=smoke", "progress=quiet", "trainer.epochs=1"]
    both = [subprocess.Popen([*words, f"seed={seed}"], stderr=subprocess.PIPE, text=True) for seed in (0, 1)]
    for process in both:
        assert process.wait() == 0, process.stderr.read()
    with sqlite3.connect(tmp_path / "outputs" / "mlflow.db") as store:
        assert store.execute("select status from runs").fetchall() == [("FINISHED",), ("FINISHED",)]


def test_a_server_that_dies_while_it_makes_a_run_makes_one(tmp_path, monkeypatch):
    import mlflow

    make, made = mlflow.MlflowClient.create_run, []

    def without_answer(*args, **more):
        made.append(make(*args, **more))
        raise ConnectionError("gone")

    monkeypatch.setattr(mlflow.MlflowClient, "create_run", without_answer)
    tiny("tracking=mlflow", "tracking.model=none", "run_dir=out", "trainer.epochs=1")
    assert len(made) == 1
    with sqlite3.connect(tmp_path / "outputs" / "mlflow.db") as store:
        assert store.execute("select status from runs").fetchall() == [("FINISHED",)]


@pytest.mark.parametrize("late", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_call_that_is_repeated_for_want_of_an_answer_makes_one_run(tmp_path, monkeypatch, late):
    import mlflow

    make, log_artifact, again = mlflow.MlflowClient.create_run, mlflow.MlflowClient.log_artifact, []

    def twice(*args, **more):
        again.append(lambda: make(*args, **more))
        if not late:
            again.pop()()
        return make(*args, **more)

    def as_the_first_arrives(*args, **more):
        while again:
            again.pop()()
        return log_artifact(*args, **more)

    monkeypatch.setattr(mlflow.MlflowClient, "create_run", twice)
    monkeypatch.setattr(mlflow.MlflowClient, "log_artifact", as_the_first_arrives)
    tiny("tracking=mlflow", "tracking.model=none", "run_dir=out", "trainer.epochs=1")
    own = json.loads((tmp_path / "out" / "tracking.json").read_text())["run_id"]
    with sqlite3.connect(tmp_path / "outputs" / "mlflow.db") as store:
        assert store.execute("select count(*) from runs").fetchone() == (2,)
        found = store.execute("select run_uuid, status from runs where lifecycle_stage = 'active'").fetchall()
    assert found == [(own, "FINISHED")]


@pytest.mark.slow
def test_a_run_that_begins_anew_takes_the_place_of_the_one_of_which_nothing_was_kept(tmp_path):
    words = ["tracking=mlflow", "tracking.model=none", "run_dir=out", "trainer.epochs=1"]
    tiny(*words)
    shutil.rmtree(tmp_path / "out" / "checkpoints")
    (tmp_path / "out" / "result.json").unlink()
    tiny(*words, "trainer.resume=true")
    with sqlite3.connect(tmp_path / "outputs" / "mlflow.db") as store:
        found = store.execute("select lifecycle_stage, run_uuid from runs order by start_time").fetchall()
        assert [stage for stage, _ in found] == ["deleted", "active"]
    assert json.loads((tmp_path / "out" / "tracking.json").read_text())["run_id"] == found[1][1]


def test_a_run_that_fails_before_training_is_recorded(tmp_path):
    (tmp_path / "pictures").mkdir()
    with pytest.raises(DataError):
        tiny("tracking=mlflow", "data=image_folder", "data.root=pictures", "run_dir=out", "data.limit=null")
    with sqlite3.connect(tmp_path / "outputs" / "mlflow.db") as store:
        assert store.execute("select status from runs").fetchall() == [("FAILED",)]


def test_a_password_in_the_uri_is_not_written(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    tiny("tracking=mlflow", "tracking.uri='http://me:secret@127.0.0.1:9'", "run_dir=out", "trainer.epochs=1")
    for path in (tmp_path / "out").iterdir():
        assert path.is_dir() or b"secret" not in path.read_bytes(), path.name


def test_a_cause_is_tagged_with_what_the_folder_says_of_it(tmp_path):
    from exprun.tracking.mlflow import MlflowTracker

    rows = [{"cause": "shuffled-labels", "severity": "warning", "text": "text"}]
    (tmp_path / "findings.json").write_text(json.dumps(rows))
    assert MlflowTracker(config(), RunFolder(tmp_path), "name", "command")._findings() == {
        "shuffled-labels": "warning: text"
    }


KILLED = """
import os, sys
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.engine import Engine
import mlflow.store.tracking.sqlalchemy_store
from exprun.run_folder import RunFolder
from exprun.tracking.mlflow import MlflowTracker
from tiny import config

count = 0

@event.listens_for(Engine, "after_cursor_execute")
def kill(*_):
    global count
    count += 1
    if count == int(sys.argv[1]):
        os._exit(9)

Path("it").mkdir(exist_ok=True)
MlflowTracker(config("tracking=mlflow"), RunFolder(Path("it")), "it", "").open_run()
"""


@pytest.mark.slow
def test_a_store_whose_making_is_killed_is_made_anew(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    codes = [
        subprocess.run([sys.executable, "-c", KILLED, number], env=environment, check=False).returncode
        for number in ("40", "-1")  # within a change of a table, and never
    ]
    assert codes == [9, 0]
    assert {path.name for path in (tmp_path / "outputs").iterdir()} == {"mlflow.db", "mlflow.db.lock"}
    with sqlite3.connect("outputs/mlflow.db") as store:
        assert store.execute("select count(*) from runs").fetchone() == (1,)
