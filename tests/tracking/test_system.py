"""The metrics of the machine while a run trains."""

import builtins
import time

import numpy as np

from exprun.run_folder import RunFolder
from exprun.tracking.journal import Journal
from exprun.tracking.system import SystemMetrics
from exprun.trainer.events import RunEnded, StepsDone


def done(step):
    return StepsDone(step, 0.5, np.zeros(1), np.zeros(1), np.zeros(1), None)


def rows(path):
    return [row for row in RunFolder(path).read_journal() if "system/cpu_utilization_percentage" in row["metrics"]]


def test_the_machine_is_sampled_until_the_run_ends(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.01")
    watch = SystemMetrics(Journal(tmp_path / "metrics.jsonl", 1000))
    watch(done(3))
    while len(rows(tmp_path)) < 2:
        assert watch._thread is not None
        assert watch._thread.is_alive()
        time.sleep(0.01)
    watch(done(4))
    watch(RunEnded("FINISHED", ""))
    found = rows(tmp_path)
    assert found[0]["step"] == 3
    assert found[-1]["step"] == 4  # the last sample is taken at the end
    assert 0 < found[-1]["metrics"]["system/system_memory_usage_percentage"] <= 100
    assert watch._thread is not None
    assert not watch._thread.is_alive()


def test_a_resumed_run_is_sampled_at_steps_that_it_repeats(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "60")
    for _ in range(2):
        watch = SystemMetrics(Journal(tmp_path / "metrics.jsonl", 1000))
        watch(done(3))
        watch(RunEnded("FINISHED", ""))
    assert [row["step"] for row in rows(tmp_path)] == [3, 3]


def test_a_monitor_that_fails_costs_the_metrics_only(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("exprun.tracking.system._monitors", lambda: builtins.eval("1 / 0"))
    watch = SystemMetrics(Journal(tmp_path / "metrics.jsonl", 1000))
    watch(done(3))
    watch(RunEnded("FINISHED", ""))
    assert "The system metrics could not be measured" in caplog.text
