"""What TensorFlow and other libraries read from the environment as they are imported."""

import os
import platform
import sys

from exprun.config.errors import say

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
NO_HOME = "/nonexistent"  # Debian's name for the home of who has none


def prepare(deterministic: bool = False) -> None:
    """Set environment variables before TensorFlow and MLflow are imported; those that are set already stay as they are.

    A deterministic run is the exception: its bits are not to depend on the environment, so oneDNN is on, and where that
    overrules a variable it is said.

    It is quiet, and it computes by oneDNN on every x86 processor. TensorFlow by itself does so only where there is
    AVX512-VNNI or newer (`DefaultOneDnnPolicy` in tensorflow/core/util/util.cc, 2.21), although oneDNN is faster than
    its other kernels with AVX2 alone, too: VGG-16 trains 2.6 times as fast, ResNet-20 1.9 times.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    if os.path.expanduser("~") == "~":  # a user of a container: MLflow would fail, and Keras make a folder named ~
        os.environ["HOME"] = NO_HOME
    if platform.machine() in ("x86_64", "AMD64"):
        value = os.environ.setdefault(ONEDNN, "1")
        if deterministic and value.lower() in ("0", "false") and "tensorflow" not in sys.modules:
            say(f"{ONEDNN}={value} is overruled: a run with trainer.deterministic=true computes by oneDNN.")
            os.environ[ONEDNN] = "1"
