"""Presets: what they choose, and that nothing of it stays when a person picks another option."""

from collections.abc import Iterator

import numpy as np
import pytest
import yaml
from omegaconf import OmegaConf

from exprun.config.compose import Composer
from exprun.config.options import options, shipped_conf
from exprun.config.schema import GROUPS
from exprun.data.dataset import split
from exprun.data.pool import Pool

OPTIONS = {group: list(found) for group, found in options().items()}
PRESETS = OPTIONS.pop("experiment")
SHORT = ("cifar10_fast", "matconvnet_parity", "palm_vein")  # the others are slow
# What belongs to no option: the trainer has a single one, and a preset may say how long, in what batches, what is
# measured. `smoke` says how many images besides.
BEYOND = {"smoke": {"data": {"limit"}}}
ROUNDS = max(len(found) for found in OPTIONS.values())


@pytest.fixture(scope="module")
def shared() -> Composer:
    """One composer for all."""
    return Composer()


def file_of(preset):
    return yaml.safe_load((shipped_conf() / "experiment" / f"{preset}.yaml").read_text())


def beyond(preset, group):
    """What a preset may set in a group besides its option, and sets."""
    found = file_of(preset).get(group, {})
    return {
        key: value for key, value in found.items() if group == "trainer" or key in BEYOND.get(preset, {}).get(group, ())
    }


def chosen(preset):
    """The options that a preset picks, by group."""
    return {
        key.removeprefix("override /"): option for entry in file_of(preset)["defaults"] for key, option in entry.items()
    }


def round_of(number) -> dict[str, str]:
    """An option of each group at once: no group knows of another, so one composition serves them all."""
    return {group: found[number % len(found)] for group, found in OPTIONS.items()}


def groups(composer, *words):
    """The composed groups as plain values."""
    found = OmegaConf.to_container(composer.compose(words), resolve=True)
    return {group: found[group] for group in GROUPS}


@pytest.fixture(scope="module")
def alone(shared):
    """Every round, composed without a preset."""
    return [groups(shared, *(f"{g}={option}" for g, option in round_of(n).items())) for n in range(ROUNDS)]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_composes_and_validates(shared, preset):
    shared.config([f"experiment={preset}"])


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_sets_only_what_belongs_to_no_option(preset):
    for group, settings in file_of(preset).items():
        if group != "defaults":
            assert group in GROUPS
            assert settings == beyond(preset, group)
    assert chosen(preset).keys() <= OPTIONS.keys() - {"trainer"}


def places(preset) -> Iterator[int]:
    """The rounds that a preset goes through; together the presets go through all."""
    start = PRESETS.index(preset) * ROUNDS // len(PRESETS)
    yield from (number % ROUNDS for number in range(start, start + 1 + ROUNDS // len(PRESETS)))


def test_the_presets_go_through_every_option():
    assert {number for preset in PRESETS for number in places(preset)} == set(range(ROUNDS))
    for group, found in OPTIONS.items():
        assert {round_of(number)[group] for number in range(ROUNDS)} == set(found)


@pytest.mark.parametrize(
    "preset",
    [pytest.param(one, marks=[] if one in SHORT else pytest.mark.slow) for one in PRESETS],
)
def test_nothing_of_a_preset_stays_when_other_options_are_picked(shared, alone, preset):
    for number in places(preset):
        words = [f"{group}={option}" for group, option in round_of(number).items()]
        found = groups(shared, f"experiment={preset}", *words)
        for group in GROUPS:
            own = beyond(preset, group)  # is to stay
            assert {key: found[group][key] for key in own} == own
            left = [{k: v for k, v in made[group].items() if k not in own} for made in (found, alone[number])]
            assert left[0] == left[1]


# What the questions say, and what was assumed where they are silent (see docs/cases.md).
SAID = {
    "stuck_vgg16": {"optim": ("adam", 1e-3), "batch_size": 128, "init": "glorot_uniform", "norm": "none"},
    "cnn_he": {"optim": ("adam", 1e-3), "batch_size": 128, "init.conv": "he_normal", "norm": "none"},
    "palm_vein": {
        "optim": ("adam", 1e-3), "batch_size": 32, "epochs": 30, "fault": "bypass_preprocessing", "norm": "none",
        "images": (160, 40, 224, 3), "init": "glorot_uniform",
    },
    "flat_validation": {
        "optim": ("adam", 1e-3), "batch_size": 1000, "epochs": 5, "fault": "unscaled_eval", "validation": "test",
        "init": "glorot_uniform", "input": "unit",
    },
    "matconvnet_parity": {"optim": ("rmsprop", 1e-4), "schedule": "inverse_time", "init": "glorot_uniform"},
    "matconvnet_original": {
        "optim": ("sgd_momentum", 0.01), "batch_size": 256, "epochs": 30, "schedule": "by_epoch", "init": "gaussian",
        "rates": [0.01] * 10 + [0.001] * 10 + [0.0001] * 10, "stddev": 0.0125,
    },
    "dead_relu": {"optim": ("adam", 1e-3), "input": "raw", "init.dense": "truncated_normal", "norm": "none"},
    "tf_cifar10": {"optim": ("sgd", 0.1), "input": "per_image", "crop": 24, "ema": 0.9999, "norm": "none"},
}  # fmt: skip


@pytest.mark.parametrize("preset", SAID)
def test_a_preset_is_as_its_question_says(shared, preset):
    config = shared.config([f"experiment={preset}"])
    data, init = config.data, config.init
    found = {
        "optim": (config.optim.name, config.optim.learning_rate),
        "batch_size": config.trainer.batch_size, "epochs": config.trainer.epochs, "ema": config.trainer.ema,
        "norm": config.norm.name, "fault": config.fault.name, "input": config.input.name, "crop": config.input.crop,
        "init": init.name, "init.conv": init.conv and init.conv.name, "init.dense": init.dense and init.dense.name,
        "stddev": init.stddev, "schedule": config.schedule.name, "rates": config.schedule.rates,
        "validation": data.validation, "images": (data.people, data.images_per_person, data.size, data.channels),
    }  # fmt: skip
    said = {"fault": "none"} | SAID[preset]
    assert {key: found[key] for key in said} == said


def test_the_palms_are_split_as_the_question_splits_them(shared):
    labels = np.repeat(np.arange(160, dtype=np.int32), 40)
    pool = Pool(np.zeros((6400, 1, 1, 1), np.uint8), labels, [str(n) for n in range(160)], np.zeros(6400, np.uint8))
    dataset = split(pool, shared.config(["experiment=palm_vein"]).data)
    assert (len(dataset.train), len(dataset.val), len(dataset.test)) == (4096, 1280, 1024)


def test_the_unit_weights_of_dead_relu_have_deviation_1_and_biases_at_a_tenth(shared):
    dense = shared.config(["experiment=dead_relu"]).init.dense
    assert (dense.stddev, dense.bias) == (1.0, 0.1)


@pytest.mark.parametrize("preset", ["matconvnet_parity optim=sgd_momentum_matconvnet", "matconvnet_original"])
def test_matconvnets_optimiser_is_that_of_the_question(shared, preset):
    optim = shared.config([f"experiment={preset.split()[0]}", *preset.split()[1:]]).optim
    assert (optim.momentum, optim.momentum_of, optim.bias_rate) == (0.9, "gradients", 2.0)
    assert (optim.weight_decay, optim.decay, optim.decay_exempt) == (5e-4, "l2", ["norm"])
