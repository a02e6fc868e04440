"""Simple classifiers, and how far they are above luck: whether labels can be told from their images."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SIDE = 16  # pixels a side to which images are reduced
PATCHES = 96  # random filters for the features
PATCH = 3  # size of a filter, in pixels a side
PIECE = 128  # images whose features are computed at once
SAMPLE = 2000  # images that scale the features of `linear_scores`
MIN_IMAGES = 90  # images for fitting and testing a classifier
FOLDS = 5  # folds of cross-validation
NEIGHBOURS = 10  # nearest images that vote
TREES = 50  # trees of the forest
LUCK = 3.6  # standard deviations that luck exceeds in 1 of 1,000 cases, if labels are predicted from each other


class Features:
    """Fixed features of images: small pixels, and the responses of filters that are patches of the images.

    Args:
        images: training images, (images, …), whose mean and spread scale all images.
    """

    def __init__(self, images: np.ndarray) -> None:
        rng = np.random.default_rng(0)
        self.filters: np.ndarray | None = None
        # Long, narrow images may have fewer blocks than a patch along one side.
        if images.ndim == 4 and min((blocks := _blocks(images)).shape[1:3]) >= PATCH:
            self.mean, self.spread = float(blocks.mean()), float(blocks.std()) + 1e-6
            small = (blocks - self.mean) / self.spread
            rows = rng.integers(0, len(small), PATCHES)
            tops = rng.integers(0, max(1, small.shape[1] - PATCH + 1), (PATCHES, 2))
            patches = np.stack(
                [small[r, y : y + PATCH, x : x + PATCH] for r, (y, x) in zip(rows, tops, strict=True)]
            ).reshape(PATCHES, -1)
            patches = patches - patches.mean(1, keepdims=True)
            self.filters = patches / (np.linalg.norm(patches, axis=1, keepdims=True) + 1e-3)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """The features of images, float32, (images, features)."""
        if self.filters is None:
            return images.reshape(len(images), -1).astype(np.float32)
        return np.concatenate([self._of(images[at : at + PIECE]) for at in range(0, len(images), PIECE)])

    def _of(self, images: np.ndarray) -> np.ndarray:
        assert self.filters is not None
        small = (_blocks(images) - self.mean) / self.spread
        windows = np.lib.stride_tricks.sliding_window_view(small, (PATCH, PATCH), (1, 2))
        n, height, width = windows.shape[:3]
        rows = windows.transpose(0, 1, 2, 4, 5, 3).reshape(n, height, width, -1)
        rows = rows - rows.mean(-1, keepdims=True)
        responses = rows @ self.filters.T.astype(np.float32)
        features = [small.reshape(n, -1)]
        for rectified in (np.maximum(responses, 0), np.maximum(-responses, 0)):
            half = (height + 1) // 2, (width + 1) // 2
            features += [
                rectified[:, y : y + half[0], x : x + half[1]].mean((1, 2))
                for y in (0, height - half[0])
                for x in (0, width - half[1])
            ]
        return np.concatenate(features, 1)


def _blocks(images: np.ndarray) -> np.ndarray:
    """Images reduced to at most `SIDE` pixels a side by averaging blocks, float32, (images, height, width, values)."""
    factor = max(1, -(-max(images.shape[1:3]) // SIDE))
    height, width = (axis // factor for axis in images.shape[1:3])
    if not height or not width:
        factor, (height, width) = 1, images.shape[1:3]
    cut = images[:, : height * factor, : width * factor].astype(np.float32)
    columns = cut.reshape(len(cut), height, factor, -1).sum(2)  # along one axis at a time, which is much faster
    return np.asarray(columns.reshape(len(cut), height, width, factor, -1).sum(3) / factor**2)


@dataclass(frozen=True)
class Accuracy:
    """How well a classifier predicts images that it was not fitted on.

    Args:
        accuracy: the share of correct predictions; of several labels, of those of all labels.
        beyond: how far the scores of the correct classes lie above luck, in standard deviations.
    """

    accuracy: float
    beyond: float

    @property
    def above_luck(self) -> bool:
        """Whether luck alone does as well in fewer than 1 of 1,000 cases."""
        return self.beyond > LUCK


@dataclass(frozen=True)
class Labelled:
    """Features of images without exact copies, with a class for each image, or several labels.

    Args:
        features: the features, float32, (images, features).
        labels: the class number of each image, (images,); or several labels, 0 or 1, (images, classes).
    """

    features: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, features: "Features", pixels: np.ndarray, labels: np.ndarray) -> "Labelled":
        """Features and labels of images; of exact copies, only the first is used."""
        rows = np.sort(np.unique([hash(image.tobytes()) for image in pixels], return_index=True)[1])
        return cls(features(pixels[rows]), labels[rows])

    @property
    def enough(self) -> bool:
        """Whether there are enough images to fit and to test a classifier."""
        return len(self.labels) >= MIN_IMAGES

    @property
    def counts(self) -> np.ndarray:
        """How often each class occurs, (classes that occur,)."""
        if self.labels.ndim > 1:
            found: np.ndarray = self.labels.sum(axis=0)
            return found[found > 0]
        return np.unique(self.labels, return_counts=True)[1]

    @property
    def chance(self) -> float:
        """The share of the most frequent class; of several labels, the accuracy of the more frequent of yes and no."""
        if self.labels.ndim > 1:
            shares = self.labels.mean(axis=0)
            return float(np.maximum(shares, 1 - shares).mean())
        return float(self.counts.max() / len(self.labels))

    def accuracy_of(self, classifier: "Classifier", others: "Labelled | None" = None) -> Accuracy:
        """Fit a classifier on these images and test it on others; without `others`, test it on held-out images."""
        tested = others or self
        if self.labels.ndim > 1:
            scores = classifier(
                self.features, self.labels.astype(np.float32), None if others is None else others.features
            )
            right = float(((scores > 0.5) == tested.labels).mean())
            return Accuracy(right, _beyond_luck_of_several(scores, tested.labels))
        classes, fitted = np.unique(self.labels, return_inverse=True)
        scores = classifier(
            self.features, np.eye(len(classes), dtype=np.float32)[fitted], None if others is None else others.features
        )
        right = float((classes[scores.argmax(1)] == tested.labels).mean())
        known = np.isin(tested.labels, classes)
        return Accuracy(right, _beyond_luck(scores[known], np.searchsorted(classes, tested.labels[known])))


def _beyond_luck(scores: np.ndarray, labels: np.ndarray) -> float:
    """How far the scores of the correct classes lie above those of shuffled labels, in standard deviations.

    Frequent classes gain nothing by being frequent. Hoeffding 1951, A combinatorial central limit theorem.

    Args:
        scores: the score of each class, (images, classes).
        labels: the column of the correct class in `scores`, (images,).
    """
    if len(labels) < 2:
        return 0.0
    counts = np.bincount(labels, minlength=scores.shape[1])
    scores = scores - (scores @ counts / len(labels))[:, None]
    scores = scores - scores.mean(0)
    deviation = np.sqrt(float((scores**2).sum(0) @ counts) / (len(labels) - 1))
    return float(scores[np.arange(len(labels)), labels].sum() / deviation) if deviation > 1e-6 else 0.0


def _beyond_luck_of_several(scores: np.ndarray, labels: np.ndarray) -> float:
    """The same as `_beyond_luck` for several labels, 0 or 1, (images, classes)."""
    if len(labels) < 2:
        return 0.0
    scores, labels = scores - scores.mean(0), labels - labels.mean(0)
    deviation = np.sqrt(float(((scores.T @ scores) * (labels.T @ labels)).sum()) / (len(labels) - 1))
    return float((scores * labels).sum() / deviation) if deviation > 1e-6 else 0.0


# From the features and one-hot labels of images to scores, (images, classes): the scores of other images if their
# features are passed; otherwise the scores of the same images, each from a fit without it.
Classifier = Callable[[np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]


def linear_scores(images: np.ndarray, rows: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """The scores of ridge regression on fixed features, fitted without the fifth that an image belongs to.

    Args:
        images: all images of a data set, (all images, height, width, channels).
        rows: the positions of the images that are used, (images,).
        labels: the class numbers of these images, (images,).
        classes: the number of classes.

    Returns:
        The scores, float32, (images, classes).
    """
    features = Features(images[rows[np.linspace(0, len(rows) - 1, min(len(rows), SAMPLE)).astype(int)]])
    found = np.concatenate([features(images[rows[at : at + PIECE]]) for at in range(0, len(rows), PIECE)])
    return _linear(found, np.eye(classes, dtype=np.float32)[labels], None)


def _linear(features: np.ndarray, targets: np.ndarray, others: np.ndarray | None) -> np.ndarray:
    """Ridge regression; without `others`, each fifth of the images is predicted from the other four."""
    if others is not None:
        fit, ask = np.split(np.arange(len(features) + len(others)), [len(features)])
        return _ridge(np.concatenate([features, others]), targets, fit, ask)
    order = np.random.default_rng(0).permutation(len(features))
    scores = np.empty_like(targets)
    for ask in np.array_split(order, FOLDS):
        scores[ask] = _ridge(features, targets, np.setdiff1d(order, ask), ask)
    return scores


def _neighbours(features: np.ndarray, targets: np.ndarray, others: np.ndarray | None) -> np.ndarray:
    """The mean of the one-hot labels of the nearest images."""
    x = features - features.mean(0)
    scale = x.std(0) + 1e-3 * x.std()  # features that hardly vary do not count
    x = x / np.where(scale > 0, scale, 1)
    y = x if others is None else (others - features.mean(0)) / np.where(scale > 0, scale, 1)
    distances = (x**2).sum(1) - 2 * y @ x.T
    if others is None:
        np.fill_diagonal(distances, np.inf)
    nearest = np.argpartition(distances, min(NEIGHBOURS, len(x) - 1), 1)[:, :NEIGHBOURS]
    return np.asarray(targets[nearest].mean(1))


def _trees(features: np.ndarray, targets: np.ndarray, others: np.ndarray | None) -> np.ndarray:
    """Randomised trees (Geurts et al. 2006); without `others`, each image is predicted by trees not fitted on it."""
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    settings = {"min_samples_leaf": 2, "bootstrap": True, "oob_score": others is None, "random_state": 0}
    if (targets.sum(1) != 1).any():  # several labels, each with an output of its own
        trees = ExtraTreesRegressor(TREES, **settings)
        trees.fit(features, targets)
        return np.asarray(trees.oob_prediction_ if others is None else trees.predict(others))
    forest = ExtraTreesClassifier(TREES, **settings)
    forest.fit(features, targets.argmax(1))
    return np.asarray(forest.oob_decision_function_ if others is None else forest.predict_proba(others))


CLASSIFIERS: tuple[Classifier, ...] = (_linear, _neighbours, _trees)  # cheapest first


def _ridge(features: np.ndarray, targets: np.ndarray, fit: np.ndarray, ask: np.ndarray) -> np.ndarray:
    """Fit ridge regression on the rows `fit`, and predict the rows `ask`; scores, (asked, classes)."""
    x = (features - features[fit].mean(0)) / (features[fit].std(0) + 1e-3)
    x = np.tanh(x / 3)  # limits the effect of outliers
    centre, fitted = targets[fit].mean(0), x[fit]
    # The constant is for images that are all the same.
    ridge = 0.05 * float((fitted**2).sum()) / max(1, len(fit)) + 1e-3
    is_wide = len(fit) < fitted.shape[1]
    kernel = fitted @ fitted.T if is_wide else fitted.T @ fitted  # the smaller of the two gives the same weights
    wanted = targets[fit] - centre if is_wide else fitted.T @ (targets[fit] - centre)
    solved = np.linalg.solve(kernel + ridge * np.eye(len(kernel), dtype=kernel.dtype), wanted)
    return np.asarray(x[ask] @ (fitted.T @ solved if is_wide else solved) + centre)
