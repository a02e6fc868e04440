"""Find and recognise the file of `model.weights`, before TensorFlow is imported."""

import os
import urllib.request
from pathlib import Path

from exprun.config.applications import IMAGENET, PretrainedFile, pretrained
from exprun.config.errors import ConfigError, one_line
from exprun.config.hub import PRESET
from exprun.config.network import Model
from exprun.config.paths import user_path

HDF5, ZIP = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"
SIGNATURES = {".npz": ZIP, ".keras": ZIP, ".h5": HDF5, ".hdf5": HDF5}  # the first bytes of a file with each suffix
ALLOWED = "a run folder, a run's checkpoint (.npz) or a Keras file (.keras, .h5, .hdf5)"
ANSWER_SECONDS = 5.0  # the longest wait for the server with Keras' weights


def find_teacher(place: str) -> Path:
    """The folder of the run that `model.teacher` names.

    Raises:
        ConfigError: there is no such folder, or it has no trained network.
    """
    path = user_path(place, f"model.teacher={place}")
    if not (path / "checkpoints" / "best.npz").exists():
        problem = "has no checkpoints/best.npz" if path.is_dir() else "is no folder"
        raise ConfigError(f"model.teacher={place} {problem}; name the folder of a run that is trained.")
    return path


def find_weights(place: str) -> Path:
    """The path of the file with the weights; for a run folder, the path of its best checkpoint.

    Args:
        place: the path of a run folder or of a file.

    Raises:
        ConfigError: the file does not exist, cannot be read or has another format, or the folder has no checkpoint.
    """
    path = user_path(place, f"model.weights={place}")
    if path.is_dir():
        path = path / "checkpoints" / "best.npz"
        if not path.exists():
            raise ConfigError(
                f"model.weights={place} is a folder without checkpoints/best.npz; name the folder of a run that has "
                "one, or a file."
            )
    if path.suffix.lower() not in SIGNATURES:
        problem = "has an unknown suffix" if path.exists() else "does not exist"
        raise ConfigError(f"model.weights={place} {problem}; it must be {ALLOWED}.")
    signature = SIGNATURES[path.suffix.lower()]
    try:
        with open(path, "rb") as file:
            start = file.read(len(signature))
    except FileNotFoundError:
        raise ConfigError(f"model.weights={place} does not exist; it must be {ALLOWED}.") from None
    except OSError as error:
        raise ConfigError(f"model.weights={place} cannot be read: {error.strerror}.") from None
    if start != signature:
        raise ConfigError(f"model.weights={place} is not a valid {path.suffix} file; it must be {ALLOWED}.")
    return path


def initial_weights(model: Model, size: tuple[int, int]) -> Path | None:
    """The path of the file with the initial weights; None without one, or if Keras has not downloaded it yet.

    Args:
        model: the group `model` of the config.
        size: the height and width of the network's input.

    Raises:
        ConfigError: the file that `model.weights` names cannot be used.
    """
    if model.weights == IMAGENET:
        return _cached(pretrained(model, size))
    return None if model.weights in (None, PRESET) else find_weights(str(model.weights))


def check_pretrained(model: Model, size: tuple[int, int]) -> None:
    """Refuse Keras' ImageNet weights if they are neither in Keras' cache nor to be had from their server.

    Args:
        model: the group `model` of the config, with `weights=imagenet`.
        size: the height and width of the network's input.

    Raises:
        ConfigError: the file is missing and the server does not answer; the message says which file goes where.
    """
    file = pretrained(model, size)
    if _cached(file) is not None:
        return
    try:
        request = urllib.request.Request(file.address, method="HEAD")
        urllib.request.urlopen(request, timeout=ANSWER_SECONDS).close()
    except (OSError, ValueError) as error:  # among them are errors of the network and of the server
        raise ConfigError(missing_pretrained(file, one_line(getattr(error, "reason", error))[:120])) from None


def missing_pretrained(file: PretrainedFile, problem: str) -> str:
    """A sentence on a file of Keras' weights that cannot be downloaded, and how to get it.

    Args:
        file: the file.
        problem: why it cannot be downloaded.
    """
    kind = {32: "MD5", 64: "SHA-256"}.get(len(file.checksum or ""))
    sum_of = f" of {kind} {file.checksum}" if kind else ""
    renamed = "" if file.address.endswith(f"/{file.name}") else f" as {file.name}"
    return (
        f"model.weights=imagenet needs {file.name}, which is missing or damaged in {_caches()[0]} and cannot be "
        f"downloaded ({problem.rstrip('.')}): get {file.address}{sum_of} on another machine and put it there{renamed}."
    )


def _cached(file: PretrainedFile) -> Path | None:
    return next((folder / file.name for folder in _caches() if (folder / file.name).is_file()), None)


def _caches() -> list[Path]:
    """The folders in which Keras keeps weights: usually the first, or the second if the first cannot be written."""
    home = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    return [Path(home) / "models", Path("/tmp/.keras/models")]
