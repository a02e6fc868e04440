"""Test-time augmentation: the views of an image whose logits are averaged."""

import tensorflow as tf

View = tuple[float, bool, int]  # weight, whether mirrored, shift of both axes in pixels
# The views of each value of `trainer.tta`.
VIEWS: dict[str, tuple[View, ...]] = {
    "none": ((1.0, False, 0),),
    "mirror": ((0.5, False, 0), (0.5, True, 0)),
    "mirror_translate": (
        *((0.25, mirror, 0) for mirror in (False, True)),
        *((0.125, mirror, shift) for shift in (-1, 1) for mirror in (False, True)),
    ),
}


def view(pixels: tf.Tensor, mirror: bool, shift: int) -> tf.Tensor:
    """Images shifted down and right, with a mirrored border, and then mirrored left to right.

    Args:
        pixels: (images, height, width, channels).
        mirror: whether to mirror them.
        shift: pixels, -1 to 1.
    """
    if shift:
        padded = tf.pad(pixels, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT")
        inside = slice(1 - shift, -1 - shift or None)
        pixels = padded[:, inside, inside]
    return pixels[:, :, ::-1] if mirror else pixels
