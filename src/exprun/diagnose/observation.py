"""What a script does with Keras: the networks that it builds, the fits that it starts, and where in the script."""

import contextlib
import functools
import inspect
import os
import re
import sys
import time
import weakref
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from exprun.diagnose.ending import Enough
from exprun.diagnose.evidence import Evidence, as_record, as_text, evidence, weighed
from exprun.diagnose.fit import Fit, Place, arrays_of
from exprun.doctor.cause import Finding, cause_of
from exprun.text import json_text, plural


@dataclass
class Places:
    """Where in the script layers were made and models were compiled.

    Args:
        folder: the folder of the script; files in other folders are not the user's.
        start: the folder in which the script was started.
        layers: the line of each layer.
        compiles: the line of the last compile of each model.
    """

    folder: Path
    start: str
    layers: "weakref.WeakKeyDictionary[Any, Place]" = field(default_factory=weakref.WeakKeyDictionary)
    compiles: "weakref.WeakKeyDictionary[Any, Place]" = field(default_factory=weakref.WeakKeyDictionary)

    def here(self) -> Place | None:
        """The line of the user's code that is being executed."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            file = frame.f_code.co_filename
            if not file.startswith("<frozen") and "site-packages" not in file:
                path = Path(file).absolute()
                if self.folder in path.parents and "exprun/diagnose" not in path.as_posix():
                    return Place(os.path.relpath(path, self.start), frame.f_lineno, str(path))
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
        start = Path(options["start"])
        self.places = Places(start if options["module"] else (start / target).parent, options["start"])
        self.fits: list[Fit] = []
        self.error: BaseException | None = None
        self._is_over = False  # whether the script has ended, so that fits are not the script's
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
            if self._is_over:
                return original(model, *args, **kwargs)
            try:
                bound = signature.bind(model, *args, **kwargs)
            except TypeError:  # Keras says what is wrong with the arguments
                return original(model, *args, **kwargs)
            watched = self._add_doctor(model, bound)
            result = original(*bound.args, **bound.kwargs)
            if watched.ended:
                raise Enough
            return result

        self.keras.Model.fit = fit

    def _add_doctor(self, model: Any, bound: inspect.BoundArguments) -> Fit:
        fit = Fit(model, self.places.here(), dict(bound.arguments))
        self.fits.append(fit)
        if self.keras.config.backend() != "tensorflow":
            return fit
        from exprun.diagnose.limit import Limit
        from exprun.doctor.keras.callback import Doctor

        given = bound.arguments.get("callbacks")
        listed = given if isinstance(given, list | tuple) else [] if given is None else [given]
        present = [callback for callback in listed if isinstance(callback, Doctor)]
        fit.doctor = present[0] if present else Doctor(*arrays_of(fit.arguments))
        ends = None if self.options["max_minutes"] is None else self.started + 60 * self.options["max_minutes"]
        limit = Limit(fit, self.options["max_steps"], ends)
        bound.arguments["callbacks"] = [*listed, *([] if present else [fit.doctor]), limit]
        return fit

    def report(self, proves: bool = True) -> bool:
        """Print what was found, most likely cause first; returns whether there is a warning or an error.

        Args:
            proves: whether references and experiments may take time.
        """
        print(self._summary(), file=sys.stderr, flush=True)
        self._is_over = True
        reports = [self._examined(fit, proves) for fit in self.fits if fit.doctor is not None]
        lines = []
        rows = [(one.fit, finding) for one in reports for finding in one.findings]
        for number, (fit, finding) in enumerate(rows, 1):
            place = self.places.of(finding, fit)
            lines.append(f"  {number}. {finding}")
            lines += [] if place is None else [f"     {place}: {place.source}"]
        if reports and not rows:
            lines.append("  The doctor found nothing that would keep the network from learning.")
        lines += [f"  {line}" for one in reports if one.evidence is not None for line in as_text(one.evidence)]
        print("\n".join(lines), file=sys.stderr, flush=True)
        if self.options["json"]:
            Path(self.options["json"]).write_text(json_text(self._record(reports)), encoding="utf-8")
        return any(finding.severity != "note" for _, finding in rows)

    def _examined(self, fit: Fit, proves: bool) -> "_Report":
        """The findings about a fit, for the last one in the light of references and experiments."""
        findings: list[Finding] = fit.doctor.findings
        minutes = self.options["prove_minutes"]
        found = None
        if proves and minutes and fit is self.fits[-1]:
            with contextlib.suppress(KeyboardInterrupt):  # a person who does not want to wait gets what is known
                found = evidence(fit, findings, 60 * minutes, _tell)
        return _Report(fit, findings if found is None else weighed(findings, found), findings, found)

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

    def _record(self, reports: "Iterable[_Report]") -> dict[str, Any]:
        """The report as a dictionary for JSON."""
        return {
            "script": str(self.target),
            "error": None if self.error is None else repr(self.error),
            "fits": [
                {
                    "line": None if one.fit.place is None else asdict(one.fit.place),
                    "steps": one.fit.steps,
                    "ended": one.fit.ended,
                    "findings": [self._row(finding, one.fit) for finding in one.findings],
                    "rules": [self._row(finding, one.fit) for finding in one.rules],
                    "referenced": [self._row(finding, one.fit) for finding in one.referenced],
                    "evidence": None if one.evidence is None else as_record(one.evidence),
                }
                for one in reports
            ],
        }

    def _row(self, finding: Finding, fit: Fit) -> dict[str, Any]:
        place, cause = self.places.of(finding, fit), cause_of(finding.cause)
        about = {"why": cause.why, "source": cause.source, "text": str(finding)}
        return asdict(finding) | about | {"line": None if place is None else asdict(place)}


def _tell(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class _Report:
    """What was found about a fit.

    Args:
        fit: the fit.
        findings: the findings, in the light of the evidence.
        rules: the findings of the doctor alone.
        evidence: what references and experiments have shown; None without them.
    """

    fit: Fit
    findings: list[Finding]
    rules: list[Finding]
    evidence: Evidence | None

    @property
    def referenced(self) -> list[Finding]:
        """The findings in the light of the references alone."""
        return self.rules if self.evidence is None else weighed(self.rules, self.evidence.without_trials())
