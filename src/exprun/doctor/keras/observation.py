"""What a script does with Keras: the networks that it builds, the fits that it starts, and where in the script."""

import functools
import inspect
import json
import linecache
import math
import re
import sys
import time
import weakref
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from exprun.doctor.cause import Finding, cause_of
from exprun.doctor.keras.script import Enough
from exprun.text import plural


@dataclass(frozen=True)
class Place:
    """A line of the script.

    Args:
        file: the path of the file, as the script was named.
        line: the number of the line, from 1.
    """

    file: str
    line: int

    @property
    def source(self) -> str:
        """The text of the line."""
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        """The line as a terminal links it."""
        return f"{self.file}:{self.line}"


@dataclass
class Fit:
    """One training of a network.

    Args:
        model: the Keras model.
        doctor: the callback that watches it; None if the fit cannot be watched.
        place: the line that starts the training; None if it is not in the script.
        steps: the number of steps done.
        ended: why the training was ended early; empty if it was not.
    """

    model: Any
    doctor: Any
    place: Place | None
    steps: int = 0
    ended: str = ""


@dataclass
class Places:
    """Where in the script layers were made and models were compiled.

    Args:
        folder: the folder of the script; files in other folders are not the user's.
        layers: the line of each layer.
        compiles: the line of the last compile of each model.
    """

    folder: Path
    layers: "weakref.WeakKeyDictionary[Any, Place]" = field(default_factory=weakref.WeakKeyDictionary)
    compiles: "weakref.WeakKeyDictionary[Any, Place]" = field(default_factory=weakref.WeakKeyDictionary)

    def here(self) -> Place | None:
        """The line of the user's code that is being executed."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            file = frame.f_code.co_filename
            if not file.startswith("<frozen") and "site-packages" not in file:
                path = Path(file).absolute()
                if self.folder in path.parents and "exprun/doctor" not in path.as_posix():
                    return Place(file, frame.f_lineno)
            frame = frame.f_back
        return None

    def of(self, finding: Finding, fit: Fit) -> Place | None:
        """The line that a finding is about: of a layer, of compile or of fit."""
        layers = fit.model._flatten_layers(include_self=False)
        words = set(re.findall(r"[\w/]+", finding.where))
        for layer in layers:
            if layer.name in words and (place := self.layers.get(layer)) is not None:
                return place
        if finding.where == "last layer":
            weighted = [layer for layer in layers if layer.weights and layer in self.layers]
            if weighted:
                return self.layers[weighted[-1]]
        if finding.where in ("loss", "optimiser", "schedule", "labels", "training step"):
            return self.compiles.get(fit.model, fit.place)
        return fit.place


class Observation:
    """Watches what a script does with Keras, and reports it at the end.

    Args:
        keras: the package, which has just been imported.
        options: the options of the command.
        target: the script.
    """

    def __init__(self, keras: ModuleType, options: dict[str, Any], target: Path) -> None:
        self.keras, self.options, self.target = keras, options, target
        self.places = Places(Path.cwd() if options["module"] else target.absolute().parent)
        self.fits: list[Fit] = []
        self.error: BaseException | None = None
        self.started = time.monotonic()
        self._note_layers()
        self._note_compiles()
        self._watch_fits()

    def _note_layers(self) -> None:
        """Remember the line that makes each layer."""
        layer_class, places = self.keras.Layer, self.places
        original = layer_class.__new__

        @functools.wraps(original)
        def new(cls: Any, *args: Any, **kwargs: Any) -> Any:
            layer = original(cls, *args, **kwargs)
            if (place := places.here()) is not None:
                places.layers[layer] = place
            return layer

        layer_class.__new__ = staticmethod(new)

    def _note_compiles(self) -> None:
        """Remember the line that compiles each model."""
        original, places = self.keras.Model.compile, self.places

        @functools.wraps(original)
        def compile(model: Any, *args: Any, **kwargs: Any) -> Any:
            if (place := places.here()) is not None:
                places.compiles[model] = place
            return original(model, *args, **kwargs)

        self.keras.Model.compile = compile

    def _watch_fits(self) -> None:
        """Add the doctor to the callbacks of each `fit`."""
        original = self.keras.Model.fit
        signature = inspect.signature(original)

        @functools.wraps(original)
        def fit(model: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                bound = signature.bind(model, *args, **kwargs)
            except TypeError:  # Keras says what is wrong with the arguments
                return original(model, *args, **kwargs)
            self._add_doctor(model, bound)
            return original(*bound.args, **bound.kwargs)

        self.keras.Model.fit = fit

    def _add_doctor(self, model: Any, bound: inspect.BoundArguments) -> None:
        fit = Fit(model, None, self.places.here())
        self.fits.append(fit)
        if self.keras.config.backend() != "tensorflow":
            return
        from exprun.doctor.keras.callback import Doctor

        given = bound.arguments.get("callbacks")
        listed = given if isinstance(given, list | tuple) else [] if given is None else [given]
        present = [callback for callback in listed if isinstance(callback, Doctor)]
        train, validation = _arrays(bound.arguments)
        fit.doctor = present[0] if present else Doctor(train, validation)
        limit = _Limit(self.keras, fit, self.options, self.started)
        bound.arguments["callbacks"] = [*listed, *([] if present else [fit.doctor]), limit]

    def report(self) -> bool:
        """Print what was found, most likely cause first; returns whether there is a warning or an error."""
        rows = [(fit, finding) for fit in self.fits if fit.doctor is not None for finding in fit.doctor.findings]
        lines = [self._summary()]
        for number, (fit, finding) in enumerate(rows, 1):
            place = self.places.of(finding, fit)
            lines.append(f"  {number}. {finding}")
            if place is not None:
                lines.append(f"     {place}: {place.source}")
        if self.fits and not rows:
            lines.append("  The doctor found nothing that would keep the network from learning.")
        print("\n".join(lines), file=sys.stderr, flush=True)
        if self.options["json"]:
            Path(self.options["json"]).write_text(json.dumps(self._rows(rows), indent=1), encoding="utf-8")
        return any(finding.severity != "note" for _, finding in rows)

    def _summary(self) -> str:
        seconds = time.monotonic() - self.started
        if not self.fits:
            return (
                f"diagnose: {self.target} has ended after {seconds:.0f} s without calling fit, so there was no "
                "training to watch."
            )
        backend = self.keras.config.backend()
        if backend != "tensorflow":
            return f"diagnose: {self.target} trains with Keras on {backend}; the doctor can only watch TensorFlow."
        steps = sum(fit.steps for fit in self.fits)
        ended = next((f", and was ended after {fit.ended}" for fit in self.fits if fit.ended), "")
        failed = "" if self.error is None else f", and failed with {type(self.error).__name__}"
        return (
            f"diagnose: {self.target} has trained {plural(len({id(fit.model) for fit in self.fits}), 'network')} in "
            f"{plural(steps, 'step')} and {seconds:.0f} s{ended}{failed}."
        )

    def _rows(self, rows: Iterable[tuple[Fit, Finding]]) -> dict[str, Any]:
        findings = []
        for fit, finding in rows:
            place, cause = self.places.of(finding, fit), cause_of(finding.cause)
            about = {"why": cause.why, "source": cause.source, "text": str(finding)}
            line = None if place is None else asdict(place)
            findings.append(asdict(finding) | about | {"line": line, "fit": self.fits.index(fit)})
        fits = [{"line": fit.place and asdict(fit.place), "steps": fit.steps, "ended": fit.ended} for fit in self.fits]
        return {
            "script": str(self.target),
            "error": self.error and repr(self.error),
            "fits": fits,
            "findings": findings,
        }


def _arrays(arguments: dict[str, Any]) -> tuple[tuple[Any, Any] | None, tuple[Any, Any] | None]:
    """The training and validation arrays that are passed to `fit`; None where it gets batches or several inputs."""
    train, validation = _pair((arguments.get("x"), arguments.get("y"))), _pair(arguments.get("validation_data"))
    share = arguments.get("validation_split") or 0.0
    if train is not None and share and validation is None:
        x, y = train
        at = math.floor(len(x) * (1 - share))
        return (x[:at], y[:at]), (x[at:], y[at:])
    return train, validation


def _pair(data: Any) -> tuple[Any, Any] | None:
    """Inputs and labels as arrays, if they are arrays of numbers with as many rows; otherwise None."""
    import numpy as np

    if not isinstance(data, list | tuple) or len(data) < 2 or any(part is None for part in data[:2]):
        return None
    if isinstance(data[0], dict | tuple) or isinstance(data[1], dict | tuple):
        return None
    try:
        x, y = (np.asarray(part) for part in data[:2])
    except (ValueError, TypeError):
        return None
    same = x.ndim > 0 and y.ndim > 0 and len(x) == len(y) > 0
    return (x, y) if same and x.dtype.kind in "biuf" and y.dtype.kind in "biuf" else None


def _Limit(keras: ModuleType, fit: Fit, options: dict[str, Any], started: float) -> Any:
    """A callback that counts steps, and ends the script when an option says so."""

    class Limit(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            fit.steps += 1
            minutes = (time.monotonic() - started) / 60
            if options["max_steps"] is not None and fit.steps >= options["max_steps"]:
                fit.ended = plural(fit.steps, "step")
            elif options["max_minutes"] is not None and minutes >= options["max_minutes"]:
                fit.ended = f"{minutes:.1f} minutes"
            if fit.ended:
                raise Enough

    return Limit()
