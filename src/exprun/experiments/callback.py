"""The doctor as a callback that can also prove what it finds, by experiments, and show it, on a page."""

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from exprun.doctor.cause import Finding
from exprun.doctor.keras import callback
from exprun.doctor.keras.memory import SECONDS as MEMORY_SECONDS
from exprun.doctor.keras.memory import first_weights
from exprun.experiments.evidence import Evidence, Training, as_text, evidence, weighed
from exprun.experiments.trials import Network, changed_rates, rate_of
from exprun.text import plural

MINUTES = 3.0  # for references and experiments
MAX_BYTES = 400 * 2**20  # bytes of first weights that are kept for the page


class Doctor(callback.Doctor):
    """Watches `fit`, and reports why the network does not learn.

    The callback reads the batches that pass through the model's own training and evaluation steps, and does not change
    what is trained. It prints what it finds, and keeps it in `findings`.

    Args:
        train: the training images and labels, `(x, y)`, for checks that need more than the first batches.
        validation: the validation images and labels, `(x, y)`.
        prove: whether references and experiments follow the training where something is wrong or little was learned,
            for 3 minutes; a number is the minutes.
        silence: the identifiers of causes that are not reported.
        report: called with the text of each finding; the default prints to the standard error stream.
        memory: the seconds of the test whether the network can memorise a few images, after a training that has not
            learned for no known reason; 0 for no test.
        page: the path of an HTML page with the findings and the pictures that prove them, which is written at the end
            of each training, however it ends; None for no page.
        **limits: thresholds that differ from those in `conf/doctor/watch.yaml`.

    Raises:
        ValueError: a threshold is unknown or out of range, or `prove` or `memory` is negative.
    """

    def __init__(
        self,
        train: tuple[Any, Any] | None = None,
        validation: tuple[Any, Any] | None = None,
        prove: bool | float = False,
        silence: Iterable[str] = (),
        report: Callable[[str], None] | None = None,
        memory: float = MEMORY_SECONDS,
        page: str | os.PathLike[str] | None = None,
        **limits: Any,
    ) -> None:
        super().__init__(train, validation, silence, report, memory, **limits)
        if prove < 0:
            raise ValueError(f"prove is {prove}, but must not be negative.")
        self._page = None if page is None else Path(page).absolute()  # the script may change the folder
        self._minutes = MINUTES if prove is True else float(prove)
        self._first: list[np.ndarray] = []
        self._has_stepped = False  # whether these are the weights after the first step
        self._settings: dict[str, Any] | None = None
        self._rates: list[float] = []
        self.evidence: Evidence | None = None

    @property
    def findings(self) -> list[Finding]:
        """The findings without symptoms, most likely cause first, in the light of the evidence if there is any."""
        return super().findings if self.evidence is None else weighed(super().findings, self.evidence)

    def _begin_fit(self) -> None:
        self.evidence = None
        super()._begin_fit()

    def _begin_again(self) -> None:
        """Keep the initial weights, and the settings of the optimiser."""
        self._rates, self._first, self._settings, self._has_stepped = [], [], None, False
        if self._minutes or self._page is not None:
            self._safely(self._remember)
        super()._begin_again()

    def _start(self, is_first: bool = True) -> None:
        """Keep the weights after the first step of a model that has none before it."""
        super()._start(is_first)
        if self._page is not None and not self._first:
            self._has_stepped = not is_first
            self._safely(self._remember)

    def _remember(self) -> None:
        if self.model.built:
            self._first = first_weights(self.model, np.inf if self._minutes else MAX_BYTES)
            self._settings = self.model.optimizer.get_config()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Record the learning rate, which other callbacks may have changed."""
        super().on_epoch_begin(epoch, logs)
        if self._minutes:
            self._safely(self._record_rate)

    def _record_rate(self) -> None:
        if (rate := rate_of(self.model.optimizer)) is not None:
            self._rates.append(rate)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Restore the model's own functions, and prove what was found if that was asked for."""
        super().on_train_end(logs)
        if self._minutes and self._step:
            with contextlib.suppress(KeyboardInterrupt):  # a person who does not want to wait
                self._safely(self._prove)
        self._write_page("")

    def ended(self, error: BaseException) -> None:
        """Called when an exception ends the training: examine its last batch, and write the page."""
        super().ended(error)
        self._write_page(f"{type(error).__name__} has ended it.")

    def _write_page(self, end: str) -> None:
        """Write the page, if there is to be one.

        Args:
            end: the sentence about how the training has ended; empty if it ended as planned.
        """
        path = self._page
        if path is not None:
            with contextlib.suppress(KeyboardInterrupt):
                self._safely(lambda: self._draw_page(path, end))

    def _draw_page(self, path: Path, end: str) -> None:
        from exprun.doctor_page.page import Part, Shown, drawn, page, verdict
        from exprun.experiments.pictures import AFTER_A_STEP, AT_START, material_of

        findings, name = self.findings, AFTER_A_STEP if self._has_stepped else AT_START
        figures = drawn(findings, lambda: material_of(self, self._first, self._settings, name))
        part = Part("", [Shown(finding) for finding in findings], figures)
        title = f"Training of {self.model.name}: {plural(self._step, 'step')}"
        text = page(title, [*verdict(findings), *([end] if end else [])], [part])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", errors="replace")
        except OSError as error:
            self._say(f"The page cannot be written to {path}: {error.strerror}.")
        else:
            self._say(f"The page is {path}.")

    def _prove(self) -> None:
        train, validation = (self.rows(split) for split in ("train", "val"))
        if train is None or not self._first:
            self._say("Nothing was proved, because the batches or the first weights are not known.")
            return
        weights = self._class_weights(self._images("train", True).counts) if self._taps["train"].weighted else None
        network = Network(
            self.model,
            self._first,
            self.batch if self._given[0] is None else self._sizes.get("train", callback.KERAS_BATCH),
            weights=None if weights is None else dict(enumerate(weights.tolist())),
            settings=self._settings,
            rates=changed_rates(self._rates),
        )
        stops = self.model.stop_training
        training = Training(network, train, validation, self._step)
        self.evidence = evidence(training, super().findings, 60 * self._minutes, self._say)
        self.model.stop_training = stops
        if self.evidence is not None:
            for finding in self.findings[:1]:
                self._say(f"The most likely cause: {finding}")
            for line in as_text(self.evidence):
                self._say(line)

    def _say(self, text: str) -> None:
        self._report(f"doctor: {text}")
