"""What `runs` prints and deletes: a table of runs, one run, and how two runs differ."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from exprun.config.errors import RunError, one_line, safe, without_password
from exprun.config.paths import sqlite_path
from exprun.outputs import OUTPUTS, runs_below
from exprun.records import Run, shown
from exprun.run_folder import RunFolder, RunLockedError
from exprun.tracking.store import tracking_uri

MISSING = "–"  # in place of a value that a run has not


def show_all(runs: Sequence[Run], most: int) -> None:
    """Print a table, one line for each run."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("run, below outputs/", no_wrap=True)
    table.add_column("model, data, seed", overflow="fold")
    table.add_column("status", no_wrap=True)
    for heading in ("val %", "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    for run in runs[:most]:
        accuracy, seconds = run.metrics.get("val/accuracy"), run.metrics.get("time/seconds")
        table.add_row(
            safe(run.name.removeprefix(f"{OUTPUTS}/")),
            safe(" ".join(shown(run.config.get(key)) for key in ("model.name", "data.name", "seed"))),
            safe(run.status.lower()),
            "–" if accuracy is None else f"{100 * accuracy:.1f}",
            "–" if seconds is None else f"{seconds:,.0f} s",
        )
    out = Console(highlight=False)
    out.print(table)
    if len(runs) > most:
        out.print(f"{len(runs) - most:,} older runs are not shown; --most {len(runs)} shows all.")


def show(run: Run) -> None:
    """Print what a run was, what it gave, and what the doctor found."""
    out = Console(highlight=False)
    out.print(safe(f"{run.name}: {run.status}{f', {run.reason}' if run.reason else ''}"))
    for key, value in run.environment.items():
        if value and key != "run_dir":
            out.print(safe(f"  {key:20} {value}"), soft_wrap=True)
    for name, figure in run.metrics.items():
        out.print(safe(f"  {name:20} {figure:.5g}"))
    for found in run.findings:
        out.print(safe(str(found.get("text", ""))))
    for key, value in run.config.items():
        if value is not None:
            out.print(safe(f"  {key:28} {shown(value)}"), soft_wrap=True)


def differences(first: Run, second: Run) -> list[tuple[str, ...]]:
    """Settings and environment in which two runs differ: key, and both values."""
    found = []
    for kind, a, b in (("", first.config, second.config), ("environment.", first.environment, second.environment)):
        for key in dict.fromkeys([*a, *b]):
            values = [shown(of[key]) if key in of else MISSING for of in (a, b)]
            if values[0] != values[1] and key not in ("run_dir", "command"):
                found.append((f"{kind}{key}", *values))
    return found


def show_differences(first: Run, second: Run) -> None:
    """Print them as a table, and both results."""
    out = Console(highlight=False)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("key", first.name, second.name):
        table.add_column(safe(heading), overflow="fold")
    for row in differences(first, second):
        table.add_row(*map(safe, row))
    for name in dict.fromkeys([*first.metrics, *second.metrics]):
        cells = [f"{run.metrics[name]:.5g}" if name in run.metrics else "–" for run in (first, second)]
        table.add_row(safe(name), *cells)
    out.print(table)


def show_repeated(before: Run, now: Run) -> None:
    """Say whether a run that was repeated gave the same, and what differs where it did not."""
    out = Console(highlight=False, soft_wrap=True)
    names = [name for name in before.metrics if name in now.metrics and not name.startswith("time/")]
    apart = [name for name in names if before.metrics[name] != now.metrics[name]]
    if not names:
        return
    if not apart:
        out.print(safe(f"repeated: all figures are those of {before.name}, in every digit."))
        return
    for name in apart:
        out.print(safe(f"  {name:24} {before.metrics[name]:.5g} before, {now.metrics[name]:.5g} now"))
    others = [(key.removeprefix("environment."), a, b) for key, a, b in differences(before, now) if "environ" in key]
    others = [row for row in others if MISSING not in row]  # of what an older version did not record nothing is known
    told = "; ".join(f"{key} was {a or 'none'}, not {b or 'none'}" for key, a, b in others)
    if told:
        out.print(safe(f"What differed: {told}."))
    elif before.config.get("trainer.deterministic") is True:
        out.print("Nothing that was recorded differs.")
    else:
        out.print("Nothing that was recorded differs: trainer.deterministic=true makes runs repeat in every bit.")


def delete(run: Run) -> None:
    """Remove a run's folder, and the run in MLflow, where it can be restored until MLflow's own `gc`.

    Raises:
        RunError: another process trains in it, or it cannot be removed.
    """
    if inside := [folder for folder in runs_below(run.folder) if folder != run.folder]:
        raise RunError(f"{run.name} also holds other runs, such as {inside[0].name}: delete these first.")
    try:
        with RunFolder(run.folder).locked():
            _delete_in_mlflow(run.folder)
            shutil.rmtree(run.folder)
    except RunLockedError:
        raise RunError(f"Another process is training in {run.name}.") from None
    except OSError as error:
        raise RunError(f"{run.name} cannot be removed: {error.strerror}.") from None


def _delete_in_mlflow(folder: Path) -> None:
    """Delete the run that a folder names; nothing where its store has gone."""
    found = RunFolder(folder).read_tracking()
    if "run_id" not in found:
        return
    uri = tracking_uri(None)
    uri = uri if without_password(uri) == found["uri"] else found["uri"]
    if (path := sqlite_path(uri)) is not None and not path.exists():
        return
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        mlflow.MlflowClient(tracking_uri=uri).delete_run(found["run_id"])
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise RunError(f"MLflow has not deleted the run: {one_line(error)[:200]}") from None
