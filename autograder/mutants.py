"""Small mistakes made on purpose in a correct answer, to see whether an assignment's tests notice them.

`mutants(source)` yields each of them: the whole cell with one change in it. The changes are those that students really
make: a wrong operator or comparison, a constant or an index off by one, an open slice end, swapped arguments, a
forgotten keyword, a statement left out, a branch inverted, nothing returned.

Why not an existing tool: mutmut and cosmic-ray mutate the files of a project and run its test command, they know no
slices, no swapped arguments and no dropped statements, and each brings a dozen packages (a terminal UI, an HTTP
client) that an instructor's server does not need. What is wanted here is text in, texts out; nothing in this file
runs a mutant.

Beside an assignment lies the instructor's list of what is not to be counted: `listed` reads it, and `too_free` says
where it goes too far.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

BEGIN_SOLUTION = "BEGIN SOLUTION"
END_SOLUTION = "END SOLUTION"


@dataclass(frozen=True)
class Mutant:
    """One changed copy of a cell.

    description: "comparison: `if a < b:` → `if a <= b:`", without a line number, so that it names the same mutant after
    an edit elsewhere in the cell. source: the whole cell, changed. line: where, counted from 1.
    """

    description: str
    source: str
    line: int


def mutants(source: str, *, everywhere: bool = False) -> Iterator[Mutant]:
    """Every mutant of a code cell, in the order of its lines.

    Where the cell marks its solution (`### BEGIN SOLUTION` ... `### END SOLUTION`), only what stands between the
    markers is changed, since the rest is given to the students; `everywhere=True` ignores the markers. Docstrings,
    annotations, f-strings, printed and raised messages are left alone: tests rightly do not read them.

    Raises ValueError if the cell is not Python (lines of IPython magic are allowed).
    """
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    text = _Text(source)
    try:
        tree = ast.parse(text.python)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"the cell is not valid Python, so it has no mutants: {error}") from error
    inside = None if everywhere else _solution_lines(source)
    seen = {ast.dump(tree)}
    names: Counter[str] = Counter()
    edits = sorted(_edits(tree, text), key=lambda edit: (edit.start, edit.end))
    for edit in edits:
        line = source.count("\n", 0, edit.start) + 1
        if inside is not None and line not in inside:
            continue
        python = text.python[: edit.start] + edit.new + text.python[edit.end :]
        try:
            dump = ast.dump(ast.parse(python))
        except (SyntaxError, ValueError):
            continue
        if dump in seen:
            continue
        seen.add(dump)
        changed = source[: edit.start] + edit.new + source[edit.end :]
        description = f"{edit.kind}: {_difference(source, changed, edit)}"
        names[description] += 1
        if names[description] > 1:
            description += f" #{names[description]}"
        yield Mutant(description, changed, line)


@dataclass(frozen=True)
class _Edit:
    kind: str
    start: int  # offset into the cell, in characters
    end: int
    new: str


class _Text:
    """A cell's text with the positions that `ast` gives turned into offsets."""

    def __init__(self, source: str):
        # A magic line becomes a comment of the same length, so that offsets hold.
        self.python = re.sub(r"(?m)^(\s*)[%!?](.*)$", r"\1#\2", source)
        self._lines = self.python.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        self.tokens: list[tuple[int, int, str]] = []
        try:
            for token in tokenize.generate_tokens(io.StringIO(self.python).readline):
                if token.type in (tokenize.OP, tokenize.NAME):
                    start, end = (self._starts[row - 1] + column for row, column in (token.start, token.end))
                    self.tokens.append((start, end, token.string))
        except (tokenize.TokenError, IndentationError):
            pass  # ast.parse reports it better

    def _offset(self, line: int, column: int) -> int:
        text = self._lines[line - 1]
        return self._starts[line - 1] + len(text.encode()[:column].decode())

    def span(self, node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._offset(node.lineno, node.col_offset), self._offset(node.end_lineno, node.end_col_offset)

    def of(self, node: ast.expr | ast.stmt | ast.keyword) -> str:
        start, end = self.span(node)
        return self.python[start:end]

    def between(self, start: int, end: int) -> list[tuple[int, int, str]]:
        return [token for token in self.tokens if start <= token[0] and token[1] <= end]


def _solution_lines(source: str) -> set[int] | None:
    """Line numbers between the markers, None if there are none."""
    lines: set[int] = set()
    inside = found = False
    for number, line in enumerate(source.split("\n"), 1):
        if BEGIN_SOLUTION in line:
            inside = found = True
        elif END_SOLUTION in line:
            inside = False
        elif inside:
            lines.add(number)
    return lines if found else None


def _difference(old: str, new: str, edit: _Edit) -> str:
    """The changed line before and after; of a statement of several lines, its first line and an ellipsis."""
    first = old.rfind("\n", 0, edit.start) + 1
    before_end = old.find("\n", edit.end)
    after_end = new.find("\n", edit.start + len(edit.new))
    before = old[first : before_end if before_end >= 0 else None]
    after = new[first : after_end if after_end >= 0 else None]
    return f"`{_one_line(before)}` → `{_one_line(after)}`"


def _one_line(text: str) -> str:
    return " ".join(line.strip() for line in text.strip().splitlines())


SYMBOLS: dict[type, str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.MatMult: "@", ast.LShift: "<<", ast.RShift: ">>", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in", ast.And: "and", ast.Or: "or",
}  # fmt: skip

ARITHMETIC = {
    "+": ["-"], "-": ["+"], "*": ["/", "+"], "/": ["*", "//"], "//": ["/", "*"], "%": ["//"], "**": ["*"], "@": ["*"],
    "<<": [">>"], ">>": ["<<"], "&": ["|"], "|": ["&"], "^": ["|"],
}  # fmt: skip

COMPARISONS = {
    "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "==": ["!="], "!=": ["=="],
    "is": ["is not"], "is not": ["is"], "in": ["not in"], "not in": ["in"],
}  # fmt: skip

NOT_COMMUTATIVE = (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult, ast.LShift, ast.RShift)

# Calls whose arguments are messages to a reader.
TALKING = {"print", "warn", "debug", "info", "warning", "error", "log"}


def _edits(tree: ast.Module, text: _Text) -> Iterator[_Edit]:
    for node in _walk(tree):
        match node:
            case ast.BinOp():
                yield from _operator(node.left, node.right, node.op, ARITHMETIC, "operator", text)
                if isinstance(node.op, NOT_COMMUTATIVE):
                    yield _swapped_operands(node, text)
            case ast.AugAssign():
                yield from _augmented(node, text)
                yield _drop(node, text)
            case ast.BoolOp():
                for left, right in pairwise(node.values):
                    yield from _operator(left, right, node.op, {"and": ["or"], "or": ["and"]}, "boolean", text)
            case ast.Compare():
                operands = [node.left, *node.comparators]
                for left, right, operator in zip(operands, operands[1:], node.ops, strict=False):
                    yield from _operator(left, right, operator, COMPARISONS, "comparison", text)
            case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert()):
                yield _Edit(
                    "sign" if isinstance(node.op, ast.USub) else "boolean", *text.span(node), _wrap(node.operand, text)
                )
            case ast.Constant():
                yield from _constant(node, text)
            case ast.Subscript():
                for index in node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]:
                    yield from _index(index, text)
            case ast.Call():
                yield from _call(node, text)
            case ast.If() | ast.While() | ast.IfExp():
                if not isinstance(node.test, ast.Compare | ast.Constant | ast.UnaryOp):
                    yield _Edit("condition", *text.span(node.test), f"not {_wrap(node.test, text)}")
                if isinstance(node, ast.IfExp):
                    yield from _swap(node.body, node.orelse, "swapped branches", text)
            case ast.comprehension():
                for condition in node.ifs:
                    yield _Edit("condition", *text.span(condition), "True")
            case ast.Return(value=ast.expr() as value):
                if not (isinstance(value, ast.Constant) and value.value is None):
                    yield _Edit("returned value", *text.span(value), "None")
            case ast.Tuple(ctx=ast.Load()):
                yield from _neighbours(node.elts, "swapped items", text)
            case ast.Raise() | ast.Assert() | ast.Break() | ast.Continue() | ast.Delete():
                yield _drop(node, text)
            case ast.Expr():
                if isinstance(node.value, ast.Call | ast.Await) and not _talks(node.value):
                    yield _drop(node, text)
            case ast.Assign():
                if _can_be_left_out(node.targets, node.value):
                    yield _drop(node, text)
            case ast.FunctionDef() | ast.ClassDef() | ast.AsyncFunctionDef():
                for decorator in node.decorator_list:
                    start, end = text.span(decorator)
                    yield _Edit("decorator", text.python.rindex("@", 0, start), end, "")


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Every node whose value a test could notice."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "type_params"}:
            continue
        if isinstance(node, ast.Raise) or (isinstance(node, ast.Assert) and name == "msg"):
            continue
        if isinstance(node, ast.Call) and _talks(node):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr | ast.Import | ast.ImportFrom):
                continue
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue  # a docstring
            yield from _walk(child)


def _talks(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    return name in TALKING


def _operator(
    left: ast.expr, right: ast.expr, operator: ast.AST, table: dict[str, list[str]], kind: str, text: _Text
) -> Iterator[_Edit]:
    """Replace the operator's own token, so that the rest of the line keeps its form."""
    old = SYMBOLS[type(operator)]
    words = old.split()
    tokens = [token for token in text.between(text.span(left)[1], text.span(right)[0]) if token[2] in words]
    if len(tokens) != len(words):
        return
    for new in table.get(old, []):
        yield _Edit(kind, tokens[0][0], tokens[-1][1], new)


def _augmented(node: ast.AugAssign, text: _Text) -> Iterator[_Edit]:
    old = SYMBOLS[type(node.op)]
    for start, end, string in text.between(text.span(node.target)[1], text.span(node.value)[0]):
        if string == old + "=":
            for new in ARITHMETIC.get(old, []):
                yield _Edit("operator", start, end, new + "=")
            yield _Edit("operator", start, end, "=")
            return


def _constant(node: ast.Constant, text: _Text) -> Iterator[_Edit]:
    value, span = node.value, text.span(node)
    if isinstance(value, bool):
        yield _Edit("constant", *span, str(not value))
    elif isinstance(value, int):
        yield _Edit("constant", *span, str(value + 1))
        yield _Edit("constant", *span, str(value - 1))
    elif isinstance(value, float):
        yield _Edit("constant", *span, repr(value * 2) if value else "1.0")
        if value not in (0.0, 1.0):
            yield _Edit("constant", *span, "1.0")
    elif isinstance(value, str):
        yield _Edit("constant", *span, repr(value + "?") if value else "'?'")


def _index(index: ast.expr, text: _Text) -> Iterator[_Edit]:
    """A subscript off by one, and slices that start or stop one too early, too late or not at all.

    Plain numbers are left to `_constant`.
    """
    if isinstance(index, ast.Slice):
        for bound in (index.lower, index.upper):
            if bound is not None:
                yield _Edit("slice", *text.span(bound), "")
                yield from _off_by_one(bound, "slice", text)
        if index.step is not None:
            yield _Edit("slice", *text.span(index.step), "")
    elif not isinstance(index, ast.Constant | ast.Compare | ast.BoolOp | ast.JoinedStr | ast.Starred | ast.Tuple):
        yield from _off_by_one(index, "index", text)


def _off_by_one(node: ast.expr, kind: str, text: _Text) -> Iterator[_Edit]:
    if isinstance(node, ast.Constant | ast.Starred) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)
    ):
        return
    inner = (
        text.of(node) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub) else _wrap(node, text)
    )
    for change in (" + 1", " - 1"):
        yield _Edit(kind, *text.span(node), inner + change)


def _call(node: ast.Call, text: _Text) -> Iterator[_Edit]:
    if _talks(node):
        return
    yield from _neighbours(node.args, "swapped arguments", text)
    if isinstance(node.func, ast.Name) and node.func.id == "range":
        for argument in node.args:
            yield from _off_by_one(argument, "range", text)
    for number, keyword in enumerate(node.keywords):
        if keyword.arg is not None:
            start, end = text.span(keyword)
            comma = next((token for token in text.tokens if token[0] >= end and token[2] != ")"), None)
            if comma and comma[2] == ",":
                end = comma[1]
                end += len(text.python[end:]) - len(text.python[end:].lstrip(" "))
            elif number or node.args:
                previous = max(token[0] for token in text.tokens if token[2] == "," and token[0] < start)
                start = previous
            yield _Edit("forgotten keyword", start, end, "")


def _neighbours(nodes: list[ast.expr], kind: str, text: _Text) -> Iterator[_Edit]:
    for left, right in pairwise(nodes):
        if not isinstance(left, ast.Starred) and not isinstance(right, ast.Starred):
            yield from _swap(left, right, kind, text)


def _swap(left: ast.expr, right: ast.expr, kind: str, text: _Text) -> Iterator[_Edit]:
    (start, middle), (again, end) = text.span(left), text.span(right)
    if middle > again:
        return
    yield _Edit(kind, start, end, text.python[again:end] + text.python[middle:again] + text.python[start:middle])


def _swapped_operands(node: ast.BinOp, text: _Text) -> _Edit:
    """`a - b` as `b - a`, whatever parentheses stand around the two."""
    operator = SYMBOLS[type(node.op)]
    return _Edit("swapped operands", *text.span(node), f"{_wrap(node.right, text)} {operator} {_wrap(node.left, text)}")


def _drop(node: ast.stmt, text: _Text) -> _Edit:
    return _Edit("dropped statement", *text.span(node), "pass")


def _can_be_left_out(targets: Iterable[ast.expr], value: ast.expr) -> bool:
    """Whether the cell could still run without the assignment: it changes something that exists already."""
    read = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}
    return all(
        isinstance(target, ast.Subscript | ast.Attribute) or (isinstance(target, ast.Name) and target.id in read)
        for target in targets
    )


def _wrap(node: ast.expr, text: _Text) -> str:
    """The expression's text, in parentheses where an operator beside it could tear it apart."""
    simple = ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.Constant | ast.Tuple | ast.List
    return text.of(node) if isinstance(node, simple) else f"({text.of(node)})"


# ------------------------------------------------------------------------------------ the instructor's list

# A free answer may be worth this part of the assignment, has at least so many tests, and its reason so many characters.
FREE_SHARE, FREE_TESTS, FREE_REASON = 0.25, 3, 80


@dataclass(frozen=True)
class Listed:
    """What ASSIGNMENT.mutants.toml says.

    equivalent: mutants that no test can notice, (answer, description): reason. free: answers that are a design, in
    which every change gives another design and not a mistake, so that they are not mutated at all: answer: reason.
    """

    equivalent: dict[tuple[str, str], str]
    free: dict[str, str]


def listed(text: str) -> Listed:
    """The list in this text. Raises ValueError, with a sentence for the instructor, if it is malformed."""
    content = tomllib.loads(text)
    if unknown := sorted(content.keys() - {"equivalent", "free"}):
        raise ValueError(f"there are [[equivalent]] and [[free]] entries, and no {unknown[0]}")
    found = Listed({}, {})
    for kind, names in (("equivalent", ("cell", "mutant", "reason")), ("free", ("cell", "reason"))):
        for entry in content.get(kind, []):
            values = [str(entry.get(name, "")).strip() for name in names] if isinstance(entry, dict) else []
            if not values or not all(values):
                raise ValueError(f"every [[{kind}]] needs {', '.join(names[:-1])} and reason; this one has {entry}")
            if kind == "free":
                found.free[values[0]] = values[1]
            else:
                found.equivalent[values[0], values[1]] = values[2]
    return found


def too_free(found: Listed, tests: Mapping[str, Mapping[str, float]], total: float) -> Iterator[tuple[str, str]]:
    """Why an answer may not be free: (answer, sentence), so that no ordinary answer hides behind the word.

    tests: points of the test cells of each answer. total: all points of the assignment, those given by hand included.
    """
    for number, (cell, reason) in enumerate(found.free.items()):
        if number:
            yield cell, "is a second free answer; an assignment may have one"
        if cell not in tests:
            yield cell, "is listed as free, but there is no such answer"
            continue
        points = sum(tests[cell].values())
        if points > FREE_SHARE * total:
            yield cell, f"is free and worth {points:g} of {total:g} points; at most {FREE_SHARE:.0%} may be"
        if len(tests[cell]) < FREE_TESTS:
            yield cell, f"is free and has {len(tests[cell])} tests; what it must achieve takes {FREE_TESTS} or more"
        if len(reason) < FREE_REASON:
            yield cell, "is free without a reason that says what is a choice in it and what tests it instead"
        if any(cell == answer for answer, _ in found.equivalent):
            yield cell, "is free and has equivalent mutants listed: it can't be both"
