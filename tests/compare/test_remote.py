"""Comparing the runs of MLflow's store."""

import json

import pytest

from exprun import cli, records
from exprun.compare import remote
from exprun.compare.selection import select
from exprun.config.errors import ConfigError, RunError
from exprun.records import read_run as read
from exprun.tracking.store import tracking_uri
from tiny import LAYERS, TINY


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A sweep of four runs, which end within an epoch, logged."""
    place = tmp_path_factory.mktemp("store")
    words = [word for word in TINY if word not in ("tracking=none", LAYERS)] + ["model.layers=[{conv: 4},flatten]"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert (
            cli.main(
                ["-m", *words, "trainer.max_steps=15", "trainer.log_every=3", "trainer.gap=true",
                 "norm=none,batch", "seed=0,1", "tracking.tags={team: a}"]
            )
            == 0
        )  # fmt: skip
    return place


@pytest.fixture
def place(store, monkeypatch):
    monkeypatch.chdir(store)
    return store


def test_the_store_tells_what_the_folders_tell(place):
    here = select(["last"])
    there = remote.select("exprun", "", [], None)
    assert [run.folder for run in there] == [run.folder for run in here]
    for a, b in zip(here, there, strict=True):
        assert b.status == a.status
        assert b.seed == a.seed
        assert b.mlflow == read(a.folder).mlflow
        assert {key: b.config[key] for key in ("norm.name", "optim.learning_rate", "trainer.deterministic")} == {
            key: a.config[key] for key in ("norm.name", "optim.learning_rate", "trainer.deterministic")
        }
        assert {name: b.metrics.get(name) for name in a.metrics} == a.metrics
        assert {"train/loss", "train/accuracy", "train/inference_loss", "val/loss", "test/loss", "time/seconds"} <= set(
            a.metrics
        )
        assert [row["step"] for row in a.history] == [10, 15]
        assert b.history == a.history
        assert b.environment["data_fingerprint"] == a.environment["data_fingerprint"]


def test_runs_of_older_versions_are_read_by_the_names_of_today(place):
    import mlflow
    from mlflow.entities import Metric, Param

    client = mlflow.MlflowClient(tracking_uri("sqlite:///outputs/mlflow.db"))
    experiment = client.create_experiment("older")
    logged = {
        10: {"train/loss": 0.9},
        20: {
            "train/loss": 0.7, "train/accuracy": 0.6, "optim/learning_rate": 0.1, "epoch": 1,
            "train/epoch_loss": 0.8, "train/epoch_accuracy": 0.5, "val/accuracy": 0.4,
        },
    }  # fmt: skip
    points = [Metric(name, value, 0, step) for step, metrics in logged.items() for name, value in metrics.items()]
    for seed in range(2):
        run = client.create_run(experiment, tags={"exprun.version": "0.1.0"}).info.run_id
        client.log_batch(run, points, [Param("seed", str(seed))])
    for run in remote.select("older", "", [], None):
        assert run.metrics["train/loss"] == 0.8
        assert run.metrics["train/accuracy"] == 0.5
        assert run.metrics["train/batch_loss"] == 0.7
        assert run.history == [{"step": 20, "epoch": 1, "train/loss": 0.8, "train/accuracy": 0.5, "val/accuracy": 0.4}]


@pytest.mark.parametrize("figure", ["val/accuracy", "train/accuracy", "train/loss"])
def test_the_comparison_is_the_same(place, capsys, figure):
    found = []
    for words in (["last"], ["--experiment", "exprun"]):
        assert cli.main(["compare", *words, "--metric", figure, "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        found.append([(arm["levels"], arm["values"]) for arm in facts["arms"]])
    assert [levels for levels, _ in found[0]] == [levels for levels, _ in found[1]]
    for (_, a), (_, b) in zip(*found, strict=True):
        assert b == pytest.approx(a)


def test_a_condition_chooses(place):
    assert len(remote.select("exprun", "params.\"norm.name\" = 'batch'", [], None)) == 2
    assert len(remote.select("exprun", "tags.team = 'a'", ["norm=none"], None)) == 2
    assert len(remote.select("exprun", "", ["sweep=last"], None)) == 4


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ("--experiment nothing", 2, "There is no experiment nothing"),
        ("--experiment exprun --filter nonsense", 2, "--filter nonsense: "),
        ("--experiment exprun --where seed=7", 2, "There are no such runs in exprun"),
        ("--experiment exprun --uri sqlite:///away.db", 2, "There is no store at away.db: name one with --uri."),
        ("--filter x", 2, "add --experiment NAME"),
        ("last --experiment exprun", 2, "Only one of --experiment and folders can be given."),
    ],
)
def test_mistakes_are_said_in_a_sentence(place, capsys, words, code, sentence):
    assert cli.main(["compare", *words.split()]) == code
    assert sentence in capsys.readouterr().err
    assert not (place / "away.db").exists()


def test_a_server_that_is_away_is_said(place, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RunError, match="does not answer"):
        remote.select("exprun", "", [], "http://127.0.0.1:9")


def test_a_param_is_the_setting_that_it_was():
    values = {"True": True, "0.0003": 0.0003, "[{'conv': 8}, 'flatten']": [{"conv": 8}, "flatten"], "batch": "batch"}
    assert {text: remote._value(text) for text in values} == values
    with pytest.raises(ConfigError):
        remote.select("exprun", "", [], "sqlite:///away.db")


def test_a_param_that_an_older_version_did_not_have_has_its_default():
    params = {
        "seed": "3",
        "model.name": "cnn",
        "trainer.epochs": "2",
        "data.name": "image_folder",
        "tracking.name": "mlflow",
        "tracking.tags.a": "b",
    }
    found = records.complete(remote._nested(params))
    wanted = {"seed": 3, "trainer.tta": "none", "data.background": "white", "tracking.tags.a": "b"}
    assert {key: found[key] for key in wanted} == wanted
