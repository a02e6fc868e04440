"""Write a trained network in a format."""

import logging
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from exprun.config.errors import RunError, one_line
from exprun.model.plain import plain
from exprun.network_interface import Interface, of_pixels, save_keras, served
from exprun.tracking.model import save_mlflow

OPSET = 18  # version of ONNX's operations: ONNX Runtime reads it since version 1.14 (2023)


def write(
    path: Path,
    form: str,
    network: Any,
    interface: Interface,
    precision: str = "float32",
    calibration: np.ndarray | None = None,
) -> None:
    """Write a network that takes pixels of 0 to 255; the number of images in a batch is free.

    A Keras file returns logits, so that it can be trained further. The other formats return probabilities.

    Args:
        path: the file, or the folder for `savedmodel` and `mlflow`, which is replaced if it exists.
        form: the format, a key of `exprun.formats.FORMATS`.
        network: the Keras model, from scaled pixels to logits, (images, classes).
        interface: the interface of the network.
        precision: the precision of a TFLite file, one of `exprun.formats.PRECISIONS`.
        calibration: training images whose activations give the ranges of int8, uint8, (images, *interface.image).

    Raises:
        OSError: the file cannot be written.
        RunError: the network has operations that the format does not have.
    """
    if form == "keras":
        save_keras(path, network, interface.scaling, interface.image)
        return
    model = of_pixels(plain(network), interface.scaling, interface.image)
    if form == "mlflow":
        save_mlflow(path, model, interface, np.zeros(interface.image, np.uint8))
        return
    graph = served(model, interface)
    if form == "savedmodel":
        import tensorflow as tf

        tf.saved_model.save(graph, str(path), signatures=graph.__call__)
    else:
        path.write_bytes(_onnx(graph) if form == "onnx" else _tflite(graph, precision, calibration))


def _onnx(graph: Any) -> bytes:
    """The graph as an ONNX model.

    Raises:
        RunError: ONNX does not have an operation of the graph.
    """
    import onnx
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
    from tf2onnx.optimizer import optimize_graph
    from tf2onnx.optimizer.optimizer_base import GraphOptimizerBase
    from tf2onnx.tfonnx import process_tf_graph

    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)  # it lists the operations that are named below
    # Not by `tf2onnx.convert`, whose functions take constants that the graph captured for inputs, or copy all weights
    # three times more.
    frozen = convert_variables_to_constants_v2(graph.__call__.get_concrete_function())
    (image,), (probabilities,) = [one.name for one in frozen.inputs], [one.name for one in frozen.outputs]
    definition = frozen.graph.as_graph_def()
    del frozen
    with tf.Graph().as_default() as operations, patch.object(GraphOptimizerBase, "optimize", _optimized):
        tf.import_graph_def(definition, name="")
        del definition
        converted = process_tf_graph(
            operations,
            input_names=[image],
            output_names=[probabilities],
            tensors_to_rename={image: "image", probabilities: "probabilities"},
            continue_on_error=True,  # the operations that ONNX lacks are named below
            opset=OPSET,
            custom_op_handlers={"Erfc": (_erfc, [])},
        )
        model = optimize_graph(converted, catch_errors=False).make_model("network")
    if unknown := sorted({node.op_type for node in model.graph.node if not onnx.defs.has(node.op_type)}):
        raise RunError(f"The network has operations that ONNX lacks: {', '.join(unknown)}; choose another --to.")
    return bytes(model.SerializeToString())


def _optimized(optimizer: Any, graph: Any, iteration: int) -> Any:
    """Optimise a graph in place.

    tf2onnx 1.17 copies all weights before and after each of its optimisations, of which there are 36 or more, and keeps
    the copies: InceptionResNetV2 with its 55 million weights took more than 16 GB.
    """
    optimizer.opt_iteration = iteration
    graph = optimizer._optimize(graph)
    graph.delete_unused_nodes(graph.outputs)
    return graph


def _erfc(context: Any, node: Any, *_: Any) -> None:
    """Replace the complementary error function, which GELU uses, by 1 - erf: ONNX only has the latter."""
    shapes, types = node.output_shapes, node.output_dtypes
    context.remove_node(node.name)
    erf = context.make_node("Erf", node.input, shapes=shapes, dtypes=types)
    one = context.make_const(f"{node.name}/one", np.ones((), np.float32))
    context.make_node("Sub", [one.output[0], erf.output[0]], outputs=node.output, shapes=shapes, dtypes=types)


def _tflite(graph: Any, precision: str, calibration: np.ndarray | None) -> bytes:
    """The graph as a TFLite model, which LiteRT and TensorFlow Lite run.

    Raises:
        RunError: TFLite does not have an operation of the graph in this precision.
    """
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph.__call__.get_concrete_function()], graph)
    if precision == "float16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    elif precision == "int8":
        assert calibration is not None
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: ([image[None]] for image in calibration)
    try:
        return bytes(converter.convert())
    except Exception as error:  # the converter raises many kinds
        raise RunError(f"TFLite cannot hold the network in {precision}: {one_line(error)[:300]}") from error
