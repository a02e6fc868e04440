"""Compare the speed of networks and of their layers with the limits of this machine, and write docs/performance.md.

The limits are the speed of the machine's fastest product in each precision and the bandwidth of its memory (Williams et
al. 2009, "Roofline: an insightful visual performance model"). A pass that computes F FLOPs and moves B bytes takes at
least max(F / product, B / bandwidth). Layers are timed one by one, with the shapes that they have in the network.
"""

import argparse
import functools
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exprun import backend

backend.prepare()

import keras  # noqa: E402 - after the settings of TensorFlow
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from exprun import Session  # noqa: E402
from exprun.assembly import assemble  # noqa: E402
from exprun.config.compose import Composer  # noqa: E402
from exprun.markdown import replace_between  # noqa: E402
from speed import FULL, NETWORKS, Network, log, native_precision  # noqa: E402
from speed_data import noise_arrays  # noqa: E402
from speed_table import PAGE, machine  # noqa: E402

# The products of which the fastest is the limit: matrices, by rows, inner size and columns; and one convolution, as
# oneDNN convolves faster in bfloat16 than TensorFlow multiplies matrices.
MATRICES = ((1024, 1024, 1024), (2048, 2048, 2048), (8192, 1024, 1024), (32768, 1024, 256))
IMAGES, KERNEL = (64, 32, 32, 256), (3, 3, 256, 256)
NUMBERS = 2**27  # of each array that the bandwidth is measured with, in float32: 512 MiB, more than a cache holds
STEPS = 2  # steps or batches of one measurement of a whole network
FARTHEST = 3  # layers in the table of each network
PASSES = {"both": "training", "forward": "evaluation"}
SHARES = ("GFLOP/s", "share of the product")
# In inference mode, TensorFlow computes these with the convolution or the product before them.
FUSED = (keras.layers.Activation, keras.layers.ReLU, keras.layers.Add)


@dataclass
class Limits:
    """The limits of the machine.

    Args:
        product: the FLOP/s of the fastest matrix product or convolution, by its dtype.
        bandwidth: the bytes/s of memory that are read or written.
    """

    product: dict[str, float]
    bandwidth: float

    def seconds(self, flops: float, count: float, dtype: str) -> float:
        """The least time of a pass.

        Args:
            flops: the FLOPs of the pass.
            count: the bytes that the pass reads and writes.
            dtype: the dtype that the pass computes in.
        """
        return max(flops / self.product[dtype], count / self.bandwidth)


@dataclass
class Pass:
    """The pass of one kind of layer, forward or with its gradients, in one step.

    Args:
        layer: the kind of layer with its shapes.
        kind: `forward` or `both`, which is forward and backward.
        number: the number of layers of this kind in the network.
        flops: the FLOPs of one layer.
        seconds: the time of one layer.
        least: the least time of one layer.
        bound: the limit that decides the least time, `product` or `bandwidth`.
    """

    layer: str
    kind: str
    number: int
    flops: float
    seconds: float
    least: float
    bound: str

    @property
    def lost(self) -> float:
        """The seconds of a step that the layers take longer than their limit."""
        return self.number * (self.seconds - self.least)


def best(action: Callable[[], Any], repeats: int) -> float:
    """The seconds of the fastest of several repeats, after one that is not counted."""
    action()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return min(times)


def _random(dtype: str, *shape: int) -> tf.Tensor:
    return tf.cast(tf.random.normal(shape), dtype)


def measure_limits(dtypes: list[str], repeats: int) -> Limits:
    """The limits of this machine.

    Args:
        dtypes: the dtypes of the products.
        repeats: the number of repeats, of which the fastest counts.
    """
    product = dict.fromkeys(dtypes, 0.0)
    multiply = tf.function(tf.matmul)
    convolve = tf.function(lambda images, kernel: tf.nn.conv2d(images, kernel, 1, "SAME"))
    for dtype in dtypes:
        draw = functools.partial(_random, dtype)
        for rows, inner, columns in MATRICES:
            a, b = draw(rows, inner), draw(inner, columns)
            seconds = best(functools.partial(multiply, a, b), repeats)
            product[dtype] = max(product[dtype], 2 * rows * inner * columns / seconds)
        images, kernel = draw(*IMAGES), draw(*KERNEL)
        seconds = best(functools.partial(convolve, images, kernel), repeats)
        product[dtype] = max(product[dtype], 2 * math.prod(IMAGES[:3]) * math.prod(KERNEL) / seconds)
    array = tf.Variable(tf.zeros(NUMBERS))
    again = tf.Variable(tf.zeros(NUMBERS))
    add = tf.function(lambda: array.assign_add(again))  # in place: reads both arrays and writes one
    return Limits(product, 3 * 4 * NUMBERS / best(add, repeats))


def multiplications(layer: Any, output: Any) -> int:
    """The multiplications of one image's forward pass through a layer; 0 for layers without a kernel."""
    layer = getattr(layer, "original", layer)
    kernel = getattr(layer, "kernel", None)
    if kernel is None:
        return 0
    pixels = math.prod(output.shape[1:-1])
    return pixels * math.prod(kernel.shape)


def calls(network: Any) -> Iterator[tuple[Any, Any]]:
    """The operations of a network with their nodes, from the images to the logits."""
    graph = getattr(network, "_functional", network)
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if not isinstance(node.operation, keras.layers.InputLayer):
                yield node.operation, node


def name_of(operation: Any, node: Any) -> str:
    """The kind of an operation with the shapes that decide its speed."""
    original = getattr(operation, "original", operation)
    shape = "×".join(map(str, node.input_tensors[0].shape[1:]))
    kernel = getattr(original, "kernel", None)
    of_kernel = "" if kernel is None else f", kernel {'×'.join(map(str, kernel.shape))}"
    stride = getattr(original, "strides", (1,))
    steps = f", stride {max(stride)}" if kernel is not None and max(stride) > 1 else ""
    return f"{type(original).__name__} of {shape}{of_kernel}{steps}"


def passes(
    network: Any, batch: int, limits: Limits, repeats: int, kind: str, left_out: Sequence[Any] = ()
) -> list[Pass]:
    """The passes of all kinds of layers in a network, each timed alone.

    Args:
        network: the network, as the step uses it.
        batch: the number of images.
        limits: the limits of the machine.
        repeats: the number of repeats, of which the fastest counts.
        kind: `forward` (in inference mode) or `both` (forward and backward, in training mode).
        left_out: layers that are not timed.
    """
    found: dict[str, Pass] = {}
    for operation, node in calls(network):
        name = name_of(operation, node)
        if name in found:
            found[name].number += 1
            continue
        if operation in left_out or (kind == "forward" and isinstance(operation, FUSED)):
            continue
        inputs = [tf.cast(tf.random.normal((batch, *t.shape[1:])), t.dtype) for t in node.input_tensors]
        trained = getattr(getattr(operation, "original", operation), "trainable_variables", [])
        is_first = any(isinstance(t._keras_history.operation, keras.layers.InputLayer) for t in node.input_tensors)
        action = timed_pass(operation, node, inputs, trained, kind, is_first)
        output, dtype = node.outputs[0], getattr(operation, "compute_dtype", inputs[0].dtype.name)
        each = [math.prod(t.shape) * t.dtype.size for t in inputs]
        out = batch * math.prod(output.shape[1:]) * tf.as_dtype(output.dtype).size
        weights = sum(math.prod(v.shape) * 4 for v in trained)
        flops = 2.0 * batch * multiplications(operation, output)
        moved = sum(each) + out + weights
        if kind == "both":  # the gradients of the weights, and of the inputs unless these are the images
            flops *= 2 if is_first else 3
            moved += sum(each) + out + weights + (0 if is_first else sum(each))
        seconds = best(action, repeats)
        dtype = dtype if dtype in limits.product else FULL
        bound = "product" if flops / limits.product[dtype] > moved / limits.bandwidth else "bandwidth"
        found[name] = Pass(name, kind, 1, flops, seconds, limits.seconds(flops, moved, dtype), bound)
    return list(found.values())


def timed_pass(
    operation: Any, node: Any, inputs: list[tf.Tensor], trained: list[Any], kind: str, is_first: bool
) -> Callable[[], Any]:
    """A compiled pass of one layer.

    Args:
        operation: the layer.
        node: the call of the layer in the network.
        inputs: the inputs of the layer.
        trained: the weights of the layer.
        kind: `forward` or `both`.
        is_first: whether the inputs are the images, whose gradient is not needed.
    """
    mode = {"training": kind == "both"} if getattr(operation, "_call_has_training_arg", False) else {}
    keys = [id(t) for t in node.input_tensors]

    def forward(given: list[tf.Tensor]) -> tf.Tensor:
        args, kwargs = node.arguments.fill_in(dict(zip(keys, given, strict=True)))
        return operation(*args, **(kwargs | mode))

    def both(given: list[tf.Tensor], upstream: tf.Tensor) -> list[Any]:
        sources = [v.value for v in trained] + ([] if is_first else given)
        with tf.GradientTape() as tape:
            tape.watch(given)
            output = forward(given)
        found = tape.gradient(output, sources, output_gradients=upstream) if sources else []
        return [output, *(g for g in found if g is not None)]

    if kind == "forward":
        compiled = tf.function(forward, autograph=False)
        return lambda: compiled(inputs)
    upstream = tf.ones_like(forward(inputs))
    compiled = tf.function(both, autograph=False)
    return lambda: compiled(inputs, upstream)


@dataclass
class Measured:
    """A network in one precision.

    Args:
        name: the name of the network.
        precision: the precision.
        training: the FLOP/s of a whole training step.
        evaluation: the FLOP/s of a whole evaluation.
        dtype: the dtype that the layers compute in.
        layers: the passes of the layers in training and in evaluation.
    """

    name: str
    precision: str
    training: float
    evaluation: float
    dtype: str
    layers: list[Pass]


def measure(name: str, network: Network, precision: str, limits: Limits, repeats: int) -> Measured:
    """Time the training step, the evaluation and the layers of a network.

    Args:
        name: the name of the network.
        network: the network.
        precision: `float32` or `mixed_bfloat16`.
        limits: the limits of the machine.
        repeats: the number of repeats, of which the fastest counts.
    """
    with tempfile.TemporaryDirectory() as place:
        words = [*network.overrides.split(), *noise_arrays(Path(place), network.size, 512), "augment=none"]
        words += [f"trainer.batch_size={network.batch}", f"trainer.precision={precision}", "tracking=none"]
        config = Composer().config(words)
        assembly = assemble(config, Session())
    step, train = assembly.step, assembly.dataset.train
    images, labels = tf.constant(train.images[train.rows]), tf.constant(train.row_labels)
    rates = np.full(STEPS, config.optim.learning_rate, np.float32)

    def batches(size: int) -> np.ndarray:
        return np.tile(np.arange(size, dtype=np.int32), (STEPS, 1))

    of_image = sum(multiplications(operation, node.outputs[0]) for operation, node in calls(step.network))
    size = config.trainer.eval_batch_size
    train_seconds = best(lambda: step.train(images, labels, batches(network.batch), rates, 0), repeats)
    eval_seconds = best(lambda: step.evaluate(images, labels, batches(size), "evaluation"), repeats)
    layers = passes(step.network, network.batch, limits, repeats, "both")
    folded = [norm for _, norm in step.inference.folded]
    layers += passes(step.network, size, limits, repeats, "forward", folded)
    return Measured(
        name,
        precision,
        6 * of_image * network.batch * STEPS / train_seconds,
        2 * of_image * size * STEPS / eval_seconds,
        precision.removeprefix("mixed_"),
        layers,
    )


def layer_table(measured: Measured) -> str:
    """The table of all layers of a network."""
    lines = [f"\n{measured.name}, {measured.precision}"]
    for one in sorted(measured.layers, key=lambda one: (one.kind, -one.lost)):
        lines.append(
            f"  {one.kind:8} {one.number:3} × {one.layer:60} {one.flops / 1e9:9.2f} GFLOP {one.seconds * 1e3:9.2f} ms, "
            f"at least {one.least * 1e3:8.2f} ms ({one.bound}): {one.least / one.seconds:5.0%}"
        )
    return "\n".join(lines)


def farthest(measured: Measured, kind: str) -> list[Pass]:
    """The kinds of layers that lose the most time of a step to their limit."""
    return sorted((one for one in measured.layers if one.kind == kind), key=lambda one: -one.lost)[:FARTHEST]


def page_tables(limits: Limits, results: list[Measured]) -> str:
    """The tables of docs/performance.md, in Markdown."""
    peaks = ", ".join(f"{rate / 1e9:,.0f} GFLOP/s in {dtype}" for dtype, rate in limits.product.items())
    rows = [
        f"The product reaches {peaks}; the memory moves {limits.bandwidth / 1e9:,.1f} GB/s.",
        "",
        f"| {' | '.join(['network', 'precision', *(f'{what}, {of}' for what in PASSES.values() for of in SHARES)])} |",
        "|---|---|---|---|---|---|",
    ]
    for one in results:
        peak = limits.product[one.dtype]
        cells = [one.name, one.precision]
        for rate in (one.training, one.evaluation):
            cells += [f"{rate / 1e9:,.0f}", f"{rate / peak:.0%}"]
        rows.append(f"| {' | '.join(cells)} |")
    rows += [
        "",
        "| network | precision | pass | layers | time in a step | least time | limit | share of the limit |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        for kind, what in PASSES.items():
            for layer in farthest(one, kind):
                times = [f"{layer.number * seconds * 1e3:,.1f} ms" for seconds in (layer.seconds, layer.least)]
                cells = [one.name, one.precision, what, f"{layer.number} × {layer.layer}", *times, layer.bound]
                rows.append(f"| {' | '.join([*cells, f'{layer.least / layer.seconds:.0%}'])} |")
    return "\n".join([*rows, "", f"Measured on {machine([])}."])


def main() -> None:
    """Measure the chosen networks, print their layers, and write the tables if all networks were measured."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench roofline", description="Compare speeds with the limits of this machine."
    )
    parser.add_argument("networks", nargs="*", metavar="network", help=f"{', '.join(NETWORKS)}; default: all")
    parser.add_argument("--repeats", type=int, default=5, help="number of repeats, of which the fastest counts; 5")
    args = parser.parse_args()
    if unknown := [name for name in args.networks if name not in NETWORKS]:
        parser.error(f"{unknown[0]} is not a network; the networks are {', '.join(NETWORKS)}")
    if args.repeats < 1:
        parser.error(f"--repeats is {args.repeats}, but it must be at least 1")
    tf.get_logger().setLevel("ERROR")  # each layer is traced by a function of its own, which TensorFlow warns of
    precisions = list(dict.fromkeys([FULL, native_precision()]))
    limits = measure_limits([precision.removeprefix("mixed_") for precision in precisions], args.repeats)
    log(limits)
    results = []
    for name in args.networks or NETWORKS:
        for precision in precisions:
            results.append(measure(name, NETWORKS[name], precision, limits, args.repeats))
            log(layer_table(results[-1]))
    tables = page_tables(limits, results)
    log("\n" + tables)
    if not args.networks:
        PAGE.write_text(replace_between(PAGE.read_text(encoding="utf-8"), "roofline", tables), encoding="utf-8")


if __name__ == "__main__":
    main()
