"""Finds layers that a training step runs in inference mode: what such a step leaves as it was."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from exprun.doctor.instruments.layers import DROPOUTS, Layer, leaves
from exprun.doctor.instruments.norms import is_fresh

SMALL = 4096  # values of a variable that is cheap to compare
MOST = 64  # small variables of a network that are compared


class Modes:
    """Compares the states of batch norms and dropouts before and after the first step of an epoch."""

    def __init__(self) -> None:
        self._norms: list[tuple[Layer, list[tf.Tensor]]] = []  # batch norms whose averages are as initialised
        # Dropouts with the state that each draw changes, and the network around each of them, by its id.
        self._dropouts: list[tuple[Layer, tf.Tensor, int]] = []
        # Some trainable variables of these networks, with their values.
        self._moving: dict[int, tuple[list[Any], list[tf.Tensor]]] = {}

    def before(self, model: Any) -> None:
        """Keep the states of a model whose step is the script's own: Keras' own step runs in training mode."""
        own = getattr(model.train_step, "__func__", None) is not keras.Model.train_step
        layers = leaves(model) if model.built else []
        norms = [x for x in layers if x.isa("BatchNormalization") and x.layer.built and x.layer.trainable]
        self._norms = [(norm, _now(norm.layer.trainable_variables)) for norm in norms if is_fresh(norm)]
        self._dropouts, self._moving = [], {}
        for layer, home in _homes(model) if own and model.built else ():
            if layer.isa(*DROPOUTS) and layer.rate > 0:
                self._dropouts.append((layer, *_now([layer.layer.seed_generator.state]), id(home)))
                if id(home) not in self._moving:
                    some = _some(home.trainable_variables)
                    self._moving[id(home)] = some, _now(some)

    def after(self, model: Any) -> list[Layer]:
        """The batch norms that were trained while their moving averages have not moved, and idle dropouts.

        Dropouts are idle if none of them has drawn random numbers, in the networks that the step has trained: those of
        a teacher, or of a frozen base, are idle on purpose.
        """
        norms = [x for x, old in self._norms if is_fresh(x) and _have_moved(x.layer.trainable_variables, old)]
        trained = {home for home, (some, old) in self._moving.items() if _have_moved(some, old)}
        dropouts = [(x, old) for x, old, home in self._dropouts if home in trained]
        states = [(x, np.array_equal(np.asarray(x.layer.seed_generator.state), old)) for x, old in dropouts]
        self._norms, self._dropouts, self._moving = [], [], {}
        return [*norms, *([x for x, _ in states] if all(still for _, still in states) else [])]


def _now(variables: list[Any]) -> list[tf.Tensor]:
    return [tf.identity(variable.value) for variable in variables]


def _have_moved(variables: list[Any], before: list[tf.Tensor]) -> bool:
    return any(not np.array_equal(np.asarray(v), old) for v, old in zip(variables, before, strict=True))


def _some(variables: list[Any]) -> list[Any]:
    """Some of the smallest variables."""
    ordered = sorted(variables, key=lambda one: int(np.prod(one.shape)))
    return [one for number, one in enumerate(ordered[:MOST]) if not number or int(np.prod(one.shape)) <= SMALL]


def _homes(model: Any) -> Iterator[tuple[Layer, Any]]:
    """The layers that contain no other layers, each with the innermost network around it.

    Networks that a graph of layers calls with training=False are left out.
    """
    waiting = [(layer, model) for layer in model._flatten_layers(include_self=False, recursive=False)[::-1]]
    seen: set[int] = set()
    while waiting:
        layer, home = waiting.pop()
        is_network = isinstance(layer, keras.Model)
        if id(layer) in seen or (is_network and _is_called_for_inference(layer)):
            continue
        seen.add(id(layer))
        home = layer if is_network else home
        waiting += [(inner, home) for inner in layer._layers[::-1]]
        if not layer._layers:
            yield Layer(layer), home


def _is_called_for_inference(network: Any) -> bool:
    """Whether all calls of a network in a graph of layers say training=False, which a dropout has by default."""
    nodes = getattr(network, "_inbound_nodes", [])
    return bool(nodes) and all(node.arguments.kwargs.get("training") is False for node in nodes)
