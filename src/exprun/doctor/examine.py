"""The checks before training, of any Keras model and its data."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from exprun.config.doctor import Doctor
from exprun.doctor import data, graph, pace, signal, task
from exprun.doctor.finding import Finding
from exprun.doctor.leaks import Prints, check_leaks
from exprun.doctor.objective import Objective
from exprun.doctor.pace import Pace
from exprun.doctor.record import Pass, first_rows, passed, passed_back
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


def examine_several(subject: Subject, inputs: Any, limits: Doctor) -> list[Finding]:
    """The findings about a network with several inputs, from a single batch.

    Args:
        subject: the network, without images.
        inputs: the batch as the model takes it.
        limits: the thresholds.
    """
    assert limits.images is not None
    some = first_rows(inputs, limits.images)
    return findings_of([*_graph_checks(subject, limits), lambda: _first_pass(subject, some, limits)])


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
    yield lambda: _first_pass(subject, inputs, limits)


def _graph_checks(subject: Subject, limits: Doctor) -> Iterator[Callable[[], Iterator[Finding]]]:
    yield lambda: graph.check_graph(subject.model, set(subject.loaded), limits)
    if (of_run := subject.pace) is not None:
        yield lambda: pace.check_pace(of_run, limits)
        yield lambda: pace.check_batch_norm(subject.model, of_run, limits)


def _takes_inner_logits(found: Pass, objective: Objective, labels: np.ndarray) -> bool:
    """Whether the loss changes if Keras cannot use the logits that it remembers with the outputs."""
    if found.losses is None or not objective.from_logits:
        return False
    plain = np.asarray(objective.losses(tf.constant(found.outputs), tf.constant(labels)))
    return not np.allclose(plain, found.losses, rtol=1e-2, atol=1e-3)


def _there_and_back(subject: Subject, inputs: Any, labels: np.ndarray) -> Pass:
    """A pass with gradients, or only a forward pass if the loss cannot take these labels."""
    objective = subject.objective
    if objective is not None:
        try:
            return passed_back(subject.model, inputs, lambda outputs: objective.losses(outputs, tf.constant(labels)))
        except (tf.errors.OpError, ValueError, TypeError):  # `check_task` reports why the loss fails
            pass
    return passed(subject.model, inputs, training=True)


def _first_pass(subject: Subject, inputs: Any, limits: Doctor) -> Iterator[Finding]:
    """The findings about a batch on its way through the network and back.

    Args:
        subject: the network.
        inputs: the batch: an array, or several arrays in a dictionary or list.
        limits: the thresholds.
    """
    model, objective = subject.model, subject.objective
    batch_labels = subject.labels[: len(keras.tree.flatten(inputs)[0])]
    several = not isinstance(inputs, np.ndarray)
    found = _there_and_back(subject, inputs, batch_labels)
    wrong: list[Finding] = []
    if objective is not None:
        labels = task.read_labels(subject.labels)
        healed = _takes_inner_logits(found, objective, batch_labels)
        wrong = list(task.check_task(found, objective, labels, subject.says_accuracy, healed))
        wrong += task.check_direction(objective, labels, found.outputs)
        wrong += task.check_broadcast(objective, labels, found.outputs)
        yield from wrong
    yield from signal.check_augmentation(model, found, inputs, limits)
    dead = list(signal.check_dead(found, None, None, None, limits))
    yield from dead
    raw = list(signal.check_parts(found, objective, inputs, batch_labels, limits)) if several and not wrong else []
    yield from raw
    if not dead:
        yield from [] if raw else signal.check_signal(found, limits, inputs if several else None)
        yield from signal.check_dependence(found, None, limits)
        yield from signal.check_gradients(model, found, inputs, limits)
    yield from signal.check_tiny_input(found, limits)
    if objective is not None and not wrong:
        yield from [] if several else signal.check_unscaled(found, objective, batch_labels, limits)
        yield from signal.check_first_loss(found, objective, limits)
