"""The material of the page of a Keras model: the doctor's callback, and passes before and after the training."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from exprun.doctor.context import Context
from exprun.doctor.instruments.passes import Pass
from exprun.doctor.instruments.states import undrawn
from exprun.doctor.keras.callback import Doctor
from exprun.doctor.keras.memory import having
from exprun.doctor.subject import Subject
from exprun.doctor_page.depth import depth_of, first_step, moved
from exprun.doctor_page.material import Material
from exprun.doctor_page.statistics import Statistics, statistics_of
from exprun.experiments.changes import draw_he
from exprun.pages.depth import Depth

AT_START, AFTER_A_STEP, NOW, HE = "at the start", "after the first step", "now", "with He initialisation"
MAX_VALUES = 4_000_000  # of the images in a pass: of large images, fewer are passed
MIN_IMAGES = 8
SECONDS = 1.5  # of processors, after which no further pass is made


def material_of(
    doctor: Doctor, first: Sequence[np.ndarray] = (), settings: dict[str, Any] | None = None, name: str = AT_START
) -> Material:
    """The known values of the training that a doctor has watched; the model is left as it was, bit for bit.

    Args:
        doctor: the callback, after the training.
        first: the values of all variables before the training; empty if unknown.
        settings: the settings of the optimiser before the training; None for the present ones.
        name: when the variables had these values.
    """
    history, subject = doctor.history, None
    with contextlib.suppress(Exception):  # a model may have anything as its inputs, its loss and its optimiser
        subject = doctor.subject
    if subject is None:
        return Material(history=history)
    outputs: np.ndarray | None = None
    trained: np.ndarray | None = None
    statistics: Statistics | None = None
    depths: list[Depth] = []
    if len(first) not in (0, len(doctor.model.variables)):
        first = ()
    with contextlib.suppress(Exception):  # the rest of the page does not need the passes
        depths, outputs, now = _passes(doctor, subject, first, settings, name)
        trained, statistics = now.outputs, statistics_of(now)
    batch = 0 if doctor.is_given else doctor.batch
    val_labels = doctor.val_labels()
    return Material(subject, subject.labels, val_labels, outputs, depths, batch, history, statistics, trained)


def _passes(
    doctor: Doctor, subject: Subject, first: Sequence[np.ndarray], settings: dict[str, Any] | None, name: str
) -> tuple[list[Depth], np.ndarray, Pass]:
    """The signal through the depth at the start, now and with another initialisation, the outputs and the pass now."""
    each = max(1, int(np.prod(subject.train.inputs.shape[1:])))
    most = max(MIN_IMAGES, min(int(doctor.limits.images or MIN_IMAGES), MAX_VALUES // each))
    context = Context(subject, replace(doctor.limits, images=most))
    started = time.process_time()
    found: list[Depth | None] = []
    settings = settings or doctor.model.optimizer.get_config()
    if first:
        with having(doctor.model, first):
            found.append(_depth(name, context, settings))
    now = replace(context)
    outputs = now.evaluated.outputs
    if not first or doctor.history.recent:
        depth = _depth(NOW, now, None)
        found.append(moved(depth, now.forward, doctor.model, first) if depth is not None and first else depth)
    if first and time.process_time() - started < SECONDS:
        with having(doctor.model, first):
            if draw_he(doctor.model, np.random.default_rng(0)):
                found.append(_depth(HE, replace(context), settings))
    return [one for one in found if one is not None], outputs, now.forward


def _depth(name: str, context: Context, settings: dict[str, Any] | None) -> Depth | None:
    """The signal of the model with its present weights.

    Args:
        name: the name of these weights.
        context: a context of which nothing was asked yet.
        settings: the settings of the optimiser whose first step is measured; None for none.
    """
    model, found = context.model, context.forward
    updates: dict[int, float] = {}
    if settings is not None and found.has_gradients:
        with undrawn():
            optimizer = _plain(type(model.optimizer).from_config(settings))
            scale = float(len(context.labels)) if context.sums else 1.0
            with first_step(model, optimizer, found, scale) as made:
                updates = made
    return depth_of(name, found, model, updates)


def _plain(optimizer: Any) -> Any:
    return getattr(optimizer, "inner_optimizer", optimizer)
