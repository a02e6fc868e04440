"""Test-time augmentation: the views of an image whose logits are averaged."""

import tensorflow as tf

View = tuple[float, bool, int]  # the weight, whether the image is mirrored, and the shift along both axes in pixels
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
    """Shift images down and right, with a reflected border, then mirror them left to right.

    Args:
        pixels: the images, (images, height, width, channels).
        mirror: whether the images are mirrored.
        shift: the shift in pixels, -1, 0 or 1.

    Returns:
        The changed images, with the shape of `pixels`.
    """
    if shift:
        padded = tf.pad(pixels, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT")
        inside = slice(1 - shift, -1 - shift or None)
        pixels = padded[:, inside, inside]
    return pixels[:, :, ::-1] if mirror else pixels
