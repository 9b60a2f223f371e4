"""What a test cell consists of: statements, each with its checks, ready to be run one by one.

A check is an `assert`, or a call such as `np.testing.assert_allclose(…)` that stands as a statement. Each reports to
`__checks__` instead of ending the cell, so that all of them are run. Asserts that something may catch or that sit in
a function are left as they are: there, raising is how they work. This file looks at source only; it runs nothing.
"""

from __future__ import annotations

import ast
import functools
import marshal
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from ..model import Cell
from .cells import compile_cell, plain_python, show_lines

RECORDER = "__checks__"
_ASSERTS = re.compile(r"assert\w*|check\w*|verify\w*", re.IGNORECASE)
_COMPARES = re.compile(
    r"(np_)?(assert_?)?(all_?close|is_?close|almost_?equal|array_(almost_)?equal|equal|close|array_equiv)\w*",
    re.IGNORECASE,
)
_RAISES = re.compile(r"\w*raises\w*|\w*suppress\w*", re.IGNORECASE)
_SIGNS = {
    ast.Eq: "", ast.NotEq: "not ", ast.Lt: "< ", ast.LtE: "≤ ", ast.Gt: "> ", ast.GtE: "≥ ", ast.Is: "",
    ast.IsNot: "not ", ast.In: "in ", ast.NotIn: "not in ",
}  # fmt: skip


@dataclass(eq=False)
class Site:
    """One check in the source."""

    line: int  # 0-based
    column: int
    call: str  # the source of what is asserted
    sign: str = ""  # in front of the expected value: "< "
    swapped: bool = False  # the expected value stands on the left
    message: str | None = None  # the author's, if it is a constant
    constant: bool = False  # asserts a literal: `assert False, "…"`
    equal: bool = False  # asserts that two values are equal, exactly or nearly

    @property
    def key(self) -> tuple[int, int]:
        return self.line, self.column


@dataclass(eq=False)
class Step:
    """One statement at the top level of a cell."""

    code: CodeType
    first: int  # 0-based lines, inclusive
    last: int
    sites: list[Site]
    reads: set[str]
    writes: set[str]
    last_value: CodeType | None = None  # of the expression that ends the cell
    bare: str = ""  # of a call whose value nobody uses, and that is no check: the name it begins with
    defines: bool = False  # a function or class


@dataclass(eq=False)
class Plan:
    """A cell's statements, in order."""

    steps: list[Step] = field(default_factory=list)

    @property
    def sites(self) -> list[Site]:
        return [site for step in self.steps for site in step.sites]


def last_name(function: ast.expr) -> str:
    """`assert_allclose` of `np.testing.assert_allclose`."""
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def names_read(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def names_written(node: ast.AST) -> set[str]:
    """Names that the statement binds at the cell's top level, imports and definitions included."""
    out: set[str] = set()
    stack: list[ast.AST] = [node]
    while stack:
        n = stack.pop()
        if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            out.add(n.name)
            continue
        if isinstance(n, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            out |= {w.target.id for w in ast.walk(n) if isinstance(w, ast.NamedExpr)}
            continue
        if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load):
            out.add(n.id)
        elif isinstance(n, ast.alias):
            out.add((n.asname or n.name).split(".")[0])
        elif (isinstance(n, ast.ExceptHandler) and n.name) or (isinstance(n, ast.MatchAs | ast.MatchStar) and n.name):
            out.add(n.name)
        elif isinstance(n, ast.Subscript | ast.Attribute) and not isinstance(n.ctx, ast.Load):
            base: ast.AST = n
            while isinstance(base, ast.Subscript | ast.Attribute):
                base = base.value
            if isinstance(base, ast.Name):
                out.add(base.id)
        stack += ast.iter_child_nodes(n)
    return out


def _call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Attribute(ast.Name(RECORDER, ast.Load()), name, ast.Load()), list(args), [])


class _Rewriter(ast.NodeTransformer):
    """Replaces the checks of one top-level statement."""

    def __init__(self, source: str, first_site: int) -> None:
        self.source = source
        self.number = first_site
        self.sites: list[Site] = []

    def _text(self, node: ast.AST) -> str:
        text = ast.get_source_segment(self.source, node)
        return " ".join(text.split()) if text else ast.unparse(node)

    def _site(self, node: ast.stmt, shown: ast.expr) -> tuple[Site, ast.Constant]:
        site = Site(node.lineno - 1, node.col_offset, self._text(shown))
        self.sites.append(site)
        self.number += 1
        return site, ast.Constant(self.number - 1)

    def _values(self, test: ast.expr, site: Site, number: ast.Constant) -> ast.expr:
        """`test`, with what came and what was expected handed to the recorder on the way."""

        def note(which: str, node: ast.expr) -> ast.expr:
            return _call(which, number, node)

        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            left, right = test.left, test.comparators[0]
            site.sign = _SIGNS[type(test.ops[0])]
            site.equal = isinstance(test.ops[0], ast.Eq)
            site.swapped = _literal(left) and not _literal(right) and isinstance(test.ops[0], ast.Eq | ast.NotEq)
            first, second = ("expected", "got") if site.swapped else ("got", "expected")
            return ast.Compare(note(first, left), test.ops, [note(second, right)])
        if isinstance(test, ast.Call):
            plain = not any(isinstance(a, ast.Starred) for a in test.args)
            if _COMPARES.fullmatch(last_name(test.func)) and len(test.args) >= 2 and plain:
                site.swapped = _literal(test.args[0]) and not _literal(test.args[1])
                site.equal = True
                first, second = ("expected", "got") if site.swapped else ("got", "expected")
                args = [note(first, test.args[0]), note(second, test.args[1]), *test.args[2:]]
                return ast.Call(test.func, args, test.keywords)
            method = isinstance(test.func, ast.Attribute) and test.func.attr in ("all", "any", "item") and not test.args
            if method and isinstance(test.func, ast.Attribute) and isinstance(test.func.value, ast.Compare):
                inner = self._values(test.func.value, site, number)
                return ast.Call(ast.Attribute(inner, test.func.attr, ast.Load()), [], test.keywords)
            if last_name(test.func) in ("isinstance", "all", "any", "hasattr", "callable", "issubclass"):
                return test
            return note("got", test)
        if isinstance(test, ast.Name | ast.Attribute | ast.Subscript):
            return note("got", test)
        return test

    def visit_Assert(self, node: ast.Assert) -> Any:
        site, number = self._site(node, node.test)
        site.constant = isinstance(node.test, ast.Constant)
        if isinstance(node.msg, ast.Constant) and isinstance(node.msg.value, str):
            site.message = node.msg.value
        test = self._values(node.test, site, number)
        message = ast.Lambda(
            ast.arguments([], [], None, [], [], None, []), node.msg if node.msg is not None else ast.Constant(None)
        )
        return self._guard(node, number, [ast.Expr(_call("asserted", number, test, message))])

    def visit_Expr(self, node: ast.Expr) -> Any:
        call = node.value
        if not isinstance(call, ast.Call) or not _ASSERTS.fullmatch(last_name(call.func)):
            return node
        site, number = self._site(node, call)
        value = call
        if _COMPARES.fullmatch(last_name(call.func)):
            value = self._values(call, site, number)  # type: ignore[assignment]
        done: list[ast.stmt] = [ast.Expr(_call("returned", number, value))]
        return self._guard(node, number, done)

    def _guard(self, node: ast.stmt, number: ast.Constant, body: list[ast.stmt]) -> ast.Try:
        failed = ast.Expr(_call("raised", number))
        handler = ast.ExceptHandler(ast.Name("Exception", ast.Load()), None, [failed])
        begin = ast.Expr(_call("begin", number))
        guard = ast.Try([begin, *body], [handler], [], [])
        return ast.fix_missing_locations(ast.copy_location(guard, node))

    def _block(self, node: Any) -> Any:
        node.body = [self.visit(s) for s in node.body]
        node.orelse = [self.visit(s) for s in node.orelse]
        return node

    visit_If = visit_For = visit_While = _block

    def visit_With(self, node: ast.With) -> Any:
        if not any(
            isinstance(item.context_expr, ast.Call) and _RAISES.fullmatch(last_name(item.context_expr.func))
            for item in node.items
        ):
            node.body = [self.visit(s) for s in node.body]
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        return node  # functions, classes, try: asserts in there raise


_LITERAL = ast.Constant | ast.Tuple | ast.List | ast.Dict | ast.Set | ast.UnaryOp | ast.unaryop | ast.expr_context


def _literal(node: ast.expr) -> bool:
    return all(isinstance(n, _LITERAL) for n in ast.walk(node))


def plan(source: str, name: str, blank: set[int] | None = None) -> Plan:
    """The statements and checks of a cell. blank: lines to leave out. Raises SyntaxError, ValueError."""
    lines = source.split("\n")
    if blank:
        source = "\n".join("" if i in blank else line for i, line in enumerate(lines))
    tree = ast.parse(source, name)
    out = Plan()
    count = 0
    for i, statement in enumerate(tree.body):
        reads, writes = names_read(statement), names_written(statement)
        if isinstance(statement, ast.AugAssign):
            reads |= writes
        first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", []))]) - 1
        last = (statement.end_lineno or statement.lineno) - 1
        bare = ""
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            callee: ast.expr = statement.value
            while isinstance(callee, ast.Call | ast.Attribute | ast.Subscript):
                callee = callee.func if isinstance(callee, ast.Call) else callee.value
            bare = callee.id if isinstance(callee, ast.Name) else ""
        defines = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        rewriter = _Rewriter(source, count)
        new = rewriter.visit(statement)
        count = rewriter.number
        value = None
        if i == len(tree.body) - 1 and isinstance(new, ast.Expr):
            value = compile(ast.Expression(new.value), name, "eval", dont_inherit=True)
        code = compile_cell(ast.Module([new], []), name, source)
        out.steps.append(
            Step(code, first, last, rewriter.sites, reads, writes, value, "" if rewriter.sites else bare, defines)
        )
    return out


PlanKey = tuple[str, str, frozenset[int]]  # source, name, and lines to leave out


def plan_keys(cells: Iterable[Cell]) -> Iterator[PlanKey]:
    """What the judge will ask `plan` for, in order."""
    for position, cell in enumerate(cells):
        if cell.side == "student":
            continue
        source = plain_python(cell.source)
        if cell.side == "both" or cell.grade_id is None:
            yield source, f"<cell {position + 1}>", frozenset()
            continue
        yield source, f"<test {cell.grade_id}>", frozenset()
        if cell.hidden_lines:
            yield source, f"<test {cell.grade_id}>", frozenset(cell.hidden_lines)


@functools.lru_cache(4096)
def packed(source: str, name: str, blank: frozenset[int] = frozenset()) -> bytes:
    """`plan` as bytes, for `unpacked` in another process of this Python: a class's tests are compiled once.

    Empty where `plan` raises: the judge will find the same, and say so.
    """
    try:
        made = plan(source, name, set(blank))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return b""
    steps = [
        (
            step.code, step.first, step.last, [tuple(vars(site).values()) for site in step.sites], step.reads,
            step.writes, step.last_value, step.bare, step.defines,
        )
        for step in made.steps
    ]  # fmt: skip
    return marshal.dumps(steps)


def unpacked(data: bytes, source: str, name: str) -> Plan:
    """The inverse of `packed`. data: from nobody but the grader itself."""
    show_lines(name, source)
    return Plan(
        [
            Step(code, first, last, [Site(*site) for site in sites], set(reads), set(writes), value, bare, defines)
            for code, first, last, sites, reads, writes, value, bare, defines in marshal.loads(data)
        ]
    )


def declarations(source: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of the instructor's own version of an answer cell: its import statements, and the names it assigns.

    For `Cell.imports` and `Cell.provides`. Reads the source and nothing else; a cell that is no Python declares
    nothing.
    """
    try:
        tree = ast.parse(plain_python(source))
    except (SyntaxError, ValueError, RecursionError):
        return (), ()
    imports = [s for s in tree.body if isinstance(s, ast.Import | ast.ImportFrom)]
    taken = set().union(*map(names_written, imports)) if imports else set()
    writes: set[str] = set()
    for statement in tree.body:
        if not isinstance(statement, ast.Import | ast.ImportFrom):
            writes |= names_written(statement)
    return tuple(map(ast.unparse, imports)), tuple(sorted(writes - taken))
