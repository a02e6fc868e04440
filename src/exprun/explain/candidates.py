"""The configs that `explain` compares: the config as it is, and configs that differ from it by one change."""

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra.types import RunMode

from exprun.config.checks import check
from exprun.config.compose import Composer
from exprun.config.errors import ConfigError
from exprun.config.overrides import in_hydras_grammar
from exprun.config.schema import GROUPS, GROUPS_APART, Config, settings
from exprun.doctor.cause import Finding

AS_IT_IS, OTHER = "as it is", "the other as it is"
MIN_REMEDIES = 3  # if findings name fewer remedies, the usual ones are compared too
MAX_LABEL = 60  # characters of a label of overrides; a change with a longer one is shown by its group
# Keys of the trainer that are the same in all short runs: their length, and what they measure and keep.
LENGTH = (
    "epochs", "max_steps", "max_seconds", "patience", "select", "eval_batch_size", "metrics", "gap", "tta",
    "checkpoint", "resume", "dry_run", "profile", "log_every",
)  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """A config that is measured.

    Args:
        label: the change, as it is shown.
        config: the config with this change, with the length that the user set.
        groups: the groups in which this config differs from the config as it is.
        overrides: the overrides of this change, to add to those of the user; None if no overrides can express it.
    """

    label: str
    config: Config
    groups: frozenset[str] = frozenset()
    overrides: tuple[str, ...] | None = ()


@dataclass(frozen=True)
class Refused:
    """A change that is not measured.

    Args:
        label: the change, as it is shown.
        reason: why the change is not measured, as a sentence.
    """

    label: str
    reason: str


def changed(overrides: Sequence[str], change: Iterable[str]) -> list[str]:
    """The overrides of a config with those of a change added, which replace earlier overrides of the same keys.

    If a change chooses another option of a group, earlier settings of that group are dropped: `optim.momentum=0.8` has
    no meaning with `optim=adam`.

    Args:
        overrides: the overrides of the config.
        change: the overrides of the change.
    """
    kept, added = list(overrides), list(change)
    for override in added:
        key = _key(override)
        kept = [old for old in kept if _key(old) != key and not _key(old).startswith(f"{key}.")]
    return [*kept, *added]


def _key(override: str) -> str:
    return override.split("=", 1)[0].lstrip("+~")


def learned_by(config: Config) -> dict[str, Any]:
    """The settings that affect what a short run learns, by group, as plain values."""
    learned = {
        group: values for group, values in settings(config).items() if group in GROUPS and group not in GROUPS_APART
    }
    if config.model.layers is None:  # the network has its own norms, and from a builder its own init
        del learned["norm"]
    if config.model.builder is not None:
        del learned["init"]
    learned["trainer"] = {key: value for key, value in learned["trainer"].items() if key not in LENGTH}
    return learned


def differing(first: Config, second: Config) -> list[str]:
    """The groups in which two configs differ in what they learn, in the order of the schema."""
    of_first, of_second = learned_by(first), learned_by(second)
    return [
        group for group in GROUPS if group in of_first and group in of_second and of_first[group] != of_second[group]
    ]


def remedies(findings: Iterable[Finding], config: Config) -> list[str]:
    """The changes to compare, in order: those that findings name, and the usual ones if findings name only a few."""
    texts = dict.fromkeys(text for f in findings if f.severity != "note" for text in f.overrides)
    # No remedy changes the group `fault`: switching an injected bug off would explain nothing.
    named = [text for text in texts if all(_key(override) != "fault" for override in shlex.split(text))]
    return named if len(named) >= MIN_REMEDIES else list(dict.fromkeys([*named, *usual(config)]))


def usual(config: Config) -> list[str]:
    """The changes that most often help a network that does not learn."""
    optim = "adam" if config.optim.name in ("sgd", "sgd_momentum", "nesterov") else "sgd_momentum"
    changes = ["norm=batch", "init=he_normal", "input=standardize", f"optim={optim}"]
    if config.schedule.rates is None:  # schedule.rates replace optim.learning_rate
        changes += [f"optim.learning_rate={float(f'{config.optim.learning_rate * x:.3g}')}" for x in (0.1, 10)]
    return changes


def from_remedies(
    composer: Composer, base: Candidate, overrides: Sequence[str], texts: Iterable[str]
) -> tuple[list[Candidate], list[Refused]]:
    """One candidate for each remedy, without those that have no effect, repeat another or do not compose.

    Args:
        composer: a composer with the search path of the user.
        base: the config as it is.
        overrides: the overrides of the config as it is.
        texts: the remedies, each of one or more overrides with spaces between them.

    Returns:
        The candidates, and the changes that are not measured.
    """
    candidates: list[Candidate] = []
    refused: list[Refused] = []
    as_it_is = learned_by(base.config)
    for text in texts:
        change = tuple(shlex.split(text))
        try:
            config = composer.config(changed(overrides, change))
        except ConfigError as error:
            refused.append(Refused(text, str(error)))
            continue
        learned = learned_by(config)
        if learned == as_it_is:
            refused.append(Refused(text, "It has no effect in a short run."))
        elif all(learned != learned_by(other.config) for other in candidates):
            candidates.append(Candidate(text, config, frozenset(differing(base.config, config)), change))
    return candidates, refused


def from_groups(
    composer: Composer, base: Candidate, overrides: Sequence[str], other: Candidate, others: Sequence[str]
) -> tuple[list[Candidate], list[Refused]]:
    """One candidate for each group in which two configs differ: the first config with that group of the second.

    Args:
        composer: a composer with the search path of the user.
        base: the first config.
        overrides: the overrides of the first config.
        other: the second config.
        others: the overrides of the second config.

    Returns:
        The candidates, and the changes that are not measured.
    """
    candidates: list[Candidate] = []
    refused: list[Refused] = []
    options = composer.loader.load_configuration(composer.config_name, in_hydras_grammar(others), RunMode.RUN)
    choices = options.hydra.runtime.choices
    for group in differing(base.config, other.config):
        try:
            config = _with(base.config, {group: getattr(other.config, group)})
        except ConfigError as error:
            refused.append(Refused(group, str(error)))
            continue
        change = _overrides_of(base.config, config, group, choices, others)
        written = tuple(change) if _gives(composer, changed(overrides, change), config) else None
        shown = " ".join(change)
        label = shown if written is not None and len(shown) <= MAX_LABEL else group
        candidates.append(Candidate(label, config, frozenset([group]), written))
    return candidates, refused


def _overrides_of(
    base: Config, wanted: Config, group: str, choices: Mapping[str, str], others: Sequence[str]
) -> Sequence[str]:
    """The overrides that change a group of the first config to what it is in the second config."""
    if group != "trainer":
        return [f"{group}={choices[group]}", *(o for o in others if _key(o).startswith(f"{group}."))]
    # The settings of the trainer come from the body of a preset, not from an option.
    current, new = learned_by(base)[group], learned_by(wanted)[group]
    return [f"{group}.{key}={json.dumps(value)}" for key, value in new.items() if value != current[key]]


def _gives(composer: Composer, overrides: Sequence[str], wanted: Config) -> bool:
    try:
        return learned_by(composer.config(overrides)) == learned_by(wanted)
    except ConfigError:
        return False


def both(base: Candidate, first: Candidate, second: Candidate) -> Candidate | None:
    """Two changes together; None if they change the same group or cannot be combined."""
    if first.groups & second.groups:
        return None
    parts = {group: getattr(change.config, group) for change in (first, second) for group in change.groups}
    overrides = None if first.overrides is None or second.overrides is None else (*first.overrides, *second.overrides)
    try:
        config = _with(base.config, parts)
    except ConfigError:
        return None
    return Candidate(f"{first.label} {second.label}", config, first.groups | second.groups, overrides)


def _with(config: Config, parts: dict[str, Any]) -> Config:
    """The config with some groups replaced, checked."""
    replaced = replace(config, **parts)
    check(replaced, set())
    return replaced
