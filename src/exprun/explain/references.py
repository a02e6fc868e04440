"""What simple methods reach on the images of a config: if they learn, the data is not to blame."""

import numpy as np

from exprun.data import Dataset, Split
from exprun.experiments.reference import Reference, references
from exprun.experiments.sample import MAX_ROWS, MAX_TESTED, Sample, most_rows

SHARE = 0.05  # share of the time of the comparison
MAX_SECONDS = 30.0


def referenced(dataset: Dataset, seconds: float) -> tuple[list[Reference], float]:
    """The references on some training images, tested on some validation images, and the accuracy of chance level there.

    Args:
        dataset: the splits.
        seconds: the time of the whole comparison, of which the references take a part.
    """
    train, val = _drawn(dataset.train, MAX_ROWS), _drawn(dataset.val, MAX_TESTED)
    sample = Sample(*train, *val, "classes")
    found = list(references(sample, min(MAX_SECONDS, SHARE * seconds)))
    return found, float((val[1] == sample.most_frequent).mean())


def in_words(found: list[Reference], chance: float) -> str:
    """The references as a sentence; empty if there are none.

    Args:
        found: the references.
        chance: the accuracy of chance level on their images.
    """
    if not found:
        return ""
    parts = [f"{one.name} {100 * (chance + one.score * (1 - chance)):.1f} % ({one.seconds:.0f} s)" for one in found]
    return f"On the same images, simple methods predict correctly: {', '.join(parts)}."


def _drawn(split: Split, most: int) -> tuple[np.ndarray, np.ndarray]:
    """At most `most` images of a split and their labels, in random order."""
    most = most_rows(split.images, split.labels, most)
    rows = np.random.default_rng(0).permutation(split.rows)[:most]
    return split.images[np.sort(rows)], split.labels[np.sort(rows)]
