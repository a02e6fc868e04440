"""The deletion of runs and sweeps, from disk and in MLflow."""

import json
import os
import shutil
from pathlib import Path

import pytest

from compare.fake_runs import write_run
from exprun import cli, deletion
from exprun.asha import RUNGS
from exprun.locks import file_lock
from exprun.outputs import REPLACED, SWEEP, all_runs, all_sweeps, point, remember
from exprun.tracking.store import artifact_root
from exprun.tracking.view import TAG
from servers import free_port

OLD = "2026-01-01_00-00-00-000000"


@pytest.fixture
def outputs(tmp_path):
    """Three runs, and a sweep of three runs, one of them elsewhere, with two that were replaced."""
    place = tmp_path / "project" / "outputs"
    write_run(place / "runs" / "one", 0.8)
    write_run(place / "runs" / "two", 0.2, status="FAILED")
    sweep = place / "sweeps" / "s"
    for number, status in enumerate(("FINISHED", "FAILED")):
        write_run(sweep / str(number), 0.9, status=status)
    write_run(tmp_path / "elsewhere" / "2", 0.7)
    write_run(tmp_path / "elsewhere" / REPLACED / f"2_{OLD}", 0.7)
    write_run(tmp_path / "elsewhere" / REPLACED / f"2_b_{OLD}", 0.7)  # of the run 2_b
    write_run(sweep / REPLACED / f"0_{OLD}", 0.9)
    write_run(tmp_path / "elsewhere" / "other", 0.7)
    (sweep / SWEEP).write_text(json.dumps({"overrides": ["seed=0,1,2"], "options": ""}))
    point(sweep / "2.elsewhere", tmp_path / "elsewhere" / "2")
    (sweep / "3").mkdir()  # of a process that died before it wrote the config of its run
    (sweep / "report.html").write_text("<html>")
    for number in (0, 1):
        rung = sweep / RUNGS / "1" / f"{number}.json"
        rung.parent.mkdir(parents=True, exist_ok=True)
        rung.write_text("0.5")
    return place


@pytest.fixture(autouse=True)
def _in_the_project(tmp_path, monkeypatch):
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")


def said(capsys, *words):
    code = cli.main(["runs", "delete", *words])
    captured = capsys.readouterr()
    return code, " ".join((captured.out + captured.err).split())


def state(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.name != ".lock")


def test_without_yes_nothing_is_deleted_and_all_that_would_be_is_named(outputs, tmp_path, capsys):
    before = state(tmp_path)
    code, text = said(capsys, "one")
    assert code == 2
    assert text.startswith("exprun: This deletes outputs/runs/one, with all files (1.")
    assert text.endswith(" kB): add --yes.")
    code, text = said(capsys, "one", "two", "s")
    assert code == 2
    assert "2 runs (outputs/runs/one, outputs/runs/two) and the sweep outputs/sweeps/s with 5 runs, with all" in text
    assert state(tmp_path) == before


def test_runs_are_deleted_by_name_or_condition(outputs, tmp_path, capsys):
    assert said(capsys, "one", "--yes") == (0, "deleted outputs/runs/one")
    code, text = said(capsys, "--where", "status=FAILED", "--yes")
    assert code == 0
    assert sorted(text.split()) == ["deleted", "deleted", "outputs/runs/two", "outputs/sweeps/s/1"]
    assert sorted(run.name for run in all_runs()) == ["0", "2"]
    assert [path.name for path in (outputs / "sweeps" / "s" / RUNGS).rglob("*.json")] == ["0.json"]


def test_conditions_choose_among_the_runs_that_are_named(outputs, capsys):
    assert said(capsys, "s", "--where", "status=failed", "--yes") == (0, "deleted outputs/sweeps/s/1")
    assert (outputs / "runs" / "two").exists()
    code, text = said(capsys, "one", "--where", "status=failed", "--yes")
    assert (code, text) == (2, "exprun: There is no run with status=failed in one, so nothing is deleted.")


@pytest.mark.parametrize("words", [["s"], ["outputs/sweeps/s"], ["sweeps/s/"], ["--where", "sweep=last"], ["s", "s/0"]])
def test_a_sweep_is_deleted_with_its_runs_wherever_they_are(outputs, tmp_path, capsys, words):
    assert said(capsys, *words, "--yes") == (0, "deleted outputs/sweeps/s with 5 runs")
    assert not (outputs / "sweeps" / "s").exists()
    assert state(tmp_path / "elsewhere")[0] == "other"
    assert sorted(path.name for path in (tmp_path / "elsewhere" / REPLACED).iterdir()) == [f"2_b_{OLD}"]
    assert sorted(run.name for run in all_runs()) == ["one", "two"]
    assert all_sweeps() == []


def test_a_sweep_of_which_a_run_is_kept_stays(outputs, capsys):
    code, text = said(capsys, "--where", "sweep=s", "--where", "status=FINISHED", "--yes")
    assert code == 0
    assert "with" not in text
    assert [run.name for run in all_runs() if "sweeps" in str(run)] == ["1"]
    assert (outputs / "sweeps" / "s" / "report.html").exists()


def test_a_replaced_run_that_does_not_meet_the_conditions_stays_with_its_sweep(outputs, tmp_path, capsys):
    sweep = outputs / "sweeps" / "s"
    for folder in (sweep / "0", tmp_path / "elsewhere" / "2"):
        shutil.rmtree(folder)
    code, text = said(capsys, "s", "--where", "status=FAILED", "--yes")
    assert (code, text) == (0, "deleted outputs/sweeps/s/1")
    assert (sweep / REPLACED / f"0_{OLD}" / "config.yaml").exists()


def test_the_last_sweep_is_not_another_one_of_the_same_name(outputs, tmp_path, capsys):
    other = outputs / "older" / "s"
    write_run(other / "0", 0.5)
    (other / SWEEP).write_text("{}")
    os.utime(other / SWEEP, (1, 1))
    assert said(capsys, "--where", "sweep=last", "--yes") == (0, "deleted outputs/sweeps/s with 5 runs")
    assert (other / "0").exists()


def test_an_empty_name_is_not_a_run_without_mlflow(outputs, capsys):
    for name in ("sweeps", "runs/two"):
        shutil.rmtree(outputs / name)
    code, text = said(capsys, "", "--yes")
    assert (code, text) == (2, "exprun: The name of a run is empty: give its folder or the end of its path.")
    assert (outputs / "runs" / "one").exists()


def test_a_run_that_starts_during_the_deletion_is_kept(outputs, monkeypatch, capsys):
    sweep, delete = outputs / "sweeps" / "s", deletion._delete_run

    def slowly(folder):
        delete(folder)
        if folder.name == "1":
            write_run(sweep / "4", 0.5)

    monkeypatch.setattr(deletion, "_delete_run", slowly)
    code, text = said(capsys, "s", "--yes")
    assert code == 1
    assert text.startswith("exprun: Another process has started outputs/sweeps/s/4, so outputs/sweeps/s stays")
    assert (sweep / "4" / "config.yaml").exists()


def test_last_is_the_last_run_and_its_sweep_is_named(outputs, capsys):
    (outputs / "sweeps" / "s" / "1" / "config.yaml").touch()
    code, text = said(capsys, "last")
    assert code == 2
    assert text.startswith("exprun: This deletes outputs/sweeps/s/1, with")
    assert text.endswith("part of a sweep, which runs delete outputs/sweeps/s deletes as a whole.")


def test_pointers_to_what_is_deleted_go_too(outputs, tmp_path, capsys):
    remember(tmp_path / "elsewhere" / "other")
    remember(tmp_path / "elsewhere" / "2")
    assert len(list(outputs.glob("*.elsewhere"))) == 2
    assert said(capsys, "elsewhere/other", "s", "--yes")[0] == 0
    assert list(outputs.glob("*.elsewhere")) == []


def test_while_one_run_is_trained_nothing_is_deleted(outputs, tmp_path, capsys):
    before = state(tmp_path)
    with file_lock(outputs / "sweeps" / "s" / "1" / ".lock", wait=False):
        code, text = said(capsys, "one", "s", "--yes")
    assert (code, text) == (1, "exprun: Another process is training in outputs/sweeps/s/1, so it is not deleted.")
    assert state(tmp_path) == before


def test_other_folders_and_runs_are_not_deleted(outputs, tmp_path, capsys, monkeypatch):
    (outputs / "sweeps" / "s" / "data").mkdir()
    before = state(tmp_path)
    code, text = said(capsys, "s", "--yes")
    assert (code, text) == (1, "exprun: outputs/sweeps/s also holds the folder data: move or delete it first.")
    (outputs / "sweeps" / "s" / "data").rename(outputs / "sweeps" / "s" / "2024")
    (outputs / "sweeps" / "s" / "2024" / "notes.txt").write_text("mine")
    assert "also holds the folder 2024" in said(capsys, "s", "--yes")[1]
    (outputs / "sweeps" / "s" / "2024" / "notes.txt").unlink()
    (outputs / "sweeps" / "s" / "2024").rename(outputs / "sweeps" / "s" / "data")
    write_run(outputs / "sweeps" / "s" / "data" / "x", 0.8)
    code, text = said(capsys, "s", "--yes")
    assert (code, text) == (
        1,
        "exprun: outputs/sweeps/s also holds other runs, such as outputs/sweeps/s/data/x: delete these first.",
    )
    shutil.rmtree(outputs / "sweeps" / "s" / "data" / "x")
    monkeypatch.chdir(outputs / "runs" / "one")
    code, text = said(capsys, ".", "--yes")
    assert code == 1
    assert "is the current folder or contains it" in text
    assert state(tmp_path) == before


def test_a_run_whose_config_is_damaged_can_be_deleted(outputs, capsys):
    (outputs / "runs" / "one" / "config.yaml").write_text("{")
    assert said(capsys, "outputs/runs/one", "--yes") == (0, "deleted outputs/runs/one")


def test_a_name_of_several_is_refused(outputs, capsys):
    write_run(outputs / "more" / "s", 0.5)
    code, text = said(capsys, "s", "--yes")
    assert code == 2
    assert "The names of 2 runs and sweeps end in s: give more of the folder's name" in text


def test_an_interrupted_deletion_can_be_repeated(outputs, capsys, monkeypatch):
    remove = shutil.rmtree

    def interrupted(path, **more):
        if Path(path).name == "one":
            raise OSError(5, "Input/output error")
        remove(path, **more)

    with monkeypatch.context() as patch:
        patch.setattr("exprun.deletion.shutil.rmtree", interrupted)
        code, text = said(capsys, "one", "--yes")
    assert (code, text) == (1, "exprun: outputs/runs/one cannot be deleted: Input/output error.")
    assert state(outputs / "runs" / "one") == ["config.yaml"]
    assert said(capsys, "one", "--yes")[0] == 0


def log(outputs, empty_store, folders):
    """Log folders to a store as runs; returns its client and the identifiers."""
    import mlflow

    uri = f"sqlite:///{outputs / 'mlflow.db'}"
    empty_store(uri)
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment, identifiers = client.create_experiment("e", artifact_location=artifact_root(uri)), {}
    for folder in folders:
        run = client.create_run(experiment).info.run_id
        record = {"uri": uri, "inside": True, "run_id": run, "experiment": experiment}
        if (folder / SWEEP).exists():
            record["has_charts"] = True
            client.set_experiment_tag(experiment, f"{TAG}{run}", "{}")
        (folder / "tracking.json").write_text(json.dumps(record))
        identifiers[folder] = run
    return client, experiment, identifiers


def stages(client, identifiers):
    return {folder.name: client.get_run(run).info.lifecycle_stage for folder, run in identifiers.items()}


def test_mlflow_deletes_the_runs_the_parent_run_and_the_view(outputs, empty_store, capsys):
    sweep = outputs / "sweeps" / "s"
    folders = [outputs / "runs" / "one", sweep, sweep / "0", sweep / "1", sweep / REPLACED / f"0_{OLD}"]
    client, experiment, identifiers = log(outputs, empty_store, folders)
    assert f"{TAG}{identifiers[sweep]}" in client.get_experiment(experiment).tags
    assert "and 4 runs in MLflow: add --yes." in said(capsys, "s")[1]
    assert "in MLflow" not in said(capsys, "s", "--keep-mlflow")[1]
    assert said(capsys, "s", "--yes")[0] == 0
    assert stages(client, identifiers) == {
        "one": "active",
        "s": "deleted",
        "0": "deleted",
        "1": "deleted",
        f"0_{OLD}": "deleted",
    }
    assert f"{TAG}{identifiers[sweep]}" not in client.get_experiment(experiment).tags
    assert said(capsys, "one", "--yes", "--keep-mlflow")[0] == 0
    assert stages(client, identifiers)["one"] == "active"


def test_runs_that_mlflow_does_not_have_any_more_are_deleted(outputs, empty_store, capsys):
    one, two = outputs / "runs" / "one", outputs / "runs" / "two"
    client, _, identifiers = log(outputs, empty_store, [one, two])
    record = json.loads((one / "tracking.json").read_text())
    (one / "tracking.json").write_text(json.dumps(record | {"run_id": "0" * 32}))
    client.delete_run(identifiers[two])
    assert said(capsys, "one", "two", "--yes")[0] == 0
    assert not one.exists()
    assert not two.exists()


def test_nothing_is_deleted_if_the_server_does_not_answer(outputs, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    uri = f"http://me:secret@127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    record = {"uri": uri.replace("me:secret", "***"), "run_id": "0" * 32, "experiment": "1"}
    (outputs / "runs" / "one" / "tracking.json").write_text(json.dumps(record))
    before = state(tmp_path)
    code, text = said(capsys, "one", "s", "--yes")
    assert code == 1
    assert text.startswith(f"exprun: MLflow at {record['uri']} has not deleted the runs, so their folders are kept (")
    assert text.endswith("; --keep-mlflow deletes only the folders.")
    assert "secret" not in text
    assert state(tmp_path) == before
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    code, text = said(capsys, "one", "--yes")
    assert (code, text.partition(":")[0]) == (1, "exprun")
    assert f"The password of {record['uri']} is not recorded: set MLFLOW_TRACKING_URI to the whole URI" in text
    assert said(capsys, "one", "--keep-mlflow", "--yes")[0] == 0
