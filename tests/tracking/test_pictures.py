"""Pictures and tables of a run in MLflow, however often it is uploaded."""

import json

import numpy as np
import pytest
from PIL import Image

from exprun.run_folder import RunFolder
from exprun.tracking import pictures
from exprun.tracking.predictions import write_confusion


@pytest.fixture
def folder(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.pictures.mkdir(parents=True)
    Image.new("RGB", (20, 10)).save(run.pictures / "errors.png")
    (run.path / "classes.csv").write_text("split,class,images,recall\ntest,<b>,3,0.5\ntest,7,0,\n")
    (run.path / "errors.csv").write_text("split,image,true,predicted,confidence,loss\n")
    write_confusion(run.path, ["<b>", "7"], np.array([0, 0, 1]), np.array([1, 1, 1]))
    return run


def test_they_are_logged_once_and_a_resumed_run_replaces_its_tables(folder, tmp_path, empty_store):
    import mlflow

    empty_store(f"sqlite:///{tmp_path}/store.db")
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/store.db")
    experiment = client.create_experiment("e", artifact_location=(tmp_path / "artifacts").as_uri())
    run_id = client.create_run(experiment).info.run_id
    for step in (7, 7, 9):
        pictures.upload(client, run_id, folder, step)
    images = [file.path for file in client.list_artifacts(run_id, "images") if file.path.endswith(".png")]
    assert sorted(path.split("+timestamp")[0] for path in images) == ["images/errors+step+7", "images/errors+step+9"]
    text = mlflow.artifacts.load_text(f"{client.get_run(run_id).info.artifact_uri}/tables/classes.json")
    assert json.loads(text) == {
        "columns": ["split", "class", "images", "recall"],
        "data": [["test", "<b>", 3.0, 0.5], ["test", "7", 0.0, None]],
    }
    confusions = mlflow.artifacts.load_text(f"{client.get_run(run_id).info.artifact_uri}/tables/confusions.json")
    assert json.loads(confusions)["data"] == [["<b>", "7", 2]]
    logged = json.loads(client.get_run(run_id).data.tags["mlflow.loggedArtifacts"])
    assert sorted(entry["path"] for entry in logged) == ["tables/classes.json", "tables/confusions.json"]


def test_a_run_that_failed_has_none(tmp_path):
    class Client:
        def __getattr__(self, name):
            raise AssertionError(name)

    pictures.upload(Client(), "1", RunFolder(tmp_path), 0)
