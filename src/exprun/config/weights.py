"""Find and recognise the file of `model.weights`, before TensorFlow is imported."""

from pathlib import Path

from exprun.config.errors import ConfigError
from exprun.config.paths import user_path

HDF5, ZIP = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"
SIGNATURES = {".npz": ZIP, ".keras": ZIP, ".h5": HDF5, ".hdf5": HDF5}  # the first bytes of a file with each suffix
ALLOWED = "a run folder, a run's checkpoint (.npz) or a Keras file (.keras, .h5, .hdf5)"


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
