"""Random configs for tests with Hypothesis."""

from collections.abc import Iterable

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from exprun.config.options import options

OPTIONS = {group: sorted(found) for group, found in options().items()}
CHECKED = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None)


def configs(groups: Iterable[str]) -> st.SearchStrategy[list[str]]:
    """A strategy that chooses one option of each group, as overrides."""
    choice = {group: st.sampled_from(OPTIONS[group]) for group in groups if group in OPTIONS}
    return st.fixed_dictionaries(choice).map(lambda found: [f"{group}={option}" for group, option in found.items()])
