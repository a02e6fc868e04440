"""What TensorFlow, Keras and MLflow read from the environment and the user's files as they are imported."""

import contextlib
import json
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exprun.config.errors import RunError, say
from exprun.config.paths import NO_HOME

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
# Of runs, by the names of keras.json: what a run gives does not depend on whose machine it is.
KERAS = {"backend": "tensorflow", "image_data_format": "channels_last", "floatx": "float32", "epsilon": 1e-7}


def prepare(deterministic: bool = False) -> None:
    """Set environment variables before TensorFlow and MLflow are imported; those that are set already stay as they are.

    A deterministic run is the exception: its bits are not to depend on the environment, so oneDNN is on, and where that
    overrules a variable it is said.

    It is quiet, and it computes by oneDNN on every x86 processor. TensorFlow by itself does so only where there is
    AVX512-VNNI or newer (`DefaultOneDnnPolicy` in tensorflow/core/util/util.cc, 2.21), although oneDNN is faster than
    its other kernels with AVX2 alone, too: VGG-16 trains 2.6 times as fast, ResNet-20 1.9 times.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # MLflow reports its use to its makers otherwise
    if os.path.expanduser("~") == "~":  # a user of a container: MLflow would fail, and Keras make a folder named ~
        os.environ["HOME"] = NO_HOME
    if platform.machine() in ("x86_64", "AMD64"):
        value = os.environ.setdefault(ONEDNN, "1")
        if deterministic and value.lower() in ("0", "false") and "tensorflow" not in sys.modules:
            say(f"{ONEDNN}={value} is overruled: a run with trainer.deterministic=true computes by oneDNN.")
            os.environ[ONEDNN] = "1"


def check_keras() -> None:
    """Refuse to run in a process that has imported Keras with another backend, which cannot change any more.

    Raises:
        RunError: it has.
    """
    config = getattr(sys.modules.get("keras"), "config", None)
    if config is not None and config.backend() != KERAS["backend"]:
        raise RunError(
            f"Keras was imported in this process with the backend {config.backend()}, and a run needs "
            f"{KERAS['backend']}: set KERAS_BACKEND={KERAS['backend']} before Keras is imported, or start the run by a "
            "command of its own."
        )


def load(deterministic: bool = False) -> None:
    """Import TensorFlow and Keras with the settings of runs, and say it where they overrule the user's.

    These stand in `keras.json` in the folder KERAS_HOME or `~/.keras`, in environment variables, and, where Keras was
    imported already, in the process. Keras reads them as it is imported, so it sees none of them then; nor does it
    write the file. Its folder of downloads stays where it is.

    Args:
        deterministic: whether the run is.

    Raises:
        RunError: Keras was imported in this process with another backend.
    """
    prepare(deterministic)
    check_keras()
    if "keras" in sys.modules:
        import keras

        theirs = {name: getattr(keras.config, name)() for name in KERAS}
    else:
        folder = _keras_home()
        theirs = _settings_of_user(folder / "keras.json")
        with _without_settings_of_user():
            import keras
        keras.src.backend.config._KERAS_DIR = str(folder)
    if overruled := {name: value for name, value in theirs.items() if value != KERAS[name]}:
        ours = ", ".join(f"{name}={KERAS[name]}" for name in overruled)
        found = ", ".join(f"{name}={value}" for name, value in overruled.items())
        say(f"Keras' settings of this user or process are overruled: a run takes {ours}, not {found}.")
    keras.config.set_image_data_format(KERAS["image_data_format"])
    keras.config.set_floatx(KERAS["floatx"])
    keras.config.set_epsilon(KERAS["epsilon"])


def _keras_home() -> Path:
    """The folder of `keras.json` and of Keras' downloads, by its own rule."""
    if "KERAS_HOME" in os.environ:
        return Path(os.path.expanduser(os.environ["KERAS_HOME"]))
    home = os.path.expanduser("~")
    return Path(home if os.access(home, os.W_OK) else "/tmp") / ".keras"


def _settings_of_user(file: Path) -> dict[str, Any]:
    """Those that are set; a damaged file sets none."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = {}
    found = {name: found[name] for name in KERAS if name in found} if isinstance(found, dict) else {}
    variable = os.environ.get("KERAS_BACKEND")
    return found | ({"backend": variable} if variable else {})


@contextlib.contextmanager
def _without_settings_of_user() -> Iterator[None]:
    """Hide them from Keras: its folder is then one in which there is no file, and in which none can be made."""
    kept = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith("KERAS_")}
    os.environ.update(KERAS_BACKEND=str(KERAS["backend"]), KERAS_HOME=os.devnull)
    try:
        yield
    finally:
        for name in ("KERAS_BACKEND", "KERAS_HOME"):
            os.environ.pop(name, None)
        os.environ.update(kept)
