"""A run's config of another version: what it lacks has its default, what it has besides is named."""

import json
from pathlib import Path

import pytest
import yaml

from exprun import cli
from exprun.config.errors import ConfigError
from exprun.config.schema import settings
from exprun.config.versions import known_settings
from exprun.preflight import preflight
from exprun.records import read_run as read
from exprun.run_folder import RunFolder
from tiny import TINY, config, tiny


def rewritten(folder, **changes):
    """Set or, with None, take away settings by `group__key`."""
    path = Path(folder) / "config.yaml"
    raw = yaml.safe_load(path.read_text())
    for key, value in changes.items():
        *groups, last = key.split("__")
        place = raw
        for group in groups:
            place = place[group]
        if value is None:
            place.pop(last)
        else:
            place[last] = value
    path.write_text(yaml.safe_dump(raw))


def test_what_is_missing_has_the_default_of_the_schema_or_of_its_option():
    now = settings(config("optim=rmsprop"))
    old = json.loads(json.dumps(now))
    del old["trainer"]["tta"], old["optim"]["rho"], old["progress"]
    found, unknown = known_settings(old)
    assert found == now | {"progress": "auto"}
    assert unknown == {}


def test_what_is_not_known_is_left_out_and_named():
    now = settings(config("optim=sgd"))
    newer = json.loads(json.dumps(now))
    newer["trainer"]["newer"] = 3
    newer["wholly"] = {"new": 1}
    newer["optim"]["momentum"] = 0.9  # of which another version made use here
    found, unknown = known_settings(newer)
    assert found == now
    assert unknown == {"wholly": {"new": 1}, "trainer.newer": 3, "optim.momentum": 0.9}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("old"))
        return tiny("run_dir=outputs/runs/it", "trainer.epochs=1", "trainer.max_steps=2").run_dir


@pytest.fixture
def it(trained, tmp_path):
    import shutil

    return Path(shutil.copytree(trained, tmp_path / "outputs" / "runs" / "it"))


def goes_on(*words):
    return preflight(config("run_dir=outputs/runs/it", "trainer.resume=true", "trainer.epochs=1", *words))


def test_a_run_of_an_older_version_goes_on(it):
    rewritten(it, trainer__tta=None)
    assert goes_on("trainer.max_steps=3") is None
    assert read(it).config["trainer.tta"] == "none"
    rewritten(it, adversary=None)  # a group that there was not yet
    assert RunFolder(it).read_config().adversary.name == "none"
    assert goes_on("trainer.max_steps=3") is None
    with pytest.raises(ConfigError, match=r"was trained with trainer\.tta=none, not mirror"):
        goes_on("trainer.tta=mirror")


def test_a_run_of_a_newer_version_is_read_and_its_unknown_keys_are_named(it, capsys):
    rewritten(it, trainer__newer=3)
    environment = json.loads((it / "environment.json").read_text())
    (it / "environment.json").write_text(json.dumps(environment | {"version": "7.1"}))
    told = "trainer.newer=3 is not known to exprun"
    with pytest.raises(ConfigError, match=rf"cannot be resumed: {told} [\d.]+; the run was written by exprun 7\.1"):
        goes_on()
    assert cli.main(["export", "it"]) == 0
    assert told in capsys.readouterr().err
    assert cli.main(["runs", "repeat", "it", "progress=quiet"]) == 0
    assert told in capsys.readouterr().err
    assert read(it).config["trainer.newer"] == 3


@pytest.mark.parametrize("text", ["[1", "3", "{trainer: 3}"])
def test_a_config_that_is_none_is_said(it, capsys, text):
    (it / "config.yaml").write_text(text)
    assert cli.main([*TINY, "run_dir=outputs/runs/it", "trainer.resume=true"]) == 2
    assert "run_dir=outputs/runs/it holds a run that cannot be read" in capsys.readouterr().err


def test_a_value_that_is_not_known_is_named_with_the_version(it, capsys):
    rewritten(it, optim__name="newest")
    assert cli.main(["runs", "repeat", "it"]) == 2
    assert "config.yaml, written by exprun 0.1.0: optim.name is 'newest', but must be" in capsys.readouterr().err
