"""Find the Python code of `model.builder` and compute its digest, without running it or importing TensorFlow."""

import ast
import hashlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

INSTALLED = ("site-packages", "dist-packages")  # names of the folders of installed packages
_NOT_CODE = ("kind", "type_comment", "type_ignores")  # fields of a syntax tree that do not change what the code does


def make_importable() -> None:
    """Add the current folder to the import path, because `model.builder` may name a module in it."""
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)


def code_digest(builder: str) -> str:
    """The digest of a builder's code: of its module and of the modules in the same folder that it imports.

    Comments, docstrings and formatting do not change the digest.

    Args:
        builder: the builder, as `package.module:function`.

    Returns:
        Twelve hexadecimal digits; empty if the module is not found or is not a file of Python code.
    """
    make_importable()
    return _digest(builder.partition(":")[0], Path.cwd())


@cache  # cached because the code that this process has imported does not change
def _digest(module: str, _: Path) -> str:
    top, *inner = module.split(".")
    root, top = _locate(top)
    if root is None:
        return ""
    read: dict[str, Any] = {}
    named = ".".join([top, *inner])
    waiting = [named]
    while waiting:
        parts = waiting.pop().split(".")
        if root.name in INSTALLED and parts[0] != top:
            continue
        for end in range(1, len(parts) + 1):  # importing a module also imports the packages around it
            name = ".".join(parts[:end])
            file = None if name in read else _file(root, parts[:end])
            if file is not None:
                read[name], imported = _read(file, name)
                # In an installed package, only the imports of the module itself are followed, because a package such as
                # Keras has a thousand modules.
                waiting += imported if root.name not in INSTALLED or name == named else []
    return hashlib.sha256(json.dumps(sorted(read.items())).encode()).hexdigest()[:12] if read else ""


def _locate(top: str) -> tuple[Path | None, str]:
    """The folder of a module or package, or None if it is not found, and the name of its file."""
    if top == "__main__":
        file = getattr(sys.modules[top], "__file__", None)
        return (Path(file).resolve().parent, Path(file).stem) if file else (None, top)
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None, top
    if spec is not None and spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).parent, top
    return (Path(spec.origin).parent, top) if spec is not None and spec.has_location and spec.origin else (None, top)


def _file(root: Path, parts: list[str]) -> Path | None:
    base = root.joinpath(*parts)
    return next((file for file in (base / "__init__.py", base.with_name(f"{base.name}.py")) if file.is_file()), None)


def _read(file: Path, name: str) -> tuple[Any, list[str]]:
    """The code of a module as plain values, and the names of the modules that it imports.

    Args:
        file: the file of the module.
        name: the full name of the module.
    """
    try:
        source = file.read_bytes()
    except OSError:
        return None, []
    try:
        tree = ast.parse(source)
        return _shape(tree), list(_imported(tree, name.split("."), file.name == "__init__.py"))
    except (SyntaxError, ValueError, RecursionError):
        return hashlib.sha256(source).hexdigest(), []


def _shape(node: Any) -> Any:
    """A syntax tree as plain values, without docstrings; they are the same in all versions of Python."""
    if isinstance(node, list):
        return [_shape(one) for one in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {key: value for key, value in ast.iter_fields(node) if value not in (None, []) and key not in _NOT_CODE}
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
        fields["body"] = node.body[1:]
    return [type(node).__name__, {key: _shape(value) for key, value in fields.items()}]


def _imported(tree: ast.AST, parts: list[str], package: bool) -> Iterator[str]:
    """The full names of the modules that a module imports; `from a import b` yields `a.b`, which may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = len(parts) - node.level + package
            base = [*(parts[:above] if node.level else []), *([node.module] if node.module else [])]
            yield from (".".join([*base, alias.name]) for alias in node.names)
