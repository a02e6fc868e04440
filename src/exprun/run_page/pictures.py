"""The pictures of a run: images that it gets wrong, where it looks, its first filters, and an embedding."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from exprun.config.errors import RunError
from exprun.data import Dataset
from exprun.input import Scaling
from exprun.pages.pictures import Gallery, Picture, Sheet, as_pixels, gallery, sheet
from exprun.run_page import network
from exprun.run_page.embedding import principal
from exprun.run_page.outcomes import Outcomes
from exprun.trainer import memory

log = logging.getLogger(__name__)
FIRST = 24  # errors that a page shows at once, by loss or by confidence
PAIRS, OF_PAIR = 60, 3  # most frequent confusions, and the errors of each that a page has at least
ERRORS_SIDE = 112  # pixels of the longer side of larger images among the errors
PRECISION = "float32"  # of passes here, at most
MAPPED = 8  # errors, and as many hits, for which the network is asked where it looks
MAP_SIDE = 128  # pixels of the longer side of these images
EVIDENCE = (255, 158, 27)  # the colour of pixels with evidence: red, green, blue
FILTERS_SIDE = 16  # filters with larger kernels are as large as these
EMBEDDED = 1000  # images that are embedded
FEWEST = 20  # images that are embedded, if there are as many: fewer say nothing
POINT_SIDE = 32  # pixels of the longer side of their thumbnails
SECONDS = 0.5  # the time that the features, the maps of errors and those of hits may take, each, after a short run
SHARE = 0.005  # of the time of a long run, for each of the three


@dataclass(frozen=True)
class Errors:
    """Images that are classified wrongly, or those with the highest loss if there is no such image.

    Args:
        gallery: the images.
        images: the position of each image in the outcomes.
    """

    gallery: Gallery
    images: np.ndarray


@dataclass(frozen=True)
class Embedding:
    """Images as points.

    Args:
        points: the coordinates of each image, (images, 2).
        images: the position of each image in the outcomes.
        thumbnails: the images.
        method: how the coordinates were found, for people.
    """

    points: np.ndarray
    images: np.ndarray
    thumbnails: Sheet
    method: str


@dataclass(frozen=True)
class Pictures:
    """The pictures of a run, as far as they could be made.

    Args:
        outcomes: the predictions that they show; None if nothing was measured.
        errors: the images with the highest loss, and some of each confusion.
        wrong_maps: errors with the parts of the image that speak for the predicted and for the true class.
        right_maps: the same for images that are classified correctly.
        filters: the filters of the first convolution.
        embedding: images by what the last layer gets of them.
        missing: sentences on what is missing, and why.
    """

    outcomes: Outcomes | None = None
    errors: Errors | None = None
    wrong_maps: Gallery | None = None
    right_maps: Gallery | None = None
    filters: Gallery | None = None
    embedding: Embedding | None = None
    missing: tuple[str, ...] = ()


def pictures(
    outcomes: Outcomes | None,
    dataset: Dataset | None,
    model: Any = None,
    scaling: Scaling | None = None,
    seconds: float = SECONDS,
) -> Pictures:
    """Make the pictures of a run; one that cannot be made is left out, with a record in the log.

    Args:
        outcomes: what the network predicts; None if nothing was measured.
        dataset: the images of the run; None if they are not at hand.
        model: the network with its selected weights, from scaled images to logits; None if it is not at hand.
        scaling: the scaling of images in evaluation; only needed with a network.
        seconds: the time that the features, and so the maps, may take.
    """
    found: dict[str, Any] = {}
    missing: list[str] = []

    def attempt(name: str, what: str, make: Callable[[], Any]) -> None:
        try:
            found[name] = make()
        except _Slow:
            missing.append(f"{what} would have taken too long; runs show with --html makes a page that has it.")
        except RunError as error:
            missing.append(f"{what} could not be made: {error}")
        except Exception:  # a page without a picture is better than none
            log.exception("A picture of the run could not be made")
            missing.append(f"{what} could not be made; run.log has the reason.")

    if model is not None and scaling is not None:
        reverse = scaling.reverse
        attempt("filters", "The filters", lambda: _filters(network.first_filters(model, reverse)))
    if outcomes is None or dataset is None or not outcomes.is_finite:
        return Pictures(outcomes, **found, missing=tuple(missing))
    images = dataset.train.images  # of all splits
    attempt("errors", "The images with the highest loss", lambda: _errors(outcomes, images))
    if model is not None and scaling is not None:
        inputs = _Inputs(images, outcomes.rows, scaling)
        budget = _Budget(seconds)
        attempt("embedding", "The embedding", lambda: _embedding(outcomes, inputs, model, budget))
        maps = lambda chosen: _maps(outcomes, inputs, model, chosen, budget)  # noqa: E731
        attempt("wrong_maps", "The maps of Grad-CAM", lambda: maps(_worst(outcomes)))
        attempt("right_maps", "The maps of Grad-CAM", lambda: maps(_hits(outcomes)))
    return Pictures(outcomes, **found, missing=tuple(dict.fromkeys(missing)))


class _Slow(Exception):
    """The network is too slow for a picture in the time that it may take."""


@dataclass
class _Budget:
    """The time for passes through the network.

    Args:
        seconds: the seconds for the embedding, and again for the maps.
        per_image: the seconds that an image takes, once it is known.
    """

    seconds: float
    per_image: float = 0.0


@dataclass(frozen=True)
class _Inputs:
    """The images of the outcomes, as they are and as the network takes them."""

    images: np.ndarray
    rows: np.ndarray
    scaling: Scaling

    def pixels(self, chosen: np.ndarray) -> list[np.ndarray]:
        return [self.images[self.rows[one]] for one in chosen]

    def cropped(self, chosen: np.ndarray) -> np.ndarray:
        """The part of each image that the network gets, with values from 0 to 255, float32."""
        batch = self.images[self.rows[chosen]].astype(np.float32)
        return np.asarray(self.scaling.cropped(batch))

    def __call__(self, chosen: np.ndarray) -> Any:
        return self.scaling(self.cropped(chosen))


def _caption(outcomes: Outcomes, image: int) -> str:
    true, predicted = (outcomes.named(of[image]) for of in (outcomes.labels, outcomes.predictions))
    share = f"{outcomes.confidence[image]:.0%}"
    if true == predicted:
        return f"{true}, {share}"
    return f"{true}, predicted {predicted} ({share})"


def picture(outcomes: Outcomes, image: int) -> Picture:
    """An image for a gallery: class, prediction, alternatives of the network, loss and file.

    Args:
        outcomes: the predictions.
        image: the position of the image.
    """
    lines = [f"{probability:.1%} {name}" for name, probability in outcomes.alternatives(image)]
    true = f"true {'labels' if outcomes.has_several else 'class'} {outcomes.named(outcomes.labels[image])}"
    lines.append(f"{true}, loss {outcomes.losses[image]:.3g}")
    file = str(outcomes.files[image]) if outcomes.files else f"image {outcomes.rows[image]} of the data set"
    return Picture(_caption(outcomes, image), (*lines, file))


def chosen_errors(outcomes: Outcomes) -> np.ndarray:
    """The errors that a page shows, the highest loss first; without an error, the images with the highest loss.

    They are the errors with the highest loss, those with the highest confidence, and some of each frequent confusion.
    """
    wrong = outcomes.errors
    if not len(wrong):
        return np.argsort(-outcomes.losses, kind="stable")[:FIRST]
    by_loss = wrong[np.argsort(-outcomes.losses[wrong], kind="stable")]
    by_confidence = wrong[np.argsort(-outcomes.confidence[wrong], kind="stable")]
    chosen = {*by_loss[:FIRST].tolist(), *by_confidence[:FIRST].tolist()}
    if outcomes.has_several:
        return by_loss[np.isin(by_loss, list(chosen))]
    pair = outcomes.labels[by_loss].astype(np.int64) * len(outcomes.classes) + outcomes.predictions[by_loss]
    for true, predicted, _ in outcomes.confusions[:PAIRS]:
        chosen.update(by_loss[pair == true * len(outcomes.classes) + predicted][:OF_PAIR].tolist())
    return by_loss[np.isin(by_loss, list(chosen))]


def _errors(outcomes: Outcomes, images: np.ndarray) -> Errors:
    chosen = chosen_errors(outcomes)
    pixels = [images[outcomes.rows[one]] for one in chosen]
    return Errors(gallery(pixels, [picture(outcomes, int(one)) for one in chosen], ERRORS_SIDE), chosen)


def _worst(outcomes: Outcomes) -> np.ndarray:
    """The errors with the highest loss, at most two of each confusion, or of each of several labels."""
    taken: dict[tuple[int, int], int] = {}
    chosen = []
    for one in outcomes.errors[np.argsort(-outcomes.losses[outcomes.errors], kind="stable")]:
        pair = (0, int(outcomes.doubtful[one])) if outcomes.has_several else _pair(outcomes, one)
        taken[pair] = taken.get(pair, 0) + 1
        if taken[pair] <= 2:
            chosen.append(int(one))
        if len(chosen) == MAPPED:
            break
    return np.array(chosen, np.int64)


def _pair(outcomes: Outcomes, image: int) -> tuple[int, int]:
    """The true and the predicted class of an image."""
    return int(outcomes.labels[image]), int(outcomes.predictions[image])


def _hits(outcomes: Outcomes) -> np.ndarray:
    """The most confident hit of each of some classes, or of some labels."""
    right = np.setdiff1d(np.arange(len(outcomes.labels)), outcomes.errors)
    if outcomes.has_several:  # an image without a label has no evidence for one
        right = right[outcomes.predictions[right].any(axis=1)]
    right = right[np.argsort(-outcomes.confidence[right], kind="stable")]
    _, first = np.unique(outcomes.labels[right], axis=0, return_index=True)
    return right[np.sort(first)][:MAPPED]


def _embedding(outcomes: Outcomes, inputs: _Inputs, model: Any, budget: _Budget) -> Embedding:
    count = len(outcomes.labels)
    chosen = np.random.default_rng(0).permutation(count)[:EMBEDDED]
    started = time.perf_counter()
    most = memory.passed(model, PRECISION, network.BATCH, memory.available())
    values = network.features(model, lambda part: inputs(chosen[part]), len(chosen), budget.seconds, most)
    elapsed = time.perf_counter() - started
    budget.per_image = elapsed / len(values)
    if len(values) < min(FEWEST, count):
        raise _Slow
    chosen = chosen[: len(values)]
    points, share = principal(values)
    method = f"the first two principal components, which have {share:.0%} of the variance"
    thumbnails = sheet(inputs.pixels(chosen), POINT_SIDE, small=POINT_SIDE)
    return Embedding(points, chosen, thumbnails, method)


def _maps(outcomes: Outcomes, inputs: _Inputs, model: Any, chosen: np.ndarray, budget: _Budget) -> Gallery | None:
    """Images with the evidence for the predicted class and, if another one is true, for the true class.

    Of several labels, the evidence is that for the one that is predicted wrongly, or else for the most probable one.
    """
    # Two passes back take about four times as long as one forwards.
    affordable = max(2, int(budget.seconds / (5 * budget.per_image))) if budget.per_image else MAPPED
    chosen = chosen[: memory.passed(model, PRECISION, affordable, memory.available())]
    if not len(chosen):
        return None
    if outcomes.has_several:
        is_wrong = False
        right = (outcomes.predictions[chosen] == outcomes.labels[chosen]).all(axis=1)
        classes = np.where(right, outcomes.logits[chosen].argmax(axis=1), outcomes.doubtful[chosen])[:, None]
    else:
        classes = np.stack((outcomes.predictions[chosen], outcomes.labels[chosen]), axis=1)
        is_wrong = bool((classes[:, 0] != classes[:, 1]).all())
    evidence = network.grad_cam(model, inputs(chosen), classes if is_wrong else classes[:, :1])
    if evidence is None:
        return None
    images = [_side_by_side(pixels, maps) for pixels, maps in zip(inputs.cropped(chosen), evidence, strict=True)]
    return gallery(images, [picture(outcomes, int(one)) for one in chosen], MAP_SIDE * (3 if is_wrong else 2))


def _side_by_side(pixels: np.ndarray, maps: Sequence[np.ndarray]) -> np.ndarray:
    """An image next to the same image with each map over it, uint8, (height, width, 3).

    Args:
        pixels: the image, from 0 to 255, (height, width, channels).
        maps: the maps, from 0 to 1, (map height, map width) each.
    """
    from PIL import Image

    original = Image.fromarray(as_pixels(pixels)).convert("RGB")
    factor = MAP_SIDE / max(original.size)
    size = max(1, round(original.width * factor)), max(1, round(original.height * factor))
    kind = Image.Resampling.NEAREST if factor > 1 else Image.Resampling.BILINEAR
    plain = np.asarray(original.resize(size, kind))
    grey = np.asarray(original.convert("L").resize(size, kind), np.float32)[..., None]
    parts = [plain]
    for one in maps:
        share = np.asarray(Image.fromarray(one.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)).clip(0, 1)
        share = 0.75 * share[..., None]
        lit = np.array(EVIDENCE) * (0.35 + 0.65 * grey / 255)
        parts.append(np.rint((1 - share) * (0.55 * grey + 20) + share * lit).astype(np.uint8))
    gap = np.zeros((size[1], 3, 3), np.uint8)
    return np.hstack([part for one in parts for part in (one, gap)][:-1])


def _filters(filters: np.ndarray | None) -> Gallery | None:
    if filters is None:
        return None
    return gallery(list(filters), [Picture(f"filter {number}") for number in range(1, len(filters) + 1)], FILTERS_SIDE)
