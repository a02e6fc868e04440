"""Checks of `schedule.sizes`: training on smaller images."""

from exprun.config.errors import ConfigError
from exprun.config.layers import TooSmall
from exprun.config.network_size import network_size
from exprun.config.schema import Config


def check_sizes(config: Config) -> None:
    """Refuse sizes that do not rise, are too many, or belong to a network that cannot be resized.

    Raises:
        ConfigError: `schedule.sizes` breaks a rule.
    """
    sizes = config.schedule.sizes
    if sizes is None:
        return
    if sorted(set(sizes)) != sizes or not 0 < sizes[0] <= sizes[-1] <= 1:
        raise ConfigError(
            f"schedule.sizes={sizes} must rise, from above 0 to at most 1, such as schedule.sizes=[0.5,0.75,1]."
        )
    if len(sizes) > config.trainer.epochs:
        raise ConfigError(
            f"schedule.sizes has {len(sizes)} sizes, more than trainer.epochs={config.trainer.epochs}: leave out some."
        )
    if config.model.layers is None:
        raise ConfigError("schedule.sizes needs model.layers; it cannot resize the images of another network.")
    if config.model.teacher is not None:
        raise ConfigError(
            "schedule.sizes excludes loss=distillation, because the teacher takes whole images: leave one out."
        )


def check_smaller(config: Config, shape: tuple[int, int, int], fraction: float) -> None:
    """Refuse a network that cannot be trained on images of a fraction of their height and width.

    Args:
        config: the config of a run.
        shape: the height, width and channels of the network's input.
        fraction: the fraction, from `schedule.sizes`.

    Raises:
        ConfigError: the images would be too small, or the number of weights depends on the size.
    """
    height, width = (max(1, round(side * fraction)) for side in shape[:2])
    try:
        sizes = [network_size(config.model, config.norm, (*s, shape[2]), 2) for s in (shape[:2], (height, width))]
    except TooSmall:
        raise ConfigError(
            f"schedule.sizes has {fraction:g}, but model={config.model.name} is too deep for images of "
            f"{height}×{width} pixels: choose larger sizes."
        ) from None
    whole, small = (size.weights for size in sizes)
    if changed := [name for name in whole if whole[name] != small[name]]:
        raise ConfigError(
            f"schedule.sizes needs a network for images of any size, but the number of weights of {changed[0]} depends "
            "on the size: choose a model that ends in global_pool instead of flatten, such as model=resnet20, and "
            "another norm than norm=layer."
        )
