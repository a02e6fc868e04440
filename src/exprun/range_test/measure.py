"""Train with a learning rate that rises from step to step, in the compiled step of a run, and record the loss."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from exprun.config.errors import RunError
from exprun.config.schema import Config
from exprun.range_test.suggestion import (
    MIN_STEPS,
    Chance,
    Curve,
    Trial,
    candidates,
    enough,
    judge,
    per_decade,
    smoothed,
)
from exprun.schedule import rate_at
from exprun.session import Session

if TYPE_CHECKING:
    from exprun.assembly import Assembly
    from exprun.trainer.feed import Feed

# The lowest and the highest learning rate of each optimiser. At the lowest, no usual network changes in a few steps;
# the highest is far above what any trains with. The optimisers here take steps that do not grow with the gradient.
SPANS = {
    "adam": (1e-6, 1.0),
    "adamw": (1e-6, 1.0),
    "nadam": (1e-6, 1.0),
    "rmsprop": (1e-6, 1.0),
    "muon": (1e-6, 1.0),
    "lion": (1e-7, 0.1),
}
USUAL_SPAN = (1e-5, 10.0)
STEPS_PER_DECADE = 20  # fewer if the time does not suffice; fastai takes 100 steps for 8 decades
CURVES_SHARE = 0.6  # share of the time that the curves may take, so that short trainings have some left
MORE = 4  # factor on the steps of a second test
TRIAL_STEPS, MIN_TRIAL_STEPS = 60, 20  # steps of a short training, and the least that can tell learning rates apart
END_SHARE = 1 / 3  # share of its steps whose mean loss is the loss at its end
STEPS_PER_CALL = 5  # steps after which the end of a curve is noticed
MINUTES = 3.0  # time of all seeds together
SEEDS = 3


@dataclass(frozen=True)
class RangeTest:
    """The curves of a range test.

    Args:
        configured: the configured learning rate, `optim.learning_rate`.
        chance: the chance level; its loss includes the regularisation of the initial weights.
        curves: the loss against the learning rate, a curve for each seed.
        trials: short trainings with some learning rates; none if the network does not learn or there was no time.
        seconds: the time of all steps.
        minutes: the time that a test with the most steps would need; 0 if this test had them.
    """

    configured: float
    chance: Chance
    curves: list[Curve]
    trials: list[Trial]
    seconds: float
    minutes: int


def span(config: Config) -> tuple[float, float]:
    """The lowest and the highest learning rate of the test, which include the configured one."""
    low, high = SPANS.get(config.optim.name, USUAL_SPAN)
    return min(low, config.optim.learning_rate), max(high, config.optim.learning_rate)


def measure(
    config: Config,
    session: Session,
    minutes: float = MINUTES,
    seeds: int = SEEDS,
    report: Callable[[Curve], None] = lambda _: None,
) -> RangeTest:
    """Do the range test of a config with several seeds, each from its own initial weights and order of images.

    Everything is as in a run, except that the learning rate rises geometrically from step to step; the schedule is
    ignored. Small data sets repeat. If the loss of most seeds falls clearly at no learning rate, they do it again with
    more steps. A curve ends when its loss has grown to several times its lowest, or is not finite.

    Then short trainings with the schedule of the config try the learning rate that the curves suggest, and lower ones.

    Args:
        config: the config of a run.
        session: the session, which shares the images and the compiled step between the seeds.
        minutes: the time in which all seeds together should be done; fewer steps are taken if there is too little.
        seeds: the number of seeds, from the seed of the config upwards.
        report: a function that is called with each curve.

    Raises:
        DataError: the data is missing, damaged or does not fit the config.
        RunError: the network cannot be built, a batch does not fit into memory, or the first loss is not finite.
    """
    from exprun.assembly import assemble

    low, high = span(config)
    assembly = assemble(config, session)
    chance = _chance(assembly)
    feed = _feed(assembly)
    affordable = _affordable(assembly, feed, 60 * minutes / seeds)
    limit = int(CURVES_SHARE * affordable)
    curves: list[Curve] = []
    started = time.perf_counter()
    steps = int(STEPS_PER_DECADE * np.log10(high / low))
    # A network whose loss hardly falls in the first test gets another one with more steps, if the time suffices.
    for count in (max(MIN_STEPS, min(steps, limit)), min(MORE * steps, limit - steps)):
        if curves and (count <= steps or judge(curves, chance, by_loss=True) is not None):
            break
        rates = np.geomspace(low, high, count).astype(np.float32)
        curves = []
        for number in range(seeds):
            assembly = assemble(_with_seed(config, number), session)
            curves.append(_curve(assembly, feed, rates, per_decade(rates)))
            report(curves[-1])
    found, trials = judge(curves, chance), []
    if found is not None and config.schedule.rates is None:
        left = 1 - (time.perf_counter() - started) / (60 * minutes)
        count = min(TRIAL_STEPS, int(left * affordable / len(candidates(found.take))))
        if count >= MIN_TRIAL_STEPS:
            trials = [_trial(config, session, feed, rate, count, seeds) for rate in candidates(found.take)]
    needed = math.ceil(minutes * (1 + MORE) * steps / max(limit, 1))
    return RangeTest(
        config.optim.learning_rate,
        chance,
        curves,
        trials,
        time.perf_counter() - started,
        needed if len(rates) < MORE * steps else 0,
    )


def _with_seed(config: Config, number: int) -> Config:
    """The config with one of the following seeds, from number 0, its own."""
    return replace(config, seed=(config.seed + number) % 2**32)


def _feed(assembly: "Assembly") -> "Feed":
    """The training images, of which there must be enough for one batch, and a batch that fits into memory."""
    from exprun.trainer.evaluation import Evaluator
    from exprun.trainer.memory import available, check_batch

    step, trainer = assembly.step, assembly.config.trainer
    if not step.device.gpu:
        check_batch(step.model, step.device.precision, trainer.batch_size // trainer.accumulate, available())
    feed = Evaluator(assembly.config, step).feed(assembly.dataset.train)
    if len(feed) < trainer.batch_size:
        raise RunError(f"trainer.batch_size={trainer.batch_size} is more than the {len(feed)} training images.")
    return feed


def batches(config: Config, count: int, steps: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The batches of a run, epoch after epoch, in the order that its seed gives.

    Args:
        config: the config of the run.
        count: the number of training images.
        steps: the number of batches in all.

    Yields:
        For each epoch, the positions of its batches, int32, (steps, batch), and whether `augment.alternating_flip`
        mirrors each image, bool, (steps, batch).
    """
    from exprun.augment import mirrored_in
    from exprun.trainer.feed import epoch_order

    epoch = 0
    while steps > 0:
        order = epoch_order(count, config.trainer.batch_size, config.seed, epoch)[:steps]
        if config.trainer.overfit_batch:
            order = np.repeat(epoch_order(count, config.trainer.batch_size, config.seed, 0)[:1], len(order), axis=0)
        yield order, mirrored_in(order, count, config.seed, 0 if config.trainer.overfit_batch else epoch)
        steps -= len(order)
        epoch += 1


def _affordable(assembly: "Assembly", feed: "Feed", seconds: float) -> int:
    """The number of steps that can be taken in a time; two steps are taken to find out, of which the first compiles."""
    started = 0.0
    for _ in range(2):
        started = time.perf_counter()
        _curve(assembly, feed, np.full(1, 1e-30, np.float32), 1.0)
    return int(seconds / max(time.perf_counter() - started, 1e-6))


def _trial(config: Config, session: Session, feed: "Feed", rate: float, steps: int, seeds: int) -> Trial:
    """Train briefly with a learning rate and the schedule of the config, which is compressed into these steps.

    Args:
        config: the config of a run.
        session: the session, which has the compiled step.
        feed: the training images.
        rate: the learning rate.
        steps: the number of steps.
        seeds: the number of seeds.
    """
    from exprun.assembly import assemble

    rates = rate_at(config.schedule, rate, np.arange(steps), steps / config.trainer.epochs, steps)
    losses = []
    for number in range(seeds):
        assembly = assemble(_with_seed(config, number), session)
        curve = _curve(assembly, feed, rates, steps)
        losses.append(math.inf if curve.ended else float(curve.losses[-math.ceil(END_SHARE * steps) :].mean()))
    return Trial(rate, tuple(losses), steps)


def _curve(assembly: "Assembly", feed: "Feed", rates: np.ndarray, scale: float) -> Curve:
    """The loss at each step of one seed, with the learning rates in order.

    Args:
        assembly: the parts of a run, with its initial weights.
        feed: the training images.
        rates: the learning rate of each step, float32, (steps,).
        scale: the number of steps over which the loss is smoothed, as in `smoothed`.
    """
    import tensorflow as tf

    from exprun.trainer.blame import batch_too_large

    config, step = assembly.config, assembly.step
    losses = accuracies = np.empty(0, np.float32)

    def curve(steps: int, ended: str) -> Curve:
        """The first steps as a curve."""
        kept = [part[:steps].astype(float) for part in (rates, losses, accuracies)]
        return Curve(config.seed, kept[0], kept[1], kept[2], ended)

    for order, mirrored in batches(config, len(feed), len(rates)):
        start = len(losses)
        for images, labels, indices in feed.chunks(order, lambda: STEPS_PER_CALL):
            done = len(losses)
            part = slice(done, done + len(indices))
            given = (images, labels, indices, rates[part], done, mirrored[done - start : done - start + len(indices)])
            try:
                taken = step.train(*given)
            except tf.errors.ResourceExhaustedError:
                raise RunError(batch_too_large(step, config.trainer.batch_size, *given)) from None
            losses, accuracies = np.append(losses, taken.losses), np.append(accuracies, taken.accuracies)
            if not taken.finite:
                if len(losses) == 1:
                    raise RunError("The loss of the first batch is not finite: python -m exprun check reports why.")
                return curve(len(losses) - 1, "not finite")
            if end := enough(smoothed(losses, scale)):
                return curve(end, "grown")
    return curve(len(losses), "")


def _chance(assembly: "Assembly") -> Chance:
    """The chance level, with the weights of the classes and the regularisation."""
    from exprun.doctor.instruments.chance import chance_level
    from exprun.label_chance import chance_of

    train, loss, weights = assembly.dataset.train, assembly.config.loss, assembly.step.loss.class_weights
    level = chance_of(train, len(assembly.dataset.classes), loss, weights=weights)
    lowest, accuracy = level.loss, level.accuracy
    if weights is not None and not assembly.dataset.has_several:
        counts = train.targets.sum(axis=0) if train.shares is not None else train.per_class(len(weights)).astype(float)
        weighted = counts * weights
        level = chance_level(weighted, loss.label_smoothing, loss.gamma or 0.0)
        lowest = level.loss * weighted.sum() / counts.sum()
    regularisation = sum(float(extra) for extra in assembly.step.model.losses)
    batch = assembly.config.trainer.batch_size
    return Chance(float(lowest + regularisation), accuracy, batch, float(regularisation))
