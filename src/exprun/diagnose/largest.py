"""Finds out, from the text of a script, whether the outputs of a call for each row go to `argmax`."""

import ast
import functools
import linecache
from collections.abc import Iterator

Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef


def goes_to_argmax(file: str, line: int) -> bool:
    """Whether the outputs for each row go to `argmax`: in the same expression as their call, by a name, or row by row.

    An `argmax` of all outputs at once, which finds a row, does not count.

    Args:
        file: the path of the file.
        line: the number of the line, from 1.
    """
    return any(_is_of(*found, line) for found in _operands("".join(linecache.getlines(file))))


@functools.cache
def _operands(source: str) -> tuple[tuple[Scope, ast.expr, bool], ...]:
    """What each `argmax` of a script gets, with the function or module around it, and whether it has an axis."""
    try:
        module = ast.parse(source)
    except SyntaxError:  # such as a cell of a notebook with magic commands
        return ()
    scopes: list[Scope] = [module, *(node for node in ast.walk(module) if isinstance(node, Scope))]
    return tuple((scope, *found) for scope in scopes for node in _inside(scope) for found in _of_argmax(node))


def _inside(scope: Scope) -> Iterator[ast.AST]:
    """The nodes of a scope, without those of functions inside it."""
    waiting: list[ast.AST] = list(scope.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, Scope):
            waiting += ast.iter_child_nodes(node)


def _of_argmax(node: ast.AST) -> Iterator[tuple[ast.expr, bool]]:
    """What a call of `argmax`, a function or a method, may get, and whether along an axis; nothing for other nodes."""
    function = node.func if isinstance(node, ast.Call) else None
    name = getattr(function, "attr", getattr(function, "id", ""))
    if not isinstance(node, ast.Call) or name != "argmax":
        return
    has_axis = any(word.arg == "axis" for word in node.keywords)
    if isinstance(function, ast.Attribute):
        yield function.value, has_axis or len(node.args) > 0
    for operand in node.args[:1]:
        yield operand, has_axis or len(node.args) > 1


def _is_of(scope: Scope, operand: ast.expr, has_axis: bool, line: int) -> bool:
    """Whether an `argmax` of an expression, in a scope, is one of the outputs of a call in a line for each row."""
    if isinstance(operand, ast.Subscript):  # of one row
        return _is_made(operand.value, line, scope)
    if has_axis:
        return _is_made(operand, line, scope)
    loops = [node for node in _inside(scope) if isinstance(node, ast.For | ast.comprehension)]
    return isinstance(operand, ast.Name) and any(
        isinstance(loop.target, ast.Name) and loop.target.id == operand.id and _is_made(loop.iter, line, scope)
        for loop in loops
    )


def _is_made(value: ast.expr, line: int, scope: Scope) -> bool:
    """Whether an expression has a call in a line, or is a name to which such an expression is assigned."""
    if any(isinstance(node, ast.Call) and _is_at(node, line) for node in ast.walk(value)):
        return True
    assigned = [node for node in _inside(scope) if isinstance(node, ast.Assign)]
    return isinstance(value, ast.Name) and any(
        _is_at(node.value, line)
        for node in assigned
        if any(isinstance(one, ast.Name) and one.id == value.id for one in node.targets)
    )


def _is_at(node: ast.expr, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)
