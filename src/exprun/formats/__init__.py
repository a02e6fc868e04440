"""The formats in which a trained network is exported, each with its file, the packages that it needs and its use."""

import importlib.util
from dataclasses import dataclass

from exprun.config.errors import ConfigError
from exprun.text import listed

PRECISIONS = ("float32", "float16", "int8")
# The largest difference of a probability from that of `predict` that a file may have. Float32 only adds in another
# order; the others round weights to 11 bits, or weights and activations to 8.
LIMITS = {"float32": 0.001, "float16": 0.05, "int8": 0.5}


@dataclass(frozen=True)
class Format:
    """A format of exported networks.

    Args:
        file: the name of the file or folder that holds the network.
        library: the library that reads it, as model hubs name it.
        use: lines of Python from `images`, uint8, (images, height, width, channels), to `probabilities`.
        packages: the packages that writing or reading the file needs, and that are not installed with exprun.
    """

    file: str
    library: str
    use: tuple[str, ...]
    packages: tuple[str, ...] = ()


FORMATS = {
    "keras": Format(
        "model.keras",
        "keras",
        (
            "import keras",
            'model = keras.saving.load_model("model.keras")',
            "probabilities = keras.ops.softmax(model(images))",
        ),
    ),
    "savedmodel": Format(
        "saved_model",
        "tensorflow",
        (
            "import tensorflow as tf",
            'model = tf.saved_model.load("saved_model")',
            "probabilities = model(images)",
        ),
    ),
    "tflite": Format(
        "model.tflite",
        "tflite",
        (
            "from ai_edge_litert.interpreter import Interpreter",
            'model = Interpreter("model.tflite").get_signature_runner()',
            'probabilities = model(image=images)["output_0"]',
        ),
        ("ai_edge_litert",),
    ),
    "onnx": Format(
        "model.onnx",
        "onnx",
        (
            "import onnxruntime",
            'model = onnxruntime.InferenceSession("model.onnx")',
            'probabilities = model.run(None, {"image": images})[0]',
        ),
        ("onnx", "onnxruntime", "tf2onnx"),
    ),
    "mlflow": Format(
        "mlflow_model",
        "mlflow",
        (
            "import mlflow",
            'model = mlflow.pyfunc.load_model("mlflow_model")',
            "probabilities = model.predict(images)",
        ),
    ),
}


def require(name: str) -> None:
    """Refuse a format whose packages are not installed, without importing them.

    Args:
        name: a key of `FORMATS`, which is also the name of the extra that installs the packages.

    Raises:
        ConfigError: a package is missing.
    """
    missing = [package for package in FORMATS[name].packages if importlib.util.find_spec(package) is None]
    if missing:
        raise ConfigError(
            f"--to {name} needs {listed(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed: "
            f"pip install 'exprun[{name}]'."
        )
