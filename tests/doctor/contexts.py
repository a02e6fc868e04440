"""What a check may look at, made of arrays: no network, no run."""

import numpy as np

from exprun.doctor.cause import Phase
from exprun.doctor.context import Context
from exprun.doctor.limits import limits_of
from exprun.doctor.subject import Images, Subject


def context_of(train=None, val=None, phase=Phase.DATA, labels=(), limits=None, **more):
    """A context of some images.

    Args:
        train: the training images; none by default.
        val: the validation images.
        phase: the phase.
        labels: the labels of the training images.
        limits: thresholds that differ from the defaults.
        **more: other parts of the subject.
    """
    train = Images(np.zeros((0, 1), np.float32)) if train is None else train
    subject = Subject(**{"model": None, "objective": None} | more, labels=np.asarray(labels), train=train, val=val)
    return Context(subject, limits_of(limits or {}), phase)


def found(cause, context):
    """The findings of a module of `exprun.doctor.causes`."""
    context.cause = cause.CAUSE.id
    return list(cause.check(context))
