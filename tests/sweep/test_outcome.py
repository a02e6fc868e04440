"""The outcome of a sweep in its parent run in MLflow."""

import json
import math
import shutil
from pathlib import Path

import pytest

from exprun import cli
from exprun.run_folder import RunFolder
from exprun.sweep import outcome as module
from exprun.sweep.outcome import outcome
from tiny import TINY, config, leave_out_pages


def run(folder: Path, *overrides: str, status: str = "FINISHED", **metrics: float) -> None:
    """Write the folder of a run that has ended."""
    folder.mkdir(parents=True)
    RunFolder(folder).write_config(config(*overrides))
    named = {name.replace("_", "/", 1): value for name, value in metrics.items()}
    RunFolder(folder).write_result(status, "" if status == "FINISHED" else "not finite", named, [])
    RunFolder(folder).write_environment({"val_images": "40", "classes": "10", "command": "python -m exprun"})


@pytest.fixture
def sweep(tmp_path):
    """The folder of a sweep of two arms with three seeds each."""
    for number in range(6):
        norm, seed = ("none", "batch")[number // 3], number % 3
        value = 0.5 + 0.3 * (norm == "batch") + 0.01 * seed
        run(tmp_path / str(number), f"norm={norm}", f"seed={seed}", val_accuracy=value, val_loss=1.0, test_accuracy=0.6)
    return tmp_path


def test_the_best_arm_is_first_and_all_arms_are_in_the_tables(sweep):
    found = outcome(sweep, "FINISHED", "6 trained")
    assert found.description.startswith("- Best: norm=batch with val/accuracy 81.0 %")
    assert "norm=batch against norm=none: +30.0 points" in found.description
    assert "| batch &nbsp; | 3 &nbsp; | 81.0 &nbsp; |" in found.description
    assert found.metrics == pytest.approx(
        {
            "arms val accuracy/norm:batch": 0.81,
            "arms val accuracy/norm:none": 0.51,
            "arms test accuracy/norm:batch": 0.6,
            "arms test accuracy/norm:none": 0.6,
        }
    )
    assert "\n6 trained. The report is the artifact" in found.description
    assert found.table["norm"] == ["batch", "none"]
    assert found.table["val/accuracy"] == pytest.approx([0.81, 0.51])
    assert found.table["seeds"] == [3, 3]
    assert [file.name for file in found.files] == ["report.html"]


def test_the_metric_that_selects_is_in_the_table_and_logged(tmp_path):
    for number, norm in enumerate(("none", "batch")):
        metrics = {
            "val_accuracy": 0.5,
            "val_macro_f1": 0.3 + 0.1 * number,
            "val_best_macro_f1": 0.4,
            "test_macro_f1": 0.2,
        }
        run(tmp_path / str(number), f"norm={norm}", "seed=0", "trainer.select=val/macro_f1", **metrics)
    found = outcome(tmp_path, "FINISHED", "2 trained")
    assert found.metrics["arms val best_macro_f1/norm:batch"] == 0.4
    rows = dict(zip(found.table["norm"], found.table["val/macro_f1"], strict=True))
    assert rows == pytest.approx({"none": 0.3, "batch": 0.4})
    assert {"val/best_macro_f1", "test/macro_f1"} <= set(found.table)


def test_names_of_arms_are_names_that_mlflow_accepts(tmp_path):
    for number, layers in enumerate(("[{conv: 4},flatten]", "[{conv: 8},flatten]", "[{conv: 4}, {conv: 4},flatten]")):
        run(tmp_path / str(number), f"model.layers={layers}", "seed=0", val_accuracy=0.5)
    from mlflow.utils.validation import _validate_metric_name

    names = outcome(tmp_path, "FINISHED", "3 trained").metrics
    assert len(names) == 3
    for name in names:
        _validate_metric_name(name)


def test_metrics_that_are_not_finite_are_not_logged(tmp_path):
    for number in range(2):
        run(tmp_path / str(number), f"norm={('none', 'batch')[number]}", "seed=0", val_accuracy=0.5, val_loss=math.nan)
    found = outcome(tmp_path, "FINISHED", "2 trained")
    assert all(map(math.isfinite, found.metrics.values()))
    json.dumps(found.table, allow_nan=False)


def test_a_sweep_that_cannot_be_compared_gives_the_reason(sweep):
    for number in range(1, 6):
        shutil.rmtree(sweep / str(number))
    found = outcome(sweep, "FINISHED", "1 trained")
    assert found.description.startswith("1 trained. The arms of this sweep are not compared: There is one run in ")
    assert not found.metrics
    assert not found.table
    assert not found.files


def test_a_bug_of_the_comparison_does_not_end_the_sweep(sweep, monkeypatch, capfd):
    for name in ("_table", "analyse"):
        monkeypatch.setattr(module, name, lambda _: {}["missing"])
        assert outcome(sweep, "FINISHED", "").description == "The arms of this sweep could not be compared."
    assert "KeyError: 'missing'" in (sweep / "sweep.log").read_text()
    assert capfd.readouterr().err == ""


def test_a_sweep_whose_launcher_failed_has_no_counts(sweep):
    assert "\nThe report is the artifact" in outcome(sweep, "FAILED", "").description


def test_a_stopped_sweep_is_not_compared(sweep):
    assert "The same command continues it" in outcome(sweep, "KILLED", "").description
    assert not (sweep / "report.html").exists()


def test_the_parent_run_holds_the_outcome(tmp_path, monkeypatch):
    import mlflow

    leave_out_pages(monkeypatch)
    words = [*TINY, "tracking=mlflow", "trainer.epochs=1", "norm=none,batch", "seed=0"]
    assert cli.main(["-m", *words]) == 0
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/outputs/mlflow.db")
    experiment = client.get_experiment_by_name("exprun")
    assert "python -m exprun compare" in experiment.tags["mlflow.note.content"]
    (folder,) = (tmp_path / "outputs" / "sweeps").glob("2*")
    run_id = RunFolder(folder).read_tracking()["run_id"]
    parent = client.get_run(run_id)
    assert parent.info.status == "FINISHED"
    assert "| norm &nbsp; | seeds &nbsp; |" in parent.data.tags["mlflow.note.content"]
    assert {"arms val accuracy/norm:none", "arms val accuracy/norm:batch"} <= set(parent.data.metrics)
    assert {item.path for item in client.list_artifacts(run_id)} == {"report.html", "settings.json"}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", client.tracking_uri)
    table = client.load_table(experiment.experiment_id, "settings.json", [run_id])
    assert set(table["norm"]) == {"none", "batch"}
    child = next(one for one in client.search_runs([experiment.experiment_id]) if one.info.run_id != run_id)
    assert child.data.tags["mlflow.note.content"].startswith("**Finished**: validation accuracy ")
    # The same command keeps the runs and changes nothing, also if a person has written into the description.
    client.set_tag(run_id, "mlflow.note.content", "mine")
    assert cli.main(["-m", *words]) == 0
    assert client.get_run(run_id).data.tags["mlflow.note.content"] == "mine"
