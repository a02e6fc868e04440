"""`scripts/reliability` with few tries; some rows are tests of their own."""

import pytest

from reliability.rows import ROWS

TRIES = {"warned": 4, "twice": 1, "server": 5, "store": 6, "memory": 1, "batch": 2, "cache": 1, "folder": 1}
TRIES |= {"killed": 5, "full": 5}


@pytest.mark.slow
@pytest.mark.parametrize("name", TRIES)
def test_nothing_is_lost(name, tmp_path):
    if not ROWS[name].can():
        pytest.skip("this user may not")
    row = ROWS[name].run(tmp_path, TRIES[name])
    assert row.tried == TRIES[name]
    assert row.lost == []
