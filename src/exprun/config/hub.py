"""The presets of KerasHub that `model.preset` names, as far as they can be checked before TensorFlow is imported."""

import re

from exprun.config.errors import ConfigError
from exprun.config.packages import require_package
from exprun.config.paths import user_path

PRESET = "preset"  # the value of `model.weights` for those of the preset, and of `input` for its scaling
NAME = re.compile(r"[a-z0-9_.]+|[a-z]+://[^\s]+")  # `resnet_50_imagenet`, `kaggle://keras/resnetv1/keras/resnet_50`


def check_preset(preset: str) -> None:
    """Refuse a preset that KerasHub cannot load.

    Args:
        preset: `model.preset`, a folder or a name.

    Raises:
        ConfigError: KerasHub is not installed, or there is no such folder and KerasHub has no such names.
    """
    require_package("keras_hub", "hub", f"model.preset={preset}")
    folder = user_path(preset, f"model.preset={preset}")
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ConfigError(
                f"model.preset={preset} is a folder without config.json; name the folder in which KerasHub's "
                "save_to_preset has saved a backbone."
            )
    elif not NAME.fullmatch(preset):
        raise ConfigError(
            f"model.preset={preset} is neither a folder nor a name of KerasHub, such as resnet_50_imagenet; check the "
            "path."
        )


def preset_source(preset: str) -> str:
    """The path of a preset that is a folder, or its name."""
    folder = user_path(preset, f"model.preset={preset}")
    return str(folder) if folder.is_dir() else preset
