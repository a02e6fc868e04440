"""Ending hopeless runs of a sweep early: asynchronous successive halving."""

import json
from pathlib import Path

from exprun.files import write_whole

ETA = 3  # of the runs that reach a rung, one in so many goes on
RUNGS = "rungs"  # folder of the sweep with the figures at each


class Halving:
    """Asks at epochs 1, 3, 9, … whether a run is among the best third of those that have got there so far.

    Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning (arXiv:1810.05934), section 3.2, with the
    decision taken when a run arrives: it ends or goes on, and none waits. The first to arrive goes on.

    Args:
        run_dir: of the run; its sweep is the folder above.
        lower: whether less is better.
    """

    def __init__(self, run_dir: Path, lower: bool) -> None:
        self.number, self.folder, self.lower = run_dir.name, run_dir.parent / RUNGS, lower

    def __call__(self, epoch: int, figure: float) -> str:
        """Why the run ends here; empty where it goes on.

        Args:
            epoch: epochs done.
            figure: of the validation images, after them.
        """
        rung = epoch
        while rung > 1 and rung % ETA == 0:
            rung //= ETA
        if rung != 1:
            return ""
        place = self.folder / str(epoch)
        place.mkdir(parents=True, exist_ok=True)
        write_whole(place / f"{self.number}.json", json.dumps(figure))
        others = [float(json.loads(file.read_text())) for file in place.glob("*.json")]
        better = sum(other < figure if self.lower else other > figure for other in others)
        if better < max(1, len(others) // ETA):
            return ""
        return f"hopeless after {epoch} epochs: {better} of {len(others)} runs were better there (sweep.prune=asha)"
