"""The learning rate at each step, as a function of the config only; `plateau` also depends on the validation loss."""

import math
from dataclasses import dataclass

import numpy as np

from exprun.config.optimisation import Schedule


@dataclass
class Plateau:
    """The state of `schedule=plateau`, which works like Keras' `ReduceLROnPlateau`.

    Args:
        factor: the factor on the learning rate after all reductions so far.
        lowest_loss: the lowest validation loss so far.
        waited: the number of evaluations since the lowest loss or the last reduction.
    """

    factor: float = 1.0
    lowest_loss: float = math.inf
    waited: int = 0

    def update(self, loss: float, schedule: Schedule) -> None:
        """Reduce the factor if the validation loss has not improved for more than `schedule.patience` evaluations."""
        assert schedule.factor is not None
        assert schedule.patience is not None
        if loss < self.lowest_loss - (schedule.min_delta or 0.0):
            self.lowest_loss, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited > schedule.patience:
            self.factor, self.waited = self.factor * schedule.factor, 0


def size_at(schedule: Schedule, epoch: int, epochs: int) -> float:
    """The size of training images in an epoch, as a fraction of their height and width.

    Args:
        schedule: the group `schedule` of the config.
        epoch: the number of the epoch, from 0.
        epochs: the number of epochs of the whole run, which `schedule.sizes` divides into equally long parts.
    """
    sizes = schedule.sizes or [1.0]
    return sizes[epoch * len(sizes) // epochs]


def rate_at(schedule: Schedule, base: float, step: np.ndarray, steps_per_epoch: float, total_steps: int) -> np.ndarray:
    """The learning rate at each step.

    Args:
        schedule: the group `schedule` of the config.
        base: the base learning rate, `optim.learning_rate`.
        step: the numbers of the steps, from 0, an array of any shape.
        steps_per_epoch: the number of steps in an epoch.
        total_steps: the number of steps of the whole run.

    Returns:
        float32, with the shape of `step`. For `plateau`, the learning rate before reductions, which the loop applies.
    """
    step = np.asarray(step, np.float64)
    warmup = schedule.warmup_epochs * steps_per_epoch
    # Curves over the whole run (cosine, one_cycle, triangular) and periods begin at the end of the warm-up. Epochs are
    # counted from the start of the run.
    done = np.clip((step - warmup) / max(total_steps - warmup, 1), 0.0, 1.0)
    epoch = (step - (warmup if schedule.name == "cosine_restarts" else 0)) / steps_per_epoch
    learning_rate = base * _factor(schedule, done, epoch, step)
    if schedule.rates is not None:
        whole = np.minimum((step // steps_per_epoch).astype(int), len(schedule.rates) - 1)
        learning_rate = np.asarray(schedule.rates, float)[whole]
    rising = np.minimum((step + 1) / warmup, 1.0) if warmup else 1.0
    return np.asarray(learning_rate * rising, np.float32)


def _factor(schedule: Schedule, done: np.ndarray, epoch: np.ndarray, step: np.ndarray) -> np.ndarray:
    """The factor by which the base learning rate is multiplied at each step, before the warm-up."""
    s = schedule
    match s.name:
        case "step":
            return np.power(_set(s.factor), np.floor(epoch / _set(s.every_epochs) + 1e-9))
        case "milestones":
            assert s.milestones is not None
            passed = sum((epoch >= milestone - 1e-9).astype(float) for milestone in s.milestones)
            return np.power(_set(s.factor), passed)
        case "exponential":
            return np.power(_set(s.factor), epoch)
        case "inverse_time":
            return 1.0 / (1.0 + _set(s.decay_rate) * step)
        case "cosine":
            return _half_a_cosine(s, done)
        case "cosine_restarts":
            number, part = _period(s, np.maximum(epoch, 0.0))
            return _half_a_cosine(s, part, np.power(_set(s.factor), number))
        case "one_cycle":
            rise = 0.5 * (1 - np.cos(math.pi * _rise(s, done)))
            fall = 0.5 * (1 + np.cos(math.pi * _fall(s, done)))
            return _up_and_down(s, done, rise, fall)
        case "triangular":
            return _up_and_down(s, done, _rise(s, done), 1 - _fall(s, done))
    return np.ones_like(done)


def _half_a_cosine(s: Schedule, done: np.ndarray, height: float | np.ndarray = 1.0) -> np.ndarray:
    """The fall from 1, or from a height of this fall, to `final_fraction`."""
    final = _set(s.final_fraction)
    return final + (1 - final) * height * 0.5 * (1 + np.cos(math.pi * done))


def _period(s: Schedule, epoch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of restarts before each epoch, and the part of its period that has passed, 0 to 1.

    Period n takes first_epochs · lengthening^n epochs, so that the periods before it are a geometric series.
    """
    passed, growth = epoch / _set(s.first_epochs) + 1e-9, _set(s.lengthening)
    if growth == 1.0:
        number = np.floor(passed)
        return number, passed - number
    number = np.floor(np.log1p(passed * (growth - 1)) / math.log(growth))
    length = np.power(growth, number)
    return number, (passed - (length - 1) / (growth - 1)) / length


def _rise(s: Schedule, done: np.ndarray) -> np.ndarray:
    """The progress from the start of the curve (0) to its peak (1)."""
    return np.clip(done / max(_set(s.peak_at), 1e-12), 0, 1)


def _fall(s: Schedule, done: np.ndarray) -> np.ndarray:
    """The progress from the peak of the curve (0) to its end (1)."""
    return np.clip((done - _set(s.peak_at)) / (1 - _set(s.peak_at)), 0, 1)


def _up_and_down(s: Schedule, done: np.ndarray, rise: np.ndarray, fall: np.ndarray) -> np.ndarray:
    start, final = _set(s.start_fraction), _set(s.final_fraction)
    return np.where(done < _set(s.peak_at), start + (1 - start) * rise, final + (1 - final) * fall)


def _set(value: float | None) -> float:
    """The value of a setting that is never None with this schedule, as the schema guarantees."""
    assert value is not None
    return value
