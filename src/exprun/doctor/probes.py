"""The measurements of each layer by the probes of a training, kept in a bounded number of columns."""

import contextlib
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from exprun.doctor.instruments.passes import Pass, dead_share
from exprun.doctor.instruments.weights import Moves, Weight
from exprun.files import PART

MOST = 200  # columns that are kept, however long the training is
KINDS = {  # the measures of a layer in a probe, each with its meaning
    "updates": "change of the weights in a step, relative to the weights",
    "gradients": "norm of the gradient of the weights",
    "dead": "share of units that are zero for all images of the probe",
}


@dataclass
class Probes:
    """The measures of the layers at regular steps.

    Args:
        steps: the step of each column, in ascending order.
        values: for each kind of `KINDS`, the values of each layer, one per column; NaN if unknown.
        every: of how many probes one is kept.
    """

    steps: list[int] = field(default_factory=list)
    values: dict[str, dict[str, list[float]]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    every: int = 1
    _seen: int = 0

    def add(self, step: int, measured: Mapping[str, Mapping[str, float]]) -> None:
        """Add a probe; if there are too many, every second one is dropped from now on, and of those before.

        Args:
            step: the number of steps done.
            measured: the values of layers by kind, in the order of the network.
        """
        self._seen += 1
        if (self._seen - 1) % self.every:
            return
        for kind, layers in measured.items():
            for name, value in layers.items():
                row = self.values[kind].setdefault(name, [np.nan] * len(self.steps))
                row.append(value)
        self.steps.append(step)
        for rows in self.values.values():
            for row in rows.values():
                row += [np.nan] * (len(self.steps) - len(row))
        if len(self.steps) > MOST:
            self.every *= 2
            self.steps = self.steps[::2]
            self.values = {kind: {name: row[::2] for name, row in rows.items()} for kind, rows in self.values.items()}

    def write(self, path: Path) -> None:
        """Write the probes as a compressed file of NumPy.

        Raises:
            OSError: the file cannot be written.
        """
        arrays: dict[str, np.ndarray] = {"steps": np.array(self.steps, np.int64), "every": np.array(self.every)}
        for kind, rows in self.values.items():
            arrays[f"{kind}_layers"] = np.array(list(rows), np.str_)
            arrays[kind] = np.array(list(rows.values()), np.float32).reshape(len(rows), len(self.steps))
        temporary = path.with_name(f".{path.name}{PART}")
        try:
            with open(temporary, "wb") as file:
                np.savez_compressed(file, allow_pickle=False, **arrays)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    @classmethod
    def read(cls, path: Path, until: int | None = None) -> "Probes":
        """The probes in a file; none if the file is missing or damaged.

        Args:
            path: the path of the file.
            until: the last step that is read; None for all.
        """
        found = cls()
        with (
            contextlib.suppress(OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error),
            np.load(path) as file,
        ):
            steps = file["steps"]
            kept = steps <= (until if until is not None else np.inf)
            values = {
                kind: dict(zip(file[f"{kind}_layers"].tolist(), file[kind][:, kept].tolist(), strict=True))
                for kind in KINDS
            }
            every = int(file["every"])
            found = cls(steps[kept].tolist(), values, every, every * int(kept.sum()))
        return found


def measured(found: Pass, weights: list[Weight], moves: Moves | None) -> dict[str, dict[str, float]]:
    """The measures of the layers in one probe, by kind of `KINDS` and name of the layer.

    Args:
        found: the pass of the probe.
        weights: all trainable variables.
        moves: how far the matrices of weights have moved since the last probe; None if unknown.
    """
    layers = [weight.path.rpartition("/")[0] or weight.path for weight in weights]
    matrices = [layer for layer, weight in zip(layers, weights, strict=True) if weight.is_matrix]
    gradients = found.gradients if len(found.gradients) == len(weights) else [None] * len(weights)
    return {
        "updates": {} if moves is None else dict(zip(matrices, moves.each, strict=True)),
        "gradients": {
            layer: float(np.linalg.norm(gradient))
            for layer, weight, gradient in zip(layers, weights, gradients, strict=True)
            if weight.is_matrix and gradient is not None
        },
        "dead": {call.layer.name: dead_share(call.outputs) for call in found.calls if call.layer.is_relu},
    }
