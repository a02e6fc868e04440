"""A project folder that is moved or copied: its store, artifacts and runs are found where they lie now."""

import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from exprun import cli
from exprun.run_folder import RunFolder
from exprun.tracking.store import repair
from tiny import tiny

WORDS = ["tracking=mlflow", "trainer.epochs=1", "trainer.max_steps=2"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project with one run that arrived and one whose server was away, before it is moved."""
    project = tmp_path_factory.mktemp("made") / "project"
    project.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        tiny(*WORDS, "run_dir=outputs/runs/there")
        tiny(*WORDS, "run_dir=outputs/runs/late")
    return project


@pytest.fixture(params=["moved", pytest.param("copied", marks=pytest.mark.slow)])
def moved(made, tmp_path, monkeypatch, request):
    """The project in another place; the old one is still there where it was copied."""
    old, new = tmp_path / "old" / "project", tmp_path / "new place" / "project"
    shutil.copytree(made, old)
    _relocate(made, old)
    new.parent.mkdir()
    if request.param == "moved":
        old.rename(new)
    else:
        shutil.copytree(old, new)
    monkeypatch.chdir(new)
    before = {path: path.stat().st_mtime_ns for path in old.rglob("*")}
    yield new
    assert {path: path.stat().st_mtime_ns for path in old.rglob("*")} == before  # nothing was written to the old place


def _relocate(made, old):
    """Make a copy look as if it had been written where it is."""
    with sqlite3.connect(old / "outputs" / "mlflow.db") as store:
        store.execute(
            "UPDATE experiments SET artifact_location = replace(artifact_location, ?, ?)", (str(made), str(old))
        )
        store.execute("UPDATE runs SET artifact_uri = replace(artifact_uri, ?, ?)", (str(made), str(old)))
        store.execute("UPDATE tags SET value = replace(value, ?, ?)", (str(made), str(old)))
    for note in (old / "outputs").rglob("tracking.json"):
        note.write_text(note.read_text().replace(str(made), str(old)))


def client(project):
    import mlflow

    return mlflow.MlflowClient(f"sqlite:///{project}/outputs/mlflow.db")


def runs(project):
    found = client(project)
    return found.search_runs([found.get_experiment_by_name("exprun").experiment_id])


def test_artifacts_are_found_and_written_beside_the_store(moved, capsys):
    tiny(*WORDS, "run_dir=outputs/runs/later")
    said = capsys.readouterr().err
    assert said.count("mlflow.db was moved here from") == 1
    for run in runs(moved):
        assert "config.yaml" in [file.path for file in client(moved).list_artifacts(run.info.run_id)]
        assert run.data.tags["exprun.run_dir"].startswith(f"{moved}/outputs/runs/")
    tiny(*WORDS, "run_dir=outputs/runs/last")
    assert "was moved here" not in capsys.readouterr().err
    assert len(runs(moved)) == 4


@pytest.mark.parametrize("version", ["this", "before"])
def test_runs_are_delivered_to_the_store_that_lies_here(moved, capsys, version):
    path = moved / "outputs" / "runs" / "late" / "tracking.json"
    note = json.loads(path.read_text()) | {"delivered": False}
    if version == "before":  # which noted the absolute path alone
        del note["inside"]
    path.write_text(json.dumps(note))
    assert RunFolder(path.parent).read_tracking()["uri"] == f"sqlite:///{moved}/outputs/mlflow.db"
    assert cli.main(["sync"]) == 0
    assert "uploaded outputs/runs/late" in capsys.readouterr().out
    assert len(runs(moved)) == 2  # the one it was, no second one


def test_a_deleted_run_is_deleted_in_the_store_that_lies_here(moved):
    assert cli.main(["runs", "delete", "there", "--yes"]) == 0
    assert [run.data.tags["exprun.run_dir"].rsplit("/", 1)[1] for run in runs(moved)] == ["late"]


def test_a_store_that_is_gone_is_not_made_again(moved, tmp_path, capsys):
    path = moved / "outputs" / "runs" / "late" / "tracking.json"
    gone = tmp_path / "gone" / "store.db"
    path.write_text(json.dumps({"uri": f"sqlite:///{gone}", "delivered": False}))
    assert cli.main(["sync"]) == 1
    assert f"its store was {gone}, but that folder does not exist any more: give --uri." in capsys.readouterr().err
    assert not gone.parent.exists()


@pytest.fixture
def store(tmp_path):
    """An SQLite store as MLflow lays it out, as far as paths are concerned: of an old project."""
    folder = tmp_path / "here" / "outputs"
    (folder / "mlartifacts").mkdir(parents=True)
    with sqlite3.connect(folder / "mlflow.db") as found:
        found.execute("CREATE TABLE experiments (artifact_location TEXT)")
        found.execute("CREATE TABLE runs (run_uuid TEXT, artifact_uri TEXT)")
        found.execute("CREATE TABLE tags (run_uuid TEXT, key TEXT, value TEXT)")
        found.execute("INSERT INTO experiments VALUES ('file:///old/outputs/mlartifacts')")
        found.execute("INSERT INTO runs VALUES ('a', 'file:///old/outputs/mlartifacts/a/artifacts')")
    return folder


def location(folder):
    with sqlite3.connect(folder / "mlflow.db") as found:
        return [
            *found.execute("SELECT artifact_location FROM experiments"),
            *found.execute("SELECT artifact_uri FROM runs"),
        ]


def test_a_store_that_projects_share_keeps_the_artifacts_of_each(store):
    """Its runs' artifacts are not here, so they lie where the table says: with another project."""
    before = location(store)
    repair(f"sqlite:///{store}/mlflow.db")
    assert location(store) == before
    (store / "mlartifacts" / "a").mkdir()
    repair(f"sqlite:///{store}/mlflow.db")
    assert location(store) == [(f"file://{store}/mlartifacts",), (f"file://{store}/mlartifacts/a/artifacts",)]


@pytest.mark.parametrize(
    "place", ["s3://bucket/outputs/mlartifacts", "file:///big/disk", "mlflow-artifacts:/outputs/mlartifacts"]
)
def test_artifacts_that_a_person_put_elsewhere_stay_there(store, place):
    (store / "mlartifacts" / "a").mkdir()
    with sqlite3.connect(store / "mlflow.db") as found:
        found.execute("UPDATE experiments SET artifact_location = ?", (place,))
        found.execute("UPDATE runs SET artifact_uri = ? || '/a/artifacts'", (place,))
    repair(f"sqlite:///{store}/mlflow.db")
    assert location(store) == [(place,), (f"{place}/a/artifacts",)]


def test_what_was_written_to_the_old_place_after_the_move_is_fetched(store, tmp_path, capsys):
    old = tmp_path / "before" / "outputs" / "mlartifacts"
    (old / "b" / "artifacts").mkdir(parents=True)
    (store / "mlartifacts" / "a").mkdir()
    with sqlite3.connect(store / "mlflow.db") as found:
        found.execute("UPDATE experiments SET artifact_location = ?", (old.as_uri(),))
        found.execute("UPDATE runs SET artifact_uri = ?", (f"{old.as_uri()}/a/artifacts",))
        found.execute("INSERT INTO runs VALUES ('b', ?)", (f"{old.as_uri()}/b/artifacts",))
    repair(f"sqlite:///{store}/mlflow.db")
    assert (store / "mlartifacts" / "b" / "artifacts").is_dir()
    assert f"was moved here from {old.parent}" in capsys.readouterr().err


def test_a_store_that_cannot_be_read_or_written_is_left_alone(store):
    (store / "mlartifacts" / "a").mkdir()
    before = location(store)
    with sqlite3.connect(store / "mlflow.db") as found:
        found.execute("CREATE TRIGGER no BEFORE UPDATE ON runs BEGIN SELECT RAISE(ABORT, 'no'); END")
    repair(f"sqlite:///{store}/mlflow.db")
    assert location(store) == before
    (store / "mlflow.db").write_bytes(b"no database")
    repair(f"sqlite:///{store}/mlflow.db")
    assert Path(store / "mlflow.db").read_bytes() == b"no database"
    os.unlink(store / "mlflow.db")
    repair(f"sqlite:///{store}/mlflow.db")
    assert not (store / "mlflow.db").exists()


def test_a_moved_store_is_recognised_by_the_folders_of_its_runs_where_none_has_artifacts(store):
    with sqlite3.connect(store / "mlflow.db") as found:
        found.execute("INSERT INTO tags VALUES ('a', 'exprun.run_dir', '/old/outputs/runs/a')")
    repair(f"sqlite:///{store}/mlflow.db?timeout=5")
    assert location(store)[0] == ("file:///old/outputs/mlartifacts",)
    (store / "runs" / "a").mkdir(parents=True)
    repair(f"sqlite:///{store}/mlflow.db?timeout=5")
    assert location(store) == [(f"file://{store}/mlartifacts",), (f"file://{store}/mlartifacts/a/artifacts",)]


def test_a_run_goes_on_in_its_own_run_of_a_store_by_a_relative_address(tmp_path):
    words = [*WORDS, "tracking.uri=sqlite:///outputs/mlflow.db", "run_dir=outputs/runs/it", "trainer.resume=true"]
    for steps in (2, 3):
        tiny(*words, f"trainer.max_steps={steps}")
    assert len(runs(tmp_path)) == 1
