"""The accuracies that a Keras model was compiled with."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from exprun.doctor.instruments.accuracies import Accuracy


def accuracies_of(model: Any) -> list[Accuracy]:
    """The accuracies of a compiled model that are means of a function; those of the first few classes are left out."""
    compiled = getattr(model, "_compile_metrics", None)
    found = [] if compiled is None else compiled.metrics
    return [_accuracy(metric) for metric in found if _is_accuracy(metric)]


def _is_accuracy(metric: Any) -> bool:
    function = getattr(metric, "_fn", None)
    named = f"{metric.name} {type(metric).__name__} {getattr(function, '__name__', '')}".lower()
    return isinstance(metric, keras.metrics.MeanMetricWrapper) and "acc" in named and "top" not in named


def _accuracy(metric: Any) -> Accuracy:
    def value(labels: np.ndarray, outputs: np.ndarray) -> float | None:
        try:
            with tf.device("CPU:0"):
                values = metric._fn(tf.constant(labels), tf.constant(outputs), **metric._fn_kwargs)
            return float(np.mean(np.asarray(values, np.float64)))
        except Exception:  # the function may expect other labels
            return None

    kind = type(metric).__name__
    own = kind == "MeanMetricWrapper"
    roots = {str(getattr(one, "__module__", None)).split(".")[0] for one in (type(metric), metric._fn)}
    name = getattr(metric._fn, "__name__", metric.name) if own else kind
    return Accuracy(metric.name, name, value, roots != {"keras"})
