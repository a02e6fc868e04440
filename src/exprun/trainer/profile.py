"""A profile of some training steps, for TensorBoard and as a table: how long each layer takes."""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from exprun.trainer.events import Emit, Profiled, StepPart
from exprun.trainer.results import StepResult

SKIPPED = 2  # first calls that are not profiled, because they trace, compile and measure the speed
WANTED = 10  # steps after which the profile ends


class Profiler:
    """Calls the training step of a run and profiles some of its first calls.

    Args:
        folder: the folder for the files of TensorBoard.
        model: the Keras model, whose layers are measured separately.
        emit: function that is called once with `Profiled`.
    """

    def __init__(self, folder: Path, model: Any, emit: Emit) -> None:
        self.folder, self.model, self.emit = folder, model, emit
        self.calls = self.steps = 0
        self.seconds = 0.0
        self.running = self.reported = False

    def __call__(self, train: Callable[..., StepResult], *arguments: Any) -> StepResult:
        """Call `train` with the arguments, profiled or not, and return its result."""
        self.calls += 1
        if self.calls == SKIPPED + 1:
            tf.profiler.experimental.start(str(self.folder))
            self.running = True
        started = time.perf_counter()
        result = train(*arguments)
        if self.running:
            self.seconds += time.perf_counter() - started
            self.steps += len(result.losses)
            if self.steps >= WANTED:
                self.stop()
        return result

    def stop(self) -> None:
        """End the profile and emit its result, once; a profile that never began has no parts."""
        if self.reported:
            return
        self.reported = True
        if not self.running:
            self.emit(Profiled(str(self.folder), 0, 0.0, []))
            return
        self.running = False
        tf.profiler.experimental.stop()
        if self.steps == 0:
            return
        newest = max(self.folder.rglob("*.xplane.pb"), key=lambda path: path.stat().st_mtime)
        parts = parts_of(operations(newest), self.model, self.steps)
        self.emit(Profiled(str(self.folder), self.steps, 1000 * self.seconds / self.steps, parts))


def operations(file: Path) -> Iterator[tuple[str, float]]:
    """The name and the milliseconds of each operation that ran, on the GPUs or, without GPUs, on the CPU."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    space.ParseFromString(file.read_bytes())
    gpus = [plane for plane in space.planes if plane.name.startswith("/device:GPU")]
    for plane in gpus or space.planes:
        for line in plane.lines:
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                if gpus:
                    stats = {plane.stat_metadata[stat.metadata_id].name: stat for stat in event.stats}
                    stat = stats.get("tf_op")
                    name = (stat.str_value or plane.stat_metadata[stat.ref_value].name) if stat else name
                # Operations end in their type, as in `while/vgg16_1/conv1_1/convolution:Conv2D`; other events do not.
                if re.search(r"[^:]:\w+$", name) and " " not in name:
                    yield name, event.duration_ps / 1e9


def parts_of(found: Iterator[tuple[str, float]], model: Any, steps: int) -> list[StepPart]:
    """The times of the forward and backward pass of each layer, and of the rest of the step, the slowest first.

    Args:
        found: the name and the milliseconds of each operation.
        model: the Keras model, whose layers are measured separately.
        steps: the number of steps that were profiled.
    """
    layers = {layer.name for layer in model.layers}
    within = re.compile(rf"(?:^|/){re.escape(model.name)}(?:_\d+)?/([^/:]+)")
    times: defaultdict[tuple[str, bool], float] = defaultdict(float)
    for name, milliseconds in found:
        backward, match = "gradient_tape/" in name, within.search(name)
        if match:
            layer = re.sub(r"_\d+$", "", match[1])
            part = layer if layer in layers else match[1] if match[1] in layers else "within the network"
        elif "/cond/" in name:
            part, backward = "optimiser", False
        else:
            part, backward = "images and loss", False
        times[part, backward] += milliseconds / steps
    names = {part for part, _ in times}
    parts = [StepPart(part, times[part, False], times[part, True]) for part in names]
    return sorted(parts, key=lambda part: (-part.forward - part.backward, part.name))
