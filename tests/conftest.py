"""What all tests share."""

from pathlib import Path

import pytest

import exprun


@pytest.fixture(autouse=True)
def _in_tmp_path(tmp_path, monkeypatch):
    """Each test works in a folder of its own, and what it starts there runs the code under test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(exprun.__file__).parents[1]))


@pytest.fixture
def composer():
    """Composes configs from what ships, and from `./conf` where the test made one before it asks."""
    from exprun.config.compose import Composer

    return Composer()
