"""The checks before training, of any Keras model and its data."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from exprun.config.doctor import Doctor
from exprun.doctor import data, graph, pace, signal
from exprun.doctor.finding import Finding
from exprun.doctor.leaks import Prints, check_leaks
from exprun.doctor.objective import Objective
from exprun.doctor.pace import Pace
from exprun.doctor.states import undrawn

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Subject:
    """The network, data and settings that the doctor examines.

    Args:
        model: a Keras model with its initial weights.
        objective: the loss of the model; None if it is unknown.
        labels: the labels of the batch in `train.inputs`, as the loss gets them.
        train: the training images.
        val: the validation images, scaled as in evaluation; None if there are none.
        train_as_evaluated: the images of `train.inputs`, scaled as in evaluation; None if unknown.
        pace: the learning rates and the batch size; None if unknown.
        weighted: whether the loss has class weights.
        loaded: the names of layers whose weights come from elsewhere.
        says_accuracy: whether an accuracy is measured.
        class_weights: the mean weight of an image of each class, (classes,); None if unknown.
        classes: the names of the classes, in the order of the labels; empty if unknown.
        looked_up: returns the fingerprints of all splits; None to use the images in `train` and `val`.
    """

    model: Any
    objective: Objective | None
    labels: np.ndarray
    train: data.Images
    val: data.Images | None = None
    train_as_evaluated: np.ndarray | None = None
    pace: Pace | None = None
    weighted: bool = False
    loaded: frozenset[str] = frozenset()
    says_accuracy: bool = True
    class_weights: np.ndarray | None = None
    classes: Sequence[str] = ()
    looked_up: Callable[[], list[Prints]] | None = None

    def prints(self) -> list[Prints]:
        """The fingerprints of the images of each split, training first."""
        if self.looked_up is not None:
            return self.looked_up()
        splits = [("training", self.train), ("validation", self.val)]
        return [Prints(name, images.digests) for name, images in splits if images is not None]


def examine(subject: Subject, limits: Doctor) -> list[Finding]:
    """All findings before training, in the order of the checks; a check that fails is logged and skipped."""
    return examine_data(subject, limits) + examine_structure(subject, limits) + examine_model(subject, limits)


def examine_data(subject: Subject, limits: Doctor) -> list[Finding]:
    """The findings of the checks that need only images and labels."""
    return findings_of(_data_checks(subject, limits))


def examine_structure(subject: Subject, limits: Doctor) -> list[Finding]:
    """The findings about how the network computes, which do not depend on its weights or the learning rate."""
    return findings_of(_structure_checks(subject, limits))


def examine_model(subject: Subject, limits: Doctor) -> list[Finding]:
    """The findings about the network, and about a batch that goes through it."""
    return findings_of(_model_checks(subject, limits))


def findings_of(checks: Iterable[Callable[[], Iterator[Finding]]]) -> list[Finding]:
    """The findings of some checks; a check that fails is logged and skipped."""
    findings: list[Finding] = []
    for check in checks:
        try:
            with undrawn():
                findings += check()
        except Exception:  # a bug in the doctor must not end the run
            log.exception("A check failed")
    return findings


def _data_checks(subject: Subject, limits: Doctor) -> Iterator[Callable[[], Iterator[Finding]]]:
    train, val = subject.train, subject.val
    yield lambda: data.check_inputs(train, "training")
    if val is not None:
        yield lambda: data.check_inputs(val, "validation")
    if (counts := train.counts) is not None:
        weights, names = subject.class_weights, subject.classes
        yield lambda: data.check_classes(counts, "training", subject.weighted, limits, weights, names)
    if (evaluated := subject.train_as_evaluated) is not None:
        yield lambda: data.check_scaling(train.inputs, evaluated, True, limits)
    elif val is not None:
        yield lambda: data.check_scaling(train.inputs, val.inputs, False, limits)
    if val is not None:
        yield lambda: check_leaks(subject.prints(), limits)
        yield lambda: data.check_split(train, val, subject.classes)
        yield lambda: data.check_target_range(train, val)
        yield lambda: data.check_refitted(train, val)
    yield lambda: data.check_labels(train, val)


def _structure_checks(subject: Subject, limits: Doctor) -> Iterator[Callable[[], Iterator[Finding]]]:
    model, inputs = subject.model, subject.train.inputs[: limits.images]
    yield lambda: signal.check_mixing(model, inputs)
    yield lambda: signal.check_affine(model, inputs)
    yield lambda: signal.check_unknown(model, inputs)


def _model_checks(subject: Subject, limits: Doctor) -> Iterator[Callable[[], Iterator[Finding]]]:
    inputs = subject.train.inputs[: limits.images]
    yield from _graph_checks(subject, limits)
    yield lambda: signal.check_recurrent_input(subject.model, inputs, limits)


def _graph_checks(subject: Subject, limits: Doctor) -> Iterator[Callable[[], Iterator[Finding]]]:
    yield lambda: graph.check_graph(subject.model, set(subject.loaded), limits)
    if (of_run := subject.pace) is not None:
        yield lambda: pace.check_pace(of_run, limits)
        yield lambda: pace.check_batch_norm(subject.model, of_run, limits)
