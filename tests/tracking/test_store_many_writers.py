"""Several processes that log at once: to one store of SQLite, and to MLflow's server before PostgreSQL."""

import os
import subprocess
import sys

import pytest

from exprun.run_folder import RunFolder
from servers import has_postgres, mlflow_server, postgres
from tiny import TINY

WRITERS = 4
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


def write(folder, seconds, uri=None):
    """Let the processes log for some time; how many runs they made."""
    free = ("tracking=none", "trainer.epochs=2")
    words = [word for word in TINY if word not in free]
    words += ["tracking=mlflow", "trainer.log_every=1", "trainer.checkpoint=false", "trainer.epochs=4"]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(number), str(seconds), *words],
            cwd=folder,
            env={**os.environ, **({"MLFLOW_TRACKING_URI": uri} if uri else {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number in range(WRITERS)
    ]
    said = [process.communicate()[0] for process in started]
    assert all(process.returncode == 0 for process in started), said
    assert not any("MLflow has not received" in text or "database is locked" in text for text in said)
    logs = [path.read_text() for path in (folder / "outputs" / "runs").glob("*/run.log")]
    assert not any("database is locked" in text or "MLflow did not receive" in text for text in logs)
    return sum(int(text.split()[-1]) for text in said)


def check(folder, client, count):
    """All runs and all their figures are in the store, once."""
    assert sorted(experiment.name for experiment in client.search_experiments()) == ["Default", "exprun"]
    runs, token = [], None
    experiment = client.get_experiment_by_name("exprun").experiment_id
    while not runs or token:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        runs, token = [*runs, *page], page.token
    assert len(runs) == len(list((folder / "outputs" / "runs").iterdir())) == count
    assert {run.info.status for run in runs} == {"FINISHED"}
    points = 0
    for run in runs:
        wanted: dict[str, list[tuple[int, float]]] = {}
        place = folder / "outputs" / "runs" / run.data.tags["exprun.run_dir"].rsplit("/", 1)[-1]
        for row in RunFolder(place).read_journal():
            for key, value in row["metrics"].items():
                wanted.setdefault(key, []).append((row["step"], value))
        for key, values in wanted.items():
            found = [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, key)]
            assert sorted(found) == sorted(values), (run.info.run_id, key)
            points += len(found)
    print(f"{len(runs)} runs, {points:,} points")


@pytest.mark.slow
def test_four_processes_lose_no_metric(tmp_path):
    import mlflow

    count = write(tmp_path, 300)
    check(tmp_path, mlflow.MlflowClient(f"sqlite:///{tmp_path}/outputs/mlflow.db"), count)


@pytest.mark.slow
def test_nor_do_they_before_a_server_with_postgresql(tmp_path):
    pytest.importorskip("psycopg2")
    if not has_postgres():
        pytest.skip("PostgreSQL is not installed")
    import mlflow

    with postgres() as store, mlflow_server(tmp_path, store) as (uri, _):
        count = write(tmp_path, 60, uri)
        check(tmp_path, mlflow.MlflowClient(uri), count)
        assert not (tmp_path / "outputs" / "mlflow.db").exists()
