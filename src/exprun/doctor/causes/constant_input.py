"""constant-input: inputs that are the same for all images."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase
from exprun.doctor.context import Context

CAUSE = Cause(
    id="constant-input",
    why="Inputs that are the same in all examples cannot tell classes apart.",
    source="Humbatova et al. 2020, arXiv:1910.11015, training data",
    phases=(Phase.DATA,),
    explains_symptoms=True,
    explains=("shuffled-labels", "vanishing-signal", "leaked-validation", "leaked-test"),
    keras="print x.min() and x.max(), and print or plot a few examples just before fit.",
)
FLAT = 1e-6  # largest standard deviation over images of equal images, in units of their largest value or of 1
SAME = 0.9  # share of images that are the same image, above which the inputs count as constant
FEW = 10  # images from which on it is no accident that they are equal
MIN_DIGESTS = 16  # images that are compared for that


def check(context: Context) -> Iterator[Finding]:
    """Find a split whose images are all the same, or nearly all."""
    for split, images in context.subject.splits:
        x = images.inputs
        if not np.isfinite(x).all():
            continue
        spread = float(x.reshape(len(x), -1).std(0).max()) if len(x) > 1 else 1.0
        if spread <= FLAT * max(1.0, float(np.abs(x).max())):
            yield context.finding(
                "error" if len(x) >= FEW else "note",  # a few rows are an example that a person tries out
                f"{split} images",
                f"All {len(x)} images checked are the same: no value has a standard deviation above {spread:.2g}.",
                {"spread": spread},
            )
        elif len(images.digests) >= MIN_DIGESTS:
            same = Counter(images.digests).most_common(1)[0][1] / len(images.digests)
            if same > SAME:
                yield context.finding(
                    "error",
                    f"{split} images",
                    f"{same:.0%} of {len(images.digests):,} images checked are the same image, bit for bit.",
                    {"same": same},
                )
