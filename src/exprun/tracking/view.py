"""Links into MLflow's UI, and the view of a sweep that such a link opens: its runs as charts, grouped by factor.

MLflow 3 keeps a view that people share as a tag of the experiment, and the parameter `viewStateShareKey` of an address
names it. Nothing here imports MLflow.
"""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exprun.config.errors import without_password
from exprun.outputs import all_runs, all_sweeps, started
from exprun.run_folder import RunFolder
from exprun.tracking.store import is_database, is_server, server, tracking_uri

TAG = "mlflow.sharedViewState."  # followed by the key of the view
TRAINING = "workflowType=machine_learning"  # opens MLflow's pages for training, not those for language models
SECTIONS = {  # the charts of a view: the type and the metric of each, by the name of their section
    "Validation": (("LINE", "val/accuracy"), ("LINE", "val/loss"), ("BAR", "val/accuracy")),
    "Training": (("LINE", "train/loss"), ("LINE", "train/accuracy"), ("LINE", "optim/learning_rate")),
}
COLUMNS = ("val/accuracy", "test/accuracy")  # metrics in the table of the runs
CHARTED_RUNS = 100  # runs in a chart without groups, of which MLflow shows 10 by default


@dataclass(frozen=True)
class Charts:
    """The view of a sweep: charts of its runs.

    Args:
        factors: the keys of the overrides that vary, except the seed and the fold.
        is_grouped: whether the runs are grouped by their factors, so that only seeds and folds differ within a group.
        stage: the stage of the runs that are shown, as in the tag `exprun.stage`; empty for all runs.
    """

    factors: Sequence[str]
    is_grouped: bool
    stage: str = ""

    def tag(self, parent: str, name: str, now: int) -> tuple[str, str]:
        """The tag of an experiment that holds the view: its name and its value.

        Args:
            parent: the identifier of the sweep's parent run, which is also the key of the view.
            name: the name of the sweep.
            now: the time in milliseconds since 1970.
        """
        state = json.dumps(self._state(parent), ensure_ascii=False)
        value = {"name": name, "createdAt": now, "updatedAt": now, "state": state}
        return f"{TAG}{parent}", json.dumps(value, ensure_ascii=False)

    def _state(self, parent: str) -> dict[str, Any]:
        """The view as MLflow's UI describes it."""
        tags = [f"exprun.factor.{factor}" for factor in self.factors]
        # By one tag: MLflow writes the names of several into each legend, which leaves no room for their values.
        groups = [{"mode": "tag", "groupByData": "exprun.setting"}] if tags and self.is_grouped else []
        only = f" AND tags.`exprun.stage` = '{self.stage}'" if self.stage else ""
        return {
            "searchFilter": f"tags.`mlflow.parentRunId` = '{parent}'{only}",
            "orderByKey": "attributes.start_time",
            "orderByAsc": False,
            "groupBy": {"aggregateFunction": "average", "groupByKeys": groups} if groups else None,
            "runsHiddenMode": "SHOW_ALL",  # the default shows the first ten runs
            "selectedColumns": [*(f"tags.`{tag}`" for tag in tags), *(f"metrics.`{metric}`" for metric in COLUMNS)],
            "compareRunSections": [_part(one, name=one, display=True, isReordered=False) for one in SECTIONS],
            "compareRunCharts": [_chart(one, *chart) for one, charts in SECTIONS.items() for chart in charts],
            "isAccordionReordered": True,  # keeps the order of the sections
        }


def _chart(section: str, kind: str, metric: str) -> dict[str, Any]:
    entries = {"type": kind, "metricSectionId": section, "metricKey": metric, "selectedMetricKeys": [metric]}
    return _part(f"{kind}-{metric}", **entries, xAxisKey="step", runsCountToCompare=CHARTED_RUNS)


def _part(identifier: str, **entries: Any) -> dict[str, Any]:
    """A section or a chart of a view."""
    return {"uuid": identifier, "deleted": False, "isGenerated": False, **entries}


def page(folder: Path) -> str:
    """The page of a run or of a sweep in MLflow's UI, as the part of an address after the server; empty without one.

    Args:
        folder: the folder of the run or of the sweep.
    """
    recorded = RunFolder(folder).read_tracking()
    experiment, run = recorded.get("experiment"), recorded.get("run_id")
    if not experiment or not run:
        return ""
    if not recorded.get("has_charts"):
        return f"/#/experiments/{experiment}/runs/{run}?{TRAINING}"
    query = f"{TRAINING}&compareRunsMode=CHART&viewStateShareKey={run}"
    return f"/#/experiments/{experiment}/runs?{query}"


def charts_of(folder: Path) -> str:
    """How a person opens the charts of a sweep: an address, or the command that serves the store of the last sweep.

    Args:
        folder: the folder of the sweep.

    Returns:
        The address or the command; empty if MLflow has no charts of the sweep, or if no command opens them.
    """
    recorded = RunFolder(folder).read_tracking()
    uri = str(recorded.get("uri"))
    if not recorded.get("has_charts"):
        return ""
    if is_server(uri):
        return f"{server(uri)}{page(folder)}"
    sweeps = all_sweeps()
    if not sweeps or sweeps[-1].resolve() != folder.resolve() or not is_database(uri):
        return ""
    is_usual = uri == without_password(tracking_uri(None))
    return "python -m exprun ui" if is_usual else f"python -m exprun ui --uri {shlex.quote(uri)}"


def last_page(uri: str) -> tuple[str, str]:
    """The page of a store that a person most likely wants, and what it shows: the last sweep, or else all runs.

    Args:
        uri: the URI of the store.

    Returns:
        The part of the address after the server, empty if nothing has been logged from here, and words for it.
    """
    for folder in reversed(all_sweeps()):
        if (recorded := _logged(folder, uri)) and (found := page(folder)):
            return found, "charts of the last sweep" if recorded.get("has_charts") else "last sweep"
    for folder in sorted(all_runs(), key=started, reverse=True):
        if experiment := _logged(folder, uri).get("experiment"):
            return f"/#/experiments/{experiment}/runs?{TRAINING}", "runs"
    return "", ""


def _logged(folder: Path, uri: str) -> dict[str, Any]:
    """The record of a run or a sweep in a store; empty if it was not logged there."""
    recorded = RunFolder(folder).read_tracking()
    return recorded if recorded.get("uri") == without_password(uri) else {}
