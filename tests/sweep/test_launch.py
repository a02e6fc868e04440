"""Sweeps by Hydra's launchers: several processes of one machine, a Ray cluster, Slurm's launcher on this machine."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import yaml

from exprun.run_folder import RunFolder

WORDS = [
    "experiment=smoke",
    "norm=none,batch",
    "seed=0,1",
    "trainer.epochs=1",
    "trainer.deterministic=true",
    "progress=plain",
]


def sweep(folder, *words):
    """Run it in a folder; what its MLflow store holds afterwards."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "exprun", "-m", *WORDS, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def found(folder):
    """Weights and figures of each run."""
    (place,) = (path for path in (folder / "outputs" / "sweeps").iterdir() if path.is_dir())
    runs = {}
    for number in range(4):
        with np.load(place / str(number) / "checkpoints" / "best.npz") as file:
            weights = {key: file[key] for key in file.files if key != "state"}
        rows = RunFolder(place / str(number)).read_journal()
        runs[number] = weights, [row["metrics"]["val/loss"] for row in rows if "val/loss" in row["metrics"]]
    return place, runs


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The sweep in one process."""
    folder = tmp_path_factory.mktemp("alone")
    sweep(folder)
    return found(folder)[1]


def same_as(alone, folder):
    """Whether a sweep gave the same bits, and has one parent run above its four."""
    import mlflow

    place, runs = found(folder)
    for number, (weights, losses) in runs.items():
        assert losses == alone[number][1]
        assert all(np.array_equal(weights[key], alone[number][0][key]) for key in weights)
    note = json.loads((place / "tracking.json").read_text())
    client = mlflow.MlflowClient(f"sqlite:///{folder}/outputs/mlflow.db")
    logged = client.search_runs([client.get_experiment_by_name("exprun").experiment_id])
    assert len(logged) == 5
    assert {run.info.status for run in logged} == {"FINISHED"}
    assert sum(run.data.tags.get("mlflow.parentRunId") == note["run_id"] for run in logged) == 4


@pytest.mark.slow
def test_two_workers(alone, tmp_path):
    text = sweep(tmp_path, "sweep.workers=2")
    assert "sweep: 4 runs: 4 trained." in text
    same_as(alone, tmp_path)
    assert "sweep: 4 runs: 4 kept." in sweep(tmp_path)


@pytest.mark.slow
def test_two_processes_of_joblib(alone, tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    text = sweep(tmp_path, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert "sweep: 4 runs: 4 trained." in text
    same_as(alone, tmp_path)
    assert "sweep: 4 runs: 4 kept." in sweep(tmp_path)


@pytest.mark.slow
def test_the_launcher_of_slurm_on_this_machine(alone, tmp_path):
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    text = sweep(tmp_path, "hydra/launcher=submitit_local", "hydra.launcher.timeout_min=30")
    assert "sweep: 4 runs: 4 trained." in text
    same_as(alone, tmp_path)


@pytest.mark.slow
def test_a_ray_cluster_of_two_nodes(alone, tmp_path):
    pytest.importorskip("hydra_plugins.hydra_ray_launcher")
    ray = [os.path.join(os.path.dirname(sys.executable), "ray")]
    try:
        for words in (["--head", "--port=6399"], ["--address=127.0.0.1:6399"]):
            start = [*ray, "start", *words, "--num-cpus=1", "--include-dashboard=false", "--disable-usage-stats"]
            if "--head" not in words:
                start.remove("--include-dashboard=false")
            subprocess.run(start, check=True, capture_output=True, cwd=tmp_path)
        text = sweep(tmp_path, "hydra/launcher=ray", "+hydra.launcher.ray.init.address=127.0.0.1:6399")
        assert "sweep: 4 runs: 4 trained." in text
        same_as(alone, tmp_path)
    finally:
        subprocess.run([*ray, "stop", "--force"], check=False, capture_output=True)


@pytest.mark.slow
def test_a_search_of_optuna_outlives_a_run_that_fails(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    words = [
        sys.executable, "-m", "exprun", "-m", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=4",
        "hydra.sweeper.direction=maximize", "optim.learning_rate=choice(0.01,1000)", "experiment=smoke",
        "norm=none", "trainer.epochs=1", "progress=plain", "hydra.sweeper.sampler.seed=0",
    ]  # fmt: skip
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "sweep: 4 runs: " in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]
    assert done.returncode == (1 if "failed: not finite" in done.stderr else 0)
    (place,) = (path for path in (tmp_path / "outputs" / "sweeps").iterdir() if path.is_dir())
    assert (place / "optimization_results.yaml").exists()
    assert len(list(place.glob("*/result.json"))) == 4


@pytest.mark.slow
def test_a_search_of_optuna_goes_on_where_it_was_stopped(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")

    def searched(folder, trials, *more):
        words = [
            sys.executable, "-m", "exprun", "-m", "hydra/sweeper=optuna", f"hydra.sweeper.n_trials={trials}",
            "hydra.sweeper.direction=maximize", "optim.learning_rate=tag(log, interval(0.001, 0.1))",
            "experiment=smoke", "norm=choice(none,batch)", "trainer.epochs=1", "trainer.deterministic=true",
            "progress=plain", *more,
        ]  # fmt: skip
        folder.mkdir(exist_ok=True)
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        (place,) = (path for path in (folder / "outputs" / "sweeps").iterdir() if path.is_dir())
        rates = {
            int(path.parent.name): yaml.safe_load(path.read_text())["optim"]["learning_rate"]
            for path in place.glob("*/config.yaml")
        }
        return place, rates, done.stdout + done.stderr

    _, whole, text = searched(tmp_path / "whole", 5)
    assert "sweep: 5 runs: 5 trained." in text
    assert len(set(whole.values())) == 5
    place, first, _ = searched(tmp_path / "parts", 3)
    assert first == {number: whole[number] for number in range(3)}
    (place / "2" / "result.json").unlink()
    _, rates, text = searched(tmp_path / "parts", 5)
    assert rates == whole
    assert "sweep: 5 runs: 3 trained, 2 kept." in text
    assert not (place / "replaced").exists()


@pytest.mark.slow
def test_two_processes_share_a_tuned_sweep(tmp_path):
    import mlflow

    words = [
        sys.executable, "-m", "exprun", "-m", "experiment=smoke", "sweep=tuned", "optim=sgd_momentum,rmsprop",
        "seed=0,1", "sweep.rates=[0.1,1]", "trainer.epochs=1", "progress=plain",
    ]  # fmt: skip
    both = [
        subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    texts = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], texts
    trained = [int(match) for text in texts for match in re.findall(r"sweep: 8 runs: (\d+) trained", text)]
    assert sum(trained) == 8, texts
    assert all(trained), "one of them did all"
    (place,) = (path for path in (tmp_path / "outputs" / "sweeps").iterdir() if path.is_dir())
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/outputs/mlflow.db")
    logged = client.search_runs([client.get_experiment_by_name("exprun").experiment_id])
    parent = json.loads((place / "tracking.json").read_text())["run_id"]
    children = [run for run in logged if run.data.tags.get("mlflow.parentRunId") == parent]
    assert len(children) == len(logged) - 1 == 8
    assert {run.info.status for run in logged} == {"FINISHED"}
