"""Checkpoints: all variables of a run and where it stands, written whole or not at all."""

import contextlib
import copy
import json
import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from exprun.config.errors import RunError, one_line
from exprun.files import flush_to_disk

LAST, PREVIOUS = "last", "previous"


@dataclass
class State:
    """Where a run stands.

    Args:
        step: optimiser steps done.
        epoch: whole epochs done.
        epoch_steps: steps done of the epoch after those.
        epoch_sums: sums of loss and accuracy over those steps.
        best: loss, accuracy, step and epoch of the best evaluation so far.
        waited: evaluations since then.
        plateau: what the schedule `plateau` multiplies the rate by, its lowest loss, evaluations since.
        seconds: spent on training and evaluation.
        history: figures of each epoch.
    """

    step: int = 0
    epoch: int = 0
    epoch_steps: int = 0
    epoch_sums: list[float] = field(default_factory=lambda: [0.0, 0.0])
    best: dict[str, float] | None = None
    waited: int = 0
    plateau: list[float] = field(default_factory=lambda: [1.0, float("inf"), 0.0])
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


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
                if unknown := set(note) - {one.name for one in fields(State)}:
                    raise RunError(f"{path} was written by another version of exprun ({min(unknown)} is unknown).")
                return arrays, State(**note)
        except RunError:
            raise
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
