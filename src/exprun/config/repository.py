"""Read config files for Hydra, with error messages that name the file."""

import copy
from pathlib import Path
from typing import Any

import yaml
from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.config_source import ConfigResult
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from exprun.config.errors import ConfigError, one_line
from exprun.config.schema import known_keys

MAX_YAML_BYTES = 256 * 1024
_FILES: dict[Path, tuple[tuple[int, int, int], ConfigResult | None]] = {}  # contents, with the state of each file
_FIXED: dict[str, ConfigResult] = {}  # the contents of files that ship with Hydra, and the defaults of the schema


class Repository(ConfigRepository):
    """Hydra's reader of config files, with errors that name the file; an unchanged file is read only once.

    Args:
        search_path: Hydra's search path.
        dirs: the folders in the search path whose files are checked here.
    """

    def __init__(self, search_path: ConfigSearchPath, dirs: list[Path]) -> None:
        super().__init__(search_path)
        self.dirs = dirs

    def __deepcopy__(self, memo: dict[int, Any]) -> "Repository":
        """Hydra copies its reader for each composition; the list of sources is replaced there, never changed."""
        return copy.copy(self)

    def load_config(self, config_path: str) -> ConfigResult | None:
        """The content of a config file, by its path without suffix; the same object until the file changes.

        Raises:
            ConfigError: the file is too large, is not text, not YAML or not a mapping, or is an option without a name.
        """
        name = config_path.removesuffix(".yaml")
        file = next((f for f in (folder / f"{name}.yaml" for folder in self.dirs) if f.exists()), None)
        if file is None:
            found = _FIXED.get(config_path) or super().load_config(config_path)
            if found is not None and found.provider in ("hydra", "schema"):
                _FIXED[config_path] = found
            return found
        if not file.is_file():
            raise ConfigError(f"{file} is not a regular file, so it cannot be a config file.")
        state = file.stat()
        if state.st_size > MAX_YAML_BYTES:
            raise ConfigError(f"{file} is larger than {MAX_YAML_BYTES // 1024} kB, too large for a config file.")
        stamp = (state.st_ino, state.st_mtime_ns, state.st_size)
        if file not in _FILES or _FILES[file][0] != stamp:
            _FILES[file] = stamp, self._checked(file, name, config_path)
        return _FILES[file][1]

    def _checked(self, file: Path, name: str, config_path: str) -> ConfigResult | None:
        try:
            found = super().load_config(config_path)
        except yaml.MarkedYAMLError as error:
            line = f", line {error.problem_mark.line + 1}" if error.problem_mark is not None else ""
            raise ConfigError(f"{file}{line}: not valid YAML: {one_line(error.problem)}.") from None
        except (UnicodeDecodeError, yaml.YAMLError, RecursionError):
            raise ConfigError(f"{file} is not a text file with valid YAML.") from None
        except AssertionError:  # raised by OmegaConf for a file whose content is a single string
            raise ConfigError(f"{file} must contain a mapping of keys to values.") from None
        except (ValueError, OSError, OmegaConfBaseException) as error:
            raise ConfigError(f"{file} cannot be read as a mapping of keys to values: {one_line(error)}.") from None
        if found is not None and not OmegaConf.is_dict(found.config):
            raise ConfigError(f"{file} must contain a mapping of keys to values.")
        group, _, option = name.partition("/")
        nameless = found is not None and "name" not in found.config and not found.defaults_list
        if option and nameless and f"{group}.name" in known_keys():
            raise ConfigError(f"{file} has no name, which every option file needs, for example name: {option}.")
        return found
