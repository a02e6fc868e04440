"""A config whose run takes a second or two, with few digits and few filters, and functions that run it."""

from typing import Any

import numpy as np
import pytest

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
    "doctor=none",
    "progress=quiet",
]
# Overrides for a smaller network without dropout and norm, whose step is simple enough to repeat in NumPy.
SMALL = ["data.size=8", "data.channels=1", "norm=none", "model.layers=[{conv: 4},flatten]"]
SESSION = Session()


def tiny(*overrides: str) -> RunResult:
    """Train the tiny config with further overrides, in `outputs/` of the current folder."""
    return run([*TINY, *overrides], SESSION)


def config(*overrides: str) -> Config:
    """The tiny config with further overrides."""
    return Composer().config([*TINY, *overrides])


def leave_out_pages(patch: pytest.MonkeyPatch) -> None:
    """Let runs make no page, which takes more time than the rest of a tiny run."""
    for name in ("draw", "write_page"):
        patch.setattr(f"exprun.run_end.RunEnd.{name}", lambda *_: None)


def kept(settings: Config) -> tuple[RunResult, Any]:
    """The result of a run without plots, and its `Loop` after training, which has the images, step and model."""
    from exprun.trainer.loop import Loop

    loops, train = [], Loop.train

    def keep(self: Loop) -> Any:
        loops.append(self)
        return train(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loop, "train", keep)
        leave_out_pages(patch)
        result = run(settings, Session(SESSION.datasets, {}))  # no other run changes the weights of this step
    return result, loops[0]


def step_of(settings: Config, images: np.ndarray, classes: int) -> Any:
    """The compiled step of a config, as a run without a fault makes it.

    Args:
        settings: the config.
        images: the images on which the scaling is fitted, (images, height, width, channels), uint8.
        classes: the number of classes.
    """
    import keras

    from exprun.data import Split
    from exprun.fault import losses_of
    from exprun.input import Preprocessing, fit
    from exprun.loss import make_loss
    from exprun.model import build
    from exprun.optim import make_optimizer
    from exprun.trainer import device
    from exprun.trainer.step import Step

    keras.mixed_precision.set_dtype_policy(settings.trainer.precision)
    scaling = fit(settings.input, Split(images, np.zeros(len(images), np.int32), np.arange(len(images))))
    built = build(settings, scaling.shape(images.shape[1:]), classes)
    optimizer = make_optimizer(settings.optim, built.model, built.multipliers)
    where = device.choose(settings.trainer)
    loss = make_loss(settings, losses_of(settings), None)
    return Step(settings, built.model, optimizer, Preprocessing(scaling, scaling), loss, where)


def checkpoint(result: RunResult, name: str = "last") -> dict[str, Any]:
    """The arrays in a checkpoint of a run, by name, without the state of the loop."""
    with np.load(result.run_dir / "checkpoints" / f"{name}.npz") as file:
        return {key: file[key] for key in file.files if key != "state"}


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether two checkpoints have the same arrays, equal in every bit."""
    return a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)
