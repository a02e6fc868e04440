"""What a script does with Keras: the networks that it builds, the fits that it starts, and where in the script."""

import contextlib
import functools
import inspect
import os
import re
import shutil
import sys
import threading
import time
import weakref
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from exprun.diagnose.cells import name_of
from exprun.diagnose.ending import Enough
from exprun.diagnose.fit import Fit, Place, arrays_of
from exprun.diagnose.heads import heads_of, of_output
from exprun.diagnose.page import Placed, Section, page
from exprun.diagnose.rewriting import Edit, Script, edits
from exprun.doctor.cause import Finding, cause_of
from exprun.doctor.diagnosis import UNFINISHED
from exprun.doctor.instruments.labels import read_labels
from exprun.experiments.evidence import Evidence, as_record, as_text, evidence, weighed
from exprun.text import folded, json_text, plural

_HERE = Path(__file__).parent  # no line of this package is the script's


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
    start: Path
    layers: "weakref.WeakKeyDictionary[Any, Place]" = field(default_factory=weakref.WeakKeyDictionary)
    compiles: "weakref.WeakKeyDictionary[Any, Place]" = field(default_factory=weakref.WeakKeyDictionary)

    def frame(self) -> FrameType | None:
        """The frame of the user's code that is being executed."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            file = frame.f_code.co_filename
            if name_of(file) is not None:
                return frame
            if not file.startswith("<frozen") and "__autograph_generated" not in file and "site-packages" not in file:
                path = Path(file).absolute()
                if self.folder in path.parents and _HERE not in path.parents:
                    return frame
            frame = frame.f_back
        return None

    def here(self) -> Place | None:
        """The line of the user's code that is being executed."""
        frame = self.frame()
        return None if frame is None else self.at(frame.f_code.co_filename, frame.f_lineno)

    def at(self, file: str, line: int) -> Place:
        """A line of a file, or of the cell of a notebook, by the path that Python knows."""
        shown = file if name_of(file) is not None else min(os.path.relpath(file, self.start), file, key=len)
        return Place(shown, line, file)

    def of(self, finding: Finding, fit: Fit) -> Place | None:
        """The line that a finding is about: of a layer, of compile or of fit."""
        layers = fit.model._flatten_layers(include_self=False)
        if (named := self.named(finding, fit)) is not None:
            return self.layers[named]
        if finding.is_later:
            return next((self.at(use.file, use.line) for use in fit.uses if use.name == finding.where), fit.place)
        if finding.where == "last layer":
            weighted = [layer for layer in layers if layer.weights and layer in self.layers]
            if weighted:
                return self.layers[weighted[-1]]
        if finding.where in ("loss", "optimiser", "schedule", "labels", "training step"):
            return self.compiles.get(fit.model, fit.place)
        return fit.place

    def named(self, finding: Finding, fit: Fit) -> Any:
        """The layer that a finding names, if the script has made it; otherwise None."""
        words = set(re.findall(r"[\w/]+", finding.where))
        layers = fit.model._flatten_layers(include_self=False)
        return next((layer for layer in layers if layer.name in words and layer in self.layers), None)

    def edits(self, finding: Finding, fit: Fit) -> list[Edit]:
        """The changes of the script that a finding calls for; none for a note, or if they are unknown."""
        rows = None if finding.severity == "note" or fit.doctor is None else fit.doctor.rows("train")
        labels = None if rows is None else read_labels(rows[1])
        script = Script(fit, self.named(finding, fit), self.layers.get, self.compiles.get(fit.model), labels)
        return [] if finding.severity == "note" else edits(finding, script)


class Observation:
    """Watches what a script does with Keras, and reports it at the end.

    Args:
        keras: the package, which has just been imported.
        options: the options of the command.
        target: the script.
        start: the folder in which the script was started.
    """

    def __init__(self, keras: ModuleType, options: dict[str, Any], target: Path, start: Path) -> None:
        self.keras, self.options, self.target = keras, options, target
        self.places = Places(start if options["module"] else Path(os.path.abspath(start / target)).parent, start)
        self.fits: list[Fit] = []
        self.error: BaseException | None = None
        self._is_over = False  # whether the script has ended, so that fits are not the script's
        self.started = time.monotonic()
        self._steps: dict[int, Any] = {}  # what follows `train_on_batch`, by the id of the model
        self._loops: Any = None
        self._note_layers()
        self._note_compiles()
        self._watch_fits()
        if keras.config.backend() == "tensorflow":
            from exprun.diagnose.loops import Loops
            from exprun.diagnose.uses import Uses

            self._watch_steps()
            uses = Uses(lambda: self.fits, self.places.frame, lambda: self._loops.is_idle)
            self._loops = Loops(self.places.frame, self.places.at, self.fits.append, self._limits, uses.called)

    def begin(self, options: dict[str, Any]) -> None:
        """Watch from now on, such as the next cell of a notebook.

        Args:
            options: the options of the command.
        """
        self.options, self.error, self._is_over, self.started = options, None, False, time.monotonic()
        self.fits.clear()
        self._steps.clear()
        if self._loops is not None:
            self._loops.begin()

    def pause(self) -> None:
        """Watch no training; where layers are made is remembered all the same."""
        self._is_over = True
        if self._loops is not None:
            self._loops.is_on = False

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
        # Keras compares the method with that of the class that defines it, to find out whether a model overrides it.
        owner = next(kind for kind in self.keras.Model.__mro__ if "compile" in vars(kind))
        original, places = owner.compile, self.places

        @functools.wraps(original)
        def compile(model: Any, *args: Any, **kwargs: Any) -> Any:
            if (place := places.here()) is not None:
                places.compiles[model] = place
            return original(model, *args, **kwargs)

        owner.compile = compile

    def _watch_fits(self) -> None:
        """Add the doctor to the callbacks of each `fit`."""
        original = self.keras.Model.fit
        signature = inspect.signature(original)

        @functools.wraps(original)
        def fit(model: Any, *args: Any, **kwargs: Any) -> Any:
            if self._is_over or self._is_ours():
                return original(model, *args, **kwargs)
            try:
                bound = signature.bind(model, *args, **kwargs)
            except TypeError:  # Keras says what is wrong with the arguments
                return original(model, *args, **kwargs)
            watched = self._add_doctor(model, bound)
            try:
                with self._training():
                    result = original(*bound.args, **bound.kwargs)
            except BaseException as error:
                if watched.doctor is not None:
                    from exprun.doctor.keras.callback import notify_of_exception

                    notify_of_exception(model, error)
                raise
            if watched.ended and threading.current_thread() is threading.main_thread():
                raise Enough
            return result

        self.keras.Model.fit = fit

    def _is_ours(self) -> bool:
        """Whether a training is one of the doctor's own, after a fit with `Doctor(prove=True)`."""
        if self.keras.config.backend() != "tensorflow":
            return False
        from exprun.doctor.instruments.states import is_undrawn

        return is_undrawn()

    def _add_doctor(self, model: Any, bound: inspect.BoundArguments) -> Fit:
        place = self.places.here()
        new = Fit(model, place, dict(bound.arguments))
        fit = self._continued(new) or new
        if fit is new:
            for earlier in self.fits:  # only the last fit is tried again, and a script may make thousands
                earlier.forget()
            self.fits.append(fit)
        if self.keras.config.backend() != "tensorflow":
            return fit
        from exprun.diagnose.limit import Limit
        from exprun.doctor.keras.callback import Doctor, introduce

        given = bound.arguments.get("callbacks")
        listed = given if isinstance(given, list | tuple) else [] if given is None else [given]
        present = [callback for callback in listed if isinstance(callback, Doctor)]
        fit.doctor = present[0] if present else fit.doctor or Doctor(*arrays_of(fit.arguments))
        if not model.built:
            self._loops.wait(fit)
        limit = Limit(fit, *self._limits())
        shuffles = bool(fit.arguments.get("shuffle", True))
        doctors = [*listed, *([] if present else [fit.doctor])]
        introduce(doctors, fit.data, shuffles, fit.arguments.get("validation_data"))
        bound.arguments["callbacks"] = [*listed, *([] if present else [fit.doctor]), limit]
        return fit

    def _continued(self, new: Fit) -> Fit | None:
        """The last fit, if it was one of one epoch by the same line on the same data, as in a loop; otherwise None."""
        last = self.fits[-1] if self.fits else None
        if last is None or last.model is not new.model or last.place != new.place or last.epochs != 1:
            return None
        last.epochs = 0
        same = new.mark is not None and last.mark == new.mark
        return last if same and last.trained_by is getattr(new.model, "optimizer", None) else None

    def _watch_steps(self) -> None:
        """Let the doctor see each batch of `train_on_batch`."""
        original = self.keras.Model.train_on_batch
        signature = inspect.signature(original)

        @functools.wraps(original)
        def train_on_batch(model: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                bound = signature.bind(model, *args, **kwargs)
            except TypeError:  # Keras says what is wrong with the arguments
                return original(model, *args, **kwargs)
            if self._is_over:
                return original(model, *args, **kwargs)
            bound.apply_defaults()
            given = bound.arguments
            is_dictionary, given["return_dict"] = given["return_dict"], True
            with self._training():
                steps = self._steps_of(model, original)
                steps.before(given["x"], given["y"], given["sample_weight"], given["class_weight"])
                try:
                    metrics = original(*bound.args, **bound.kwargs)
                except BaseException as error:
                    steps.failed(error)
                    raise
                steps.after(metrics)
            steps.fit.count(steps.fit.steps + 1, *self._limits())
            if steps.fit.ended:
                raise Enough
            return metrics if is_dictionary else model._flatten_metrics_in_order(metrics)

        self.keras.Model.train_on_batch = train_on_batch

    def _steps_of(self, model: Any, train_on_batch: Any) -> Any:
        """What follows the steps of a model."""
        from exprun.diagnose.steps import Steps, resets

        if id(model) not in self._steps:
            fit = Fit(model, self.places.here(), {})
            self.fits.append(fit)
            self._steps[id(model)] = Steps(fit, not resets(train_on_batch))
            if not model.built:
                self._loops.wait(fit)
        return self._steps[id(model)]

    def _training(self) -> contextlib.AbstractContextManager[None]:
        """A `with` block in which Keras trains, so that no step is one of a loop."""
        return contextlib.nullcontext() if self._loops is None else self._loops.busy()

    def _limits(self) -> tuple[int | None, float | None]:
        """The most steps of a training, and when it has to end; None for no limit."""
        minutes = self.options["max_minutes"]
        return self.options["max_steps"], None if minutes is None else self.started + 60 * minutes

    def report(self, proves: bool = True) -> bool:
        """Print what was found, most likely cause first; returns whether there is a warning or an error.

        Args:
            proves: whether references and experiments may take time.
        """
        self._is_over = True
        with self._training():  # whose passes are no loop
            for steps in self._steps.values():
                steps.ended()
        if self._loops is not None:
            self._loops.finish()
        summary = self._summary()
        print(summary, file=sys.stderr, flush=True)
        if self._loops is not None:
            self._loops.examine()
        self.fits += [head for fit in list(self.fits) for head in heads_of(fit)]
        reports = [self._examined(fit, proves) for fit in self.fits if fit.doctor is not None]
        lines = []
        rows = [(one.fit, finding) for one in reports for finding in one.findings]
        for number, (fit, finding) in enumerate(rows, 1):
            place = self.places.of(finding, fit)
            lines.append(f"  {number}. {finding}")
            lines += [] if place is None else [f"     {place}: {place.source}"]
            lines += [f"     {edit}" for edit in self.places.edits(finding, fit)]
        lines += [f"  {text}" for fit in self.fits if (text := _unwatched(fit))]
        if reports and not rows:
            lines.append("  The doctor found nothing that would keep the network from learning.")
        lines += [f"  {line}" for one in reports if one.evidence is not None for line in as_text(one.evidence)]
        if lines:
            width = shutil.get_terminal_size().columns if sys.stderr.isatty() else None
            print("\n".join(folded(lines, width)), file=sys.stderr, flush=True)
        if self.options["json"]:
            Path(self.options["json"]).write_text(json_text(self._record(reports)), encoding="utf-8")
        if self.options.get("html"):
            unwatched = [text for fit in self.fits if (text := _unwatched(fit))]
            with self._training():
                sections = [self._section(one) for one in reports]
            Path(self.options["html"]).write_text(page(summary, unwatched, sections), encoding="utf-8")
        return any(finding.severity != "note" for _, finding in rows)

    def _section(self, report: "_Report") -> Section:
        """The section of the page about a fit."""
        places, fit = self.places, report.fit
        placed = [Placed(one, places.of(one, fit), places.edits(one, fit)) for one in report.findings]
        return Section(fit.place, fit.steps, placed, report.evidence, fit.figures(report.findings))

    def _examined(self, fit: Fit, proves: bool) -> "_Report":
        """The findings about a fit, for the last one in the light of references and experiments."""
        fit.doctor.examine_uses(fit.uses)
        findings: list[Finding] = fit.doctor.findings
        if any(later.model is fit.model for later in self.fits[self.fits.index(fit) + 1 :]):
            findings = [finding for finding in findings if finding.cause not in UNFINISHED]  # the training goes on
        minutes = self.options["prove_minutes"]
        found = None
        if proves and minutes and fit.steps and fit is [one for one in self.fits if one.doctor is not None][-1]:
            # A person who does not want to wait gets what is known.
            try:
                with fit.compiled(), contextlib.suppress(KeyboardInterrupt):
                    training = fit.training()
                    found = None if training is None else evidence(training, findings, 60 * minutes, self._tell)
            except Exception as error:  # the findings must not be lost
                self._tell(f"References and experiments have failed: {error!r}")
        final = findings if found is None else weighed(findings, found)
        return _Report(fit, of_output(final, fit), of_output(findings, fit), found)

    def _tell(self, text: str) -> None:
        print(f"  {text}", file=sys.stderr, flush=True)

    def _summary(self) -> str:
        seconds = time.monotonic() - self.started
        if not self.fits:
            return (
                f"diagnose: {self.target} has ended after {seconds:.0f} s without training a Keras model, so "
                "there was nothing to watch."
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
            "unwatched": [text for fit in self.fits if (text := _unwatched(fit))],
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
        changes = [asdict(edit) for edit in self.places.edits(finding, fit)]
        return asdict(finding) | about | {"line": None if place is None else asdict(place), "edits": changes}


def _unwatched(fit: Fit) -> str:
    """The sentence about a training that could not be watched, or only in part; empty if it was watched."""
    where = "loop" if fit.place is None else f"loop in {fit.place}"
    if fit.unwatched:
        return f"The {where} could not be watched, because {fit.unwatched}."
    if fit.optimizer is None or fit.doctor is None or any(one.where == "loss" for one in fit.doctor.findings):
        return ""
    if fit.loss is None:
        return (
            f"The loss of the {where} could not be seen, because no single loss of Keras gets the outputs of the "
            "network; so only the network and its optimiser were examined."
        )
    return ""


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
