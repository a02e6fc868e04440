"""The command `explain`, from its words to its report."""

import json
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from mlflow import MlflowClient

import exprun.explain.study as study_module
import exprun.explain.trials as trials_module
from exprun.cli import main
from exprun.config.compose import Composer
from exprun.config.errors import RunError
from exprun.doctor import causes  # noqa: F401 (a finding is shown with the reason of its cause)
from exprun.doctor.cause import Finding
from exprun.experiments.reference import Reference
from exprun.explain.candidates import AS_IT_IS, OTHER, Candidate
from exprun.explain.trials import Trials, TrialSession
from exprun.run_result import RunResult
from exprun.signals import Killed
from tiny import TINY

# Weights of deviation 1 on raw pixels: hardly a step of Adam leads out of it.
BROKEN = [*TINY, "init=truncated_normal_unit", "input=raw", "optim=adam", "norm=none", "data.size=8"]
SMALL = "model.layers=[{conv: 8},{pool: max},flatten,{dense: 32}]"


@pytest.fixture(autouse=True)
def quick_references(monkeypatch):
    found = [Reference("a linear model", 0.5, 1.0)]
    monkeypatch.setattr(study_module, "referenced", lambda dataset, seconds: (found, 0.1))


@pytest.fixture
def remedies(monkeypatch):
    """What the check before training is to name."""

    def set_remedies(*texts):
        found = [Finding("unscaled-input", "error", "input", "It is so.", overrides=texts)]
        monkeypatch.setattr("exprun.check.examine", lambda config, session: found)

    set_remedies("norm=batch", "init=he_normal input=standardize", "input=standardize")
    return set_remedies


@pytest.fixture
def fake(monkeypatch):
    """Runs that take no time, and their configs; `fake` says what they give and how long they take."""
    state = SimpleNamespace(configs=[], now=0.0, seconds=1.0, accuracy=lambda config: 0.1)

    def run(config, session):
        state.configs.append(config)
        state.now += state.seconds
        accuracy = state.accuracy(config)
        metrics = {"time/images_per_second": config.trainer.batch_size * config.trainer.max_steps / state.seconds}
        history = [{"val/loss": 2.3 - accuracy, "val/accuracy": accuracy}]
        return RunResult("FINISHED", "trainer.max_steps is reached", metrics, history, Path(config.run_dir))

    clock = SimpleNamespace(monotonic=lambda: state.now)
    monkeypatch.setattr(trials_module, "run", run)
    monkeypatch.setattr(trials_module, "time", clock)
    monkeypatch.setattr(study_module, "time", clock)
    return state


def explain(*words):
    return main(["explain", *words])


def report(tmp_path):
    [path] = tmp_path.glob("outputs/explain/*/report.json")
    return json.loads(path.read_text())


def test_a_broken_config_is_explained(tmp_path, capsys, remedies):
    words = [*BROKEN, SMALL, "tracking=mlflow", "progress=plain"]
    assert explain("--seeds", "1", "--steps=60", *words) == 0
    said = capsys.readouterr().out
    found = report(tmp_path)
    assert "[unscaled-input] error, input: It is so." in said
    assert "a linear model 55.0 % (1 s)" in " ".join(said.split())
    assert found["references"] in (next(tmp_path.glob("outputs/explain/*")) / "report.md").read_text()
    assert found["explained_by"] in ("norm=batch", "init=he_normal input=standardize")
    assert " alone, validation accuracy goes from " in found["verdict"]
    assert found["continue"].startswith("python -m exprun 'model.layers=")
    Composer().config(shlex.split(found["continue"])[3:])
    folder = next(tmp_path.glob("outputs/explain/*"))
    assert (folder / "explain.png").stat().st_size > 10_000
    assert found["verdict"] in (folder / "report.md").read_text()
    assert [run["stage"] for run in found["runs"]] == ["pace", *["last rung"] * 4, "pair"]
    check_configs(folder)
    check_mlflow(tmp_path, found)


def check_configs(folder):
    """Runs of the last rung differ from that of the config as it is in their change alone."""
    configs = {path.parent.name: yaml.safe_load(path.read_text()) for path in folder.glob("*/config.yaml")}
    base, changed = configs["01-as-it-is-0"], configs["02-norm=batch-0"]
    differ = {key for key in base if base[key] != changed[key]}
    assert differ == {"norm", "trainer", "tracking", "run_dir"}
    assert {key for key, value in base["trainer"].items() if changed["trainer"][key] != value} == {"max_seconds"}
    assert base["trainer"]["max_steps"] == 60


def check_mlflow(tmp_path, found):
    """A parent with the report, and a child for each run."""
    client = MlflowClient(f"sqlite:///{tmp_path}/outputs/mlflow.db")
    experiment = client.get_experiment_by_name("exprun")
    runs = client.search_runs([experiment.experiment_id], max_results=100)
    [parent] = [run for run in runs if "exprun.explain" in run.data.tags]
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["exprun.verdict"] == found["verdict"]
    assert parent.data.tags["exprun.command"] == found["command"]
    names = {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert {"report.json", "report.md", "explain.png"} <= names
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert len(children) == len(found["runs"])
    assert all("val/loss" in run.data.metrics for run in children)


@pytest.mark.slow
def test_the_gap_between_two_configs(tmp_path, capsys):
    words = [*BROKEN, SMALL, "progress=plain"]
    other = [*BROKEN, SMALL, "init=he_normal", "input=standardize"]
    assert explain(*words, "--seeds=1", "--steps=40", "--against", *other) in (0, 1)
    found = report(tmp_path)
    assert {row["label"] for row in found["rows"]} == {AS_IT_IS, OTHER, "input=standardize", "init=he_normal"}
    assert "share" in capsys.readouterr().out
    assert all(len(row["shares"]) == 2 for row in found["rows"])


def test_the_minutes_are_kept(tmp_path, fake, remedies):
    fake.seconds = 20.0
    assert explain(*BROKEN, "--minutes=3", "--steps=100") == 1
    assert fake.now <= 180.0
    assert "The 3 minutes were over before" in report(tmp_path)["notes"][0]


def test_a_check_that_breaks_costs_no_comparison(tmp_path, fake, monkeypatch):
    monkeypatch.setattr("exprun.check.examine", lambda config, session: 1 / 0)
    fake.accuracy = lambda config: 0.1 + 0.6 * (config.norm.name == "batch")
    assert explain(*BROKEN, "--steps=50") == 0
    found = report(tmp_path)
    assert found["explained_by"] == "norm=batch"
    assert found["notes"][0].startswith("The check before training failed: ZeroDivisionError")


def test_too_little_time_is_said_at_once(fake, remedies, capsys):
    fake.seconds = 60.0
    assert explain(*BROKEN, "--minutes=2") == 1
    assert "--minutes=2 is too short, because a step takes 10 s: use --minutes=" in capsys.readouterr().err
    assert len(fake.configs) == 1


def test_halving_gives_up_the_worse_half(tmp_path, fake, remedies):
    names = ["norm=batch", "norm=layer", "norm=group", "norm=instance", "input=unit", "input=center"]
    remedies(*names)
    fake.accuracy = lambda config: (
        0.1 + 0.1 * (config.norm.name in ("group", "layer")) + 0.3 * (config.input.name == "unit")
    )
    assert explain(*BROKEN, "--steps=200") == 0
    found = report(tmp_path)
    full = {run["label"] for run in found["runs"] if run["stage"] == "last rung"}
    assert full == {AS_IT_IS, "input=unit", "norm=layer", "norm=group"}
    assert found["explained_by"] == "input=unit"
    pair = [run for run in found["runs"] if run["stage"] == "pair"]
    assert {run["label"] for run in pair} == {"input=unit norm=layer"}
    assert [run["seed"] for run in pair] == [0, 1, 2]
    assert {run["steps"] for run in found["runs"] if run["stage"] == "rung 1"} == {50}
    last = [config for config in fake.configs if config.trainer.max_steps == 200]
    assert all(config.doctor.name == "none" and not config.trainer.checkpoint for config in last)


def test_what_fails_is_a_result(tmp_path, fake, remedies, capsys):
    def accuracy(config):
        if config.norm.name == "batch":
            raise ValueError("the shapes do not fit")
        return 0.1

    fake.accuracy = accuracy
    assert explain(*BROKEN, "--steps=50", "progress=plain") == 1
    failures = {run["failure"] for run in report(tmp_path)["runs"] if run["label"] == "norm=batch"}
    assert failures == {"ValueError: the shapes do not fit"}
    assert "norm=batch failed: ValueError" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_leaves_what_was_measured(tmp_path, fake, remedies, capsys, name, code):
    def accuracy(config):
        if len(fake.configs) == 8:
            raise Killed(name)
        return 0.1 + 0.6 * (config.norm.name == "batch")

    fake.accuracy = accuracy
    assert explain(*BROKEN, "--steps=50") == code
    found = report(tmp_path)
    assert len(found["runs"]) == 7
    assert found["notes"] == [f"Stopped by {name}: this is what was measured until then."]
    assert found["explained_by"] == "norm=batch"
    assert "With norm=batch alone, validation accuracy goes from" in capsys.readouterr().out


def test_a_store_that_fails_costs_no_comparison(tmp_path, fake, remedies, capsys):
    (tmp_path / "file").write_text("")
    fake.accuracy = lambda config: 0.1 + 0.6 * (config.norm.name == "batch")
    words = [*BROKEN, "tracking=mlflow", f"tracking.uri=sqlite:///{tmp_path}/file/mlflow.db"]
    assert explain(*words, "--steps=50") == 0
    assert "MLflow did not receive the comparison" in capsys.readouterr().out
    assert all(config.tracking.name == "none" for config in fake.configs)


def printed_commands():
    page = (Path(__file__).parents[2] / "docs" / "explain.md").read_text(encoding="utf-8")
    return [line for line in page.splitlines() if line.startswith("python -m exprun explain")]


@pytest.mark.parametrize("command", printed_commands())
def test_the_printed_commands_compose(monkeypatch, command):
    def stop(study, composer, session):
        raise RunError("Composed.")

    monkeypatch.setattr(study_module, "_examine", stop)
    assert main(shlex.split(command)[3:]) == 1


WRONG = [
    (["experiment=nope"], "experiment=nope is not known"),
    (["--minutes=0"], "--minutes is 0"),
    (["--seeds=-1"], "--seeds is -1"),
    (["--steps=x"], "invalid int value"),
    (["norm=none,batch"], "add -m"),
    (["--against"], "--against needs the overrides of another config"),
    (["--against", "norm=batch"], "The two configs do not differ in what they learn"),
    (["--against", "trainer.epochs=3", "trainer.checkpoint=false"], "The two configs do not differ in what they learn"),
    (["--against", "norm=nope"], "norm=nope is not known"),
    (["--against", "norm=none", "--minutes=3"], "--minutes=3 is not an option"),
    (["trainer.strategy=multi_worker"], "one process"),
    (["data.root=nowhere"], "data.root=nowhere does not exist"),
]


@pytest.mark.parametrize(("words", "sentence"), WRONG)
def test_a_wrong_command_line_is_refused(tmp_path, capsys, words, sentence):
    before = list(tmp_path.iterdir())
    assert explain(*words) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == before


def short(*overrides, steps=50):
    trials = Trials(None, TrialSession(), 1e12, print)
    return trials.short(Candidate("x", Composer().config([*TINY, *overrides])), 7, steps, "folder")


def test_a_short_run_keeps_the_schedule_and_scales_its_warm_up():
    config = short("schedule.warmup_epochs=10", "trainer.epochs=100", steps=50)  # of 1,000 steps in the whole run
    assert config.schedule.warmup_epochs == pytest.approx(0.5)
    assert (config.trainer.max_steps, config.trainer.epochs, config.seed) == (50, 100, 7)
    assert short("schedule.warmup_epochs=1", steps=50).schedule.warmup_epochs == 1.0


@pytest.mark.parametrize(
    ("momentum", "steps", "wanted"), [(0.9, 25, 0.76), (0.9, 500, 0.9), (0.9, 5, 0.5), (0.99, 25, 0.99), (0.6, 99, 0.6)]
)
def test_moving_averages_keep_up_with_a_short_run(momentum, steps, wanted):
    assert short("norm=batch", f"norm.momentum={momentum}", steps=steps).norm.momentum == wanted
    assert short("norm=none").norm.momentum is None


def test_the_test_set_is_not_touched():
    dataset = TrialSession().dataset(Composer().config(["data=digits"]))
    assert dataset.test is None
    assert len(dataset.val) == 180
