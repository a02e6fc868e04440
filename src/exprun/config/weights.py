"""The file that `model.weights` names, found and recognised before TensorFlow is imported."""

from pathlib import Path

from exprun.config.errors import ConfigError
from exprun.config.paths import user_path

HDF5, ZIP = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"
SIGNATURES = {".npz": ZIP, ".keras": ZIP, ".h5": HDF5, ".hdf5": HDF5}  # how a file of each ending starts
ALLOWED = "a run's folder, a run's checkpoint (.npz) or a Keras file (.keras, .h5, .hdf5)"


def find_weights(place: str) -> Path:
    """The file with the weights: of a run's folder, its best checkpoint.

    Args:
        place: a run's folder, or a file.

    Raises:
        ConfigError: it does not exist, cannot be read, is of another kind, or is a folder without a checkpoint.
    """
    path = user_path(place, f"model.weights={place}")
    if path.is_dir():
        path = path / "checkpoints" / "best.npz"
        if not path.exists():
            raise ConfigError(
                f"model.weights={place} is a folder without checkpoints/best.npz; name the folder of a run that wrote "
                "one, or a file."
            )
    if path.suffix.lower() not in SIGNATURES:
        problem = "is of another kind" if path.exists() else "does not exist"
        raise ConfigError(f"model.weights={place} {problem}; it takes {ALLOWED}.")
    signature = SIGNATURES[path.suffix.lower()]
    try:
        with open(path, "rb") as file:
            start = file.read(len(signature))
    except FileNotFoundError:
        raise ConfigError(f"model.weights={place} does not exist; it takes {ALLOWED}.") from None
    except OSError as error:
        raise ConfigError(f"model.weights={place} cannot be read: {error.strerror}.") from None
    if start != signature:
        raise ConfigError(f"model.weights={place} is no {path.suffix} file inside; it takes {ALLOWED}.")
    return path
