"""From overrides to a checked config: search path, composition, and errors in one sentence.

Hydra composes the config. Before that, this module sets the search path (`--config-dir`, then `./conf`, then the config
files that ship with exprun) and checks every override; after it, the schema checks the config.
"""

import contextlib
import copy
import random
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from hydra import version
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobRuntime, setup_globals
from hydra.errors import HydraException, MissingConfigException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, read_write
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException

from exprun.config.applications import resolved
from exprun.config.checks import check
from exprun.config.errors import ConfigError, did_you_mean, one_line
from exprun.config.loader import Loader
from exprun.config.options import config_dirs, option_names
from exprun.config.overrides import in_hydras_grammar, with_forced_keys
from exprun.config.repository import Repository
from exprun.config.schema import GROUPS, Config, defaults, known_keys
from exprun.config.validate import validate

CONFIG_NAME = "config"
_RUN_DIR = "hydra.run.dir"
_RUN_DIR_OF_HYDRA = "outputs/${now:%Y-%m-%d}/${now:%H-%M-%S}"  # the default of Hydra
# Settings of Hydra that a run decides itself: the beginning of the key, the values that change nothing, and the reason.
_OWN: tuple[tuple[str, tuple[Any, ...], str], ...] = (
    ("hydra.output_subdir", (None,), "a run writes config.yaml itself"),
    ("hydra/job_logging", ("none", "disabled"), "a run writes run.log itself"),
    ("hydra.job_logging", (), "a run writes run.log itself"),
    ("hydra.searchpath", ([],), "--config-dir DIR adds a folder that is searched first, and conf/ is searched too"),
)
_INTERNAL = ("adding node", "full_key", "object_type", "reference_type", "in '")


class Composer:
    """Composes and checks configs from one search path.

    Args:
        config_dir: the folder that is searched before all others.
        config_name: the name of the root config.
    """

    def __init__(self, config_dir: str | None = None, config_name: str = CONFIG_NAME) -> None:
        self.dirs = config_dirs(config_dir)
        self.config_dir = config_dir
        self.config_name = config_name
        version.setbase("1.3")
        Plugins.instance()  # registers Hydra's config sources
        setup_globals()
        _store_defaults()
        self.search_path = ConfigSearchPathImpl()
        self.search_path.append("hydra", "pkg://hydra.conf")
        for folder in self.dirs:
            self.search_path.append("main", f"file://{folder}")
        self.search_path.append("schema", "structured://")
        self.loader = Loader(self.search_path, Repository(self.search_path, self.dirs))

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The composed config of one run, not yet checked, without the node `hydra`."""
        return self._without_hydra(self._load(in_hydras_grammar(overrides), RunMode.RUN))

    def config(self, overrides: Sequence[str]) -> Config:
        """The checked config of one run.

        Raises:
            ConfigError: an override or the config is wrong; the message is one sentence.
        """
        self.check_overrides(overrides)
        composed = self._load(with_forced_keys(overrides), RunMode.RUN)
        with _hydra_of(composed):
            return typed(self._without_hydra(composed), self.keys_of(overrides))

    def run(self, overrides: Sequence[str], hydra_overrides: Sequence[str]) -> tuple[Config, DictConfig]:
        """The checked config of one run, and the composed config with the node `hydra`, with which Hydra runs a job.

        Args:
            overrides: the overrides as typed.
            hydra_overrides: overrides of Hydra's own settings.

        Raises:
            ConfigError: an override or the config is wrong; the message is one sentence.
        """
        self.check_overrides(overrides)
        composed = self._load([*with_forced_keys(overrides), *hydra_overrides], RunMode.RUN)
        with _hydra_of(composed):
            with contextlib.suppress(OmegaConfBaseException):  # `typed` reports it
                composed.run_dir  # noqa: B018  resolves `${now:…}` once: copies keep the resolved value
            config = typed(self._without_hydra(copy.deepcopy(composed)), self.keys_of(overrides))
        with read_write(composed.hydra):
            composed.hydra.mode = RunMode.RUN
            composed.hydra.run.dir = "${run_dir}"
        return config, composed

    def dimensions(self, overrides: Sequence[str]) -> dict[str, list[str]] | None:
        """The overrides of a multirun by key, one for each value: `norm`: [`norm=none`, `norm=batch`].

        Returns:
            The overrides, or None if a sweeper other than Hydra's default chooses the runs.

        Raises:
            ConfigError: an override cannot be read, or is an interval, whose values cannot be listed.
        """
        self.check_overrides(overrides)
        master = self._load(with_forced_keys(overrides), RunMode.MULTIRUN)
        sweeper = master.hydra.sweeper
        if not str(sweeper._target_).endswith("BasicSweeper"):
            return None
        texts = in_hydras_grammar([*(f"{key}={value}" for key, value in (sweeper.params or {}).items()), *overrides])
        dimensions: dict[str, list[str]] = {}
        for text, override in zip(texts, self.parse(texts), strict=True):
            element = override.get_key_element()
            if override.is_hydra_override():
                continue
            if not override.is_sweep_override():
                dimensions[override.key_or_group] = [text]
            elif override.is_discrete_sweep():
                dimensions[override.key_or_group] = [f"{element}={value}" for value in _values(override)]
            else:
                raise ConfigError(
                    f"{text} is an interval, and only a search can choose values in it: add hydra/sweeper=optuna."
                )
        return dimensions

    def jobs(self, given: Sequence[str], jobs: Sequence[Sequence[str]]) -> list[Config]:
        """The checked configs of the jobs of a multirun.

        Args:
            given: the overrides of the multirun, as they were typed.
            jobs: the overrides of each job.

        Raises:
            ConfigError: the config of a job is wrong, or two jobs would share a run folder.
        """
        master = self._load(with_forced_keys(given), RunMode.MULTIRUN)
        configs = []
        try:
            for number, job in enumerate(jobs):
                loaded = self.loader.load_sweep_config(master, with_forced_keys(job))
                loaded.hydra.job.num, loaded.hydra.job.id = number, str(number)
                with _hydra_of(loaded):
                    configs.append(typed(self._without_hydra(loaded), self.keys_of(job)))
        except (HydraException, OmegaConfBaseException) as error:
            raise ConfigError(self._explain(error, given)) from None
        if "run_dir" in self.keys_of(given) and len({config.run_dir for config in configs}) < len(configs):
            raise ConfigError(
                f"run_dir={configs[0].run_dir} would be shared by several runs; "
                "leave it out, or set hydra.sweep.dir=… for the sweep's folder."
            )
        return configs

    def factors(self, overrides: Sequence[str]) -> list[str]:
        """The keys and groups that have several values in the overrides, without the seed and the fold."""
        swept = [o for o in self.parse(overrides) if o.is_sweep_override() and not o.is_hydra_override()]
        return [override.key_or_group for override in swept if override.key_or_group not in ("seed", "data.fold")]

    def single_valued(self, overrides: Sequence[str]) -> list[str]:
        """The overrides that have only one value."""
        return [text for text in overrides if not any(o.is_sweep_override() for o in self.parse([text]))]

    def check_overrides(self, overrides: Sequence[str]) -> None:
        """Refuse overrides that cannot be read, or that name an unknown key, group or option.

        Raises:
            ConfigError: an override is wrong; the message names the nearest valid names.
        """
        choices = None
        for override in self.parse(overrides):
            if override.is_hydra_override():
                _check_own(override)
                continue
            if choices is None:
                choices = option_names(self.config_dir)
            key = override.key_or_group
            if key in choices and override.package is None:
                if not override.is_delete() and isinstance(override.value(), list):
                    raise ConfigError(f"{key} takes one option; to run several, write {key}=a,b and add -m.")
                for option in _picked(override):
                    if option not in choices[key]:
                        raise ConfigError(f"{key}={option} is not known; {did_you_mean(option, choices[key])}")
            elif key.endswith(".name") and key.removesuffix(".name") in GROUPS:
                group = key.removesuffix(".name")
                raise ConfigError(f"{key} is the name inside an option file; to choose an option, write {group}=….")
            elif not self._is_key(key):
                known = [*known_keys(), *choices]
                raise ConfigError(f"Unknown key {key}; {did_you_mean(key, known)}")

    def keys_of(self, overrides: Sequence[str]) -> set[str]:
        """The keys and groups in the overrides."""
        return {override.key_or_group for override in self.parse(overrides)}

    @staticmethod
    def _is_key(key: str) -> bool:
        """Whether `key` is a key of the schema, the beginning of one, or a key inside a setting that is a mapping."""
        if any(key == known or known.startswith(f"{key}.") for known in known_keys()):
            return True
        return key.startswith(("tracking.tags.", "model.layers.", "hydra."))

    def parse(self, overrides: Sequence[str]) -> list[Override]:
        """Parse overrides with Hydra's grammar.

        Raises:
            ConfigError: an override cannot be read.
        """
        parsed: list[Override] = []
        if isinstance(overrides, str):
            raise ConfigError(
                f'\'{one_line(overrides)[:60]}\' is text; overrides come as a list: ["model=vgg16", "seed=3"].'
            )
        for text in in_hydras_grammar(overrides):
            if text.startswith("-"):
                raise ConfigError(f"{text} is not an option of exprun; --help lists them.")
            if text.startswith("=") or ("=" not in text and not text.startswith("~")):
                raise ConfigError(
                    f"'{one_line(text)[:60]}' is not an override; write key=value, for example model=vgg16."
                )
            try:
                parsed.append(self.loader.parse(text))
            except HydraException:
                raise ConfigError(
                    f"'{one_line(text)[:60]}' cannot be read as key=value; quote values with spaces, commas or "
                    "brackets, for example 'key=\"a, b\"'."
                ) from None
        return parsed

    def _load(self, overrides: list[str], mode: RunMode) -> DictConfig:
        JobRuntime.instance().set("name", "exprun")
        try:
            return self.loader.load_configuration(self.config_name, overrides, mode)
        except (HydraException, OmegaConfBaseException, ValueError, RecursionError) as error:
            raise ConfigError(self._explain(error, overrides)) from None

    @staticmethod
    def _without_hydra(config: DictConfig) -> DictConfig:
        """The config without the node `hydra`.

        Raises:
            ConfigError: this node changes the run folder or the current folder.
        """
        if config.hydra.job.chdir:
            raise ConfigError(
                "hydra.job.chdir=true is not supported, because relative paths start from the folder in which exprun "
                "was started: leave it out; run_dir sets the run folder."
            )
        if OmegaConf.to_container(config.hydra.run, resolve=False) != {"dir": _RUN_DIR_OF_HYDRA}:
            raise ConfigError(f"{_RUN_DIR} is set in a config file, but the run folder is set by run_dir: set that.")
        OmegaConf.set_struct(config, False)
        config.pop("hydra", None)
        return config

    def _explain(self, error: BaseException, overrides: Sequence[str]) -> str:
        """One sentence from an error of Hydra or OmegaConf, whose message may have many lines."""
        if isinstance(error, MissingConfigException) and error.missing_cfg_file:
            wanted = error.missing_cfg_file
            group, _, option = wanted.rpartition("/")
            if not group:
                return f"The config {wanted}.yaml is not in {' or '.join(str(d) for d in self.dirs)}."
            valid = option_names(self.config_dir).get(group) or error.options or []
            return f"{group}={option} is not known; {did_you_mean(option, valid)}"
        cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
        lines = [line.strip() for line in f"{error}\n{cause if cause is not error else ''}".splitlines()]
        useful = [line for line in dict.fromkeys(lines) if line and not line.startswith(_INTERNAL)]
        text = one_line(" ".join(useful[:3])) or type(error).__name__
        if "requires --multirun" in text or text.startswith("Ambiguous value"):
            name = re.search(r"'([^']*)'", text)
            return (
                f"{name[1].lstrip('+') if name else 'This override'} names several values: add -m to run each of them."
            )
        if "_global_" not in text and "@experiment." in text:
            text = f"{text.rstrip('.?')}; a preset begins with the line `# @package _global_`"
        return text.rstrip(".") + ("" if text.endswith("?") else ".")


def typed(config: DictConfig | dict[str, Any], overridden: set[str] | None = None) -> Config:
    """The checked, typed form of a composed config.

    Args:
        config: the composed config; its interpolations are resolved here.
        overridden: the keys and groups that a person has set; some of them are refused, while the same values from an
            option file are ignored.

    Raises:
        ConfigError: the config is wrong; the message is one sentence.
    """
    try:
        raw = OmegaConf.to_container(OmegaConf.create(config) if isinstance(config, dict) else config, resolve=True)
    except (InterpolationResolutionError, OmegaConfBaseException, RecursionError) as error:
        raise ConfigError(f"The config cannot be resolved: {one_line(str(error).splitlines()[0])}.") from None
    if not isinstance(raw, dict):
        raise ConfigError("The config is not a mapping.")
    checked = resolved(validate(_without_missing(raw)))
    check(checked, overridden or set())
    return checked


@cache
def _store_defaults() -> None:
    """Store the defaults of the schema where Hydra finds them as the config `defaults`; once in a process."""
    ConfigStore.instance().store(name="defaults", node=defaults())


@contextlib.contextmanager
def _hydra_of(config: DictConfig) -> Iterator[None]:
    """Make Hydra's settings of a config available to interpolations `${hydra:…}`, as they are when Hydra runs a job."""
    hydra_config = HydraConfig.instance()
    previous = hydra_config.cfg
    hydra_config.set_config(config)
    try:
        yield
    finally:
        hydra_config.cfg = previous


def _check_own(override: Override) -> None:
    """Refuse settings of Hydra that would add a second log or config to a run, or change the search path."""
    key = override.key_or_group
    for start, harmless, instead in _OWN:
        if key.startswith(start) and (override.is_delete() or override.value() not in harmless):
            raise ConfigError(f"{key} is not supported: {instead}.")


def _without_missing(raw: dict[Any, Any]) -> dict[str, Any]:
    """`raw` without the keys whose value is missing (`???`)."""
    return {
        str(key): _without_missing(value) if isinstance(value, dict) else value
        for key, value in raw.items()
        if value != "???"
    }


def _values(override: Override) -> list[str]:
    """The values of a sweep override; `shuffle` gives the same order each time, so that a sweep can be rerun."""
    state = random.getstate()
    random.seed(override.input_line)
    try:
        return [str(value) for value in override.sweep_string_iterator()]
    finally:
        random.setstate(state)


def _picked(override: Override) -> Iterator[str]:
    """The options that an override of a group chooses; several for a sweep."""
    if override.is_delete():
        return
    if override.is_sweep_override():
        if override.is_discrete_sweep():
            yield from (str(value).strip("'\"") for value in override.sweep_string_iterator())
        return
    value = override.value()
    if value is None and override.key_or_group != "experiment":
        yield "null"
    elif isinstance(value, str):
        yield value.strip("'\"")
    elif value is not None:
        yield str(value)
