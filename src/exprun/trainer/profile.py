"""Where the time of a step goes: a profile of some steps, for TensorBoard and as a table."""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from exprun.trainer.events import Emit, Profiled, StepPart
from exprun.trainer.results import StepResult

SKIPPED, WANTED = 2, 10  # calls that trace, compile and measure the speed; steps that are enough to tell


class Profiler:
    """Calls the step of a run, and watches some of its first calls.

    Args:
        folder: for TensorBoard's files.
        model: whose layers are told apart.
        emit: gets `Profiled`, once.
    """

    def __init__(self, folder: Path, model: Any, emit: Emit) -> None:
        self.folder, self.model, self.emit = folder, model, emit
        self.calls = self.steps = 0
        self.seconds = 0.0
        self.running = self.told = False

    def __call__(self, train: Callable[..., StepResult], *arguments: Any) -> StepResult:
        """The result of the call."""
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
        """End the watch and tell what was seen, where that has not been told; no parts where it never began."""
        if self.told:
            return
        self.told = True
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
    """Name and milliseconds of each operation that ran: on GPUs where there are some, else on the CPU."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    space.ParseFromString(file.read_bytes())
    gpus = [plane for plane in space.planes if plane.name.startswith("/device:GPU")]
    for plane in gpus or space.planes:
        for line in plane.lines:
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                if gpus:
                    known = {plane.stat_metadata[stat.metadata_id].name: stat for stat in event.stats}
                    stat = known.get("tf_op")
                    name = (stat.str_value or plane.stat_metadata[stat.ref_value].name) if stat else name
                # `while/vgg16_1/conv1_1/convolution:Conv2D`; what is no operation has no such ending.
                if re.search(r"[^:]:\w+$", name) and " " not in name:
                    yield name, event.duration_ps / 1e9


def parts_of(found: Iterator[tuple[str, float]], model: Any, steps: int) -> list[StepPart]:
    """Milliseconds of each layer forwards and backwards, and of what is around the network; the longest first."""
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
