"""Experiments and runs that were deleted in MLflow, which keeps them until its own `gc`."""

import json

import pytest

from exprun import cli
from exprun.config.errors import ConfigError
from exprun.run_folder import RunFolder
from exprun.run_result import RunResult
from exprun.tracking.parent import Outcome, Parent
from exprun.tracking.sync import sync
from exprun.tracking.view import Charts
from tiny import config, tiny

EXPERIMENT = "exprun: warning: the experiment exprun had been deleted in MLflow; it is restored, with its runs.\n"
RUN = "exprun: warning: the run cnn-digits-batch-sgd_momentum-0 had been deleted in MLflow; it is restored.\n"
LOGGED = ["tracking=mlflow", "trainer.epochs=1", "data.limit=100", "trainer.batch_size=8"]


@pytest.fixture
def client(done, tmp_path):
    import mlflow

    return mlflow.MlflowClient(f"sqlite:///{tmp_path}/outputs/mlflow.db")


@pytest.fixture
def done():
    return tiny(*LOGGED, "run_dir=outputs/runs/done")


def experiment(client):
    return client.get_experiment_by_name("exprun")


def run_of(client, result: RunResult):
    return client.get_run(RunFolder(result.run_dir).read_tracking()["run_id"])


def test_a_new_run_restores_its_experiment_and_says_so_once(client, done, capsys):
    client.delete_experiment(experiment(client).experiment_id)
    more = tiny(*LOGGED, "run_dir=outputs/runs/more", "seed=1")
    tiny(*LOGGED, "run_dir=outputs/runs/most", "seed=2")
    assert capsys.readouterr().err == EXPERIMENT
    assert experiment(client).lifecycle_stage == "active"
    assert run_of(client, more).info.status == "FINISHED"


@pytest.mark.parametrize("what", [pytest.param("run", marks=pytest.mark.slow), "experiment"])
def test_a_run_that_goes_on_is_restored(client, done, capsys, what):
    if what == "run":
        client.delete_run(RunFolder(done.run_dir).read_tracking()["run_id"])
    else:
        client.delete_experiment(experiment(client).experiment_id)
    again = tiny(*LOGGED, "run_dir=outputs/runs/done", "trainer.resume=true", "trainer.epochs=2")
    run = run_of(client, again)
    assert (run.info.run_id, run.info.lifecycle_stage) == (RunFolder(done.run_dir).read_tracking()["run_id"], "active")
    assert run.data.metrics["epoch"] == 2
    assert capsys.readouterr().err == (RUN if what == "run" else EXPERIMENT)


def test_sync_delivers_what_was_deleted(client, done, capsys):
    client.delete_experiment(experiment(client).experiment_id)
    client.delete_run(RunFolder(done.run_dir).read_tracking()["run_id"])
    assert list(sync([done.run_dir], None)) == [(done.run_dir, "")]
    assert run_of(client, done).info.lifecycle_stage == "active"


@pytest.mark.slow
def test_a_run_that_another_process_restores_is_no_failure(client, done, monkeypatch):
    import mlflow

    client.delete_experiment(experiment(client).experiment_id)
    restore = mlflow.MlflowClient.restore_experiment

    def twice(self, number):
        restore(self, number)
        restore(self, number)  # which is refused: it is there

    monkeypatch.setattr(mlflow.MlflowClient, "restore_experiment", twice)
    assert list(sync([done.run_dir], None)) == [(done.run_dir, "")]


def test_the_run_of_a_sweep_is_restored_at_its_start_and_at_its_end(client, done, capsys, tmp_path):
    (tmp_path / "sweep").mkdir()
    parent = Parent(config(*LOGGED), tmp_path / "sweep", "sweep seed=0,1", "", {})
    run_id = parent.tags()["mlflow.parentRunId"]
    client.delete_run(run_id)
    parent.close("FINISHED", {"exprun.runs": "2 trained"}, Outcome("2 trained."))
    assert parent.problem is None
    assert client.get_run(run_id).info.lifecycle_stage == "active"
    assert client.get_run(run_id).data.tags["exprun.runs"] == "2 trained"
    client.delete_run(run_id)
    assert Parent(config(*LOGGED), tmp_path / "sweep", "sweep seed=0,1", "", {}).tags() == {
        "mlflow.parentRunId": run_id
    }
    assert capsys.readouterr().err.count("the run sweep seed=0,1 had been deleted in MLflow; it is restored.") == 2


def test_the_run_of_a_sweep_ends_although_its_files_are_refused(client, done, tmp_path, monkeypatch):
    import mlflow

    (tmp_path / "sweep").mkdir()
    parent = Parent(config(*LOGGED), tmp_path / "sweep", "sweep seed=0,1", "", {})
    run_id = parent.tags()["mlflow.parentRunId"]
    monkeypatch.setattr(mlflow.MlflowClient, "log_artifact", lambda *_: {}["missing"])
    parent.close("FINISHED", {}, Outcome("2 trained.", files=[tmp_path / "report.html"]))
    assert parent.problem is not None
    run = client.get_run(run_id)
    assert (run.info.status, run.data.tags["mlflow.note.content"]) == ("FINISHED", "2 trained.")


@pytest.mark.slow
@pytest.mark.parametrize("gone", [False, True])
def test_a_run_that_was_trained_anew_and_deleted_is_left_alone(client, done, tmp_path, gone):
    (tmp_path / "outputs/runs/replaced").mkdir()
    old = done.run_dir.rename(tmp_path / "outputs/runs/replaced/done_2026")
    if gone:
        (old / "tracking.json").write_text(json.dumps(RunFolder(old).read_tracking() | {"run_id": "0" * 32}))
    else:
        client.delete_run(RunFolder(old).read_tracking()["run_id"])
    new = tiny(*LOGGED, "run_dir=outputs/runs/done")
    assert RunFolder(new.run_dir).read_tracking()["delivered"] is True
    assert run_of(client, new).info.status == "FINISHED"


def test_a_comparison_of_a_deleted_experiment_is_one_sentence(client, done, capsys):
    client.delete_experiment(experiment(client).experiment_id)
    assert cli.main(["compare", "--experiment", "exprun"]) == ConfigError.exit_code
    said = capsys.readouterr().err
    assert said.startswith("exprun: The experiment exprun has been deleted in sqlite:///")
    assert said.endswith("mlflow experiments restore --experiment-id 1.\n")


def test_a_run_can_be_deleted_that_mlflow_has_deleted(client, done, capsys):
    client.delete_run(RunFolder(done.run_dir).read_tracking()["run_id"])
    assert cli.main(["runs", "delete", "done", "--yes"]) == 0
    assert capsys.readouterr().out == "deleted outputs/runs/done\n"
    assert not done.run_dir.exists()


def test_a_sweep_has_a_parent_although_a_server_refuses_its_charts(client, done, tmp_path, monkeypatch):
    import mlflow

    def refused(*_, **__):
        raise mlflow.exceptions.MlflowException("no permission")

    monkeypatch.setattr(mlflow.MlflowClient, "set_experiment_tag", refused)
    (tmp_path / "sweep").mkdir()
    parent = Parent(config(*LOGGED), tmp_path / "sweep", "sweep seed=0,1", "", {}, Charts(["norm"], is_grouped=True))
    assert parent.tags() is not None
    assert parent.problem is None
    assert "has_charts" not in RunFolder(tmp_path / "sweep").read_tracking()
