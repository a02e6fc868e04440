"""The settings of TensorFlow, Keras and MLflow, which these libraries read as they are imported."""

import contextlib
import gc
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
# Keras' settings in a run, by their names in keras.json. They are fixed, so that the result of a run does not depend
# on the settings of the user who starts it.
KERAS = {"backend": "tensorflow", "image_data_format": "channels_last", "floatx": "float32", "epsilon": 1e-7}
# Packages that Keras imports if they are installed, for its wrappers of scikit-learn, its plots and data frames. No run
# uses these, and importing them takes as long as half of TensorFlow.
UNUSED = ("sklearn", "matplotlib", "pandas", "scipy")

_is_own_process = False


def prepare(deterministic: bool = False) -> None:
    """Set environment variables before TensorFlow and MLflow are imported; variables that are set already stay.

    TensorFlow is made quiet, and oneDNN is switched on for every x86 processor. TensorFlow's default is to use oneDNN
    only on processors with AVX512-VNNI or newer (`DefaultOneDnnPolicy` in tensorflow/core/util/util.cc, 2.21). But
    oneDNN is faster than TensorFlow's other kernels on processors with only AVX2, too: VGG-16 trains 2.6 times as
    fast, ResNet-20 1.9 times.

    Args:
        deterministic: whether the run is deterministic. The bits of such a run must not depend on the environment, so
            oneDNN is switched on even if a variable switches it off, and a message reports this.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # otherwise MLflow reports its use to its makers
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # the summary of a run names its page
    # A container's user may have no home folder: MLflow would fail, and Keras would make a folder named ~.
    if os.path.expanduser("~") == "~":
        os.environ["HOME"] = NO_HOME
    if platform.machine() in ("x86_64", "AMD64"):
        value = os.environ.setdefault(ONEDNN, "1")
        if deterministic and value.lower() in ("0", "false") and "tensorflow" not in sys.modules:
            say(f"{ONEDNN}={value} is overruled: a run with trainer.deterministic=true computes with oneDNN.")
            os.environ[ONEDNN] = "1"


def own_process() -> None:
    """Declare that this process runs only exprun, so that `load` may import Keras without the packages in `UNUSED`."""
    global _is_own_process
    _is_own_process = True


def check_keras() -> None:
    """Refuse to run in a process that has imported Keras with another backend, as the backend cannot be changed.

    Raises:
        RunError: Keras was imported in this process with another backend.
    """
    config = getattr(sys.modules.get("keras"), "config", None)
    if config is not None and config.backend() != KERAS["backend"]:
        raise RunError(
            f"Keras was imported in this process with the backend {config.backend()}, but a run needs "
            f"{KERAS['backend']}: set KERAS_BACKEND={KERAS['backend']} before Keras is imported, or start the run in "
            "another process."
        )


def load(deterministic: bool = False) -> None:
    """Import TensorFlow and Keras with the settings of runs, and report which settings of the user are overruled.

    The user's settings are in `keras.json` (in the folder KERAS_HOME or `~/.keras`), in environment variables and, if
    Keras was imported already, in this process. They are hidden while Keras is imported, so Keras neither reads nor
    writes the file. Keras still uses its own folder for downloads.

    Args:
        deterministic: whether the run is deterministic.

    Raises:
        RunError: Keras was imported in this process with another backend.
    """
    prepare(deterministic)
    check_keras()
    if "keras" in sys.modules:
        import keras

        of_user = {name: getattr(keras.config, name)() for name in KERAS}
    else:
        folder = _keras_home()
        of_user = _settings_of_user(folder / "keras.json")
        with _without_settings_of_user(), _light_import() if _is_own_process else contextlib.nullcontext():
            import keras
        keras.src.backend.config._KERAS_DIR = str(folder)
    if overruled := {name: value for name, value in of_user.items() if value != KERAS[name]}:
        used = ", ".join(f"{name}={KERAS[name]}" for name in overruled)
        unused = ", ".join(f"{name}={value}" for name, value in overruled.items())
        say(f"Keras' settings of this user or process are overruled: a run uses {used}, not {unused}.")
    keras.config.set_image_data_format(KERAS["image_data_format"])
    keras.config.set_floatx(KERAS["floatx"])
    keras.config.set_epsilon(KERAS["epsilon"])


def _keras_home() -> Path:
    """The folder of `keras.json` and of Keras' downloads, found by the same rule as in Keras."""
    if "KERAS_HOME" in os.environ:
        return Path(os.path.expanduser(os.environ["KERAS_HOME"]))
    home = os.path.expanduser("~")
    return Path(home if os.access(home, os.W_OK) else "/tmp") / ".keras"


def _settings_of_user(file: Path) -> dict[str, Any]:
    """Keras' settings in a user's file and environment; a damaged file counts as empty."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = {}
    of_file = {name: content[name] for name in KERAS if name in content} if isinstance(content, dict) else {}
    variable = os.environ.get("KERAS_BACKEND")
    return of_file | ({"backend": variable} if variable else {})


@contextlib.contextmanager
def _without_settings_of_user() -> Iterator[None]:
    """Hide the user's settings from Keras: its folder becomes a path where no file exists or can be created."""
    kept = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith("KERAS_")}
    os.environ.update(KERAS_BACKEND=str(KERAS["backend"]), KERAS_HOME=os.devnull)
    try:
        yield
    finally:
        for name in ("KERAS_BACKEND", "KERAS_HOME"):
            os.environ.pop(name, None)
        os.environ.update(kept)


@contextlib.contextmanager
def _light_import() -> Iterator[None]:
    """Hide the packages that Keras does not need, and do not scan for garbage the objects that stay alive anyway."""
    hidden = [name for name in UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: importing it raises ImportError
    gc.disable()
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
        gc.freeze()
        gc.enable()
