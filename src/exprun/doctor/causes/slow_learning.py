"""slow-learning: a loss that falls too slowly to get far within the run."""

from collections.abc import Iterator

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.history import Epoch
from exprun.doctor.instruments.chance import ChanceLevel
from exprun.text import rounded

CAUSE = Cause(
    id="slow-learning",
    why="At this pace the run ends long before the network has learned what it could.",
    source="Zhang et al. 2021, AutoTrainer, section 3",
    phases=(Phase.EPOCH,),
    thresholds={
        "slow": Threshold(
            0.85,
            (
                "Learning counts as slow if the loss expected at the end of the run is above this fraction of the "
                "chance-level loss."
            ),
            gt=0,
            lt=1,
        ),
    },
    explains=("no-generalization",),
    is_symptom=True,
    is_disprovable=True,
    keras="multiply the learning rate by 10, scale the inputs, or add BatchNormalization; or train for longer.",
    overrides=("{faster}", "norm=batch", "input=standardize"),
)
MIN_EPOCHS = 4  # epochs, whose first half gives the pace
MIN_STEPS = 200  # steps of training, at least
WORSE = 1.1  # loss at the end that is worse than that of the mean, in units of the latter
NOISE = 3.0  # standard errors by which the losses of two epochs differ without a cause
LOW_ACCURACY = 0.2  # share of the way from chance level to 100 % below which little is learned


def check(context: Context) -> Iterator[Finding]:
    """Find a loss that is still high after half of the run and falls so slowly that it will be high at the end."""
    epochs, steps, chance = context.history.epochs, context.history.total_steps, context.comparable_chance
    if chance is None or steps is None or len(epochs) < MIN_EPOCHS:
        return
    last, middle = epochs[-1], epochs[len(epochs) // 2 - 1]
    if last.step < max(MIN_STEPS, steps / 2):
        return
    if chance.of_numbers:
        yield from _far_from_the_mean(context, chance, last, middle)
        return
    # The comparison is false if no accuracy is measured, and then nothing is reported.
    inaccurate = last.accuracy < chance.accuracy + LOW_ACCURACY * (1 - chance.accuracy)
    pace = (middle.loss - last.loss) / (last.step - middle.step)
    end = last.loss - pace * (steps - last.step)
    creeps = pace > 0 and end > context.threshold("slow") * chance.loss and middle.loss - last.loss > NOISE * last.noise
    if inaccurate and creeps and last.loss < (1 - context.threshold("chance_margin")) * chance.loss:
        yield context.finding(
            "warning",
            "training",
            f"After {last.step:,} of {steps:,} steps, the training loss is {last.loss:.3f}, only "
            f"{1 - last.loss / chance.loss:.0%} below chance level ({chance.loss:.3f}); at this pace it ends at "
            f"{end:.3f}.",
            {"loss": last.loss, "guessing": chance.loss, "end": end},
        )


def _far_from_the_mean(context: Context, chance: ChanceLevel, last: Epoch, middle: Epoch) -> Iterator[Finding]:
    """Find a loss that falls, but at whose pace the run ends before the predictions are as good as the mean.

    How far a loss of numbers can fall is unknown, so a slow fall below that of the mean proves nothing.
    """
    steps = context.history.total_steps
    assert steps is not None
    fallen = middle.loss - last.loss
    end = last.loss - fallen / (last.step - middle.step) * (steps - last.step)
    if fallen > NOISE * last.noise and end > WORSE * chance.loss + NOISE * chance.error:
        yield context.finding(
            "warning",
            "training",
            f"After {last.step:,} of {steps:,} steps, the training loss is {rounded(last.loss, 4)}; "
            f"{chance.described}. At this pace the run ends at {rounded(end, 4)}, still worse than that.",
            {"loss": last.loss, "guessing": chance.loss, "end": end},
            "standardise the targets, y = (y - y_train.mean()) / y_train.std(), and scale the inputs; or multiply the "
            "learning rate by 10.",
        )
