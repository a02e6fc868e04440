"""What a server has not taken is delivered afterwards, once."""

import json
import shutil
import socket
from pathlib import Path

import pytest

from exprun import Session, cli, run
from exprun.locks import file_lock
from exprun.run_folder import RunFolder
from exprun.tracking import sync
from exprun.tracking.sync import undelivered
from tiny import TINY, leave_out_pages, tiny

AWAY = ["tracking=mlflow", "tracking.uri=http://127.0.0.1:9", "trainer.epochs=1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """`outputs/` after a run whose server never answered."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        leave_out_pages(patch)
        tiny(*AWAY, "run_dir=outputs/runs/away", "+tracking.tags.team=a", "doctor=watch")
    return folder / "outputs"


@pytest.fixture
def away(trained, monkeypatch, tmp_path):
    """The folder of a run whose server never answered."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    shutil.copytree(trained, tmp_path / "outputs")
    assert undelivered() == [Path("outputs/runs/away")]
    return RunFolder(tmp_path / "outputs/runs/away")


def store(tmp_path):
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/outputs/mlflow.db")
    experiment = client.get_experiment_by_name("exprun")
    return client, client.search_runs([experiment.experiment_id])


def test_a_run_that_did_not_arrive_is_delivered_once(away, tmp_path, capsys):
    uri = f"sqlite:///{tmp_path}/outputs/mlflow.db"
    assert cli.main(["sync"]) == 1  # the server is still away
    assert "sync: 0 of 1 runs uploaded." in capsys.readouterr().out
    assert cli.main(["sync", "--uri", uri]) == 0
    assert "sync: 1 of 1 runs uploaded." in capsys.readouterr().out
    assert cli.main(["sync", "--uri", uri]) == 0
    assert "sync: the MLflow server has received all runs already." in capsys.readouterr().out
    assert cli.main(["sync", "outputs/runs/away", "--uri", uri]) == 0
    client, runs = store(tmp_path)
    (run,) = runs
    assert run.info.status == "FINISHED"
    assert run.data.tags["team"] == "a"
    assert run.data.params["seed"] == "0"
    rows = away.read_journal()
    assert run.info.start_time == rows[0]["time"]
    wanted = [(row["step"], row["metrics"]["val/loss"], row["time"]) for row in rows if "val/loss" in row["metrics"]]
    found = client.get_metric_history(run.info.run_id, "val/loss")
    assert [(m.step, m.value, m.timestamp) for m in found] == wanted
    assert run.inputs.dataset_inputs[0].dataset.digest


def test_a_server_that_does_not_answer_is_asked_once_for_all_runs(away, monkeypatch):
    import requests

    asked, get = [], requests.get
    monkeypatch.setattr(requests, "get", lambda uri, **more: [asked.append(uri), get(uri, **more)])
    reason = "http://127.0.0.1:9 does not answer"
    assert list(sync.sync([away.path, away.path], None)) == [(away.path, reason)] * 2
    assert asked == ["http://127.0.0.1:9"]


def test_a_server_that_hangs_does_not_answer(monkeypatch):
    monkeypatch.setattr(sync, "HEALTH_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as hanging:  # accepts connections and says nothing
        uri = f"http://me:secret@127.0.0.1:{hanging.getsockname()[1]}"
        assert sync._silence(uri) == f"{uri.replace('me:secret', '***')} does not answer"
    assert sync._silence("sqlite:////nowhere/mlflow.db") == ""


def test_the_same_command_delivers_it_too(away, tmp_path, capsys):
    words = [word for word in AWAY if not word.startswith("tracking.uri")]
    words += ["run_dir=outputs/runs/away", "+tracking.tags.team=a", "doctor=watch", "trainer.resume=true"]
    assert tiny(*words, "tracking.uri=http://127.0.0.1:9").reason == "complete already"
    assert "MLflow has not received the run" in capsys.readouterr().err
    session = Session()
    result = run([*TINY, *words], session)
    assert result.reason == "complete already"
    assert sync._unreachable.keys() == {"http://127.0.0.1:9"}  # not the store that it was uploaded to
    _, (found,) = store(tmp_path)
    assert found.info.status == "FINISHED"
    assert undelivered() == []


def test_a_run_that_died_is_closed(away, tmp_path, capsys):
    (away.path / "result.json").unlink()
    assert cli.main(["sync", "--uri", f"sqlite:///{tmp_path}/outputs/mlflow.db"]) == 0
    _, (run,) = store(tmp_path)
    assert run.info.status == "KILLED"
    assert run.data.tags["exprun.reason"] == "the process died without recording a status"


def test_a_run_that_goes_on_is_left_alone(away, capsys):
    with file_lock(away.path / ".lock", wait=False):
        assert cli.main(["sync"]) == 1
    assert "another process is training in it" in capsys.readouterr().err


def test_an_address_without_its_password_is_asked_for(away, capsys):
    path = away.path / "tracking.json"
    path.write_text(path.read_text().replace("http://127.0.0.1:9", "http://***@127.0.0.1:9"))
    assert cli.main(["sync"]) == 1
    assert "without the password: give --uri" in capsys.readouterr().err


def test_a_run_that_was_not_to_be_logged_is_delivered_by_name(tmp_path, capsys):
    tiny("run_dir=outputs/runs/alone", "trainer.epochs=1")
    assert cli.main(["sync"]) == 0
    assert "has received all runs" in capsys.readouterr().out
    assert cli.main(["sync", "outputs/runs/alone"]) == 0
    _, (run,) = store(tmp_path)
    assert run.data.metrics["val/accuracy"] > 0


def test_a_folder_without_a_run_is_said(capsys):
    assert cli.main(["sync", "nothing"]) == 2
    assert "nothing is not the folder of a run;" in capsys.readouterr().err


@pytest.mark.slow
def test_what_a_sweep_says_of_its_runs_arrives_too(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    words = [word for word in TINY if word not in ("tracking=none", "trainer.epochs=2")]
    assert cli.main(["-m", *words, *AWAY[1:], "optim.learning_rate=0.01,0.02"]) == 0
    (folder,) = {path.parent for path in undelivered()}
    tags = json.loads((folder / "0" / "tracking.json").read_text())["tags"]
    assert tags == {
        "exprun.sweep": folder.name,
        "exprun.setting": "optim.learning_rate=0.01",
        "exprun.factor.optim.learning_rate": "0.01",
    }
    cli.main(["sync", "--uri", f"sqlite:///{tmp_path}/outputs/mlflow.db"])
    _, runs = store(tmp_path)
    assert {run.data.tags["exprun.factor.optim.learning_rate"] for run in runs} == {"0.01", "0.02"}
