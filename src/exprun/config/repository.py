"""Hydra's reader of config files, with errors that name the file."""

import copy
from pathlib import Path

import yaml
from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.config_source import ConfigResult
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from exprun.config.errors import ConfigError, one_line
from exprun.config.schema import known_keys

MAX_YAML_BYTES = 256 * 1024
_FILES: dict[Path, tuple[tuple[int, int, int], ConfigResult | None]] = {}  # as read, each with the state of its file
_HYDRAS: dict[str, ConfigResult] = {}  # files that ship with Hydra, as read


class Repository(ConfigRepository):
    """Hydra's reader of config files, whose errors name the file, and which reads an unchanged file once.

    Args:
        search_path: where config files are looked for.
        dirs: the folders in it that are ours to read.
    """

    def __init__(self, search_path: ConfigSearchPath, dirs: list[Path]) -> None:
        super().__init__(search_path)
        self.dirs = dirs

    def load_config(self, config_path: str) -> ConfigResult | None:
        """The content of a config file, by its path without suffix.

        Raises:
            ConfigError: it is too large, no text, no YAML or no mapping, or an option without a name.
        """
        name = config_path.removesuffix(".yaml")
        file = next((f for f in (folder / f"{name}.yaml" for folder in self.dirs) if f.exists()), None)
        if file is None:
            found = _HYDRAS.get(config_path) or super().load_config(config_path)
            if found is not None and found.provider == "hydra":
                _HYDRAS[config_path] = found
            return copy.deepcopy(found)
        if not file.is_file():
            raise ConfigError(f"{file} is no file, where a config file should be.")
        state = file.stat()
        if state.st_size > MAX_YAML_BYTES:
            raise ConfigError(f"{file} is larger than {MAX_YAML_BYTES // 1024} kB: no config file.")
        stamp = (state.st_ino, state.st_mtime_ns, state.st_size)
        if file not in _FILES or _FILES[file][0] != stamp:
            _FILES[file] = stamp, self._checked(file, name, config_path)
        return copy.deepcopy(_FILES[file][1])

    def _checked(self, file: Path, name: str, config_path: str) -> ConfigResult | None:
        try:
            found = super().load_config(config_path)
        except yaml.MarkedYAMLError as error:
            line = f", line {error.problem_mark.line + 1}" if error.problem_mark is not None else ""
            raise ConfigError(f"{file}{line}: not valid YAML: {one_line(error.problem)}.") from None
        except (UnicodeDecodeError, yaml.YAMLError, RecursionError):
            raise ConfigError(f"{file} is not text that YAML can hold.") from None
        except AssertionError:  # OmegaConf's, of a file that is one piece of text
            raise ConfigError(f"{file} must hold a mapping of keys to values.") from None
        except (ValueError, OSError, OmegaConfBaseException) as error:
            raise ConfigError(f"{file} cannot be read as a mapping of keys to values: {one_line(error)}.") from None
        if found is not None and not OmegaConf.is_dict(found.config):
            raise ConfigError(f"{file} must hold a mapping of keys to values.")
        group, _, option = name.partition("/")
        nameless = found is not None and "name" not in found.config and not found.defaults_list
        if option and nameless and f"{group}.name" in known_keys():
            raise ConfigError(f"{file} has no name: an option says what it is, for example name: {option}.")
        return found
