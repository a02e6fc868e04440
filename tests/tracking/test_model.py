"""The trained network as an MLflow model."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exprun import cli
from exprun.run_folder import RunFolder
from servers import free_port, mlflow_server
from tiny import leave_out_pages, tiny

WORDS = ("tracking=mlflow", "tracking.model=mlflow", "tracking.register=digits", "run_dir=outputs/runs/it")
KERAS = ("tracking=mlflow", "tracking.model=keras", "tracking.register=digits", "run_dir=outputs/runs/keras")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A project with a run whose model is in its store, resumed once."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        leave_out_pages(patch)
        for epochs in (1, 2):
            tiny(*WORDS, f"trainer.epochs={epochs}", "trainer.resume=true", "schedule=constant")
        tiny(*KERAS, "trainer.epochs=1", "tracking.experiment=other")
    return folder


@pytest.fixture
def project(trained, monkeypatch):
    monkeypatch.chdir(trained)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return trained


def stored(uri):
    """The client of a store, its only run, and its models, the latest first."""
    import mlflow

    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("exprun").experiment_id
    (run,) = client.search_runs([experiment])
    return client, run, client.search_logged_models([experiment])


def images():
    return np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)


def probabilities(project):
    """The probabilities of the random images by the command `predict`."""
    from exprun.predict import predict
    from exprun.records import find_run

    files = []
    for number, image in enumerate(images()):
        files.append(str(project / f"{number}.png"))
        Image.fromarray(image).save(files[-1])
    found = predict(find_run("outputs/runs/it"), files, 10)
    return np.array([[dict(one.classes)[str(label)] for label in range(10)] for one in found])


def test_each_end_of_a_run_has_its_model_with_the_metrics_of_its_weights(project):
    _, run, models = stored("sqlite:///outputs/mlflow.db")
    assert [(model.name, str(model.status)) for model in models] == [("model", "READY")] * 2
    model = models[0]
    result = RunFolder(project / "outputs/runs/it").read_result()
    metrics = {metric.key: metric.value for metric in model.metrics}
    assert metrics["test/accuracy"] == result.metrics["test/accuracy"]
    assert metrics["val/best_loss"] == result.metrics["val/best_loss"]
    digests = {one.tags[0].value: one.dataset.digest for one in run.inputs.dataset_inputs}
    of_split = {metric.key: metric.dataset_digest for metric in model.metrics}
    assert of_split["test/loss"] == digests["test"]
    assert of_split["val/best_loss"] == digests["validation"]
    assert {output.model_id for output in run.outputs.model_outputs} == {one.model_id for one in models}
    assert model.params["norm.name"] == "batch"
    assert "32 × 32 × 3" in model.tags["mlflow.note.content"]


def test_the_model_gives_the_probabilities_that_predict_gives(project, monkeypatch):
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///outputs/mlflow.db")
    _, _, models = stored("sqlite:///outputs/mlflow.db")
    model = mlflow.pyfunc.load_model(f"models:/{models[0].model_id}")
    assert model.metadata.metadata["classes"] == [str(number) for number in range(10)]
    assert model.metadata.signature.inputs.inputs[0].type == np.dtype(np.uint8)
    assert np.shape(model.input_example) == (1, 32, 32, 3)
    np.testing.assert_allclose(model.predict(images()), probabilities(project), atol=1e-5)


def test_a_model_is_uploaded_once(project):
    before = stored("sqlite:///outputs/mlflow.db")[2]
    assert cli.main(["sync", "outputs/runs/it"]) == 0
    after = stored("sqlite:///outputs/mlflow.db")[2]
    assert [one.model_id for one in after] == [one.model_id for one in before]


def test_each_model_is_one_version_of_its_registered_name(project):
    import mlflow

    for folder in ("it", "keras"):
        assert cli.main(["sync", f"outputs/runs/{folder}"]) == 0  # registers nothing again
    client, run, models = stored("sqlite:///outputs/mlflow.db")
    versions = client.search_model_versions("name = 'digits'")
    [of_keras] = [one for one in versions if one.run_id != run.info.run_id]
    assert {one.source for one in versions} == {of_keras.source, *(one.artifact_location for one in models)}
    assert len(versions) == 3
    assert all('"name": "digits"' in one.tags["mlflow.modelVersions"] for one in models)  # links in MLflow's UI
    store = "sqlite:///outputs/mlflow.db"
    [file] = mlflow.artifacts.list_artifacts(artifact_uri=of_keras.source, tracking_uri=store)
    assert file.path.endswith("model.keras")


@pytest.mark.slow
def test_a_server_gets_and_registers_the_model_later(project, tmp_path, monkeypatch):
    import mlflow

    with mlflow_server(tmp_path) as (uri, _):
        assert cli.main(["sync", "outputs/runs/it", "--uri", uri]) == 0
        _, run, (model,) = stored(uri)
        assert str(model.status) == "READY"
        assert [output.model_id for output in run.outputs.model_outputs] == [model.model_id]
        names = {path.name for path in Path(tmp_path / "artifacts").rglob("*")}
        assert {"MLmodel", "saved_model.pb", "serving_input_example.json"} <= names
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        loaded = mlflow.pyfunc.load_model("models:/digits/1", dst_path=str(tmp_path))
        found = loaded.predict(images()[:2])
    assert loaded.metadata.run_id == run.info.run_id
    np.testing.assert_allclose(found, probabilities(project)[:2], atol=1e-5)


@pytest.mark.slow
def test_mlflow_serves_the_model(project, monkeypatch):
    _, run, _ = stored("sqlite:///outputs/mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project}/outputs/mlflow.db")
    # MLflow starts uvicorn by its name.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager=local", f"--port={port}"]
    with open(project / "serve.log", "w") as log:
        server = subprocess.Popen([*command, "-m", f"runs:/{run.info.run_id}/model"], stdout=log, stderr=log)
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=60).close()
                break
            except OSError:
                assert server.poll() is None, (project / "serve.log").read_text()[-2000:]
                time.sleep(0.5)
        body = json.dumps({"inputs": images()[:1].tolist()}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=300) as answer:
            found = np.array(json.load(answer)["predictions"])
    finally:
        server.terminate()
        server.wait()
    np.testing.assert_allclose(found, probabilities(project)[:1], atol=1e-5)
