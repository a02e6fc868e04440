"""Hydra's loader of configs, which composes the same options and reads the same override only once in a process."""

import copy
import io
import pickle
from collections import OrderedDict
from functools import lru_cache
from typing import Any, cast

from hydra._internal import defaults_list as hydra_defaults
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.default_element import InputDefault, ResultDefault
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig, OmegaConf

from exprun.config.repository import Repository

MAX_COMPOSED = 256  # choices of options whose composed config is kept
MAX_PARSED = 4096  # overrides that are kept
_START = "_start_"  # stands in a list of files for those that are composed already


class _Pickler(pickle.Pickler):
    """Pickles values with numbers for their classes: Hydra may load the modules of its plug-ins again, for example in
    the workers of a launcher, and then a class can no longer be found by its name.
    """

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.classes: dict[type, int] = {}

    def persistent_id(self, value: Any) -> int | None:
        return self.classes.setdefault(value, len(self.classes)) if isinstance(value, type) else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, content: bytes, classes: list[type]) -> None:
        super().__init__(io.BytesIO(content))
        self.classes = classes

    def persistent_load(self, number: int) -> type:
        return self.classes[number]


class _Kept:
    """A value of which copies are taken. OmegaConf copies a config in several times the time of loading a pickled one.

    Args:
        value: the value, such as a composed config; it may change later.
    """

    def __init__(self, value: Any) -> None:
        pickler = _Pickler(file := io.BytesIO())
        pickler.dump(value)
        self.content, self.classes = file.getvalue(), list(pickler.classes)

    def copy(self) -> Any:
        """A copy of the value as it was."""
        return _Unpickler(self.content, self.classes).load()


# The contents of the files and the config that was composed from them.
_COMPOSED: OrderedDict[tuple[Any, ...], tuple[list[ConfigResult | None], _Kept]] = OrderedDict()


class Loader(ConfigLoaderImpl):
    """Hydra's loader. Composing option files takes longer than all else, and the runs of a sweep often share them.

    Args:
        search_path: Hydra's search path.
        repository: the reader of the config files.
    """

    def __init__(self, search_path: ConfigSearchPath, repository: Repository) -> None:
        super().__init__(search_path)
        self.repository = repository

    def parse(self, text: str) -> Override:
        """An override in Hydra's grammar.

        Raises:
            HydraException: the override cannot be read.
        """
        parsed = copy.copy(_parsed(text))
        parsed.config_loader = self
        return parsed

    def _parse_overrides_and_create_caching_repo(
        self, config_name: str | None, overrides: list[str]
    ) -> tuple[list[Override], CachingConfigRepository]:
        parsed, repository = [self.parse(text) for text in overrides], CachingConfigRepository(self.repository)
        self._process_config_searchpath(config_name, parsed, repository)
        return parsed, repository

    def _compose_config_from_defaults_list(
        self, defaults: list[ResultDefault], repo: CachingConfigRepository
    ) -> DictConfig:
        contents = [repo.load_config(default.config_path) for default in defaults]
        # The contents stay the same objects until a file changes, and those of a kept config are alive.
        key = (repr(defaults), *map(id, contents))
        if key not in _COMPOSED:
            own = copy.copy(repo)  # Hydra changes the contents that it composes
            own.cache = _Kept(repo.cache).copy()
            # Hydra's own files and the root config come first, and most choices share what they are composed to.
            shared = next((number for number, default in enumerate(defaults, 1) if default.primary), 0)
            if 0 < shared < len(defaults):
                start = self._compose_config_from_defaults_list(defaults[:shared], repo)
                composed = ConfigResult("", "", start, {"package": None}, is_schema_source=True)
                own.cache[f"config_path={_START}"] = composed
                defaults = [ResultDefault(config_path=_START, primary=True), *defaults[shared:]]
            config = super()._compose_config_from_defaults_list(defaults, own)
            _COMPOSED[key] = contents, _Kept(config)
            while len(_COMPOSED) > MAX_COMPOSED:
                _COMPOSED.popitem(last=False)
        _COMPOSED.move_to_end(key)
        return cast(DictConfig, _COMPOSED[key][1].copy())


@lru_cache(MAX_PARSED)
def _parsed(text: str) -> Override:
    (override,) = OverridesParser.create().parse_overrides([text])
    return override


def _interpolation_map(
    overrides: hydra_defaults.Overrides, defaults: list[InputDefault], self_added: bool
) -> DictConfig:
    """The choices that interpolations in a defaults list refer to; empty for a list without interpolations.

    Hydra makes this map for each config file, also for those without a defaults list, and it took half of the time of
    a composition.
    """
    if any(default.is_interpolation() for default in defaults):
        return _hydras_interpolation_map(overrides, defaults, self_added)
    return _NO_CHOICES


_NO_CHOICES = OmegaConf.create()
_hydras_interpolation_map = hydra_defaults._create_interpolation_map
hydra_defaults._create_interpolation_map = _interpolation_map
