"""The command `runs`: lists, shows, differences, deletion."""

import json
import shutil

import pytest

from compare.fake_runs import write_run
from exprun import cli
from exprun.config.errors import ConfigError
from exprun.locks import file_lock
from exprun.records import find_run as find
from exprun.runs import differences
from tiny import tiny


@pytest.fixture
def outputs(tmp_path):
    write_run(tmp_path / "outputs" / "runs" / "one", 0.8)
    write_run(tmp_path / "outputs" / "sweeps" / "s" / "0", 0.9, norm__name="none", seed=3, environment={"commit": "b"})
    write_run(tmp_path / "outputs" / "sweeps" / "s" / "1", None)
    return tmp_path / "outputs"


def said(capsys, *words):
    code = cli.main(["runs", *words])
    captured = capsys.readouterr()
    return code, " ".join((captured.out + captured.err).split())


def test_all_runs_are_listed_with_what_became_of_them(outputs, capsys):
    code, text = said(capsys)
    assert code == 0
    assert "runs/one cnn digits 0 finished 80.0 10 s" in text
    assert "not ended" in text
    code, text = said(capsys, "--where", "norm=none")
    assert "runs/one" not in text
    assert "sweeps/s/0" in text
    _, text = said(capsys, "--most", "1")
    assert "2 older runs are not shown" in text


def test_a_run_is_found_by_its_folder_or_the_end_of_its_name(outputs):
    assert find("outputs/runs/one").folder == find("one").folder == find("runs/one").folder
    write_run(outputs / "sweeps" / "t" / "0", 0.7)
    with pytest.raises(ConfigError, match="The names of 2 runs end in 0: give more of the folder's name"):
        find("0")
    assert find("s/1").status == "NOT ENDED"


def test_two_runs_are_told_apart(outputs):
    found = differences(find("one"), find("s/0"))
    assert ("norm.name", "batch", "none") in found
    assert ("seed", "0", "3") in found
    assert ("environment.commit", "a" * 40, "b") in found
    assert not any("run_dir" in key for key, *_ in found)


def test_one_is_shown(outputs, capsys):
    code, text = said(capsys, "show", "s/0")
    assert code == 0
    assert "norm.name none" in text
    assert "val/accuracy 0.9" in text


def test_deleting_is_asked_for_twice_and_takes_the_run_in_the_store_too(outputs, capsys):
    code, text = said(capsys, "delete", "one")
    assert code == 2
    assert text == "exprun: This deletes outputs/runs/one with all files: add --yes."
    assert said(capsys, "delete", "one", "--yes")[0] == 0
    assert not (outputs / "runs" / "one").exists()
    shutil.rmtree(outputs)
    result = tiny("tracking=mlflow", "trainer.epochs=1", "run_dir=outputs/runs/real")
    note = json.loads((result.run_dir / "tracking.json").read_text())
    assert said(capsys, "delete", "real", "--yes")[0] == 0
    import mlflow

    assert mlflow.MlflowClient(tracking_uri=note["uri"]).get_run(note["run_id"]).info.lifecycle_stage == "deleted"


def test_a_run_in_training_is_not_deleted(outputs, capsys):
    with file_lock(outputs / "runs" / "one" / ".lock", wait=False):
        code, text = said(capsys, "delete", "one", "--yes")
    assert code == 1
    assert text == "exprun: Another process is training in outputs/runs/one."


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["show"], "runs show takes one run, not 0."),
        (["diff", "one"], "runs diff takes two runs, not 1."),
        (["delete", "--yes"], "runs delete takes one or more runs, not 0."),
        (["show", "nothing"], "There is no run named nothing; python -m exprun runs lists all runs."),
        (["show", "e"], "There is no run named e"),
        (["--where", "norm=layer"], "There is no run below outputs/ with norm=layer yet."),
        (["--most", "0"], "--most is 0, but must be above 0."),
        (["remove"], "Argument action: invalid choice: 'remove'"),
    ],
)
def test_mistakes_are_one_sentence(outputs, capsys, words, sentence):
    code, text = said(capsys, *words)
    assert code == 2
    assert sentence in text
