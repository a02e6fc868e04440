"""A network in inference mode, with weights that are prepared once for many batches."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from exprun.kernels import FusedBatchNormalization

CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)


class Inference:
    """A network in inference mode, with weights that are prepared once for many batches.

    - A batch norm directly after a convolution is folded into its weights (Jacob et al. 2018, arXiv:1712.05877, section
      3.2): the kernel is multiplied by γ / √(σ² + ε), and the norm becomes a bias. TensorFlow then computes the
      convolution, its bias, the sum of a residual block and the ReLU with one kernel; in bfloat16, it has no kernel for
      a convolution with a batch norm.
    - In bfloat16 and float16, the kernels of convolutions and dense layers are cast once and not for each batch.

    Norms of other kinds or in other places, and layers that are called more than once, compute as always.

    Args:
        network: a network from `kernels.faster`. Nothing is prepared if the network has layers of other packages, as
            their code may use the weights of other layers.
    """

    def __init__(self, network: Any) -> None:
        self.network = network
        layers = [network, *network._flatten_layers(include_self=False)]
        graphs = [getattr(one, "_functional", one) for one in layers if isinstance(one, keras.Model)]
        known = all(type(layer).__module__.split(".")[0] in ("keras", "exprun") for layer in layers)
        nodes = [list(_nodes(graph)) for graph in graphs] if known else []
        if any(isinstance(one, keras.Variable) for of_graph in nodes for node in of_graph for one in _arguments(node)):
            known, nodes = False, []
        calls = Counter(id(_original(node.operation)) for of_graph in nodes for node in of_graph)
        self.folded = [
            pair
            for graph, of_graph in zip(graphs, nodes, strict=False)
            for pair in _foldable(of_graph, graph.outputs)
            if all(calls[id(_original(layer))] == 1 for layer in pair)
        ]
        originals = {id(one): one for one in map(_original, layers)}.values() if known else []
        self.cast = [one for one in originals if _has_kernel(one) and one.compute_dtype != "float32"]

    def prepared(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """Prepare the weights as they are now; returns the function from scaled images to logits that uses them."""
        weights = {layer.kernel.path: (layer.kernel, tf.cast(layer.kernel, layer.compute_dtype)) for layer in self.cast}
        norms: list[tuple[FusedBatchNormalization, Callable[[tf.Tensor], tf.Tensor]]] = []
        for layer, fused in self.folded:
            conv, norm = _original(layer), fused.original
            factor = tf.math.rsqrt(norm.moving_variance + norm.epsilon) * (norm.gamma if norm.scale else 1.0)
            shift = (norm.beta if norm.center else 0.0) - norm.moving_mean * factor
            of_outputs = conv.kernel.shape[2:] if isinstance(conv, keras.layers.DepthwiseConv2D) else (-1,)
            kernel = conv.kernel * tf.reshape(factor, of_outputs)
            weights[conv.kernel.path] = conv.kernel, tf.cast(kernel, conv.compute_dtype)
            if conv.use_bias:
                weights[conv.bias.path] = conv.bias, tf.cast(conv.bias * factor + shift, conv.compute_dtype)
                norms.append((fused, _unchanged))
            else:
                norms.append((fused, partial(tf.nn.bias_add, bias=tf.cast(shift, conv.compute_dtype))))
        if not weights:
            return partial(self.network, training=False)
        return partial(self._logits, list(weights.values()), norms)

    def _logits(self, weights: list[tuple[Any, tf.Tensor]], norms: list[tuple[Any, Any]], x: tf.Tensor) -> tf.Tensor:
        with keras.StatelessScope() as scope:
            for weight in weights:
                scope.add_update(weight)  # the scope's own argument would be cast to float32
            try:
                for norm, folded in norms:
                    norm.folded = folded
                return self.network(x, training=False)
            finally:
                for norm, _ in norms:
                    norm.folded = None


def _unchanged(x: tf.Tensor) -> tf.Tensor:
    return x


def _original(layer: Any) -> Any:
    """The Keras layer whose variables a layer of `kernels.faster` uses, or the layer itself."""
    return getattr(layer, "original", layer)


def _nodes(graph: Any) -> Iterator[Any]:
    """The calls of operations in the graph of a model."""
    for nodes in graph._nodes_by_depth.values():
        yield from nodes


def _arguments(node: Any) -> list[Any]:
    return keras.tree.flatten([node.arguments.args, node.arguments.kwargs])


def _foldable(nodes: list[Any], outputs: list[Any]) -> Iterator[tuple[Any, FusedBatchNormalization]]:
    """The convolutions of a graph whose output is used by a batch norm only, each with this norm.

    Args:
        nodes: the calls in the graph.
        outputs: the outputs of the graph.
    """
    uses = Counter(id(tensor) for tensor in [*(t for node in nodes for t in node.input_tensors), *outputs])
    made_by = {id(tensor): node.operation for node in nodes for tensor in node.outputs}
    for node in nodes:
        if isinstance(node.operation, FusedBatchNormalization):
            tensor = node.input_tensors[0]
            layer = made_by[id(tensor)]
            conv = _original(layer)
            linear = type(conv) in CONVOLUTIONS and conv.activation is keras.activations.linear
            if linear and conv.data_format == "channels_last" and _has_kernel(conv) and uses[id(tensor)] == 1:
                yield layer, node.operation


def _has_kernel(layer: Any) -> bool:
    """Whether a layer is a convolution or a dense layer with a float32 kernel, which is not quantised or adapted."""
    kernel = layer.kernel if type(layer) in (*CONVOLUTIONS, keras.layers.Dense) else None
    return isinstance(kernel, keras.Variable) and kernel.dtype == "float32"
