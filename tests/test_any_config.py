"""Any combination of options builds and takes a step, or explains itself."""

import contextlib
import io

import pytest
from hypothesis import given, seed, settings

from exprun import cli
from random_configs import CHECKED, configs

GROUPS = ["model", "input", "augment", "init", "norm", "optim", "schedule", "adversary", "fault"]
SMALL = ["data=digits", "data.limit=300", "trainer.batch_size=16", "trainer.dry_run=true", "progress=quiet"]


@pytest.mark.slow
@seed(5)
@settings(CHECKED, max_examples=30)
@given(words=configs(GROUPS))
def test_any_config_takes_a_step_or_explains_itself(words):
    with contextlib.redirect_stderr(io.StringIO()) as err:
        code = cli.main([*words, *SMALL])
    said = err.getvalue()
    assert code in (0, 1, 2), (words, code)
    assert "Traceback" not in said, (words, said)
    if code:
        assert said.strip().splitlines()[-1].startswith("exprun: "), (words, said)
        assert "Error" not in said, (words, said)
