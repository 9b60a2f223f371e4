"""Mistakes that authors of tests make, seen in the source of an assignment. Nothing here runs a cell.

Each check is a function from one test cell (parsed) and what is known about its notebook to findings. They are written
for what goes wrong in real courses: a test that replaces what it is to test, an assert that is always true, hidden
values in a message, a comparison nobody asserts, randomness without a seed.
"""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from autograder.reassemble import Given, plain_python

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """Something to mend (error) or to look at (warning). where: notebook, or notebook and cell."""

    level: Level
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.level}: {self.where}: {self.text}"


@dataclass(frozen=True)
class Setting:
    """What a test cell is read against."""

    student_names: frozenset[str]  # what the solution cells define
    given_names: frozenset[str]  # what the instructor's own cells before this one define


@dataclass(frozen=True)
class _Test:
    given: Given
    tree: ast.Module
    setting: Setting

    def hidden(self, node: ast.AST) -> bool:
        return getattr(node, "lineno", 0) - 1 in self.given.hidden_lines


def defined(source: str) -> set[str]:
    """Names that a cell binds at its top level. Empty for a cell that is not Python."""
    try:
        tree = ast.parse(plain_python(source)[0])
    except (SyntaxError, ValueError):
        return set()
    return set(_bound(tree))


def findings(given: Given, setting: Setting) -> Iterator[tuple[Level, str]]:
    """What is wrong with one test cell."""
    try:
        tree = ast.parse(plain_python(given.source)[0])
    except (SyntaxError, ValueError) as error:
        yield "error", f"is not valid Python: {error}"
        return
    test = _Test(given, tree, setting)
    for check in CHECKS:
        yield from check(test)


def _bound(tree: ast.AST) -> Iterator[str]:
    """Names bound in the scope that the tree itself is, not in the functions and classes in it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
            continue
        if isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.id
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).split(".")[0]
        yield from _bound(node)


def _dotted(node: ast.AST) -> str:
    """`np.random.rand` for that expression, "" for others."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, _dotted(node.func)


# -- the checks -------------------------------------------------------------------------------------------------------

Check = Callable[[_Test], Iterator[tuple[Level, str]]]
CHECKS: list[Check] = []


def check(function: Check) -> Check:
    """Add a function to the list of checks."""
    CHECKS.append(function)
    return function


@check
def replaces_what_it_tests(test: _Test) -> Iterator[tuple[Level, str]]:
    """The cell binds a name that the solution defines, so that from here on the tests test the instructor's own."""
    theirs = test.setting.student_names - test.setting.given_names
    for name in sorted(theirs & set(_bound(test.tree))):
        yield "error", f"binds {name!r}, which the students' answer defines; later tests would test this one instead"
    for node in ast.walk(test.tree):
        if isinstance(node, ast.Global):
            for name in sorted(theirs & set(node.names)):
                yield "error", f"binds {name!r} by `global`, which the students' answer defines"


@check
def patches(test: _Test) -> Iterator[tuple[Level, str]]:
    """The cell changes a module, or an object of the students': without effect on their side, where all of it runs."""
    for node, name in _calls(test.tree):
        last = name.rsplit(".", 1)[-1]
        if name in {"globals", "vars", "locals"} or name.startswith(("mock.", "unittest.mock.", "monkeypatch.")):
            yield (
                "error",
                f"line {node.lineno}: {name}() changes names behind the engine's back, "
                "without effect on the students' code",
            )
        elif last in {"setattr", "delattr"} or name == "patch":
            yield (
                "error",
                f"line {node.lineno}: {last}() has no effect on the students' code, which runs in another process",
            )
    for statement in ast.walk(test.tree):
        targets = statement.targets if isinstance(statement, ast.Assign | ast.Delete) else []
        for target in targets:
            base = target.value if isinstance(target, ast.Attribute) else None
            name = _dotted(base) if base is not None else ""
            root = name.split(".")[0]
            if root and (
                root in test.setting.student_names or root in {"builtins", "np", "numpy", "torch", "sys", "math"}
            ):
                yield (
                    "error",
                    f"line {target.lineno}: sets {_dotted(target)}, which has no effect on the students' code "
                    "(to forbid a function, look for it in the source: the engine's helpers do that)",
                )


@check
def always_true(test: _Test) -> Iterator[tuple[Level, str]]:
    """An assert that no answer can fail."""
    for node in ast.walk(test.tree):
        if not isinstance(node, ast.Assert):
            continue
        if isinstance(node.test, ast.Tuple) and node.test.elts:
            yield "error", f"line {node.lineno}: asserts a tuple, which is always true; take the parentheses away"
        elif isinstance(node.test, ast.Constant) and node.test.value:
            yield "error", f"line {node.lineno}: asserts a constant, which is always true"
        elif isinstance(node.test, ast.Lambda | ast.GeneratorExp):
            yield "error", f"line {node.lineno}: asserts an object that is always true, not what it would give"


@check
def checks_nothing(test: _Test) -> Iterator[tuple[Level, str]]:
    """A cell with points and nothing that could lose them."""
    body = test.tree.body
    if not body:
        yield "error", "is empty: every answer gets its points"
        return
    asserts = any(isinstance(node, ast.Assert | ast.Raise) for node in ast.walk(test.tree))
    last = body[-1]
    value = last.value if isinstance(last, ast.Expr) else None
    if isinstance(value, ast.Compare | ast.BoolOp):
        yield "error", f"line {last.lineno}: compares without `assert`; any outcome earns full marks"
    elif not asserts and value is None and not any(isinstance(node, ast.Expr) for node in body):
        yield "error", "asserts nothing and ends in no partial credit: every answer gets its points"
    if test.given.points <= 0:
        yield "warning", "is worth no points"


@check
def impossible_credit(test: _Test) -> Iterator[tuple[Level, str]]:
    """Partial credit that nbgrader would refuse, or take for full marks."""
    last = test.tree.body[-1] if test.tree.body else None
    if not isinstance(last, ast.Expr):
        return
    for value in _results(last.value, test.tree):
        number = _number(value)
        if number is None:
            continue
        if math.isnan(number) or number < 0:
            yield (
                "error",
                f"line {last.lineno}: gives {number} as partial credit, which stock nbgrader takes for full marks",
            )
        elif number > test.given.points:
            yield (
                "error",
                f"line {last.lineno}: gives {number:g} as partial credit; the cell has {test.given.points:g} points",
            )


def _results(node: ast.expr, tree: ast.Module) -> Iterator[ast.expr]:
    """What the last expression may be, as far as its form tells."""
    if isinstance(node, ast.IfExp):
        yield from _results(node.body, tree)
        yield from _results(node.orelse, tree)
    elif isinstance(node, ast.Name):
        for statement in ast.walk(tree):
            if isinstance(statement, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == node.id for target in statement.targets
            ):
                yield statement.value
    else:
        yield node


def _number(node: ast.expr) -> float | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return float(node.value)
    if isinstance(node, ast.Attribute) and _dotted(node) in {"np.nan", "numpy.nan", "math.nan", "torch.nan"}:
        return math.nan
    if isinstance(node, ast.Call) and _dotted(node.func) == "float" and node.args:
        argument = node.args[0]
        if isinstance(argument, ast.Constant) and str(argument.value).strip().lower().lstrip("+-") == "nan":
            return math.nan
    return None


@check
def tells_hidden_values(test: _Test) -> Iterator[tuple[Level, str]]:
    """A hidden assert whose message is made of values."""
    fixed = _fixed_words(test.tree)
    for node in ast.walk(test.tree):
        if (
            isinstance(node, ast.Assert)
            and node.msg is not None
            and test.hidden(node)
            and not _constant(node.msg, fixed)
        ):
            yield (
                "warning",
                f"line {node.lineno}: the message of a hidden assert is made of values, which stock nbgrader shows to "
                "students; say in fixed words what to look at",
            )


def _constant(node: ast.expr, fixed: Collection[str]) -> bool:
    if isinstance(node, ast.JoinedStr):
        return all(_constant(part.value, fixed) for part in node.values if isinstance(part, ast.FormattedValue))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _constant(node.left, fixed) and _constant(node.right, fixed)
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id in fixed)


def _fixed_words(tree: ast.AST) -> set[str]:
    """Names that stand for nothing but words of the test itself: `for size, case in [(3, "an odd size"), ...]`."""
    words: Counter[str] = Counter()
    for loop in ast.walk(tree):
        if isinstance(loop, ast.For) and isinstance(loop.iter, ast.List | ast.Tuple):
            targets, rows = _parts(loop.target), [_parts(row) for row in loop.iter.elts]
            if all(len(row) == len(targets) for row in rows):
                for target, *items in zip(targets, *rows, strict=True):
                    if isinstance(target, ast.Name) and all(map(_is_text, items)):
                        words[target.id] += 1
    bound = Counter(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    )
    return {name for name, times in words.items() if bound[name] == times}


def _parts(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple | ast.List) else [node]


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


SEEDED = {"seed", "manual_seed", "default_rng", "RandomState", "Generator", "Random"}
RANDOM = {
    "rand", "randn", "randint", "random", "uniform", "normal", "choice", "choices", "shuffle", "permutation", "sample",
    "gauss", "standard_normal", "integers", "randperm", "rand_like", "randn_like", "randrange", "bernoulli",
    "multinomial",
}  # fmt: skip
CLOCKS = {
    "time.time", "time.perf_counter", "time.monotonic", "datetime.now", "datetime.datetime.now", "date.today",
    "datetime.date.today", "os.urandom", "uuid.uuid4", "secrets.token_hex", "os.getpid",
}  # fmt: skip


@check
def differs_from_run_to_run(test: _Test) -> Iterator[tuple[Level, str]]:
    """Randomness without a seed, or something read off a clock."""
    seeded = False
    for node, name in sorted(_calls(test.tree), key=lambda call: (call[0].lineno, call[0].col_offset)):
        parts = name.split(".")
        if parts[-1] in SEEDED:
            if node.args or node.keywords:
                seeded = True
            else:
                yield "warning", f"line {node.lineno}: {name}() without a seed gives other numbers in each run"
                seeded = True
        elif len(parts) > 1 and parts[0] in {"np", "numpy", "random", "torch"} and parts[-1] in RANDOM and not seeded:
            generator = any(keyword.arg == "generator" for keyword in node.keywords)
            if not generator:
                yield "warning", f"line {node.lineno}: {name}() gives other numbers in each run; set a seed before it"
        elif name in CLOCKS:
            yield "warning", f"line {node.lineno}: reads {name}(), so the verdict may depend on machine and moment"


@check
def swallows_its_asserts(test: _Test) -> Iterator[tuple[Level, str]]:
    """A `try` that catches the failure of an assert in it and goes on."""
    for node in ast.walk(test.tree):
        if not isinstance(node, ast.Try):
            continue
        inside = [part for statement in node.body for part in ast.walk(statement) if isinstance(part, ast.Assert)]
        if not inside:
            continue
        for handler in node.handlers:
            caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
            names = {"BaseException" if kind is None else _dotted(kind) for kind in caught}
            speaks = any(isinstance(part, ast.Raise | ast.Assert) for part in ast.walk(handler))
            if names & {"BaseException", "Exception", "AssertionError"} and not speaks:
                yield (
                    "error",
                    f"line {handler.lineno}: catches the failure of the assert in line {inside[0].lineno} and goes on",
                )


@check
def compares_floats_exactly(test: _Test) -> Iterator[tuple[Level, str]]:
    """`==` with a number that has no exact binary form."""
    for node in ast.walk(test.tree):
        if not isinstance(node, ast.Compare) or not any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
            continue
        for operand in (node.left, *node.comparators):
            number = _number(operand)
            if number is not None and not _exact(number):
                yield (
                    "warning",
                    f"line {node.lineno}: compares with {number!r} by ==; another order of sums ends in another digit",
                )
                break


def _exact(number: float) -> bool:
    """Whether it is a multiple of 1/1024: a number that arithmetic on small data gives exactly."""
    return math.isfinite(number) and number * 1024 == int(number * 1024)
