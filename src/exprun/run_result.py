"""The result of a run, as `exprun.run` returns it."""

import html
from dataclasses import dataclass
from pathlib import Path

from exprun.config.errors import RunError, without_password
from exprun.metrics import BEST, EPOCH, heading
from exprun.pages.frame import Page, is_notebook, open_page
from exprun.text import html_lines, html_table

PAGE = "page.html"  # the page of a run in its folder
_SPLITS = ("val/", "test/")  # begin the names of metrics that evaluations measure


@dataclass(frozen=True)
class RunResult:
    """The result of a run.

    Args:
        status: `FINISHED`, `FAILED` or `KILLED`.
        reason: the reason why the run ended before its last epoch; empty if it did all epochs.
        metrics: the final metrics by their names in MLflow. `val/best_*` belong to the weights that were best on the
            validation images; `test/*` were measured once, with the same weights.
        history: the metrics of each epoch.
        run_dir: the run's folder.
    """

    status: str
    reason: str
    metrics: dict[str, float]
    history: list[dict[str, float]]
    run_dir: Path

    def show(self) -> Page:
        """The page of the run: a notebook shows it if this is the last value of a cell; otherwise, a browser opens it.

        Raises:
            RunError: the run has no page, for example because of `pictures=false`.
        """
        page = Page(self.run_dir / PAGE)
        if not page.path.exists():
            name = without_password(str(self.run_dir))
            raise RunError(f"{name} has no page; python -m exprun runs show {name} --open makes one.")
        if not is_notebook():
            open_page(page.path.absolute().as_uri())
        return page

    def _repr_html_(self) -> str:
        """The status, the metrics of each split as a table, and the folder of the run, for a notebook."""
        columns = {"validation": "val/", "validation, best weights": f"val/{BEST}", "test": "test/"}
        names = {name.partition("/")[2].removeprefix(BEST): None for name in self.metrics if name.startswith(_SPLITS)}
        rows = []
        for name in names:
            values = [self.metrics.get(f"{prefix}{name}") for prefix in columns.values()]
            if "/" not in name and name != EPOCH:
                rows.append([heading(name), *("–" if value is None else f"{value:.4g}" for value in values)])
        title = f"{self.status}{f': {self.reason}' if self.reason else ''}"
        table = html_table(["metric", *columns], rows) if rows else ""
        return html_lines(title) + table + f"<p>{html.escape(str(self.run_dir))}</p>"
