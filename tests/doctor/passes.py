"""Passes through networks that do not exist: layers, calls, variables and contexts made of arrays."""

from types import SimpleNamespace

import numpy as np

from exprun.doctor.cause import Phase
from exprun.doctor.context import Context
from exprun.doctor.instruments.layers import Layer
from exprun.doctor.instruments.objective import Objective
from exprun.doctor.instruments.passes import Call, Pass
from exprun.doctor.limits import limits_of
from exprun.doctor.subject import Images, Subject

RNG = np.random.default_rng(0)
TEN = Objective("softmax", True, True, "SparseCategoricalCrossentropy", None)  # ten classes, or any number of them
YES_OR_NO = Objective("sigmoid", False, False, "binary_crossentropy", None)
MSE = Objective("error", False, False, "mse", None)


class Variable:
    """A trainable variable."""

    def __init__(self, path, values):
        self.path, self.values = path, np.asarray(values, np.float32)
        self.shape = self.values.shape

    def __array__(self, dtype=None, copy=None):
        return self.values


def layer(kind="Dense", name="", activation="linear", kernel=None, variables=None):
    """A layer of a class of Keras with this name.

    Args:
        kind: the name of its class.
        name: the name of the layer; by default that of its class.
        activation: the name of its activation.
        kernel: its matrix of weights, (…, inputs, outputs).
        variables: its trainable variables; by default one for a layer of weights and none for others.
    """
    made = type(kind, (), {"__module__": "keras.layers"})()
    made.name, made.activation = name or kind.lower(), SimpleNamespace(__name__=activation)
    made.kernel = np.ones((2, 2)) if kernel is None else kernel
    own = [Variable(f"{made.name}/kernel", made.kernel)] if kind in ("Dense", "Conv2D") else []
    made.weights = made.trainable_variables = own if variables is None else variables
    made._layers = []
    return Layer(made)


def call(inputs, outputs, kind="Dense", **attributes):
    """One call of a layer, or of one that is made with these attributes."""
    return Call(kind if isinstance(kind, Layer) else layer(kind, **attributes), np.asarray(inputs), np.asarray(outputs))


def model_of(*layers):
    """A model of these layers."""
    variables = [variable for one in layers for variable in one.layer.trainable_variables]
    return SimpleNamespace(
        trainable_variables=variables,
        _flatten_layers=lambda include_self, recursive=True: [one.layer for one in layers],
    )


def context_of(calls=(), outputs=None, losses=None, phase=Phase.FIRST_BATCH, **more):
    """A context in which a batch has gone through a network, in the same way in training and in inference mode.

    Args:
        calls: the calls of layers, in order.
        outputs: the outputs of the network; by default those of the last call.
        losses: the loss of each image, or one loss for all of them; None without a loss.
        phase: the phase.
        **more: the labels, the objective, the model, `several`, `step`, limits by name under `limits`, other arguments
            of `Pass` under `found`, and what the context would otherwise compute.
    """
    outputs = np.asarray(calls[-1].outputs if outputs is None else outputs, np.float32)
    losses = None if losses is None else np.full(len(outputs), losses, np.float32)
    found = Pass(list(calls), outputs, losses, **more.pop("found", {}))
    labels = np.asarray(more.pop("labels", np.zeros(len(outputs), np.int64)))
    model = more.pop("model", None) or model_of(*dict.fromkeys(one.layer for one in calls))
    given = {name: more.pop(name) for name in ("says_accuracy", "class_weights", "pace") if name in more}
    inputs = calls[0].inputs if calls else outputs
    subject = Subject(model, more.pop("objective", None), labels, Images(inputs), **given)
    fields = {name: more.pop(name) for name in ("several", "step", "history", "batch") if name in more}
    context = Context(subject, limits_of(more.pop("limits", {})), phase, **fields)
    context.losses = lambda outputs, labels: losses  # the loss does not use anything but outputs and labels
    context.__dict__.update({"forward": found, "evaluated": found} | more)
    return context


def findings(module, context):
    """The findings of the check of one cause."""
    context.cause = module.CAUSE.id
    return list(module.check(context))


def network(spreads, size=16, width=8, kind="Dense", outputs=None, kernel=None):
    """The calls of layers of weights, of which each takes images that differ by one of these standard deviations.

    Args:
        spreads: the standard deviation over images before each layer.
        size: the number of images.
        width: the number of values of an image.
        kind: the class of the layers.
        outputs: the standard deviation of the outputs of the last layer; by default that of its inputs.
        kernel: the matrix of weights of each layer.
    """
    images = RNG.normal(size=(size, width)).astype(np.float32)
    after = [*spreads[1:], spreads[-1] if outputs is None else outputs]
    return [
        call(images * here, images * there, kind, name=f"layer{number}", kernel=kernel)
        for number, (here, there) in enumerate(zip(spreads, after, strict=True))
    ]
