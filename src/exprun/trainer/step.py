"""The compiled step: many optimiser steps, or many evaluation batches, in one call.

Numbers that a sweep may vary (rates, seed, strengths, smoothing) are arguments or variables, so they
change nothing in the graph.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from exprun import augment as augmentation
from exprun.config.schema import Config
from exprun.input import Scaling
from exprun.optim import l2_factors
from exprun.trainer.device import Device


@dataclass(frozen=True)
class StepResult:
    """What some steps gave.

    Args:
        losses: float32, (steps done,).
        accuracies: float32, (steps done,).
        finite: False where the last of these steps had a loss that is not finite.
    """

    losses: np.ndarray
    accuracies: np.ndarray
    finite: bool


@dataclass(frozen=True)
class EvalResult:
    """What an evaluation gave, for each image in order.

    Args:
        losses: cross-entropy, float32, (images,).
        predictions: the most likely class, int32, (images,).
    """

    losses: np.ndarray
    predictions: np.ndarray


class Step:
    """The compiled training and evaluation of one model.

    Args:
        config: of the run.
        model: yields logits.
        optimizer: built on the model's variables.
        scaling: of the pixels.
        device: where it runs.
        class_weights: (classes,), or None.
    """

    def __init__(
        self,
        config: Config,
        model: Any,
        optimizer: Any,
        scaling: Scaling,
        device: Device,
        class_weights: np.ndarray | None,
    ) -> None:
        self.model, self.optimizer, self.scaling, self.device = model, optimizer, scaling, device
        self.batch = config.trainer.batch_size
        self.l2 = l2_factors(config.optim, model)
        self.clips = any((config.optim.clip_norm, config.optim.clip_global_norm, config.optim.clip_value))
        self.seed = tf.Variable(np.array(config.seed).astype(np.uint32).astype(np.int32), trainable=False)
        self.smoothing = tf.Variable(config.trainer.label_smoothing, trainable=False)
        strengths = {} if config.trainer.overfit_batch else augmentation.strengths(config.augment)
        self.strength = {name: tf.Variable(value, trainable=False) for name, value in strengths.items()}
        self.class_weights = None if class_weights is None else tf.constant(class_weights)
        self.ema_decay = config.trainer.ema
        self.averages = [tf.Variable(v.value, trainable=False) for v in self._averaged] if self.ema_decay else []
        compiled = self._gradients
        self._gradients_of = tf.function(compiled, jit_compile=True, autograph=False) if device.jit else compiled
        shape = [None, *model.input_shape[1:]]
        data = [
            tf.TensorSpec(shape, tf.uint8),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([None, None], tf.int32),
        ]
        signature = [*data, tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.int32)]
        self._train = tf.function(self._train_graph, input_signature=signature, autograph=False)
        self._share = tf.function(self._share_graph, autograph=False)
        self._evaluate = tf.function(self._evaluate_graph, input_signature=data, autograph=False)

    @property
    def _averaged(self) -> list[Any]:
        """The variables of which `trainer.ema` keeps averages: weights and the norms' moving statistics."""
        return [v for v in self.model.variables if v.dtype == "float32" and "seed_generator" not in v.path]

    @property
    def variables(self) -> dict[str, Any]:
        """All that a run needs to go on, by name."""
        found = {f"model/{v.path}": v for v in self.model.variables}
        found |= {f"optimizer/{i}/{v.path}": v for i, v in enumerate(self.optimizer.variables)}
        return found | {f"ema/{i}": v for i, v in enumerate(self.averages)}

    def train(
        self, images: tf.Tensor, labels: tf.Tensor, indices: np.ndarray, rates: np.ndarray, first: int
    ) -> StepResult:
        """Take one optimiser step for each row of `indices`; stops behind a loss that is not finite.

        Args:
            images: uint8, (images, height, width, channels).
            labels: int32, (images,).
            indices: int32, (steps, batch).
            rates: learning rates, float32, (steps,).
            first: number of the first of these steps, from 0.
        """
        losses, accuracies, done = self._train(
            images, labels, tf.constant(indices), tf.constant(rates), tf.constant(first)
        )
        count = int(done)
        found = losses.numpy()[:count]
        return StepResult(found, accuracies.numpy()[:count], bool(np.isfinite(found).all()))

    def evaluate(self, images: tf.Tensor, labels: tf.Tensor, indices: np.ndarray) -> EvalResult:
        """Measure the images that `indices` names, in inference mode; -1 is padding."""
        losses, predictions = self._evaluate(images, labels, tf.constant(indices))
        real = indices.reshape(-1) >= 0
        return EvalResult(losses.numpy().reshape(-1)[real], predictions.numpy().reshape(-1)[real])

    def share_statistics(self) -> None:
        """Bring the norms' moving statistics, which each device gathers from its own share, to their mean over all.

        Without it the workers of `multi_worker` would evaluate different networks, and decide differently.
        """
        if self.device.strategy is not None:
            self._share()

    def _share_graph(self) -> None:
        strategy = self.device.strategy
        assert strategy is not None
        statistics = [v for v in self.model.non_trainable_variables if v.dtype == "float32"]

        def on_replica() -> None:
            context = tf.distribute.get_replica_context()
            # A product, for the mere reading of a variable has no device, which the reduction asks for.
            values = [1.0 * v.value for v in statistics]
            for variable, mean in zip(statistics, context.all_reduce(tf.distribute.ReduceOp.MEAN, values), strict=True):
                variable.assign(mean)

        if statistics:
            strategy.run(on_replica)

    def swap_averages(self) -> None:
        """Exchange the weights with their averages; a second call exchanges them back."""
        for variable, average in zip(self._averaged, self.averages, strict=False):
            value = tf.identity(variable.value)
            variable.assign(average)
            average.assign(value)

    def batch_inputs(self, images: tf.Tensor, index: tf.Tensor, step: tf.Tensor, replica: int | tf.Tensor = 0) -> Any:
        """The network's input for a batch, as training sees it: gathered, augmented, scaled; float32."""
        pixels = tf.cast(tf.gather(images, index), tf.float32)
        if self.strength:
            seed = tf.random.experimental.stateless_fold_in(tf.stack([self.seed, step]), replica)
            pixels = augmentation.augment(pixels, seed, self.strength)
        return self.scaling(pixels)

    def _train_graph(
        self, images: tf.Tensor, labels: tf.Tensor, indices: tf.Tensor, rates: tf.Tensor, first: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        steps = tf.shape(indices)[0]
        empty = tf.TensorArray(tf.float32, steps, element_shape=[])

        def body(i: tf.Tensor, _: tf.Tensor, losses: Any, accuracies: Any) -> tuple[Any, ...]:
            self.optimizer.learning_rate.assign(rates[i])
            loss, accuracy = self._all_replicas(images, labels, indices[i], first + i)
            if self.ema_decay:
                self._update_averages(first + i)
            return i + 1, tf.math.is_finite(loss), losses.write(i, loss), accuracies.write(i, accuracy)

        done, _, losses, accuracies = tf.while_loop(
            lambda i, finite, *_: (i < steps) & finite, body, (0, True, empty, empty), parallel_iterations=1
        )
        return losses.stack(), accuracies.stack(), done

    def _all_replicas(self, images: tf.Tensor, labels: tf.Tensor, index: tf.Tensor, step: tf.Tensor) -> tuple[Any, Any]:
        strategy = self.device.strategy
        if strategy is None:
            return self._replica_step(images, labels, tf.ensure_shape(index, [self.batch]), step, 0)
        share = self.batch // self.device.replicas

        def on_replica() -> tuple[Any, Any]:
            number = tf.distribute.get_replica_context().replica_id_in_sync_group
            mine = tf.ensure_shape(index[number * share : (number + 1) * share], [share])
            return self._replica_step(images, labels, mine, step, number)

        loss, accuracy = strategy.run(on_replica)
        total = tf.distribute.ReduceOp.SUM
        return strategy.reduce(total, loss, axis=None), strategy.reduce(total, accuracy, axis=None)

    def _replica_step(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        index: tf.Tensor,
        step: tf.Tensor,
        replica: int | tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """One step on this replica's share of the batch; loss and accuracy add up over the replicas."""
        inputs, targets = self.batch_inputs(images, index, step, replica), tf.gather(labels, index)
        loss, accuracy, gradients = self._gradients_of(inputs, targets)
        if self.device.strategy is None:
            # A step whose loss is not finite changes nothing, so what made it so can still be found.
            tf.cond(tf.math.is_finite(loss), lambda: self._apply(gradients), lambda: tf.constant(False))
        else:
            self._apply(gradients)
        return loss, accuracy

    def _gradients(self, inputs: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, list[Any]]:
        """Loss, accuracy and gradients of a share of the batch; XLA compiles this, but not every image operation."""
        variables = self.model.trainable_variables
        scaled = isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer)
        with tf.GradientTape() as tape:
            logits = tf.cast(self.model(inputs, training=True), tf.float32)
            loss = self._loss(logits, targets)
            if self.model.losses:
                loss += tf.add_n(self.model.losses) / self.device.replicas
            objective = self.optimizer.scale_loss(loss) if scaled else loss
        gradients = tape.gradient(objective, variables)
        factor = (self.optimizer.dynamic_scale if scaled else 1.0) / self.device.replicas
        gradients = [
            g + v * (l2 * factor) if l2 and g is not None else g
            for g, v, l2 in zip(gradients, variables, self.l2, strict=True)
        ]
        right = tf.cast(tf.argmax(logits, 1, tf.int32) == targets, tf.float32)
        return loss, tf.reduce_sum(right) / self.batch, gradients

    def _apply(self, gradients: list[Any]) -> tf.Tensor:
        if self.device.strategy is not None and self.clips:
            # Keras clips before it adds up the replicas. So they are added up here, and each gets its share of the
            # sum; `make_optimizer` divides the thresholds alike.
            context = tf.distribute.get_replica_context()
            total = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
            gradients = [gradient / self.device.replicas for gradient in total]
        self.optimizer.apply(gradients, self.model.trainable_variables)
        return tf.constant(True)

    def _loss(self, logits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        """Mean cross-entropy over the whole batch, of which this replica has a share."""
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        uniform = -tf.reduce_mean(tf.nn.log_softmax(logits), axis=1)
        losses += self.smoothing * (uniform - losses)
        if self.class_weights is not None:
            losses *= tf.gather(self.class_weights, targets)
        return tf.reduce_sum(losses) / self.batch

    def _update_averages(self, step: tf.Tensor) -> None:
        """Averages whose decay ramps up, so that the first steps do not weigh for ever."""
        done = tf.cast(step, tf.float32)
        decay = tf.minimum(self.ema_decay, (1 + done) / (10 + done))
        for average, variable in zip(self.averages, self._averaged, strict=True):
            average.assign_sub((1 - decay) * (average - variable))

    def _evaluate_graph(self, images: tf.Tensor, labels: tf.Tensor, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        def one(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            inside = tf.maximum(index, 0)
            inputs = self.scaling(tf.cast(tf.gather(images, inside), tf.float32))
            logits = tf.cast(self.model(inputs, training=False), tf.float32)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.gather(labels, inside), logits)
            return losses, tf.argmax(logits, 1, tf.int32)

        return tf.map_fn(one, indices, fn_output_signature=(tf.float32, tf.int32), parallel_iterations=1)
