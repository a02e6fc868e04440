"""Any combination of options builds and takes a step, or explains itself."""

import contextlib
import io

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from exprun import cli
from exprun.config.options import options

GROUPS = ["model", "input", "augment", "init", "norm", "optim", "schedule", "adversary", "fault"]
OPTIONS = {group: sorted(found) for group, found in options().items() if group in GROUPS}
SMALL = ["data=digits", "data.limit=300", "trainer.batch_size=16", "trainer.dry_run=true", "progress=quiet"]


def configs():
    choice = {group: st.sampled_from(found) for group, found in OPTIONS.items()}
    return st.fixed_dictionaries(choice).map(lambda found: [f"{group}={option}" for group, option in found.items()])


@pytest.mark.slow
@seed(5)
@settings(deadline=None, suppress_health_check=list(HealthCheck), database=None, max_examples=30)
@given(words=configs())
def test_any_config_takes_a_step_or_explains_itself(words):
    with contextlib.redirect_stderr(io.StringIO()) as err:
        code = cli.main([*words, *SMALL])
    said = err.getvalue()
    assert code in (0, 1, 2), (words, code)
    assert "Traceback" not in said, (words, said)
    if code:
        assert said.strip().splitlines()[-1].startswith("exprun: "), (words, said)
        assert "Error" not in said, (words, said)
