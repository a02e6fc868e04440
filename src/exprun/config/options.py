"""The folders of config files, and the options in them; nothing here composes a config."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from exprun.config.errors import ConfigError
from exprun.config.paths import user_path
from exprun.config.schema import GROUPS


def shipped_conf() -> Path:
    """The folder of the config files that ship with exprun: in the installed package, or `conf/` of a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "conf"
    return inside if inside.is_dir() else package.parents[1] / "conf"


def config_dirs(config_dir: str | None = None) -> list[Path]:
    """The folders searched for config files, in this order: `config_dir`, `./conf`, the files that ship with exprun.

    Raises:
        ConfigError: `config_dir` is not a folder.
    """
    shipped = shipped_conf()
    folders = []
    if config_dir is not None:
        folders.append(user_path(config_dir, f"--config-dir {config_dir}").resolve())
        if not folders[0].is_dir():
            raise ConfigError(f"--config-dir {config_dir} is not a folder.")
    local = Path.cwd() / "conf"
    if local.is_dir() and not local.samefile(shipped) and not _is_foreign(local):
        folders.append(local)
    return [*folders, shipped]


def options(config_dir: str | None = None) -> dict[str, dict[str, str]]:
    """Every group with its options, each with its one-line description."""
    return options_in(config_dirs(config_dir))


def option_names(config_dir: str | None = None) -> dict[str, list[str]]:
    """Every group with the names of its options; no file is read."""
    names: dict[str, set[str]] = {}
    for file in _option_files(config_dirs(config_dir)):
        names.setdefault(file.parent.name, set()).add(file.stem)
    return {group: sorted(names[group]) for group in sorted(names)}


def options_in(folders: Sequence[Path]) -> dict[str, dict[str, str]]:
    """Every group with its options in these folders, each with its one-line description.

    If several folders have an option of the same name, the option of the first of these folders is used.
    """
    described: dict[str, dict[str, str]] = {}
    for file in _option_files(folders):
        described.setdefault(file.parent.name, {})[file.stem] = _description(file)
    return {group: dict(sorted(described[group].items())) for group in sorted(described)}


def option_settings(group: str, folders: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """The options of a group with the settings in their files; the settings are empty if a file cannot be read."""
    contents = {file.stem: _content(file) for file in _option_files(folders) if file.parent.name == group}
    return dict(sorted(contents.items()))


def root_settings(folders: Sequence[Path], config_name: str = "config") -> dict[str, Any]:
    """The content of the root config; empty if it cannot be read.

    Args:
        folders: the folders to search; the file is read from the first folder that contains one.
        config_name: the name of the file, without the suffix.
    """
    files = (folder / f"{config_name}.yaml" for folder in folders)
    return next((_content(file) for file in files if file.is_file()), {})


def default_options(root: dict[str, Any]) -> dict[str, str]:
    """The default option of each group in a root config; groups without a default are left out."""
    entries = root.get("defaults")
    named = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return {str(group): str(option) for entry in named for group, option in entry.items() if option is not None}


def _option_files(folders: Sequence[Path]) -> Iterator[Path]:
    """The option files, folder by folder; the first folder comes last, so its files replace files of the same name."""
    for folder in reversed(folders):
        for file in sorted(folder.glob("*/*.yaml")):
            # Only regular files: reading a pipe would block until something is written to it.
            if file.is_file() and (file.parent.name in GROUPS or file.parent.name == "experiment"):
                yield file


def _content(file: Path) -> dict[str, Any]:
    """The mapping in a config file; empty if the file cannot be read as a mapping."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _description(file: Path) -> str:
    """The first comment line of a config file, without Hydra's `# @package`."""
    with open(file, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if not line.startswith("#"):
                break
            if not line.startswith("# @"):
                return line.lstrip("# ").strip()
    return ""


def _is_foreign(conf: Path) -> bool:
    """Whether a folder `conf/` belongs to another program that uses Hydra: its config.yaml lacks `- defaults`."""
    root = conf / "config.yaml"
    if not root.is_file():
        return False
    with open(root, encoding="utf-8", errors="replace") as lines:
        return not any(line.strip() == "- defaults" for line in lines)
