"""Home folders: of nobody, of a user without one, and those that are there."""

import os
import pwd
from pathlib import Path

import pytest

from exprun import backend
from exprun.config.errors import ConfigError
from exprun.config.paths import user_path
from exprun.data import sources
from exprun.tracking.store import tracking_uri
from tiny import config, tiny


@pytest.fixture
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def homeless(monkeypatch):
    """As in a container: a number that no name belongs to, and no HOME."""

    def unknown(uid):
        raise KeyError(uid)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_a_home_folder_is_put_in(home):
    assert user_path("~/x") == home / "x"
    assert user_path("x/~") == Path("x/~")
    assert tracking_uri("sqlite:///~/runs.db") == f"sqlite:///{home}/runs.db"
    assert tracking_uri("sqlite:///runs.db") == f"sqlite:///{Path.cwd()}/runs.db"


@pytest.mark.parametrize("text", ["~nosuch", "~nosuch/x", "a\0b"])
def test_what_can_be_no_path_is_a_sentence(text):
    with pytest.raises(ConfigError, match=r"^data\.root"):
        user_path(text, f"data.root={text}")


def test_a_cache_at_home_is_made_there(home, tmp_path):
    tiny("data.cache=~/cache", "trainer.max_steps=1")
    assert list((home / "cache").glob("digits-*"))
    assert not (tmp_path / "~").exists()
    assert sources._downloads(config("data.cache=~/cache", "data=mnist").data).is_relative_to(home)


def test_who_has_no_home_can_do_without(homeless, monkeypatch):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    with pytest.raises(RuntimeError):
        Path.home()
    backend.prepare()
    assert not Path.home().exists()  # which MLflow asks for as it is imported
    assert not os.access(os.path.expanduser("~"), os.W_OK)  # which Keras asks, and goes elsewhere
    assert sources._keras_folder()
    with pytest.raises(ConfigError, match=r"^run_dir=~/x: no home folder is known for ~; write the whole path\.$"):
        user_path("~/x", "run_dir=~/x")


def test_a_home_that_is_known_stays(home):
    backend.prepare()
    assert os.environ["HOME"] == str(home)
