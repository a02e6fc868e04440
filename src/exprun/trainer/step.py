"""The compiled step: one call takes many optimiser steps or evaluates many batches.

Numbers that a sweep may vary (learning rates, seed, strengths of augmentation, label smoothing, the focusing parameter)
are arguments or variables of the compiled graphs. So runs that differ only in them can share one compiled step.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from exprun import augment as augmentation
from exprun.adversary import Attack
from exprun.config.schema import Config
from exprun.inference import Inference
from exprun.input import Preprocessing, Scaling
from exprun.kernels import faster
from exprun.loss import Loss, Targets
from exprun.optim import climbed, l2_factors
from exprun.trainer.accumulation import accumulated
from exprun.trainer.averaging import Averages
from exprun.trainer.device import Device, average_over_devices
from exprun.trainer.resizing import Networks, Size, resized
from exprun.trainer.results import Batch, EvalResult, StepResult
from exprun.trainer.structure import augmentation_strengths
from exprun.trainer.unfreezing import frozen, frozen_stages
from exprun.trainer.views import VIEWS, View, view

EvaluatedAs = Literal["train", "evaluation", "tta"]
# The smallest factor on the loss in float16. The factor falls below 1 only if gradients are not finite again and again.
SMALLEST_SCALE = 2.0**-14
ATTACK_SALT = 102  # number that makes the draws of an attack independent of the other draws of a step


def _as_int32(seed: int) -> np.ndarray:
    return np.array(seed).astype(np.uint32).astype(np.int32)


class Step:
    """The compiled training and evaluation of one model.

    Args:
        config: the config of the run.
        model: the Keras model, whose outputs are logits.
        optimizer: the optimiser, built for the model's variables.
        preprocessing: the crop and the scaling of the pixels.
        loss: the loss.
        device: the devices that the step runs on.
        teacher: computes the logits of a trained network, float32, from pixels, or None.
        stages: the layers of each stage before the head, which `unfreeze` trains one after the other.
    """

    def __init__(
        self,
        config: Config,
        model: Any,
        optimizer: Any,
        preprocessing: Preprocessing,
        loss: Loss,
        device: Device,
        teacher: Callable[[tf.Tensor], tf.Tensor] | None = None,
        stages: Sequence[Sequence[Any]] = (),
    ) -> None:
        self.model, self.optimizer, self.device = model, optimizer, device
        # On GPUs the fused batch norm has no deterministic gradient in inference mode, which an attack needs.
        plain = config.trainer.deterministic and device.gpu
        self.network = model if plain else faster(model, cpu=not device.gpu, bfloat16=device.bfloat16)
        self.inference = Inference(self.network)
        self.preprocessing, self.loss, self.teacher = preprocessing, loss, teacher
        self.attack = None if config.adversary.name == "none" else Attack(config.adversary)
        self.metrics = config.trainer.metrics
        self.overfit = config.trainer.overfit_batch
        self.scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        self.parts, self.rho = config.trainer.accumulate, config.optim.sam_rho
        self.shares = self.parts * device.replicas  # parts of a batch, each with its own pass
        self.optim = config.optim
        self.stages, self.frozen = [layers for layers in stages if any(one.trainable for one in layers)], 0
        self.clips = any((config.optim.clip_norm, config.optim.clip_global_norm, config.optim.clip_value))
        self.seed = tf.Variable(_as_int32(config.seed), trainable=False)
        self.strength = {
            name: tf.Variable(value, trainable=False) for name, value in augmentation_strengths(config).items()
        }
        self.averages = Averages(config.trainer, model, self.network, self.batch_inputs)
        shape = [None, None, None, model.input_shape[3]]
        data = [
            tf.TensorSpec(shape, tf.uint8),
            loss.label_spec(model.output_shape[-1]),
            tf.TensorSpec([None, None], tf.int32),
        ]
        signature = [
            *data,
            tf.TensorSpec([None, None], tf.bool),
            tf.TensorSpec([None], tf.float32),
            tf.TensorSpec([], tf.int32),
        ]
        self._signature = signature
        self.networks = Networks(self.network, model.input_shape[1:], config.schedule.sizes or [])
        # The compiled training and gradients, by the number of images in a batch, their size, and of frozen stages.
        self._compiled: dict[tuple[int, Size, int], tuple[Any, Any]] = {}
        self.size = self.networks.whole
        self.take_batches_of(config.trainer.batch_size)
        statistics = [v for v in model.non_trainable_variables if v.dtype == "float32"]
        self._share = tf.function(partial(average_over_devices, device.strategy, statistics), autograph=False)
        evaluations = {
            "train": partial(self._evaluate_graph, preprocessing.train, VIEWS["none"]),
            "evaluation": partial(self._evaluate_graph, preprocessing.evaluation, VIEWS["none"]),
            "tta": partial(self._evaluate_graph, preprocessing.evaluation, VIEWS[config.trainer.tta]),
        }
        self._evaluate = {
            name: tf.function(graph, input_signature=data, autograph=False) for name, graph in evaluations.items()
        }

    def take_batches_of(self, size: int) -> None:
        """Train with batches of `size` images from now on; the next step compiles if the size is new."""
        self.batch = size
        self._choose_compiled()

    def set_epoch(self, size: Size, unfreeze: int | None, epoch: int) -> bool:
        """Train from now on as in an epoch of the schedule; returns whether the next step compiles.

        Args:
            size: the height and width of the images: the whole size, or one of `schedule.sizes`. Images are resized
                after augmentation; evaluations use the whole size.
            unfreeze: the number of epochs after which one stage more is trained; None to train all.
            epoch: the number of epochs done.
        """
        self.size, self.frozen = size, frozen_stages(unfreeze, len(self.stages), epoch)
        return self._choose_compiled()

    def _choose_compiled(self) -> bool:
        key, gradients = (self.batch, self.size, self.frozen), self._gradients
        if is_new := key not in self._compiled:
            compiled = tf.function(gradients, jit_compile=True, autograph=False) if self.device.jit else gradients
            train = tf.function(self._train_graph, input_signature=self._signature, autograph=False)
            self._compiled[key] = train, compiled
        self._train, self._gradients_of = self._compiled[key]
        return is_new

    def reuse_for(self, config: Config, model: Any, optimizer: Any) -> None:
        """Prepare this compiled step for another run of the same `structure`: its initial weights, seed and numbers.

        Args:
            config: the config of the other run.
            model: the model that was built for the other run.
            optimizer: the optimiser that was built for the other run.
        """
        for target, source in ((self.model, model), (self.optimizer, optimizer)):
            for variable, value in zip(target.variables, source.variables, strict=True):
                variable.assign(value)
        for layer, other in zip(self.model.layers, model.layers, strict=True):
            if hasattr(layer, "kernel_initializer"):  # the doctor compares the weights with it
                layer.kernel_initializer = other.kernel_initializer
        self.averages.restart()
        self.set_epoch(self.networks.whole, None, 0)
        self.seed.assign(_as_int32(config.seed))
        self.loss.take(config)
        for name, value in augmentation_strengths(config).items():
            self.strength[name].assign(value)

    @property
    def variables(self) -> dict[str, Any]:
        """All variables that a run needs to resume, by name."""
        optimizer = {f"optimizer/{i}/{v.path}": v for i, v in enumerate(self.optimizer.variables)}
        return self.model_variables | optimizer | self.averages.variables

    @property
    def model_variables(self) -> dict[str, Any]:
        """The model's variables by name, without those of the optimiser."""
        return {f"model/{v.path}": v for v in self.model.variables}

    def train(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        indices: np.ndarray,
        learning_rates: np.ndarray,
        first: int,
        mirrored: np.ndarray | None = None,
    ) -> StepResult:
        """Take one optimiser step for each row of `indices`; stop after a loss or gradient that is not finite.

        Args:
            images: all images on the device, uint8, (images, height, width, channels).
            labels: the labels of all images, as `Loss.label_spec` describes them.
            indices: the positions of each batch among all images, int32, (steps, batch).
            learning_rates: the learning rate of each step, float32, (steps,).
            first: the number of the first of these steps, from 0.
            mirrored: whether `augment.alternating_flip` mirrors each image, bool, (steps, batch); None for none.
        """
        mirrored = np.zeros(indices.shape, bool) if mirrored is None else mirrored
        given = [tf.constant(array) for array in (indices, mirrored, learning_rates, first)]
        with frozen(self.stages[: self.frozen]):
            losses, accuracies, done, finite = self._train(images, labels, *given)
        count = int(done)
        return StepResult(losses.numpy()[:count], accuracies.numpy()[:count], bool(finite))

    def evaluate(self, images: tf.Tensor, labels: tf.Tensor, indices: np.ndarray, as_in: EvaluatedAs) -> EvalResult:
        """Measure the images at the positions in `indices`, in inference mode and without augmentation.

        Args:
            images: all images on the device, uint8, (images, height, width, channels).
            labels: the labels of all images, as `Loss.label_spec` describes them.
            indices: the positions of each batch among all images, int32, (steps, batch); -1 is padding.
            as_in: the preprocessing of the images: as in `train` or as in `evaluation`; or `tta`, the mean over several
                views with the preprocessing of evaluation.
        """
        outputs = self._evaluate[as_in](images, labels, tf.constant(indices))
        real = indices.reshape(-1) >= 0
        flat = {name: value.numpy().reshape(len(real), *value.shape[2:])[real] for name, value in outputs.items()}
        return EvalResult(flat.pop("losses"), flat.pop("predictions"), flat.pop("logits"), flat)

    def share_statistics(self) -> None:
        """Set the norms' moving statistics on all devices to their mean over the devices.

        Each device collects the statistics of its share of the batches. Without the mean, the workers of
        `multi_worker` would evaluate different networks and select different weights.
        """
        if self.device.strategy is not None:
            self._share()

    def batch_inputs(
        self, images: tf.Tensor, index: tf.Tensor, step: tf.Tensor, mirrored: tf.Tensor | None = None
    ) -> Any:
        """The network's input for a batch in training, without an attack; float32.

        Args:
            images: all images on the device, uint8, (images, height, width, channels).
            index: the positions of the batch among all images, int32, (batch,).
            step: the number of the step, from 0.
            mirrored: whether `augment.alternating_flip` mirrors each image of the batch, bool, (batch,); None for none.
        """
        return self.preprocessing.train(self._mixed(Batch(images, None, index, mirrored), self._draw(step, 0)).pixels)

    def _draw(self, step: tf.Tensor, replica: int | tf.Tensor) -> tf.Tensor:
        """The seed of all random numbers of a step on one device, (2,)."""
        return augmentation.seed_of(self.seed, step, replica)

    def _mixed(self, batch: Batch, seed: tf.Tensor) -> augmentation.Mixed:
        """The augmented, cropped and mixed pixels of a training batch, float32, from 0 to 255."""
        images = tf.gather(batch.images, batch.indices)
        scaling = self.preprocessing.train
        mixed = augmentation.in_training(images, seed, self.strength, scaling, batch.mirrored, not self.overfit)
        return mixed._replace(pixels=self._shaped(mixed.pixels))

    def _shaped(self, pixels: tf.Tensor) -> tf.Tensor:
        """The pixels, with the height and width that the network was built for; some layers need a known shape."""
        return tf.ensure_shape(pixels, [None, *self.model.input_shape[1:]])

    def _train_graph(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        indices: tf.Tensor,
        mirrored: tf.Tensor,
        learning_rates: tf.Tensor,
        first: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        steps = tf.shape(indices)[0]
        empty = tf.TensorArray(tf.float32, steps, element_shape=[])

        def body(i: tf.Tensor, _: tf.Tensor, losses: Any, accuracies: Any) -> tuple[Any, ...]:
            self.optimizer.learning_rate.assign(learning_rates[i])
            loss, accuracy, bad = self._all_replicas(Batch(images, labels, indices[i], mirrored[i]), first + i)
            if self.averages.decay is not None:
                self.averages.decay_towards(first + i)
            return i + 1, bad == 0.0, losses.write(i, loss), accuracies.write(i, accuracy)

        done, finite, losses, accuracies = tf.while_loop(
            lambda i, finite, *_: (i < steps) & finite, body, (0, True, empty, empty), parallel_iterations=1
        )
        return losses.stack(), accuracies.stack(), done, finite

    def _all_replicas(self, batch: Batch, step: tf.Tensor) -> tuple[Any, Any, Any]:
        strategy = self.device.strategy
        if strategy is None:
            return self._replica_step(batch._replace(indices=tf.ensure_shape(batch.indices, [self.batch])), step, 0)
        share = self.batch // self.device.replicas

        def on_replica() -> tuple[Any, Any, Any]:
            number = tf.distribute.get_replica_context().replica_id_in_sync_group
            mine = slice(number * share, (number + 1) * share)
            indices = tf.ensure_shape(batch.indices[mine], [share])
            assert batch.mirrored is not None
            return self._replica_step(batch._replace(indices=indices, mirrored=batch.mirrored[mine]), step, number)

        loss, accuracy, bad = (
            strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None) for value in strategy.run(on_replica)
        )
        return loss, accuracy, bad

    def _replica_step(
        self, batch: Batch, step: tf.Tensor, replica: int | tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """One step on this replica's share of the batch.

        Returns:
            Loss and accuracy, which add up over the replicas, and 1 if the loss or a gradient is not finite, else 0.
        """
        seed = self._draw(step, replica)
        mixed, labels = self._mixed(batch, seed), tf.gather(batch.labels, batch.indices)
        others = None if mixed.partners is None else tf.gather(labels, mixed.partners)
        targets = Targets(labels, others, mixed.shares)
        pixels = resized(mixed.pixels, self.size)
        loss, accuracy, gradients = accumulated(self._gradients_of, self.parts, pixels, targets, seed)
        finite = tf.math.is_finite(loss) & self._are_finite(gradients)
        if self.device.strategy is None:
            # A step that is not finite changes no weights, so that its cause can still be found.
            tf.cond(finite, lambda: self._apply(gradients), lambda: tf.constant(False))
        else:
            self._apply(gradients)
        return loss, accuracy, 1.0 - tf.cast(finite, tf.float32)

    def _are_finite(self, gradients: list[Any]) -> tf.Tensor:
        """Whether the gradients of biases and norms are finite; being sums over all gradients, they show any NaN.

        The loss does not show it: on CPUs, the ReLU that TensorFlow fuses with a convolution or norm turns NaN into 0,
        so a network of NaN weights has the loss of chance level. With loss scaling, a step whose gradients are not
        finite is skipped and the scale is halved, so here the gradients count as finite until the scale is too small.
        """
        if self.scaled:
            return tf.convert_to_tensor(self.optimizer.dynamic_scale > SMALLEST_SCALE)
        small = [tf.reduce_all(tf.math.is_finite(g)) for g in gradients if g is not None and g.shape.rank == 1]
        return tf.reduce_all(tf.stack([tf.constant(True), *small]))

    def _gradients(
        self, pixels: tf.Tensor, targets: Targets, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, list[Any]]:
        """Loss, accuracy and gradients of a part of a replica's share of the batch.

        XLA may compile this function; it cannot compile all operations of the augmentation, which are therefore not
        part of it.
        """
        if self.attack is not None:
            pixels = self._attacked(pixels, targets, seed, self.preprocessing.train)
        inputs = self.preprocessing.train(pixels)
        taught = self.teacher(pixels) if self.teacher else None
        variables = self.model.trainable_variables
        state = [(v, tf.identity(v.value)) for v in self.model.non_trainable_variables] if self.rho else []
        loss, logits, gradients = self._backward(inputs, targets, taught, variables)
        if self.rho:
            # The second pass leaves moving statistics as they are, and has the dropout of the first.
            uphill = climbed(variables, gradients, self.rho)
            with keras.StatelessScope([*state, *zip(variables, uphill, strict=True)]):
                gradients = self._backward(inputs, targets, taught, uphill)[2]
        factor = (self.optimizer.dynamic_scale if self.scaled else 1.0) / self.shares
        gradients = [
            g + v * (l2 * factor) if l2 and g is not None else g
            for g, v, l2 in zip(gradients, variables, l2_factors(self.optim, self.model), strict=True)
        ]
        right = self.loss.right(logits, targets.main)
        return loss, tf.reduce_sum(right) / self.batch, gradients

    def _backward(
        self, inputs: tf.Tensor, targets: Targets, taught: tf.Tensor | None, weights: list[Any]
    ) -> tuple[tf.Tensor, tf.Tensor, list[Any]]:
        """Loss and logits of scaled images, and the gradients with respect to the weights that the network uses.

        In float16, the gradients are multiplied by the scale of the loss.
        """
        with tf.GradientTape() as tape:
            tape.watch([weight for weight in weights if isinstance(weight, tf.Tensor)])
            logits = tf.cast(self.networks.of(inputs)(inputs, training=True), tf.float32)
            loss = self.loss.total(logits, targets, taught) / self.batch
            if self.network.losses:
                loss += tf.add_n(self.network.losses) / self.shares
            objective = self.optimizer.scale_loss(loss) if self.scaled else loss
        return loss, logits, tape.gradient(objective, weights)

    def _apply(self, gradients: list[Any]) -> tf.Tensor:
        if self.device.strategy is not None and self.clips:
            # Keras clips the gradients of each replica before it adds them up. To clip the sum, the gradients are added
            # up here and each replica gets an equal share; `make_optimizer` divides the thresholds in the same way.
            context = tf.distribute.get_replica_context()
            total = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
            gradients = [gradient / self.device.replicas for gradient in total]
        self.optimizer.apply(gradients, self.model.trainable_variables)
        return tf.constant(True)

    def _attacked(self, pixels: tf.Tensor, targets: Targets, seed: tf.Tensor, scaling: Scaling) -> tf.Tensor:
        """The batch after the attack, which uses the network in inference mode and so changes no moving statistics."""
        assert self.attack is not None

        def losses(changed: tf.Tensor) -> tf.Tensor:
            inputs = scaling(changed)
            logits = tf.cast(self.networks.of(inputs)(inputs, training=False), tf.float32)
            return targets.mean(partial(self.loss.of_images, logits))

        return self.attack(pixels, tf.random.experimental.stateless_fold_in(seed, ATTACK_SALT), losses)

    def _evaluate_graph(
        self,
        scaling: Scaling,
        views: tuple[View, ...],
        images: tf.Tensor,
        labels: tf.Tensor,
        indices: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        logits_of = self.inference.prepared()

        def outputs(pixels: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            logits = tf.add_n(
                [
                    weight * tf.cast(logits_of(scaling(view(pixels, mirror, shift))), tf.float32)
                    for weight, mirror, shift in views
                ]
            )
            return logits, self.loss.of_images(logits, targets), tf.argmax(logits, 1, tf.int32)

        def one(index: tf.Tensor) -> dict[str, tf.Tensor]:
            inside = tf.maximum(index, 0)
            pixels = self._shaped(scaling.cropped(tf.cast(tf.gather(images, inside), tf.float32)))
            targets = tf.gather(labels, inside)
            logits, losses, predictions = outputs(pixels, targets)
            results = {"losses": losses, "predictions": predictions, "logits": logits}
            if "binary_accuracy" in self.metrics:
                # As in Keras, this is the share of the probabilities on the correct side of 0.5.
                wanted = tf.one_hot(targets, tf.shape(logits)[1], True, False)
                results["binary_accuracy"] = tf.reduce_mean(
                    tf.cast((tf.nn.softmax(logits) > 0.5) == wanted, tf.float32), 1
                )
            if self.attack is not None:
                changed = self._attacked(pixels, Targets(targets), self._draw(tf.constant(0), 0), scaling)
                logits, losses, _ = outputs(changed, targets)
                results["adversarial_loss"] = losses
                results["adversarial_accuracy"] = self.loss.right(logits, targets)
            return results

        names = ["losses", "logits", *self.metrics] + (
            ["adversarial_loss", "adversarial_accuracy"] if self.attack else []
        )
        kinds = {"predictions": tf.int32} | dict.fromkeys(names, tf.float32)
        return tf.map_fn(one, indices, fn_output_signature=kinds, parallel_iterations=1)
