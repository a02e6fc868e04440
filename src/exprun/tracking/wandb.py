"""Record a run with Weights & Biases: its metrics, settings, final metrics and status."""

import json
import os
import uuid
from typing import Any

from exprun.config.errors import RunError
from exprun.config.schema import Config, settings
from exprun.files import write_whole
from exprun.run_folder import LOGGED, RunFolder
from exprun.tracking.params import flat
from exprun.trainer.events import RunEnded

STEP = "step"  # the metric of the optimiser's step; final metrics may belong to an earlier step than the last one


class WeightsAndBiases:
    """Logs a run to Weights & Biases; its environment variables decide on the server, or that there is none.

    A resumed run continues the run of its first start, after the line of the journal that was logged last.

    Args:
        config: the config of the run.
        folder: the run's folder, which also gets the files of Weights & Biases.
        name: the name of the run.
    """

    def __init__(self, config: Config, folder: RunFolder, name: str) -> None:
        self.config, self.folder, self.name = config, folder, name
        self.logged = folder.tracker("wandb") / LOGGED
        self.run: Any = None
        self.id = ""

    def open(self) -> int:
        """Create the run, or continue it; returns the offset in the journal, in bytes, of the first line to log.

        Raises:
            RunError: there is no API key for the server, for which Weights & Biases would ask in the terminal.
        """
        import wandb

        if wandb.setup().settings.mode == "online" and not wandb.login(prompt=False):
            raise RunError("no API key was found: run wandb login, or set WANDB_MODE=offline")
        state = json.loads(self.logged.read_text(encoding="utf-8")) if self.logged.exists() else {}
        self.id = state.get("id") or uuid.uuid4().hex[:12]
        self.run = wandb.init(
            id=self.id,
            resume="allow",
            project=os.environ.get("WANDB_PROJECT") or self.config.tracking.experiment or "exprun",
            name=self.name,
            dir=str(self.folder.path),
            config=flat(settings(self.config)),
            settings=wandb.Settings(silent=True, console="off"),
        )
        self.run.define_metric(STEP, hidden=True)
        self.run.define_metric("*", step_metric=STEP)
        return int(state.get("offset", 0))

    def write(self, rows: list[dict[str, Any]], offset: int) -> None:
        """Log lines of the journal.

        Args:
            rows: the lines.
            offset: the offset of the next line in the journal, in bytes.
        """
        for row in rows:
            self.run.log({STEP: row["step"], **row["metrics"]})
        write_whole(self.logged, json.dumps({"id": self.id, "offset": offset}))

    def close(self, ended: RunEnded) -> None:
        """Log the final metrics and the status, and finish the run."""
        self.run.summary.update({**ended.metrics, "status": ended.status, "reason": ended.reason})
        self.run.finish(exit_code=0 if ended.status == "FINISHED" else 1)
