"""scrambled-images: images whose axes were exchanged by reshape."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context

CAUSE = Cause(
    id="scrambled-images",
    why="Convolutions look for patterns of neighbouring pixels, and reshape has put other pixels next to each other.",
    source="NumPy documentation, reshape and transpose",
    phases=(Phase.DATA,),
    thresholds={
        "rougher": Threshold(
            1.25,
            (
                "Images count as scrambled if neighbouring pixels differ by more than this factor, along rows and "
                "columns, compared with the same values in another order of the axes."
            ),
            gt=1,
        ),
    },
    explains=("shuffled-labels", "no-generalization"),
    keras=(
        "exchange axes with transpose, because reshape does not move values: x.reshape(-1, 3, 32, 32)"
        ".transpose(0, 2, 3, 1) for rows of colour planes."
    ),
)
MIN_IMAGES, MOST = 16, 200  # images from which a check shows anything, and images that are looked at
MIN_SIDE = 8  # pixels a side
CHANNELS = (2, 3, 4)  # whose planes may lie one after the other
MOSTLY = 0.8  # share of the images of which the other order is smoother


def check(context: Context) -> Iterator[Finding]:
    """Find images that are much smoother if their values are read in another order of the axes."""
    x = context.subject.train.inputs[:MOST]
    if x.ndim != 4 or len(x) < MIN_IMAGES or x.shape[-1] not in CHANNELS or min(x.shape[1:3]) < MIN_SIDE:
        return
    count, height, width, channels = x.shape
    readings = {
        "planes of one channel after the other": x.reshape(count, channels, height, width).transpose(0, 2, 3, 1),
        "pixels with all channels together": x.transpose(0, 3, 1, 2).reshape(count, height, width, channels),
    }
    own = _roughness(x)
    for order, reading in readings.items():
        ratios = own / np.maximum(_roughness(reading), 1e-12)
        ratio, least = float(np.median(ratios.min(0))), context.threshold("rougher")
        if ratio > least and float((ratios.min(0) > 1).mean()) >= MOSTLY:
            yield context.finding(
                "error",
                "training images",
                f"Neighbouring pixels differ {ratio:.2g} times as much as they do if the values of an image are read "
                f"as {order}: its axes were exchanged by reshape.",
                {"ratio": ratio},
                f"x.reshape(-1, {channels}, {height}, {width}).transpose(0, 2, 3, 1) in place of reshape(-1, {height}, "
                f"{width}, {channels})."
                if order.startswith("planes")
                else f"x.reshape(-1, {height}, {width}, {channels}), without transpose.",
            )
            return


def _roughness(images: np.ndarray) -> np.ndarray:
    """The mean difference of neighbouring pixels along columns and rows of each image, (2, images)."""
    return np.stack([np.abs(np.diff(images, axis=axis)).reshape(len(images), -1).mean(1) for axis in (1, 2)])
