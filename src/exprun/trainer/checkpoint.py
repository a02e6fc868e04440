"""Checkpoints, which hold all variables of a run and the state of its training, and are written atomically."""

import contextlib
import copy
import json
import math
import os
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from exprun import metrics as names
from exprun.config.errors import RunError, one_line
from exprun.files import flush_to_disk
from exprun.schedule import Plateau

LAST, PREVIOUS = "last", "previous"


class UnknownFieldError(ValueError):
    """A checkpoint has a field of the state that this version does not know; the message is the name of the field."""


@dataclass
class State:
    """The state of the training: the progress so far, and which weights are selected.

    Args:
        step: the number of optimiser steps done.
        epoch: the number of whole epochs done.
        epoch_steps: the number of steps done in the current epoch.
        epoch_loss_sum: the sum of the losses of the steps of the current epoch.
        epoch_accuracy_sum: the sum of the accuracies of the steps of the current epoch.
        best: the loss, accuracy, selected metric, step and epoch of the weights that validation selected.
        waited: the number of evaluations since the selected metric last improved.
        plateau: the state of the schedule `plateau`.
        seconds: the time spent on training and evaluation.
        history: the metrics of each epoch.
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

    def select(self, metrics: Mapping[str, float], epoch: float, select: str) -> bool:
        """Whether an evaluation is the best so far, so that its weights are selected.

        The state remembers the best evaluation and counts the evaluations since the metric last improved. If the
        metric equals the best so far, the lower loss is selected, but patience does not count it as an improvement.

        Args:
            metrics: the metrics of the validation images by their names in MLflow. A selected metric that is missing is
                worse than any value.
            epoch: the number of epochs done, with a fraction.
            select: the metric that selects, from `trainer.select`.
        """
        loss, name = metrics["val/loss"], names.measured(select)
        value = metrics.get(select, -math.inf)
        lower = self.best is None or (loss if math.isfinite(loss) else math.inf) < self.best["loss"]
        sign = -1 if names.is_better_low(select) else 1
        better = self.best is None or (lower if name == "loss" else sign * value > sign * self.best[name])
        best = better or (self.best is not None and value == self.best[name] and lower)
        self.waited = 0 if better else self.waited + 1
        if best:
            kept = {"loss": loss, "accuracy": metrics["val/accuracy"], name: value}
            self.best = kept | {"step": float(self.step), "epoch": epoch}
        return best

    @classmethod
    def of_note(cls, note: dict[str, Any]) -> "State":
        """The state from its JSON in a checkpoint, also from earlier versions.

        Raises:
            UnknownFieldError: this version does not know a field.
        """
        note = dict(note)
        if "epoch_sums" in note:  # earlier versions wrote both sums in one list
            note["epoch_loss_sum"], note["epoch_accuracy_sum"] = note.pop("epoch_sums")
        plateau = note.pop("plateau", {})
        if isinstance(plateau, list):
            plateau = {"factor": plateau[0], "lowest_loss": plateau[1], "waited": int(plateau[2])}
        if unknown := set(note) - {one.name for one in fields(cls)}:
            raise UnknownFieldError(min(unknown))
        return cls(**note, plateau=Plateau(**plateau))


class Checkpoints:
    """The checkpoints of a run: `last.npz`, from which it can resume, and `best.npz` with the selected weights.

    A thread writes them during training, one file at a time. The old `last.npz` is kept as `previous.npz`.

    Args:
        folder: the folder that checkpoints are written to; None to keep them in memory only.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.damaged = ""  # the error of a damaged `last.npz`, if `previous.npz` was restored instead
        self._kept: dict[str, tuple[dict[str, np.ndarray], State]] = {}
        self._thread = ThreadPoolExecutor(1, "checkpoint")
        self._pending: Future[None] | None = None

    def save(self, name: str, variables: dict[str, Any], state: State) -> None:
        """Write a checkpoint in the background, after waiting for the previous one.

        Args:
            name: `last` or `best`.
            variables: the variables to save, by name.
            state: the state of the training.

        Raises:
            RunError: the previous checkpoint could not be written.
        """
        arrays = {key: variable.numpy().copy() for key, variable in variables.items()}
        note = json.dumps(asdict(state)).encode()
        self.wait()
        if self.folder is None:
            self._kept[name] = arrays, copy.deepcopy(state)
        else:
            self._pending = self._thread.submit(self._write, self.folder / f"{name}.npz", arrays, note)

    def wait(self) -> None:
        """Wait until the checkpoint is on disk.

        Raises:
            RunError: the checkpoint could not be written.
        """
        pending, self._pending = self._pending, None
        if pending is not None:
            try:
                pending.result()
            except OSError as error:
                raise RunError(f"The checkpoint could not be written: {one_line(error)}.") from None

    def restore(self, name: str, variables: dict[str, Any]) -> State:
        """Restore variables from a checkpoint; after an error, all of them are unchanged.

        Args:
            name: `last` or `best`.
            variables: the variables to restore, by name.

        Returns:
            The state of the training when the checkpoint was saved.

        Raises:
            RunError: the checkpoint and its predecessor are damaged, or it belongs to another model.
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
        """Read a checkpoint; if `last.npz` is damaged, `previous.npz` is read instead."""
        try:
            return self._read(folder / f"{name}.npz")
        except RunError as error:
            if name != LAST or not (folder / f"{PREVIOUS}.npz").exists():
                raise
            previous = self._read(folder / f"{PREVIOUS}.npz")
            self.damaged = str(error)
            return previous

    @staticmethod
    def _read(path: Path) -> tuple[dict[str, np.ndarray], State]:
        try:
            with np.load(path, allow_pickle=False) as file:
                # NumPy compares the CRC of each array when it reads it.
                arrays = {key: file[key] for key in file.files}
                note = json.loads(bytes(arrays.pop("state")).decode())
                return arrays, State.of_note(note)
        except UnknownFieldError as error:
            raise RunError(
                f"{path} was written by another version of exprun, which knows {error}; resume with that version."
            ) from None
        except Exception as error:  # a damaged archive can raise exceptions of many classes
            raise RunError(f"{path} is damaged and cannot be read: {one_line(error)[:120]}.") from None

    @staticmethod
    def _write(path: Path, arrays: dict[str, np.ndarray], note: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}")
        try:
            with open(temporary, "wb") as file:
                np.savez(file, allow_pickle=False, state=np.frombuffer(note, np.uint8), **arrays)
                flush_to_disk(file)
            if path.stem == LAST and path.exists():
                with contextlib.suppress(OSError):  # the file system may not support hard links
                    link = path.with_name(f".{PREVIOUS}.npz")
                    link.unlink(missing_ok=True)
                    os.link(path, link)
                    os.replace(link, path.with_name(f"{PREVIOUS}.npz"))
            os.replace(temporary, path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
