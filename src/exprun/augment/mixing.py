"""MixUp and CutMix: an image of a batch is mixed with another one, and so are their labels."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from exprun.augment.draws import folded, uniform
from exprun.augment.geometry import box

MIX_SALT = 103  # number that makes the draws of mixing independent of the other draws of a step


class Mixed(NamedTuple):
    """The pixels of a batch, and how they are mixed.

    Args:
        pixels: the images, float32, (batch, height, width, channels).
        partners: the position in the batch of the image that each image is mixed with, int32, (batch,); None without
            mixing.
        shares: the share of the image itself, float32, (batch,); None without mixing.
    """

    pixels: tf.Tensor
    partners: tf.Tensor | None = None
    shares: tf.Tensor | None = None


def mixed(pixels: tf.Tensor, seed: tf.Tensor, strength: dict[str, tf.Tensor]) -> Mixed:
    """Mix each image of a batch with another one, or with itself.

    `mixup` blends both images (Zhang et al. 2018, arXiv:1710.09412, equation 1). `cutmix` replaces a box of the image
    with that of the other one (Yun et al. 2019, arXiv:1905.04899, section 3); as in the paper, the centre of the box
    may lie anywhere, and the share is that of the pixels outside the part of the box within the image. If both are on,
    each image draws one of them. Shares are drawn for each image, from Beta(alpha, alpha).

    The layers of Keras are not used because their alpha is a constant of the graph, and because `keras.layers.CutMix`
    draws an alpha for each batch and keeps boxes within the image.

    Args:
        pixels: the images, float32, (batch, height, width, channels).
        seed: the seed of the step, int32, (2,).
        strength: alpha of `mixup`, `cutmix` or both, scalars; without either, no image is changed.
    """
    if not mixes(strength):
        return Mixed(pixels)
    count, seed = tf.shape(pixels)[0], folded(seed, MIX_SALT)
    partners = tf.argsort(uniform(seed, 0, [count]), stable=True)
    others = tf.gather(pixels, partners)
    found = []
    if "mixup" in strength:
        shares = _beta(folded(seed, 1), strength["mixup"], count)
        wide = shares[:, None, None, None]
        found.append((wide * pixels + (1 - wide) * others, shares))
    if "cutmix" in strength:
        inside = _cut(folded(seed, 2), strength["cutmix"], pixels)
        shares = 1 - tf.reduce_mean(tf.cast(inside, tf.float32), [1, 2, 3])
        found.append((tf.where(inside, others, pixels), shares))
    (blended, shares), (cut, cut_shares) = found[0], found[-1]
    if len(found) > 1:
        cuts = uniform(seed, 3, [count]) < 0.5
        blended, shares = tf.where(cuts[:, None, None, None], cut, blended), tf.where(cuts, cut_shares, shares)
    return Mixed(blended, partners, shares)


def mixes(strength: Collection[str]) -> bool:
    """Whether some of the changes, by name, mix images."""
    return "mixup" in strength or "cutmix" in strength


def typical_shares(strength: Mapping[str, float]) -> np.ndarray | None:
    """Typical shares of an image itself, in order, (20,): quantiles of simulated draws; None without mixing.

    Args:
        strength: the strength of each change that is on, by the names of `strengths`.
    """
    rng, draws, found = np.random.default_rng(0), 10_000, []
    if "mixup" in strength:
        found.append(rng.beta(strength["mixup"], strength["mixup"], draws))
    if "cutmix" in strength:
        half = np.sqrt(1 - rng.beta(strength["cutmix"], strength["cutmix"], draws)) / 2
        centres = rng.random((2, draws))
        inside = np.minimum(centres + half, 1) - np.maximum(centres - half, 0)
        found.append(1 - inside.prod(0))
    return np.quantile(np.concatenate(found), (np.arange(20) + 0.5) / 20) if found else None


def _beta(seed: tf.Tensor, alpha: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Numbers from Beta(alpha, alpha), (count,); the share of one of two gamma variates in their sum.

    With a very small alpha, both may be 0 by underflow. The share is then 0, as nearly all shares are 0 or 1.
    """
    one, other = tf.unstack(tf.random.stateless_gamma([2, count], seed, alpha))
    return tf.math.divide_no_nan(one, one + other)


def _cut(seed: tf.Tensor, alpha: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    """The pixels that come from the other image, bool, (batch, height, width, 1)."""
    count = tf.shape(pixels)[0]
    side = tf.sqrt(1 - _beta(folded(seed, 0), alpha, count))
    bounds = []
    for salt, axis in ((1, 1), (2, 2)):
        extent = tf.cast(tf.shape(pixels)[axis], tf.float32)
        half = tf.floor(tf.floor(extent * side) / 2)
        bounds.append((tf.floor(uniform(seed, salt, [count]) * extent) - half, 2 * half))
    (top, high), (left, wide) = bounds
    return box(pixels, top, left, high, wide)
