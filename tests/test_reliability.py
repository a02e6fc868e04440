"""The short form of `scripts/reliability`; some rows are tests of their own."""

import pytest

from reliability import common
from reliability.rows import ROWS

SHORT = {"killed": 1}
LONGER = {"warned": 4, "twice": 1, "server": 5, "store": 6, "memory": 1, "batch": 2, "cache": 1, "folder": 1}
LONGER |= {"killed": 5, "full": 5}


def tried(name, times, tmp_path):
    if not ROWS[name].can():
        pytest.skip("this user may not")
    row = ROWS[name].run(tmp_path, times)
    assert row.tried == times
    assert row.lost == []


@pytest.mark.parametrize("name", SHORT)
def test_nothing_is_lost(name, tmp_path, run_server, empty_store, monkeypatch):
    monkeypatch.setattr(common, "server", run_server)
    monkeypatch.setattr(common, "WORDS", [*common.WORDS, "pictures=false"])
    for place in ("whole", "0"):  # a store that is made by the run itself takes it longer than its training
        (tmp_path / place / "outputs").mkdir(parents=True)
        empty_store(f"sqlite:///{tmp_path / place}/outputs/mlflow.db")
    tried(name, SHORT[name], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", LONGER)
def test_nothing_is_lost_in_more_tries(name, tmp_path):
    tried(name, LONGER[name], tmp_path)
