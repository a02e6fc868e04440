"""Sweeps: one folder for one command, in which they go on; what becomes of runs that fail."""

import json
import os

import numpy as np
import pytest

from exprun import cli
from exprun.locks import file_lock
from exprun.sweep import ENVIRONMENT, Sweep, announced, status_of, sweep_folder
from tiny import TINY

QUIET = [word for word in TINY if "batch_size" not in word] + [
    "trainer.epochs=1",
    "trainer.max_steps=4",
    "progress=plain",
]


ONE_BAD = ["data=arrays", "data.root=bad.npz,good.npz"]


@pytest.fixture
def one_bad(tmp_path):
    """Two sets of images of which one is damaged."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (200, 32, 32, 3), np.uint8), np.arange(200) % 4
    np.savez(tmp_path / "good.npz", x_train=images, y_train=labels)
    (tmp_path / "bad.npz").write_bytes(b"nothing")


def swept(capsys, *words):
    """Exit code and what was said."""
    code = cli.main(["-m", *dict.fromkeys([*QUIET, *words])])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def folders(tmp_path):
    return sorted(path for path in (tmp_path / "outputs" / "sweeps").iterdir() if path.is_dir())


def written(folder):
    return {path: path.stat().st_mtime_ns for path in folder.glob("*/result.json")}


def test_the_same_command_has_the_same_folder():
    words = ["norm=none,batch", "seed=0,1"]
    first = sweep_folder(words, "", "failed")
    assert sweep_folder([*words, "progress=quiet", "sweep.retries=2", "hydra/launcher=joblib"], "", "failed") == first
    assert sweep_folder(words, "", "always") != first
    assert sweep_folder(["norm=none,batch", "seed=0,1,2"], "", "failed") != first
    assert sweep_folder(words, "--config-dir here", "failed") != first


def test_a_password_is_not_written_and_does_not_matter(tmp_path):
    first = sweep_folder(["data.root=https://me:secret@example.org", "seed=0,1"], "", "failed")
    assert sweep_folder(["data.root=https://me:other@example.org", "seed=0,1"], "", "failed") == first
    assert "secret" not in next((tmp_path / "outputs" / "sweeps").glob("*/sweep.json")).read_text()


def test_a_sweep_goes_on_where_it_was_stopped_and_keeps_what_is_done(tmp_path, capsys):
    code, text = swept(capsys, "norm=none,batch")
    assert code == 0
    assert "sweep: 2 runs: 2 trained." in text
    (folder,) = folders(tmp_path)
    before = written(folder)
    code, text = swept(capsys, "norm=none,batch")
    assert code == 0
    assert "sweep: 2 runs: 2 kept from before." in text
    assert written(folder) == before
    (folder / "1" / "result.json").unlink()  # as if it had been killed
    assert status_of(folder / "1") == "STARTED"
    code, text = swept(capsys, "norm=none,batch")
    assert "sweep: 2 runs: 1 trained, 1 kept from before." in text
    assert folders(tmp_path) == [folder]
    assert written(folder)[folder / "0" / "result.json"] == before[folder / "0" / "result.json"]


def test_a_run_that_fails_is_said_and_the_others_go_on(one_bad, tmp_path, capsys):
    code, text = swept(capsys, *ONE_BAD)
    assert code == 1
    assert ") failed: " in text
    assert "sweep: 2 runs: 1 trained, 1 failed." in text
    (folder,) = folders(tmp_path)
    assert [status_of(folder / n) for n in "01"] == ["FAILED", "FINISHED"]
    code, text = swept(capsys, *ONE_BAD, "sweep.rerun=never")
    assert code == 1
    assert "failed before, and sweep.rerun=never" in text
    code, text = swept(capsys, *ONE_BAD, "sweep.retries=2")
    assert code == 1
    assert text.count(") failed: ") == 3
    assert folders(tmp_path) == [folder]


def test_a_sweep_may_end_with_the_run_that_fails(one_bad, tmp_path, capsys):
    code, text = swept(capsys, *ONE_BAD, "sweep.on_failure=stop")
    assert code == 1
    assert "the sweep ends with the run that failed (sweep.on_failure=stop)" in text
    (folder,) = folders(tmp_path)
    assert not (folder / "1").exists()
    assert ENVIRONMENT not in os.environ


def test_another_config_in_its_folder_is_said(tmp_path, capsys):
    swept(capsys, "norm=none,batch")
    (folder,) = folders(tmp_path)
    path = folder / "0" / "config.yaml"
    path.write_text(path.read_text().replace("\nseed: 0", "\nseed: 7"))
    code, text = swept(capsys, "norm=none,batch")
    assert code == 1
    assert "was trained with seed=7, not 0" in text


def test_runs_of_another_process_are_left_to_it(tmp_path, capsys):
    folder = sweep_folder([*dict.fromkeys([*QUIET, "norm=none,batch"])], "", "failed")
    (folder / "0").mkdir()
    with file_lock(folder / "0" / ".lock", wait=False):
        code, text = swept(capsys, "norm=none,batch")
    assert code == 0
    assert "another process is at it" in text
    assert "sweep: 2 runs: 1 trained, 1 left to another process." in text


def test_its_runs_are_children_of_one_run_in_mlflow(tmp_path, capsys):
    words = ["tracking=mlflow", "tracking.model=none", "norm=none,batch", "seed=0,1"]
    code, _ = swept(capsys, *words)
    assert code == 0
    (folder,) = folders(tmp_path)
    (folder / "3" / "result.json").unlink()
    swept(capsys, *words)
    import mlflow

    note = json.loads((folder / "tracking.json").read_text())
    client, parent = mlflow.MlflowClient(tracking_uri=note["uri"]), note["run_id"]
    runs = client.search_runs([client.get_experiment_by_name("exprun").experiment_id])
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent]
    assert len(runs) == 5
    assert len(children) == 4
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert {run.data.tags["exprun.factor.norm"] for run in children} == {"none", "batch"}
    assert {run.data.tags["exprun.sweep"] for run in runs} == {folder.name}
    assert client.get_run(parent).data.tags["exprun.runs"] == "1 trained, 3 kept from before"


def test_jobs_know_their_sweep(monkeypatch):
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    assert announced() is None
    Sweep("s", ["norm", "optim.learning_rate"], "abc").announce()
    found = announced()
    monkeypatch.delenv(ENVIRONMENT)
    assert found.tags(["norm=batch", "seed=1", "optim.learning_rate=0.1"]) == {
        "exprun.sweep": "s",
        "mlflow.parentRunId": "abc",
        "exprun.factor.norm": "batch",
        "exprun.factor.optim.learning_rate": "0.1",
    }


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("sweep.rerun=often", "sweep.rerun is 'often', but must be one of failed, never, always."),
        ("sweep.retries=-1", "sweep.retries is -1, but must be at least 0."),
        ("sweep=grid", "sweep=grid"),
    ],
)
def test_mistakes_are_one_sentence(capsys, word, sentence):
    assert cli.main(["-m", "norm=none,batch", word]) == 2
    assert sentence in capsys.readouterr().err
