"""The view of a sweep in MLflow's UI, and the links that open it."""

import json
import os
from pathlib import Path

import pytest

from exprun.outputs import SWEEP
from exprun.run_folder import RunFolder
from exprun.tracking.store import server
from exprun.tracking.view import Charts, charts_of, last_page, page

PARENT = "a" * 32
HERE = "sqlite:////store/here.db"


def state(charts: Charts) -> dict:
    key, value = charts.tag(PARENT, "sweep norm=none,batch", 7)
    assert key == f"mlflow.sharedViewState.{PARENT}"
    view = json.loads(value)
    assert (view["name"], view["createdAt"]) == ("sweep norm=none,batch", 7)
    return json.loads(view["state"])


def test_runs_are_grouped_by_their_factors_and_charts_belong_to_sections():
    found = state(Charts(["norm", "optim.learning_rate"], is_grouped=True))
    assert [one["groupByData"] for one in found["groupBy"]["groupByKeys"]] == ["exprun.setting"]
    assert "tags.`exprun.factor.optim.learning_rate`" in found["selectedColumns"]
    assert PARENT in found["searchFilter"]
    sections = {one["uuid"] for one in found["compareRunSections"]}
    assert {one["metricSectionId"] for one in found["compareRunCharts"]} == sections
    identifiers = [one["uuid"] for one in found["compareRunCharts"]]
    assert len(set(identifiers)) == len(identifiers)


def test_of_a_tuned_sweep_only_the_compared_runs_are_shown():
    found = state(Charts(["norm"], is_grouped=True, stage="compared"))
    assert found["searchFilter"].endswith(" AND tags.`exprun.stage` = 'compared'")


@pytest.mark.parametrize("charts", [Charts(["optim.learning_rate"], is_grouped=False), Charts([], is_grouped=True)])
def test_runs_that_are_no_repeats_are_not_grouped(charts):
    assert state(charts)["groupBy"] is None


def test_mlflow_accepts_the_view_of_a_sweep_of_many_factors():
    factors = [f"model.layers.conv_{number}" for number in range(20)]
    assert len(Charts(factors, is_grouped=True).tag(PARENT, "sweep " + "x" * 200, 7)[1]) < 20_000


def logged(folder: Path, **entries) -> Path:
    """A folder with a record of its run in MLflow."""
    folder.mkdir(parents=True)
    (folder / "tracking.json").write_text(json.dumps({"uri": HERE, "run_id": PARENT, "experiment": "3"} | entries))
    return folder


def test_a_sweep_has_charts_and_a_run_has_its_page(tmp_path):
    charts = page(logged(tmp_path / "sweep", has_charts=True))
    assert charts.startswith("/#/experiments/3/runs?workflowType=machine_learning")
    assert charts.endswith(f"viewStateShareKey={PARENT}")
    assert page(logged(tmp_path / "run")) == f"/#/experiments/3/runs/{PARENT}?workflowType=machine_learning"
    assert page(logged(tmp_path / "early", experiment=None)) == page(tmp_path / "nowhere") == ""


def swept(folder: Path, **entries) -> Path:
    """The folder of a sweep with a run and charts."""
    logged(folder, has_charts=True, **entries)
    (folder / SWEEP).write_text("{}")
    (logged(folder / "0") / "config.yaml").write_text("")
    return folder


def test_the_way_to_the_charts_of_a_sweep(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    away = swept(tmp_path / "outputs" / "sweeps" / "1", uri="http://127.0.0.1:5000")
    other = swept(tmp_path / "outputs" / "sweeps" / "2")
    assert charts_of(away) == f"http://127.0.0.1:5000{page(away)}"
    assert charts_of(other) == f"python -m exprun ui --uri {HERE}"
    last = swept(tmp_path / "outputs" / "sweeps" / "3", uri=f"sqlite:///{tmp_path}/outputs/mlflow.db", inside=True)
    os.utime(last / SWEEP, (9e9, 9e9))
    assert charts_of(last) == "python -m exprun ui"
    assert charts_of(other) == ""  # `ui` opens the charts of the last sweep
    assert charts_of(logged(tmp_path / "run")) == charts_of(tmp_path / "nowhere") == ""


def test_a_server_is_named_without_its_password():
    assert server("https://ann:secret@mlflow.example.org/base/") == "https://mlflow.example.org/base"
    assert server("http://127.0.0.1:5000") == "http://127.0.0.1:5000"


def test_the_last_sweep_of_the_store_comes_before_all_runs(tmp_path):
    assert last_page(HERE) == ("", "")
    run = logged(tmp_path / "outputs" / "runs" / "one")
    (RunFolder(run).path / "config.yaml").write_text("")
    assert last_page(HERE) == ("/#/experiments/3/runs?workflowType=machine_learning", "runs")
    sweep = swept(tmp_path / "outputs" / "sweeps" / "two")
    path, shown = last_page(HERE)
    assert shown == "charts of the last sweep"
    assert "viewStateShareKey" in path
    assert last_page("sqlite:////elsewhere.db") == ("", "")
    (sweep / "tracking.json").write_text(json.dumps({"uri": HERE, "run_id": PARENT, "experiment": "3"}))
    assert last_page(HERE) == (f"/#/experiments/3/runs/{PARENT}?workflowType=machine_learning", "last sweep")
