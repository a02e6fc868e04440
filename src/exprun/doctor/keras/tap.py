"""Copies the batches that pass through a model's own steps, so that a callback can read them."""

import logging
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.config import is_op_determinism_enabled

log = logging.getLogger(__name__)
_plain = tf.autograph.experimental.do_not_convert


class Tap:
    """Passes batches on to the function that Keras has made of a model's step, and copies each of them.

    The copy is made when the function fetches its batch. The function gets an iterator of the same kind, which takes
    each batch on demand from the iterator that Keras made. So the function, its trace and the variables that this trace
    updates are those that would run without a doctor.

    Args:
        split: `train` or `test`.
    """

    def __init__(self, split: str) -> None:
        self.attribute = f"{split}_function"
        self.begun = 0.0  # when the last call began, in seconds since the epoch
        self._model: Any = None
        self._function: Any = None
        self._source: Any = None
        self._iterator: Any = None
        self._tees: list[_Tee] = []
        self._tee: _Tee | None = None
        self._seconds = 0.0  # spent on iterators since `spent` was last called

    @property
    def is_on(self) -> bool:
        """Whether a step is running."""
        return self._model is not None

    def put_on(self, model: Any) -> None:
        """Replace a model's function for one step; a callback may have compiled the model again."""
        self.take_off()
        self._function = getattr(model, self.attribute)
        if self._function is not None:
            self._model = model
            setattr(model, self.attribute, self)

    def take_off(self) -> None:
        """Restore the model's function."""
        if self._model is not None:
            first = getattr(self._model, self.attribute)
            if first is self:
                setattr(self._model, self.attribute, self._function)
            elif isinstance(first, Tap) and first._function is self:  # the tap of a second doctor
                first._function = self._function
        self._model = None

    def release(self) -> None:
        """Release the iterators: one that has ended may keep buffers and threads."""
        begun = time.perf_counter()
        self._source = self._iterator = None
        self._seconds += time.perf_counter() - begun

    def spent(self) -> float:
        """The seconds spent on making and releasing iterators since the last call."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds

    def __call__(self, iterator: Any) -> Any:
        """Run the step on the next batch, or on the next batches."""
        watched = self._watched(iterator)
        self.begun = time.time()
        return self._function(watched)

    def _watched(self, source: Any) -> Any:
        # `train_on_batch` uses a generator, and a strategy of several devices uses many iterators.
        if not isinstance(source, tf.data.Iterator):
            return source
        if source is not self._source:
            begun = time.perf_counter()
            try:
                self._iterator = self._teed(source)
            except Exception:  # batches that cannot be copied pass unseen
                log.info("The doctor cannot read these batches", exc_info=True)
                self._tee, self._iterator = None, source
            self._source = source
            self._seconds += time.perf_counter() - begun
        return self._iterator

    def _teed(self, source: Any) -> Any:
        spec = source.element_spec
        tee = next((tee for tee in self._tees if tee.spec == spec), None)
        if tee is None:
            tee = _Tee(spec)
            self._tees.append(tee)
        self._tee = tee if tee.inputs is not None else None
        return source if self._tee is None else self._tee.iterator(source)

    @property
    def dataset(self) -> Any:
        """The pipeline from which the batches of this epoch come; None if unknown."""
        return getattr(self._source, "_dataset", None)

    def fetch(self) -> None:
        """Fetch a batch if there was none: a step that fails while it is traced has not fetched one."""
        if self._tee is not None and not self._tee.is_filled:
            next(self._iterator, None)

    @property
    def weighted(self) -> bool:
        """Whether batches have weights in the loss."""
        return self._tee is not None and self._tee.weighted

    @property
    def arrived(self) -> float | None:
        """When the last batch arrived, in seconds since the epoch; None if a graph may not use the clock."""
        return None if self._tee is None or self._tee.arrived is None else float(self._tee.arrived.numpy())

    def labels(self) -> np.ndarray | None:
        """The labels of the last batch; None if no batch was seen."""
        tee = self._tee
        return None if tee is None or not tee.has_labels or not tee.is_filled else tee.labels.numpy()

    def read(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None] | None:
        """The last batch: inputs, labels and weights; None if there are several inputs, or no batch was seen."""
        tee = self._tee
        if tee is None or tee.several or not tee.has_labels or not tee.is_filled:
            return None
        return tee.inputs.numpy(), tee.labels.numpy(), None if tee.weights is None else tee.weights.numpy()

    def read_several(self) -> tuple[Any, np.ndarray, np.ndarray | None] | None:
        """The last batch of a model with several inputs, as the model takes it, labels and weights; else None."""
        tee = self._tee
        if tee is None or not tee.several or not tee.has_labels or not tee.is_filled:
            return None
        inputs = keras.tree.map_structure(lambda variable: variable.numpy(), tee.inputs)
        return inputs, tee.labels.numpy(), None if tee.weights is None else tee.weights.numpy()

    def read_inputs(self) -> np.ndarray | None:
        """The inputs of the last batch, if it has one input and no labels; else None."""
        tee = self._tee
        if tee is None or tee.several or tee.has_labels or tee.has_outputs or not tee.is_filled:
            return None
        inputs: np.ndarray = tee.inputs.numpy()
        return inputs

    def read_outputs(self) -> tuple[Any, Any] | None:
        """The last batch of a model with several outputs: inputs and labels, as the model takes them; else None."""
        tee = self._tee
        if tee is None or not tee.has_outputs or not tee.is_filled:
            return None
        inputs, labels = keras.tree.map_structure(lambda variable: variable.numpy(), (tee.inputs, tee.labels))
        return inputs, labels


class _Tee:
    """Copies batches into variables; all batches have the same structure.

    Args:
        spec: the structure of a batch, as `tf.data` describes it.
    """

    def __init__(self, spec: Any) -> None:
        self.spec = spec
        self.inputs: Any = None
        self.labels: Any = None
        self.weights: Any = None
        self.arrived: Any = None
        x, y, weights = keras.utils.unpack_x_y_sample_weight(_without_optionals(spec))
        self.weighted, self.several = weights is not None, not isinstance(x, tf.TensorSpec)
        self.has_labels = isinstance(y, tf.TensorSpec)  # of one output
        self.has_outputs = not self.has_labels and y is not None
        weights = None if self.has_outputs else weights  # which may be those of several outputs
        labels = () if y is None else y
        parts = [*keras.tree.flatten((x, labels)), *([] if weights is None else [weights])]
        if not all(isinstance(part, tf.TensorSpec) for part in parts) or parts[0].dtype == tf.string:
            return  # sparse, ragged or text batches: not copied
        with tf.device("CPU:0"):
            self.inputs, self.labels = keras.tree.map_structure(_variable, (x, labels))
            self.weights = None if weights is None else _variable(weights)
            if not is_op_determinism_enabled():  # deterministic operations may not use the clock
                self.arrived = tf.Variable(0.0, trainable=False, dtype=tf.float64)
        self._dataset = tf.function(self._built, autograph=False)

    @property
    def is_filled(self) -> bool:
        """Whether a batch has passed."""
        return bool(self._first.numpy().ndim)

    @property
    def _first(self) -> tf.Variable:
        """The labels, those of the first output, or the first input if there are none."""
        first: tf.Variable = [*keras.tree.flatten(self.labels), *keras.tree.flatten(self.inputs)][0]
        return first

    def iterator(self, source: Any) -> Any:
        """An iterator that returns the batches of another one on demand, and ends with it."""
        self._first.assign(tf.zeros([], self._first.dtype))
        dataset = tf.data.experimental.from_variant(self._dataset(source), self.spec)
        return iter(dataset)

    def _built(self, source: Any) -> tf.Tensor:
        """The dataset of the iterator, traced only once: tracing is slow, and each epoch has a new iterator."""
        options = tf.data.Options()  # no batch may be fetched before the step needs it
        options.autotune.enabled = False
        options.experimental_optimization.apply_default_optimizations = False
        optional = tf.data.Dataset.counter().map(_plain(lambda _: source.get_next_as_optional()))
        present = optional.take_while(_plain(lambda batch: batch.has_value()))
        dataset = present.map(_plain(lambda batch: self._copied(batch.get_value()))).with_options(options)
        return tf.data.experimental.to_variant(dataset)

    def _copied(self, batch: Any) -> Any:
        x, y, weights = keras.utils.unpack_x_y_sample_weight(_without_optionals(batch))
        parts, labels = keras.tree.flatten(x), keras.tree.flatten(() if y is None else y)
        with tf.device("CPU:0"):
            for variable, part in zip(keras.tree.flatten(self.inputs), parts, strict=True):
                variable.assign(part)
            for variable, part in zip(keras.tree.flatten(self.labels), labels, strict=True):
                variable.assign(part)
            if self.weights is not None:
                self.weights.assign(weights)
            if self.arrived is not None:
                with tf.control_dependencies(parts):
                    self.arrived.assign(tf.timestamp())
        return batch


def _without_optionals(batch: Any) -> Any:
    """The batch with None in place of parts that a generator leaves out, as in Keras' own steps."""
    optional = (tf.experimental.Optional, tf.OptionalSpec)
    return keras.tree.map_structure(lambda part: None if isinstance(part, optional) else part, batch)


def _variable(spec: Any) -> tf.Variable:
    """A variable that can hold tensors of any shape, with the dtype of `spec`."""
    return tf.Variable(tf.zeros([], spec.dtype), trainable=False, shape=tf.TensorShape(None))
