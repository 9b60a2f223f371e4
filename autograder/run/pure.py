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
import re
import symtable
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

# Builtins that keep nothing and ask nobody. Not print (a cell can close the output), not open, input, id, hash.
BUILTINS = {
    "abs", "all", "any", "bool", "bytes", "chr", "complex", "dict", "divmod", "enumerate", "filter", "float",
    "frozenset", "int", "isinstance", "len", "list", "map", "max", "min", "ord", "pow", "range", "reversed", "round",
    "set", "slice", "sorted", "str", "sum", "tuple", "zip",
    *(name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, Exception)),
}  # fmt: skip
# Words anywhere in the text by which code can reach a name, a function or a builtin in another way than by binding it.
_REACHES = re.compile(
    r"\b(builtins|compile|ctypes|delattr|eval|exec|gc|get_ipython|getattr|globals|importlib|inspect|locals|mock"
    r"|monkeypatch|operator|patch|runpy|setattr|sys|unittest|vars)\b"
    r"|\b__(?!(future|init|name)__|main__['\"])|\bimport[\s\\(]*\*"
)
_STATEMENTS = (
    ast.Return, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.For, ast.While, ast.If, ast.Break, ast.Continue, ast.Pass,
    ast.Expr, ast.Raise, ast.Assert,
)  # fmt: skip
_NOT = (ast.Await, ast.Yield, ast.YieldFrom)


def pure(names: Iterable[str], sources: Iterable[str]) -> bool:
    """Whether these functions of a notebook are all certain to be pure.

    sources: all cells as plain Python, the tests among them: whatever runs, or reaches what runs. It is certain only if
    the notebook could not make the names mean anything else, before or after.
    """
    # Python takes letters that look alike for the same.
    texts = [text if text.isascii() else unicodedata.normalize("NFKC", text) for text in sources]
    if any(map(_REACHES.search, texts)):
        return False
    cells = _Cells(texts)
    seen: set[str] = set()
    waiting = set(names)
    try:
        while waiting:
            name = waiting.pop()
            seen.add(name)
            if name == "math" or name in BUILTINS:
                if cells.bound(name) or (name == "math" and cells.passed(name)):
                    return False
                continue
            function = cells.function(name)
            if function is None or cells.bound(name) != 1 or cells.passed(name):
                return False
            waiting |= function - seen
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # a cell that only a notebook can read
        return False
    return True


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


class _Cells:
    """What a notebook's cells do with a name. Only cells that hold the word are parsed."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        self.trees: dict[str, list[ast.AST]] = {}

    def with_word(self, word: str) -> Iterator[tuple[str, list[ast.AST]]]:
        for text in filter(re.compile(rf"\b{word}\b").search, self.texts):
            if text not in self.trees:
                self.trees[text] = list(ast.walk(ast.parse(text)))
            yield text, self.trees[text]

    def bound(self, name: str) -> int:
        """How often the name is bound or deleted, in any scope."""
        return sum(other == name for _, nodes in self.with_word(name) for node in nodes for other in _binds(node))

    def passed(self, name: str) -> bool:
        """Whether it is used otherwise than by calling it, or a module otherwise than by reading what is in it."""
        for _, nodes in self.with_word(name):
            if name == "math":
                used = {id(node.value) for node in nodes if isinstance(node, ast.Attribute) and _is_read(node)}
            else:
                used = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
            if any(isinstance(node, ast.Name) and node.id == name and id(node) not in used for node in nodes):
                return True
        return False

    def function(self, name: str) -> set[str] | None:
        """What a function at the margin looks up outside of itself; None if there is none that may be pure."""
        for text, nodes in self.with_word(name):
            for node in nodes[0].body if isinstance(nodes[0], ast.Module) else ():
                if isinstance(node, ast.FunctionDef) and node.name == name and _simple(node):
                    scopes = symtable.symtable(text, "<cell>", "exec").get_children()
                    return _outside(next(scope for scope in scopes if scope.get_name() == name))
        return None


def _binds(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        if not _is_read(node):
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


def _is_read(node: ast.Name | ast.Attribute) -> bool:
    return type(node.ctx) is ast.Load


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
