"""What simple, sound methods reach on the very rows that a script trains on, in a few seconds each.

If they learn and the network does not, the fault lies in the network or its training; if none of them learns, it lies
in the data or the labels; if the network is as good as they are, perhaps nothing is wrong.
"""

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from exprun.experiments.sample import Sample, class_numbers

log = logging.getLogger(__name__)
CNN_SIDE = 64  # pixels a side of the images of the small CNN, about
SIDE = 16  # pixels a side to which images are reduced for methods that take rows
MAX_VALUES = 2000  # values of a row; of longer rows, evenly spaced ones are used
TREES_VALUES = 300  # values of a row for boosted trees, which take long for more
NEIGHBOURS = 5
TREES = 200  # boosted trees, of all classes together
EPOCHS = 30  # epochs of the small network, at most
MAX_TARGETS = 5000  # numbers to predict for a row
DILATIONS = (1, 2, 4)  # of the convolutions of the small CNN that predicts pixels
FEW = 16  # images in a step of this network
BATCH = 32  # rows in a step of the small network
RATE = 1e-3  # learning rate of Adam: Kingma & Ba 2015, arXiv:1412.6980, section 2


@dataclass(frozen=True)
class Reference:
    """What a simple method reaches.

    Args:
        name: the method, as in a sentence.
        score: how good it is on the tested rows: 0 is as good as guessing, 1 is perfect.
        seconds: how long it took.
    """

    name: str
    score: float
    seconds: float


Method = Callable[[Sample, np.ndarray, np.ndarray], np.ndarray | None]


def references(sample: Sample, seconds: float) -> Iterator[Reference]:
    """What simple methods reach, the fastest first, until the time is over.

    Args:
        sample: the rows.
        seconds: the time for all of them; the last one may take longer.
    """
    started, sample = time.monotonic(), sample.finite()
    if sample.is_whole:  # of rows that they know, some methods know the answer
        return
    if sample.axes > 2 and sample.is_classes:
        yield from _of_pixels(sample, seconds)
        return
    if sample.y[0].size > MAX_TARGETS or np.array_equal(sample.x, sample.y):  # an autoencoder: a copy is perfect
        return
    rows = [_rows(part) for part in (sample.x, sample.test_x)]
    methods: tuple[tuple[str, Method | None], ...] = (
        ("a linear model", _linear),
        ("nearest neighbours", _neighbours),
        ("boosted trees", _trees),
        ("a small CNN" if sample.x.ndim == 4 else "a small network", None),
    )
    for name, method in methods:
        if time.monotonic() - started > seconds:
            return
        begun = time.monotonic()
        left = seconds - (begun - started)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a solver that has not converged is good enough here
            try:
                predicted = _network(sample, left) if method is None else method(sample, *rows)
            except Exception:  # one method may not take these rows, which says nothing about the others
                log.info("A reference failed", exc_info=True)
                continue
        if predicted is not None:
            yield Reference(name, sample.score(predicted), time.monotonic() - begun)


def _of_pixels(sample: Sample, seconds: float) -> Iterator[Reference]:
    """What a small CNN reaches that predicts the class of each pixel, where there is one for each of the inputs."""
    import keras

    from exprun.doctor.instruments.states import undrawn
    from exprun.experiments.trials import Stop

    begun, shape = time.monotonic(), sample.x.shape
    if sample.x.ndim != 4 or sample.x.dtype.kind not in "biuf" or sample.y.shape[1:3] != shape[1:3]:
        return
    x, y, test_x, test_y = (_small(part) for part in (sample.x, sample.y, sample.test_x, sample.test_y))
    small = replace(sample, x=x, y=y, test_x=test_x, test_y=test_y)
    x, test_x = _standardised(x, test_x)
    wanted = small.numbers(small.y).reshape(*x.shape[:3])
    layers = keras.layers
    with undrawn():
        hidden = [
            [
                layers.Conv2D(32, 3, padding="same", dilation_rate=rate, use_bias=False),
                layers.BatchNormalization(momentum=0.9),
            ]
            for rate in DILATIONS
        ]
        parts = [part for pair in hidden for part in (*pair, layers.ReLU())]
        model = keras.Sequential([keras.Input(x.shape[1:]), *parts, layers.Conv2D(small.classes, 1)])
        model.compile(keras.optimizers.Adam(RATE), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        epochs = max(2, min(EPOCHS, 60_000 // len(x)))
        model.fit(x, wanted, FEW, epochs, verbose=0, callbacks=[Stop(10**9, max(1.0, seconds))])
        predicted = model.predict(test_x, FEW, verbose=0).argmax(-1)
    yield Reference("a small CNN", small.score(predicted), time.monotonic() - begun)


def _standardised(x: np.ndarray, test_x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inputs with mean 0 and spread 1 in each channel or column, float32."""
    axes = tuple(range(x.ndim - 1))
    mean, spread = x.mean(axes, dtype=np.float64), x.std(axes, dtype=np.float64) + 1e-6
    return ((x - mean) / spread).astype(np.float32), ((test_x - mean) / spread).astype(np.float32)


def _rows(x: np.ndarray) -> np.ndarray:
    """Inputs as rows of numbers, float32, (rows, values); images are reduced to at most `SIDE` pixels a side."""
    x = x.astype(np.float32)
    if x.ndim == 4:
        factor = max(1, -(-max(x.shape[1:3]) // SIDE))
        height, width = max(1, x.shape[1] // factor), max(1, x.shape[2] // factor)
        cut = x[:, : height * factor, : width * factor]
        if cut.shape[1] == height * factor and cut.shape[2] == width * factor:
            x = cut.reshape(len(x), height, factor, width, factor, -1).mean((2, 4))
    rows = x.reshape(len(x), -1)
    return np.nan_to_num(rows[:, :: max(1, -(-rows.shape[1] // MAX_VALUES))])


def _small(x: np.ndarray) -> np.ndarray:
    """Inputs of which images have at most about `CNN_SIDE` pixels a side: every second, third, … pixel."""
    step = max(1, max(x.shape[1:3]) // CNN_SIDE) if x.ndim == 4 else 1
    return x[:, ::step, ::step] if step > 1 else x


def _linear(sample: Sample, x: np.ndarray, test_x: np.ndarray) -> np.ndarray:
    from sklearn.linear_model import RidgeClassifier, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = RidgeClassifier() if sample.is_classes else RidgeCV()
    return _fitted(make_pipeline(StandardScaler(), model), sample, x, test_x)


def _neighbours(sample: Sample, x: np.ndarray, test_x: np.ndarray) -> np.ndarray:
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = (KNeighborsClassifier if sample.is_classes else KNeighborsRegressor)(min(NEIGHBOURS, len(x)))
    return _fitted(make_pipeline(StandardScaler(), model), sample, x, test_x)


def _trees(sample: Sample, x: np.ndarray, test_x: np.ndarray) -> np.ndarray | None:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    if len(x) < 40 or (not sample.is_classes and sample.y.reshape(len(x), -1).shape[1] > 1):
        return None
    step = max(1, -(-x.shape[1] // TREES_VALUES))
    kind = HistGradientBoostingClassifier if sample.is_classes else HistGradientBoostingRegressor
    model = kind(max_iter=max(10, TREES // max(1, sample.classes)), random_state=0)
    with threadpool_limits(1):  # its threads wait for each other by spinning, which takes minutes on a busy machine
        return _fitted(model, sample, x[:, ::step], test_x[:, ::step])


def _fitted(model: "Callable[..., object]", sample: Sample, x: np.ndarray, test_x: np.ndarray) -> np.ndarray:
    targets = class_numbers(sample.y) if sample.is_classes else sample.y.reshape(len(sample.y), -1)
    if not sample.is_classes and targets.shape[1] == 1:
        targets = targets[:, 0]
    model.fit(x, targets)  # type: ignore[attr-defined]
    return np.asarray(model.predict(test_x))  # type: ignore[attr-defined]


def _network(sample: Sample, seconds: float) -> np.ndarray | None:
    """A small CNN for images, a small multilayer perceptron for rows, with standardised inputs and targets.

    Args:
        sample: the rows.
        seconds: the time after the first step, at most.
    """
    import keras

    from exprun.doctor.instruments.states import undrawn
    from exprun.experiments.trials import Stop

    layers = keras.layers
    if sample.x.dtype.kind not in "biuf" or sample.x.ndim not in (2, 3, 4):
        return None
    x, test_x = _standardised(*(_small(part) for part in (sample.x, sample.test_x)))
    hidden: list[keras.Layer] = [layers.Flatten(), layers.Dense(64, "relu"), layers.Dense(64, "relu")]
    if x.ndim == 4 and min(x.shape[1:3]) >= 8:
        hidden = []
        for filters in (16, 32, 64)[: 2 if min(x.shape[1:3]) < 16 else 3]:
            hidden += [
                layers.Conv2D(filters, 3, padding="same", use_bias=False),
                layers.BatchNormalization(momentum=0.9),
            ]
            hidden += [layers.ReLU(), layers.MaxPooling2D()]
        hidden += [layers.GlobalAveragePooling2D() if min(x.shape[1:3]) > 32 else layers.Flatten()]
    targets = sample.y.reshape(len(sample.y), -1)
    last = layers.Dense(sample.classes if sample.is_classes else targets.shape[1])
    middle, width = targets.mean(0), targets.std(0) + 1e-9
    if sample.is_classes:
        loss, wanted = keras.losses.SparseCategoricalCrossentropy(from_logits=True), class_numbers(sample.y)
    else:
        loss, wanted = keras.losses.MeanSquaredError(), ((targets - middle) / width).astype(np.float32)
    epochs = max(2, min(EPOCHS, 60_000 // len(x)))
    with undrawn():
        model = keras.Sequential([keras.Input(x.shape[1:]), *hidden, last])
        model.compile(keras.optimizers.Adam(RATE), loss)
        model.fit(x, wanted, BATCH, epochs, verbose=0, callbacks=[Stop(10**9, max(1.0, seconds))])
        outputs = model.predict(test_x, verbose=0)
    return np.asarray(outputs.argmax(-1) if sample.is_classes else outputs * width + middle)
