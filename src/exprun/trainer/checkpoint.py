"""Checkpoints: all variables of a run and where it stands, written whole or not at all."""

import contextlib
import copy
import json
import math
import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from exprun.config.errors import RunError, one_line
from exprun.files import flush_to_disk
from exprun.schedule import Plateau

LAST, PREVIOUS = "last", "previous"


class UnknownFieldError(ValueError):
    """A checkpoint holds a field of the state that this version does not know; the text is its name."""


@dataclass
class State:
    """The state of a run: how far it is, and what it decided.

    Args:
        step: optimiser steps done.
        epoch: whole epochs done.
        epoch_steps: steps done of the epoch after those.
        epoch_loss_sum: sum of the losses of these steps.
        epoch_accuracy_sum: sum of the accuracies of these steps.
        best: loss, accuracy, step and epoch of the weights that validation selected.
        waited: evaluations since the selected metric was last better.
        plateau: what the schedule `plateau` has done so far.
        seconds: time spent on training and evaluation.
        history: metrics of each epoch.
    """

    step: int = 0
    epoch: int = 0
    epoch_steps: int = 0
    epoch_loss_sum: float = 0.0
    epoch_accuracy_sum: float = 0.0
    best: dict[str, float] | None = None
    waited: int = 0
    plateau: Plateau = field(default_factory=Plateau)
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    def select(self, loss: float, accuracy: float, epoch: float, select: str) -> bool:
        """Whether an evaluation is the best so far, so that its weights are selected; counts how long none was better.

        Between equal accuracies the loss selects, but that is not what patience waits for.

        Args:
            loss: mean loss of the validation images.
            accuracy: accuracy on the validation images.
            epoch: epochs done, with a fraction.
            select: `trainer.select`: `val/accuracy` or `val/loss`.
        """
        lower = self.best is None or (loss if math.isfinite(loss) else math.inf) < self.best["loss"]
        better = self.best is None or accuracy > self.best["accuracy"]
        if select == "val/loss":
            best = better = lower
        else:
            best = better or (self.best is not None and accuracy == self.best["accuracy"] and lower)
        self.waited = 0 if better else self.waited + 1
        if best:
            self.best = {"loss": loss, "accuracy": accuracy, "step": float(self.step), "epoch": epoch}
        return best

    @classmethod
    def of_note(cls, note: dict[str, Any]) -> "State":
        """The state that a checkpoint holds as JSON.

        Raises:
            UnknownFieldError: this version does not know a field.
        """
        note = dict(note)
        if "epoch_sums" in note:  # written before the sums had names
            note["epoch_loss_sum"], note["epoch_accuracy_sum"] = note.pop("epoch_sums")
        plateau = note.pop("plateau", {})
        if isinstance(plateau, list):
            plateau = {"factor": plateau[0], "lowest_loss": plateau[1], "waited": int(plateau[2])}
        if unknown := set(note) - {one.name for one in fields(cls)}:
            raise UnknownFieldError(min(unknown))
        return cls(**note, plateau=Plateau(**plateau))


class Checkpoints:
    """The folder `checkpoints/` of a run: `last.npz` to go on from, `best.npz` with the chosen weights.

    Writing happens beside the training, one file at a time. The `last.npz` before is kept as `previous.npz`.

    Args:
        folder: where they are written, or None to keep them in memory only.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.damaged = ""  # what was wrong with a file in whose place the one before it was restored
        self._kept: dict[str, tuple[dict[str, np.ndarray], State]] = {}
        self._thread = ThreadPoolExecutor(1, "checkpoint")
        self._pending: Future[None] | None = None

    def save(self, name: str, variables: dict[str, Any], state: State) -> None:
        """Write a checkpoint in the background; waits for the one before, and raises what that met."""
        arrays = {key: variable.numpy().copy() for key, variable in variables.items()}
        note = json.dumps(asdict(state)).encode()
        self.wait()
        if self.folder is None:
            self._kept[name] = arrays, copy.deepcopy(state)
        else:
            self._pending = self._thread.submit(self._write, self.folder / f"{name}.npz", arrays, note)

    def wait(self) -> None:
        """Until all is on disk.

        Raises:
            RunError: it could not be written.
        """
        pending, self._pending = self._pending, None
        if pending is not None:
            try:
                pending.result()
            except OSError as error:
                raise RunError(f"The checkpoint could not be written: {one_line(error)}.") from None

    def restore(self, name: str, variables: dict[str, Any]) -> State:
        """Bring variables back to what they were; all of them or, where that fails, none.

        Raises:
            RunError: the file is damaged, and so is the one before it; or it belongs to another model.
        """
        self.wait()
        arrays, state = self._kept[name] if self.folder is None else self._read_sound(self.folder, name)
        for key, variable in variables.items():
            if key not in arrays or tuple(arrays[key].shape) != tuple(variable.shape):
                raise RunError(f"The checkpoint {name} belongs to another model or optimiser: {key} does not fit.")
        for key, variable in variables.items():
            variable.assign(arrays[key])
        return state

    def _read_sound(self, folder: Path, name: str) -> tuple[dict[str, np.ndarray], State]:
        """The checkpoint, or the one before it where it is damaged."""
        try:
            return self._read(folder / f"{name}.npz")
        except RunError as error:
            if name != LAST or not (folder / f"{PREVIOUS}.npz").exists():
                raise
            found = self._read(folder / f"{PREVIOUS}.npz")
            self.damaged = str(error)
            return found

    @staticmethod
    def _read(path: Path) -> tuple[dict[str, np.ndarray], State]:
        try:
            with np.load(path, allow_pickle=False) as file:
                # Reading an array checks it against its CRC.
                arrays = {key: file[key] for key in file.files}
                note = json.loads(bytes(arrays.pop("state")).decode())
                return arrays, State.of_note(note)
        except UnknownFieldError as error:
            raise RunError(f"{path} was written by another version of exprun ({error} is unknown).") from None
        except Exception as error:  # a damaged archive can raise nearly anything
            raise RunError(f"{path} is damaged and cannot be read: {one_line(error)[:120]}.") from None

    @staticmethod
    def _write(path: Path, arrays: dict[str, np.ndarray], note: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}")
        try:
            with open(beside, "wb") as file:
                np.savez(file, allow_pickle=False, state=np.frombuffer(note, np.uint8), **arrays)
                flush_to_disk(file)
            if path.stem == LAST and path.exists():
                with contextlib.suppress(OSError):  # of a file system without links
                    before = path.with_name(f".{PREVIOUS}.npz")
                    before.unlink(missing_ok=True)
                    os.link(path, before)
                    os.replace(before, path.with_name(f"{PREVIOUS}.npz"))
            os.replace(beside, path)
        finally:
            with contextlib.suppress(OSError):
                beside.unlink()
