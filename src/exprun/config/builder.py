"""The Python code that `model.builder` names, found and read without running it, before TensorFlow is imported."""

import ast
import hashlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

INSTALLED = ("site-packages", "dist-packages")  # folders of packages that are installed
_NOT_CODE = ("kind", "type_comment", "type_ignores")  # fields of a syntax tree that change nothing


def make_importable() -> None:
    """Let modules of the working folder be imported: `model.builder` may name one."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)


def code_digest(builder: str) -> str:
    """What tells the code of a builder apart: of its module and of the modules of the same folder that it imports.

    Comments, docstrings and formatting do not count.

    Args:
        builder: `package.module:function`.

    Returns:
        Twelve hexadecimal digits; empty where the module is not found or is no file of Python code.
    """
    make_importable()
    return _digest(builder.partition(":")[0], Path.cwd())


@cache  # the code that this process has imported stays the same
def _digest(module: str, _: Path) -> str:
    top, *inner = module.split(".")
    root, top = _place(top)
    if root is None:
        return ""
    found: dict[str, Any] = {}
    named = ".".join([top, *inner])
    waiting = [named]
    while waiting:
        parts = waiting.pop().split(".")
        if root.name in INSTALLED and parts[0] != top:
            continue
        for end in range(1, len(parts) + 1):  # to import a module is to import the packages around it, too
            name = ".".join(parts[:end])
            file = None if name in found else _file(root, parts[:end])
            if file is not None:
                found[name], imported = _read(file, name)
                # Of a package that is installed, only what the module itself imports: Keras has a thousand modules.
                waiting += imported if root.name not in INSTALLED or name == named else []
    return hashlib.sha256(json.dumps(sorted(found.items())).encode()).hexdigest()[:12] if found else ""


def _place(top: str) -> tuple[Path | None, str]:
    """The folder in which a module or package is found, None where it is not, and the name that its file has."""
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
    """What a file of Python code says, and the names of what it imports.

    Args:
        file: of the module.
        name: of the module.
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
    """A syntax tree as plain values, without docstrings; of the same code the same by every version of Python."""
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
    """The full names of modules that a module imports, and of what may be one: `from a import b` can mean `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = len(parts) - node.level + package
            base = [*(parts[:above] if node.level else []), *([node.module] if node.module else [])]
            yield from (".".join([*base, alias.name]) for alias in node.names)
