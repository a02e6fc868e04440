"""The conditions that runs are chosen by."""

import json

import pytest

from compare.fake_runs import write_run
from exprun import cli
from exprun.config.errors import ConfigError
from exprun.outputs import OUTPUTS, SWEEP, point
from exprun.records import Condition, all_records, matching, read_run, with_sweeps


@pytest.fixture
def outputs(tmp_path):
    place = tmp_path / OUTPUTS
    write_run(place / "runs" / "good", 0.9, optim__learning_rate=0.001)
    write_run(place / "runs" / "bad", 0.4, status="FAILED", reason="not finite", norm__name="none", data__limit=300)
    write_run(place / "runs" / "open", None)
    write_run(place / "sweeps" / "s" / "0", 0.7, seed=1)
    write_run(place / "elsewhere" / "x", 0.6, seed=2)
    (place / "sweeps" / "s" / SWEEP).write_text(json.dumps({"overrides": ["seed=1,2"], "options": ""}))
    point(place / "sweeps" / "s" / "1.elsewhere", place / "elsewhere" / "x")
    return place


@pytest.mark.parametrize(
    ("where", "names"),
    [
        (["status=FAILED"], ["bad"]),
        (["status=failed"], ["bad"]),
        (["status=not_ended"], ["open"]),
        (["status!=finished"], ["bad", "open"]),
        (["norm=none"], ["bad"]),
        (["norm.name!=none", "status=FINISHED"], ["0", "good", "x"]),
        (["val/accuracy<0.5"], ["bad"]),
        (["val/accuracy>=0.6", "val/accuracy<0.9"], ["0", "x"]),
        (["val/accuracy!=0.9"], ["0", "bad", "x"]),
        (["optim.learning_rate=1e-3"], ["good"]),
        (["optim.learning_rate=0.0010"], ["good"]),
        (["optim.learning_rate<0.01"], ["good"]),
        (["data.limit=null", "seed=0"], ["good", "open"]),
        (["data.limit>200"], ["bad"]),
        (["seed>0"], ["0", "x"]),
        (["sweep=s"], ["0", "x"]),
        (["sweep=outputs/sweeps/s/"], ["0", "x"]),
        (["sweep=last", "seed=2"], ["x"]),
        (["sweep!=s"], ["bad", "good", "open"]),
    ],
)
def test_runs_are_chosen_by_settings_metrics_status_and_sweep(outputs, where, names):
    assert sorted(run.folder.name for run in all_records(where)) == names


def test_the_end_of_a_name_does_not_match_within_a_part_of_it(outputs):
    assert all_records(["sweep=weeps/s"]) == []


def test_a_sweep_may_be_named_by_its_whole_path(outputs):
    assert len(all_records([f"sweep={outputs.absolute() / 'sweeps' / 's'}"])) == 2


def test_a_number_is_not_a_truth_value(outputs):
    run = read_run(outputs / "runs" / "good")
    run.config["augment.flip"] = True
    assert not run.holds(Condition.of("augment.flip=1"))
    assert not run.holds(Condition.of("augment.flip>0"))
    assert run.holds(Condition.of("augment.flip=true"))


def test_a_key_of_another_version_is_known_if_a_run_has_it(outputs):
    run = read_run(outputs / "runs" / "good")
    run.config["optim.of_the_future"] = 3
    assert matching([run], ["optim.of_the_future=3"]) == [run]


def test_the_sweep_of_each_run_is_found_also_if_the_run_is_elsewhere(outputs):
    sweeps = {run.folder.name: run.sweep for run in with_sweeps(all_records())}
    assert sweeps == {"good": "", "bad": "", "open": "", "0": "outputs/sweeps/s", "x": "outputs/sweeps/s"}


def test_a_double_equals_sign_is_one():
    assert Condition.of("norm==batch") == Condition.of("norm=batch")


def test_without_a_sweep_there_is_no_last_one(tmp_path):
    with pytest.raises(ConfigError, match="there is no sweep yet"):
        Condition.of("sweep=last")


def test_compare_takes_the_same_conditions(outputs, capsys):
    places = ["compare", "outputs", "--by", "seed", "--csv"]
    assert cli.main([*places, "--where", "sweep=last", "--where", "val/accuracy>0.5"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert cli.main([*places, "--where", "stauts=FAILED"]) == 2
    assert "did you mean status?" in capsys.readouterr().err
