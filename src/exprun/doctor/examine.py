"""Everything that can be said before training, of any Keras model and its data."""

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
    """What the doctor looks at.

    Args:
        model: a Keras model, at its first weights.
        objective: its loss; None where that cannot be told.
        labels: of the batch in `train.inputs`, as the loss gets them.
        train: training images.
        val: validation images, scaled as evaluation scales them.
        train_as_evaluated: the images of `train.inputs` scaled as evaluation scales them; None where unknown.
        pace: rates and batches; None where unknown.
        weighted: whether the loss has class weights.
        class_weights: mean weight of an image of each class, (classes,); None where unknown.
        loaded: names of layers whose weights come from elsewhere.
        says_accuracy: whether an accuracy is measured.
        classes: names, in the order of the labels; empty where unknown.
        looked_up: the prints of all splits; None where no more is known of them than `train` and `val` hold.
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
        """What the images of each split are recognised by, training first."""
        if self.looked_up is not None:
            return self.looked_up()
        parts = [("training", self.train), ("validation", self.val)]
        return [Prints(name, part.digests) for name, part in parts if part is not None]


def examine(subject: Subject, limits: Doctor) -> list[Finding]:
    """All findings before training, in the order of the checks; a check that fails says nothing."""
    return examine_data(subject, limits) + examine_structure(subject, limits) + examine_model(subject, limits)


def examine_data(subject: Subject, limits: Doctor) -> list[Finding]:
    """The same of images and labels alone."""
    return said(_data_checks(subject, limits))


def examine_structure(subject: Subject, limits: Doctor) -> list[Finding]:
    """The same of how the network computes, which other weights and rates do not change."""
    return said(_structure_checks(subject, limits))


def examine_model(subject: Subject, limits: Doctor) -> list[Finding]:
    """The same of the network, and of a batch that goes through it."""
    return said(_model_checks(subject, limits))


def examine_several(subject: Subject, inputs: Any, limits: Doctor) -> list[Finding]:
    """The findings about a network of several inputs, of which there is one batch.

    Args:
        subject: without images.
        inputs: as the model takes them.
        limits: the thresholds.
    """
    assert limits.images is not None
    some = first_rows(inputs, limits.images)
    return said([*_graph_checks(subject, limits), lambda: _first_pass(subject, some, limits)])


def said(checks: Iterable[Callable[[], Iterator[Finding]]]) -> list[Finding]:
    """The findings of some checks; one that fails says nothing."""
    found: list[Finding] = []
    for check in checks:
        try:
            with undrawn():
                found += check()
        except Exception:  # the doctor never ends a run by a mistake of its own
            log.exception("A check failed")
    return found


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
    if (own := subject.pace) is not None:
        yield lambda: pace.check_pace(own, limits)
        yield lambda: pace.check_batch_norm(subject.model, own, limits)


def _takes_inner_logits(found: Pass, objective: Objective, labels: np.ndarray) -> bool:
    """Whether the loss is another with the outputs alone than with what Keras remembers of them."""
    if found.losses is None or not objective.from_logits:
        return False
    plain = np.asarray(objective.losses(tf.constant(found.outputs), tf.constant(labels)))
    return not np.allclose(plain, found.losses, rtol=1e-2, atol=1e-3)


def _there_and_back(subject: Subject, inputs: Any, labels: np.ndarray) -> Pass:
    """A pass with gradients, or forwards alone where the loss cannot take these labels."""
    objective = subject.objective
    if objective is not None:
        try:
            return passed_back(subject.model, inputs, lambda outputs: objective.losses(outputs, tf.constant(labels)))
        except (tf.errors.OpError, ValueError, TypeError):  # what is wrong with them is for `check_task` to say
            pass
    return passed(subject.model, inputs, training=True)


def _first_pass(subject: Subject, inputs: Any, limits: Doctor) -> Iterator[Finding]:
    """What a batch shows on its way through the network and back.

    Args:
        subject: the network.
        inputs: an array, or several in a dictionary or list.
        limits: the thresholds.
    """
    model, objective = subject.model, subject.objective
    given = subject.labels[: len(keras.tree.flatten(inputs)[0])]
    several = not isinstance(inputs, np.ndarray)
    found = _there_and_back(subject, inputs, given)
    wrong: list[Finding] = []
    if objective is not None:
        labels = task.read_labels(subject.labels)
        healed = _takes_inner_logits(found, objective, given)
        wrong = list(task.check_task(found, objective, labels, subject.says_accuracy, healed))
        wrong += task.check_direction(objective, labels, found.outputs)
        wrong += task.check_broadcast(objective, labels, found.outputs)
        yield from wrong
    yield from signal.check_augmentation(model, found, inputs, limits)
    dead = list(signal.check_dead(found, None, None, None, limits))
    yield from dead
    raw = list(signal.check_parts(found, objective, inputs, given, limits)) if several and not wrong else []
    yield from raw
    if not dead:
        yield from [] if raw else signal.check_signal(found, limits, inputs if several else None)
        yield from signal.check_dependence(found, None, limits)
        yield from signal.check_gradients(model, found, inputs, limits)
    yield from signal.check_tiny_input(found, limits)
    if objective is not None and not wrong:
        yield from [] if several else signal.check_unscaled(found, objective, given, limits)
        yield from signal.check_first_loss(found, objective, limits)
