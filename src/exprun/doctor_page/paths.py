"""The paths through layers whose output is not used."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from exprun.doctor.instruments.graph import dead_ends, dropped
from exprun.text import plural

PATHS_SHOWN = 4


@dataclass(frozen=True)
class Path:
    """A path through layers, from left to right.

    Args:
        names: the names of the layers.
        end: where the path ends, in words.
        is_used: whether it leads to the output of the model.
    """

    names: Sequence[str]
    end: str
    is_used: bool


@dataclass(frozen=True)
class Bypassed:
    """The paths of a network whose ends are not used.

    Args:
        title: the first of these ends, and the layer that the network calls instead, in a sentence.
        note: the number of paths that are left out; empty if all are shown.
        paths: the paths, each after the one that the network takes instead.
    """

    title: str
    note: str
    paths: Sequence[Path]


def bypassed(model: Any) -> Bypassed | None:
    """The paths of a Keras model whose ends are not used; None if there is none."""
    branches = dead_ends(dropped(model))
    if not branches:
        return None
    paths: list[Path] = []
    for names, others in branches[:PATHS_SHOWN]:
        if others:
            paths.append(Path((names[0], others[0], "…"), "output of the model", True))
        paths.append(Path(names, "not used", False))
    names, others = branches[0]
    title = f"The output of {names[-1]} is not used"
    title += f": {others[0]} gets the output of {names[0]} instead" if others else ""
    left_out = len(branches) - PATHS_SHOWN
    note = f"Not shown: {plural(left_out, 'further layer')} whose output is not used." if left_out > 0 else ""
    return Bypassed(title, note, paths)
