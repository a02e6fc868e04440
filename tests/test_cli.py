"""A single run through the command line: composed once, and trained as Hydra runs a job."""

import os
from pathlib import Path

import pytest
import yaml

from exprun import cli
from tiny import TINY

FAST = [*TINY, "trainer.epochs=1", "trainer.max_steps=1"]
FAST = [*dict.fromkeys(word for word in FAST if word != "trainer.epochs=2")]


def configs():
    return [yaml.safe_load(path.read_text()) for path in sorted(Path("outputs").rglob("config.yaml"))]


def test_a_run_without_a_folder_makes_one_folder():
    assert cli.main(FAST) == 0
    (folder,) = Path("outputs/runs").iterdir()
    (config,) = configs()
    assert config["run_dir"] == f"outputs/runs/{folder.name}"


def test_a_folder_named_by_the_time_is_the_one_of_the_run():
    assert cli.main([*FAST, "run_dir=here/${now:%f}/${hydra:runtime.choices.norm}"]) == 0
    (folder,) = Path("here").iterdir()
    assert (folder / "batch" / "result.json").exists()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("${hydra:runtime.choices.model}", "cnn"),
        pytest.param("${hydra:job.name}", "exprun", marks=pytest.mark.slow),
        pytest.param("${hydra:mode}", "RunMode.RUN", marks=pytest.mark.slow),
        ("${oc.env:EXPRUN_TEST,none}", "set"),
    ],
)
def test_hydras_values_can_be_used(text, wanted):
    words = ["+hydra.job.env_set.EXPRUN_TEST=set", f"tracking.run_name={text}"]
    assert cli.main([*FAST, "tracking=mlflow", "tracking.uri=http://127.0.0.1:9", "trainer.dry_run=true", *words]) == 0
    (config,) = configs()
    assert config["tracking"]["run_name"] == wanted
    assert "EXPRUN_TEST" not in os.environ


def test_hydras_callbacks_see_the_run_and_may_change_it(monkeypatch, tmp_path):
    (tmp_path / "own_callback.py").write_text(
        "from hydra.experimental.callback import Callback\n\n\n"
        "class Own(Callback):\n"
        "    def on_run_start(self, config, **_):\n"
        "        assert config.hydra.mode.name == 'RUN'\n"
        "        config.seed = 7\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert cli.main([*FAST, "+hydra.callbacks.own._target_=own_callback.Own"]) == 0
    (config,) = configs()
    assert config["seed"] == 7
