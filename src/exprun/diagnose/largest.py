"""Finds out, from the text of a script, whether the outputs of a call for each row go to `argmax`."""

import ast
import functools
import linecache
from collections.abc import Iterator, Sequence

Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef
PREDICT = ("predict", "predict_on_batch")


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
    """What each `argmax` of a script gets, with the function or module around it, and whether it is along outputs."""
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
    """What a call of `argmax`, a function or a method, may get, and whether along the outputs of a row."""
    function = node.func if isinstance(node, ast.Call) else None
    name = getattr(function, "attr", getattr(function, "id", ""))
    if not isinstance(node, ast.Call) or name != "argmax":
        return
    named = [word.value for word in node.keywords if word.arg == "axis"]
    if isinstance(function, ast.Attribute):
        yield function.value, _are_outputs(named or node.args[:1])
    for operand in node.args[:1]:
        yield operand, _are_outputs(named or node.args[1:2])


def _are_outputs(axis: Sequence[ast.expr]) -> bool:
    """Whether an axis is that of the outputs of a row, 1 or -1; it may be missing."""
    return bool(axis) and ast.unparse(axis[0]) in ("1", "-1")


def _is_of(scope: Scope, operand: ast.expr, along_outputs: bool, line: int) -> bool:
    """Whether an `argmax` of an expression, in a scope, is one of the outputs of a call in a line for each row."""
    if isinstance(operand, ast.Subscript):
        is_row = not isinstance(operand.slice, ast.Slice | ast.Tuple)
        return is_row and _is_made(operand.value, line, scope)
    if along_outputs:
        return _is_made(operand, line, scope)
    loops = [node for node in _inside(scope) if isinstance(node, ast.For | ast.comprehension)]
    return isinstance(operand, ast.Name) and any(
        isinstance(loop.target, ast.Name) and loop.target.id == operand.id and _is_made(loop.iter, line, scope)
        for loop in loops
    )


def _is_made(value: ast.expr, line: int, scope: Scope) -> bool:
    """Whether an expression is the call of a network in a line, or a name to which one is assigned."""
    if isinstance(value, ast.Call):
        function = value.func
        if isinstance(function, ast.Attribute) and function.attr == "numpy":
            return _is_made(function.value, line, scope)
        if value.args and ast.unparse(function) in ("np.array", "np.asarray"):
            return _is_made(value.args[0], line, scope)
        is_of_network = isinstance(function, ast.Name) or getattr(function, "attr", "") in PREDICT
        return is_of_network and _is_at(value, line)
    assigned = [node for node in _inside(scope) if isinstance(node, ast.Assign)]
    return isinstance(value, ast.Name) and any(
        not isinstance(node.value, ast.Name) and _is_made(node.value, line, scope)
        for node in assigned
        if any(isinstance(one, ast.Name) and one.id == value.id for one in node.targets)
    )


def _is_at(node: ast.expr, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)
