"""What `runs` prints for programs."""

import csv
import io
import json

import pytest

from compare.fake_runs import write_run, write_sweep
from exprun import cli
from exprun.outputs import SWEEP
from exprun.runs_data import FACTS, METRICS, OPTIONS


@pytest.fixture
def outputs(tmp_path):
    folder = write_sweep(tmp_path / "outputs" / "sweeps" / "s", seeds=(0, 1))
    words = ["norm=none,batch", "optim=sgd_momentum,rmsprop", "seed=0,1"]
    (folder / SWEEP).write_text(json.dumps({"overrides": words, "options": ""}))
    write_run(tmp_path / "outputs" / "runs" / "bad", 0.3, status="FAILED", reason='loss is "nan", so\nit ended')
    write_run(tmp_path / "outputs" / "runs" / "open", None)
    return tmp_path / "outputs"


def out(capsys, *words):
    assert cli.main(["runs", *words]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def table(capsys, *words):
    return list(csv.DictReader(io.StringIO(out(capsys, *words))))


def test_json_has_all_facts_of_all_runs(outputs, capsys):
    runs = {entry["run"]: entry for entry in json.loads(out(capsys, "--json"))}
    assert len(runs) == 10
    found = runs["outputs/sweeps/s/6"]
    assert found["factors"] == {"norm": "batch", "optim": "rmsprop"}
    assert (found["sweep"], found["seed"], found["status"]) == ("outputs/sweeps/s", 0, "FINISHED")
    assert found["metrics"]["val/accuracy"] == pytest.approx(0.9, abs=0.01)
    assert found["settings"]["optim.learning_rate"] == 0.0003
    assert found["started"].startswith("20")
    assert runs["outputs/runs/bad"]["reason"] == 'loss is "nan", so\nit ended'
    assert runs["outputs/runs/bad"]["factors"] == {}
    assert runs["outputs/runs/open"]["status"] == "NOT ENDED"
    assert runs["outputs/runs/open"]["metrics"] == {}


def test_all_runs_are_listed_for_programs_unless_a_number_is_given(outputs, capsys):
    for number in range(40):
        write_run(outputs / "more" / str(number), 0.5)
    assert len(json.loads(out(capsys, "--json"))) == 50
    assert len(json.loads(out(capsys, "--json", "--most", "2"))) == 2
    assert len(table(capsys, "--csv", "--where", "status=failed")) == 1
    assert json.loads(out(capsys, "--json", "--where", "norm=layer")) == []


def test_csv_has_one_line_for_each_run_and_columns_that_stay(outputs, capsys):
    rows = table(capsys, "--csv")
    assert len(rows) == 10
    assert out(capsys, "--csv").splitlines()[0].split(",") == [*FACTS, *OPTIONS, *METRICS]
    found = next(row for row in rows if row["run"] == "outputs/sweeps/s/6")
    assert (found["factors"], found["norm"], found["seed"]) == ("norm=batch optim=rmsprop", "batch", "0")
    assert float(found["val/accuracy"]) == pytest.approx(0.9, abs=0.01)
    assert next(row for row in rows if row["status"] == "FAILED")["reason"] == 'loss is "nan", so\nit ended'
    result = outputs / "runs" / "bad" / "result.json"
    content = json.loads(result.read_text())
    result.write_text(json.dumps(content | {"metrics": content["metrics"] | {"test/other": 1.0}}))
    assert list(table(capsys, "--csv")[0]) == [*FACTS, *OPTIONS, *METRICS, "test/other"]
    assert out(capsys, "--csv", "--where", "norm=layer").startswith("run,status,reason,seed,")


def test_the_fold_of_a_run_is_listed(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")  # a narrow table breaks the text
    for fold, split_seed in ((0, 0), (1, 3)):
        folds = {"data__folds": 5, "data__fold": fold, "data__split_seed": split_seed}
        write_run(tmp_path / "outputs" / "runs" / str(fold), 0.5, **folds)
    write_run(tmp_path / "outputs" / "runs" / "plain", 0.5)
    every = {"", "fold 0", "fold 1 of split seed 3"}
    assert {row["fold"] for row in table(capsys, "--csv")} == every
    assert {entry["fold"] or "" for entry in json.loads(out(capsys, "--json"))} == every
    lines = out(capsys)
    assert all(text in lines for text in every)
    assert lines.count("fold") == 2


def test_one_run_and_two_runs(outputs, capsys):
    run = json.loads(out(capsys, "show", "s/6", "--json"))
    assert len(run["history"]) == 2
    assert run["environment"]["precision"] == "float32"
    assert run["factors"] == {"norm": "batch", "optim": "rmsprop"}
    facts = {row["key"]: row["value"] for row in table(capsys, "show", "s/6", "--csv")}
    assert (facts["status"], facts["norm.name"], facts["environment.precision"]) == ("FINISHED", "batch", "float32")
    pair = json.loads(out(capsys, "diff", "s/0", "s/6", "--json"))
    assert pair["settings"]["norm.name"] == ["none", "batch"]
    assert pair["settings"]["optim.learning_rate"] == [0.01, 0.0003]
    assert pair["metrics"]["val/accuracy"] == [pytest.approx(0.8, abs=0.01), pytest.approx(0.9, abs=0.01)]
    rows = {row["key"]: row for row in table(capsys, "diff", "s/0", "s/6", "--csv")}
    assert rows["norm.name"] == {"key": "norm.name", "outputs/sweeps/s/0": "none", "outputs/sweeps/s/6": "batch"}


def test_a_sweep_whose_command_cannot_be_read_has_no_factors(outputs, capsys):
    (outputs / "sweeps" / "s" / SWEEP).write_text('{"overrides": ["=", "norm=a,b"]}')
    assert all(entry["factors"] == {} for entry in json.loads(out(capsys, "--json")))
