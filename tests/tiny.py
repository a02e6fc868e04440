"""A run that takes a second or two: few digits, few filters."""

from typing import Any

import numpy as np

from exprun import RunResult, Session, run
from exprun.config.compose import Composer
from exprun.config.schema import Config

LAYERS = "model.layers=[{conv: 8},{pool: max},{conv: 16},{pool: max},flatten,{dense: 32, dropout: 0.3}]"
TINY = [
    LAYERS,
    "data.limit=400",
    "trainer.epochs=2",
    "trainer.batch_size=32",
    "trainer.precision=float32",
    "tracking=none",
    "progress=quiet",
]
SESSION = Session()


def tiny(*overrides: str) -> RunResult:
    """Run it in `outputs/` of the working folder."""
    return run([*TINY, *overrides], SESSION)


def config(*overrides: str) -> Config:
    """Its config."""
    return Composer().config([*TINY, *overrides])


def checkpoint(result: RunResult, name: str = "last") -> dict[str, Any]:
    """The variables in a checkpoint of a run."""
    with np.load(result.run_dir / "checkpoints" / f"{name}.npz") as file:
        return {key: file[key] for key in file.files if key != "state"}


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether two checkpoints agree in every bit."""
    return a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)
