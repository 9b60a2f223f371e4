"""Pure functions: nothing but their arguments decides what they return, and the source alone shows it.

`def output_size(n, k, stride): return (n - k) // stride + 1` gives the same answer wherever in the notebook it is
asked, so no later cell can be why it gave a wrong one. Whoever asks gets "yes" only where that is certain: the body is
arithmetic, loops and Python's own containers; every name in it is its own, a builtin without a memory or another such
function; and nothing in the whole notebook binds one of these names again, hands the function around, or so much as
mentions what could reach it by another way. What is not certain is no error: it costs the judge a second look.

This file reads source and runs nothing.
"""

from __future__ import annotations

import ast
import builtins
import symtable
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, TypeGuard

# Builtins that keep nothing and ask nobody. Not print (a cell can close the output), not open, input, id, hash.
BUILTINS = {
    "abs", "all", "any", "bool", "bytes", "chr", "complex", "dict", "divmod", "enumerate", "filter", "float",
    "frozenset", "int", "isinstance", "len", "list", "map", "max", "min", "ord", "pow", "range", "reversed", "round",
    "set", "slice", "sorted", "str", "sum", "tuple", "zip",
    *(name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, Exception)),
}  # fmt: skip
# Words by which code can reach a name, a function or a builtin without naming it where it is bound.
_REACHES = {
    "builtins", "compile", "ctypes", "delattr", "eval", "exec", "gc", "get_ipython", "getattr", "globals", "importlib",
    "inspect", "locals", "mock", "monkeypatch", "operator", "patch", "runpy", "setattr", "sys", "unittest", "vars",
}  # fmt: skip
_HARMLESS = {"__future__", "__init__", "__name__"}  # all other names with two underscores count among these words
_STATEMENTS = (
    ast.Return, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.For, ast.While, ast.If, ast.Break, ast.Continue, ast.Pass,
    ast.Expr, ast.Raise, ast.Assert,
)  # fmt: skip
_NOT = (ast.Await, ast.Yield, ast.YieldFrom)


def pure(sources: Iterable[str]) -> frozenset[str]:
    """Names of the functions of a notebook that are certain to be pure.

    sources: all cells as plain Python, the tests among them: whatever runs, or reaches what runs. A name is among the
    result only if the notebook could not make it mean anything else, before or after; none is if a cell cannot be read.
    """
    notebook = _Notebook()
    found: dict[str, set[str]] = {}
    for source in sources:
        try:
            tree = ast.parse(source)
            scopes = symtable.symtable(source, "<cell>", "exec")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return frozenset()
        notebook.read(tree)
        functions = {table.get_name(): table for table in scopes.get_children()}
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and _simple(node):
                found[node.name] = _outside(functions[node.name])
    if notebook.reaches:
        return frozenset()
    found = {name: needs for name, needs in found.items() if notebook.bound[name] == 1 and name not in notebook.passed}
    known = {name for name in BUILTINS if not notebook.bound[name]}
    if not notebook.bound["math"] and "math" not in notebook.passed:
        known.add("math")
    while wrong := {name for name, needs in found.items() if needs - known - found.keys()}:
        for name in wrong:
            del found[name]
    return frozenset(found)


def plain(value: Any, *, frozen: bool = False, depth: int = 4) -> bool:
    """Whether a value is made of numbers, text and containers of these, and of nothing that has a memory.

    frozen: of containers that can be changed, none.
    """
    kind = type(value)
    if value is None or kind in (bool, int, float, complex, str, bytes):
        return True
    if not depth or (frozen and kind in (list, set, dict)):
        return False
    if kind in (tuple, list, set, frozenset):
        return all(plain(item, frozen=frozen, depth=depth - 1) for item in value)
    return kind is dict and all(plain(item, depth=depth - 1) for pair in value.items() for item in pair)


class _Notebook:
    """What happens to names, in all cells together."""

    def __init__(self) -> None:
        self.bound: Counter[str] = Counter()  # how often a name is bound or deleted, in any scope
        self.passed: set[str] = set()  # names that are used otherwise than by calling them
        self.reaches = False  # whether something is mentioned that could change any of it

    def read(self, tree: ast.Module) -> None:
        nodes = list(ast.walk(tree))
        called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
        called |= {id(node.value) for node in nodes if _of_math(node)}
        for node in nodes:
            self.bound.update(_binds(node))
            self.reaches |= any(name in _REACHES or _private(name) for name in _mentions(node))
            if isinstance(node, ast.Name) and type(node.ctx) is ast.Load and id(node) not in called:
                self.passed.add(node.id)


def _of_math(node: ast.AST) -> TypeGuard[ast.Attribute]:
    """`math.floor`, looked up: a module without a memory, as long as it is Python's and nobody changes it."""
    return (
        isinstance(node, ast.Attribute)
        and type(node.ctx) is ast.Load
        and isinstance(node.value, ast.Name)
        and node.value.id == "math"
    )


def _private(name: str) -> bool:
    return name == "*" or (name.startswith("__") and name not in _HARMLESS)


def _mentions(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.alias):
        yield from node.name.split(".")
    elif isinstance(node, ast.ImportFrom):
        yield from (node.module or "").split(".")


def _binds(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and type(node.ctx) is not ast.Load:
        yield node.id
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import):
        yield from ((each.asname or each.name).split(".")[0] for each in node.names if not _is_math(each))
    elif isinstance(node, ast.ImportFrom):
        yield from (each.asname or each.name for each in node.names)
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        yield node.name or ""
    elif isinstance(node, ast.MatchMapping):
        yield node.rest or ""


def _is_math(imported: ast.alias) -> bool:
    return imported.name == "math" and imported.asname in (None, "math")


def _simple(function: ast.FunctionDef) -> bool:
    """Whether a function is made of nothing but what only its arguments can change."""
    if function.decorator_list:
        return False
    if not all(map(_constant, [*function.args.defaults, *filter(None, function.args.kw_defaults)])):
        return False
    for statement in function.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.stmt) and not isinstance(node, _STATEMENTS):
                return False
            if isinstance(node, _NOT):
                return False
    return True


def _constant(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple):
        return all(map(_constant, node.elts))
    return isinstance(node.operand if isinstance(node, ast.UnaryOp) else node, ast.Constant)


def _outside(function: symtable.SymbolTable) -> set[str]:
    """Names that a function looks up outside of itself."""
    names: set[str] = set()
    stack = [function]
    while stack:
        table = stack.pop()
        names |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
        stack += table.get_children()
    return names
