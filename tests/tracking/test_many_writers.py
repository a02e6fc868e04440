"""Several processes that log to one store of SQLite at once."""

import subprocess
import sys

import pytest

from exprun.tracking.journal import read
from tiny import TINY

WRITERS, SECONDS = 4, 300
PROGRAM = """
import sys, time
from exprun import Session, run

number, seconds, *words = sys.argv[1:]
session, end, count = Session(), time.monotonic() + float(seconds), 0
while time.monotonic() < end:
    result = run([*words, f"seed={count}", f"run_dir=outputs/runs/{number}-{count}"], session)
    assert result.status == "FINISHED", result.reason
    count += 1
print(count)
"""


@pytest.mark.slow
def test_four_processes_lose_no_metric(tmp_path):
    import mlflow

    words = [*TINY, "tracking=mlflow", "trainer.log_every=1", "trainer.checkpoint=false", "trainer.epochs=4"]
    command = [sys.executable, "-c", PROGRAM]
    started = [
        subprocess.Popen(
            [
                *command,
                str(number),
                str(SECONDS),
                *(word for word in words if word not in ("tracking=none", "trainer.epochs=2")),
            ],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number in range(WRITERS)
    ]
    said = [process.communicate()[0] for process in started]
    assert all(process.returncode == 0 for process in started), said
    assert not any("MLflow has not taken" in text or "database is locked" in text for text in said)
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/outputs/mlflow.db")
    experiments = client.search_experiments()
    assert sorted(experiment.name for experiment in experiments) == ["Default", "exprun"]
    runs, token = [], None
    experiment = client.get_experiment_by_name("exprun").experiment_id
    while not runs or token:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        runs, token = [*runs, *page], page.token
    folders = sorted((tmp_path / "outputs" / "runs").iterdir())
    assert len(runs) == len(folders) == sum(int(text.split()[-1]) for text in said)
    assert {run.info.status for run in runs} == {"FINISHED"}
    points = 0
    for run in runs:
        wanted: dict[str, list[tuple[int, float]]] = {}
        for row in read(
            tmp_path / "outputs" / "runs" / run.data.tags["exprun.run_dir"].rsplit("/", 1)[-1] / "metrics.jsonl"
        ):
            for key, value in row["metrics"].items():
                wanted.setdefault(key, []).append((row["step"], value))
        for key, values in wanted.items():
            found = [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, key)]
            assert sorted(found) == sorted(values), (run.info.run_id, key)
            points += len(found)
    print(f"{len(runs)} runs, {points:,} points")
    logs = [path.read_text() for path in (tmp_path / "outputs" / "runs").glob("*/run.log")]
    assert not any("database is locked" in text for text in logs)
