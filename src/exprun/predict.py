"""What a trained network says of pictures."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exprun.compare.query import Run
from exprun.config.errors import ConfigError, one_line
from exprun.data.folder import SUFFIXES, decode_picture
from exprun.export import network

BATCH = 64


@dataclass(frozen=True)
class Prediction:
    """What is said of one picture.

    Args:
        file: of the picture.
        classes: the likeliest first, with their probabilities; empty where the picture cannot be read.
        problem: why it cannot be read.
    """

    file: str
    classes: list[tuple[str, float]]
    problem: str = ""


def find_pictures(places: Sequence[str]) -> list[str]:
    """Pictures, and those below folders, by name.

    Raises:
        ConfigError: a place does not exist, or there is no picture in a folder.
    """
    found: list[str] = []
    for place in places:
        path = Path(place).expanduser()
        if path.is_dir():
            inside = sorted(str(file) for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
            if not inside:
                raise ConfigError(f"There is no picture in {place}.")
            found += inside
        elif path.exists():
            found.append(str(path))
        else:
            raise ConfigError(f"There is no picture {place}.")
    return found


def predict(run: Run, files: Sequence[str], top: int) -> Iterator[Prediction]:
    """Give each picture its classes; it is cropped to the shape of the training images and scaled, as those were.

    Args:
        run: whose network is asked.
        files: pictures.
        top: how many classes of each.

    Raises:
        RunError: the run has no network.
    """
    model, interface = network(run)
    height, width, channels = interface.image
    mode = "L" if channels == 1 else "RGB"
    for start in range(0, len(files), BATCH):
        part = files[start : start + BATCH]
        pictures: dict[str, np.ndarray] = {}
        problems: dict[str, str] = {}
        for file in part:
            try:
                pictures[file] = decode_picture(file, (width, height), mode)
            except Exception as error:  # Pillow raises nearly anything on a damaged file
                problems[file] = one_line(error)[:120]
        chosen: dict[str, list[tuple[str, float]]] = {}
        if pictures:
            logits = np.asarray(model(np.stack(list(pictures.values()))), np.float64)
            shares = np.exp(logits - logits.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
            for file, row in zip(pictures, shares, strict=True):
                best = np.argsort(-row)[:top]
                chosen[file] = [(interface.classes[place], float(row[place])) for place in best]
        for file in part:
            yield Prediction(os.path.relpath(file), chosen.get(file, []), problems.get(file, ""))
