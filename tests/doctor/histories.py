"""What a check may look at while a network trains, made of figures: no network, no run."""

from dataclasses import replace

import numpy as np

from doctor.contexts import context_of
from exprun.doctor.history import Epoch, History
from exprun.doctor.instruments.chance import ChanceLevel

TEN = ChanceLevel(float(np.log(10)), 0.1, 10)  # ten classes of the same size


class Network:
    """A network without layers, which is never called."""

    trainable_variables = losses = ()

    def _flatten_layers(self, include_self=False, recursive=True):
        return []


def after_steps(losses, accuracies=0.1, steps=400, chance=TEN, **more):
    """The history after training steps of 64 images, with a loss and an accuracy each."""
    history = History(chance, steps, 64, **more)
    history.record_steps(np.asarray(losses, float), np.broadcast_to(accuracies, len(losses)).astype(float))
    return history


def after_epochs(losses, rates=0.01, accuracy=0.15, steps=100, total=None, noise=None, chance=TEN):
    """The history after epochs of `steps` steps, with a loss and a learning rate each."""
    history = History(chance, total)
    for number, (loss, rate) in enumerate(zip(losses, np.broadcast_to(rates, len(losses)), strict=True), 1):
        history.record_epoch(Epoch(steps * number, loss, accuracy, float(rate)))
        if noise is not None:
            history.epochs[-1] = replace(history.epochs[-1], noise=noise)
    return history


def training(phase, history, step=None, model=None, **more):
    """A context of a phase during training.

    Args:
        phase: the phase.
        history: what was measured.
        step: the step; by default the number of steps in `history`.
        model: the network; by default one without layers.
        **more: other arguments of `context_of`.
    """
    context = context_of(phase=phase, model=model or Network(), **more)
    return replace(context, history=history, step=len(history.recent) if step is None else step)
