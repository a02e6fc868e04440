"""What TensorFlow and other libraries read from the environment as they are imported."""

import os
import platform

NO_HOME = "/nonexistent"  # Debian's name for the home of who has none


def prepare() -> None:
    """Set environment variables before TensorFlow and MLflow are imported; those that are set already stay as they are.

    It is quiet, and it computes by oneDNN on every x86 processor. TensorFlow by itself does so only where there is
    AVX512-VNNI or newer (`DefaultOneDnnPolicy` in tensorflow/core/util/util.cc, 2.21), although oneDNN is faster than
    its other kernels with AVX2 alone, too: VGG-16 trains 2.6 times as fast, ResNet-20 1.9 times.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    if os.path.expanduser("~") == "~":  # a user of a container: MLflow would fail, and Keras make a folder named ~
        os.environ["HOME"] = NO_HOME
    if platform.machine() in ("x86_64", "AMD64"):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
