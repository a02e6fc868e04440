"""Images of different splits that are copies of one another, as pairs to look at."""

from dataclasses import dataclass

import numpy as np

from exprun.doctor.instruments.leaks import ALIKE, MAX_ASKED, Prints
from exprun.doctor.subject import Subject

MOST = 6  # pairs that are shown


@dataclass(frozen=True)
class Copies:
    """Pairs of images of two splits.

    Args:
        images: the images of each pair, the one of the later split first.
        captions: the captions of each pair.
        described: which splits they belong to.
    """

    images: list[tuple[np.ndarray, np.ndarray]]
    captions: list[tuple[str, str]]
    described: str


def copies(subject: Subject) -> Copies | None:
    """The first pairs of images that are equal, or nearly, in a split and one that is used earlier; None without."""
    prints = [one for one in subject.prints() if one.images is not None and one.rows is not None]
    for place, later in enumerate(prints[1:], 1):
        for earlier in prints[:place]:
            pairs = _equal(earlier, later) or _alike(earlier, later)
            if pairs:
                return _shown(earlier, later, pairs)
    return None


def _equal(earlier: Prints, later: Prints) -> list[tuple[int, int]]:
    """The places of images of the same pixels, in the later and in the earlier split."""
    known = {digest: place for place, digest in enumerate(earlier.digests) if digest}
    found = [(place, known[digest]) for place, digest in enumerate(later.digests) if digest in known]
    return found[:MOST]


def _alike(earlier: Prints, later: Prints) -> list[tuple[int, int]]:
    """The places of images whose thumbnails are nearly the same, the most similar ones first."""
    if earlier.thumbnails is None or later.thumbnails is None:
        return []
    likeness = later.thumbnails[:MAX_ASKED] @ earlier.thumbnails.T
    nearest = likeness.argmax(1)
    highest = likeness[np.arange(len(nearest)), nearest]
    order = [int(place) for place in np.argsort(-highest)[:MOST] if highest[place] > ALIKE]
    return [(place, int(nearest[place])) for place in order]


def _shown(earlier: Prints, later: Prints, pairs: list[tuple[int, int]]) -> Copies:
    both = [(_image(later, one), _image(earlier, other)) for one, other in pairs]
    captions = [(_caption(later, one), _caption(earlier, other)) for one, other in pairs]
    return Copies(both, captions, f"{later.split} and {earlier.split}")


def _image(prints: Prints, place: int) -> np.ndarray:
    assert prints.images is not None
    assert prints.rows is not None
    return prints.images[prints.rows[place]]


def _caption(prints: Prints, place: int) -> str:
    return f"{prints.split}: {prints.names[place]}" if prints.names else prints.split
