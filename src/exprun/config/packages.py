"""Packages that only some settings need, which are looked for without importing them."""

import importlib.util

from exprun.config.errors import ConfigError


def require_package(package: str, extra: str, what: str) -> None:
    """Refuse to go on without a package.

    Args:
        package: the name under which the package is imported.
        extra: the extra of exprun that installs it.
        what: what needs it, as it was typed.

    Raises:
        ConfigError: it is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.has_location:  # a folder of the name is not the package
        raise ConfigError(f"{what} needs the package {package}, which is not installed: pip install 'exprun[{extra}]'.")
