"""The command `runs`: lists, shows and differences for people."""

import pytest

from compare.fake_runs import write_run
from exprun import cli
from exprun.config.errors import ConfigError
from exprun.records import find_run as find
from exprun.runs import differences


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


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["show"], "runs show takes one run, not 0."),
        (["diff", "one"], "runs diff takes two runs, not 1."),
        (["delete", "--yes"], "runs delete takes runs, sweeps or --where: none is given."),
        (
            ["delete", "nothing", "--yes"],
            "There is no run or sweep named nothing; python -m exprun runs lists all runs.",
        ),
        (
            ["delete", "--where", "norm=layer"],
            "There is no run with norm=layer in this project, so nothing is deleted.",
        ),
        (["continue", "one", "norm"], "runs continue takes one run, not 2."),
        (["--json", "--csv"], "Only one of --json and --csv can be given."),
        (["repeat", "one", "--json"], "--json applies to runs list, runs show, runs diff, not runs repeat."),
        (["show", "one", "--where", "norm=none"], "--where applies to runs list, runs delete, not runs show."),
        (["show", "one", "--most", "3"], "--most applies to runs list, not runs show."),
        (["one", "--keep-mlflow"], "Argument action: invalid choice: 'one'"),
        (["--where", "norm"], "--where takes KEY=VALUE, such as norm=batch, status=FAILED or 'val/accuracy<0.5', not"),
        (["--where", "status=DONE"], "--where status=DONE: the status must be FINISHED, FAILED, KILLED or NOT_ENDED."),
        (["--where", "stauts=FAILED"], "--where stauts=FAILED: stauts is not known; did you mean status?"),
        (["--where", "xyzzy=1"], "xyzzy is not known; use status, sweep, a group, a key or a final metric."),
        (["--where", "val/accurcy<1"], "--where val/accurcy<1: no run has the metric val/accurcy; they have"),
        (
            ["--where", "val/accuracy<high"],
            "--where val/accuracy<high: < compares numbers, such as 'val/accuracy<0.5'.",
        ),
        (["--where", "status<FAILED"], "--where status<FAILED: < compares numbers"),
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
