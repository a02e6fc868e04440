"""Pruning runs of a sweep by asynchronous successive halving (ASHA)."""

import json
from pathlib import Path

from exprun.files import write_whole
from exprun.text import plural

RUNGS = "rungs"  # folder in a sweep's folder with the metric of each run at each rung


class AshaPruner:
    """Decides at epochs 1, 3, 9, … whether a run is among the best third of the runs that have reached this epoch.

    Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning (arXiv:1810.05934), section 3.2. The decision
    is made when a run reaches a rung: it is pruned or continues, and no run waits for others. The first run to reach
    a rung continues.

    Args:
        run_dir: the folder of the run, inside the folder of its sweep.
        lower: whether a lower metric is better.
        reduction_factor: the number of runs at a rung of which one continues; the powers of this number are the rungs,
            in epochs.
    """

    def __init__(self, run_dir: Path, lower: bool, reduction_factor: int = 3) -> None:
        self.number, self.folder, self.lower = run_dir.name, run_dir.parent / RUNGS, lower
        self.reduction_factor = reduction_factor

    def __call__(self, epoch: int, metric: float) -> str:
        """The reason why the run is pruned after an epoch; empty if the run continues.

        Args:
            epoch: the number of epochs that are done.
            metric: the validation metric after this epoch.
        """
        rung = epoch
        while rung > 1 and rung % self.reduction_factor == 0:
            rung //= self.reduction_factor
        if rung != 1:
            return ""
        folder = self.folder / str(epoch)
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / f"{self.number}.json", json.dumps(metric))
        others = [float(json.loads(file.read_text())) for file in folder.glob("*.json")]
        better = sum(other < metric if self.lower else other > metric for other in others)
        if better < max(1, len(others) // self.reduction_factor):
            return ""
        return f"pruned after {plural(epoch, 'epoch')}: {better} of {len(others)} runs were better (sweep.prune=asha)"
