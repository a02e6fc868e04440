"""Comparing the runs of MLflow's store."""

import json

import pytest

from exprun import cli
from exprun.compare import remote
from exprun.compare.query import read, select
from exprun.config.errors import ConfigError, RunError
from tiny import TINY


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A sweep of four runs, logged."""
    place = tmp_path_factory.mktemp("store")
    words = [word for word in TINY if word not in ("tracking=none", "trainer.epochs=2")]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert (
            cli.main(["-m", *words, "trainer.epochs=1", "norm=none,batch", "seed=0,1", "tracking.tags={team: a}"]) == 0
        )
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
        assert b.metrics["val/accuracy"] == pytest.approx(a.metrics["val/accuracy"])
        assert [row["step"] for row in b.history] == [row["step"] for row in a.history]
        assert b.environment["data_fingerprint"] == a.environment["data_fingerprint"]


def test_the_comparison_is_the_same(place, capsys):
    found = []
    for words in (["last"], ["--experiment", "exprun"]):
        assert cli.main(["compare", *words, "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        found.append([(arm["levels"], arm["values"]) for arm in facts["arms"]])
    assert [levels for levels, _ in found[0]] == [levels for levels, _ in found[1]]
    for (_, a), (_, b) in zip(*found, strict=True):
        assert b == pytest.approx(a)


def test_a_condition_chooses(place):
    assert len(remote.select("exprun", "params.\"norm.name\" = 'batch'", [], None)) == 2
    assert len(remote.select("exprun", "tags.team = 'a'", ["norm=none"], None)) == 2


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ("--experiment nothing", 2, "There is no experiment nothing"),
        ("--experiment exprun --filter nonsense", 2, "--filter nonsense: "),
        ("--experiment exprun --where seed=7", 2, "There are no runs of that kind in exprun"),
        ("--experiment exprun --uri sqlite:///away.db", 2, "There is no store at away.db."),
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
