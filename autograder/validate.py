"""`nbgrader validate` and the Validate button: every public check with what was called, what came, what was expected.

Students validate on their own server, in their own kernel, on their own copy of the public tests: there is nothing to
keep from them and nothing to protect, so no sandbox. nbgrader's validator runs the notebook as always; hooks of its
Execute preprocessor hand the source of each test cell to `test_cell`, in the kernel, which runs every check and not
only those before the first failure. nbgrader shows the report where it would show a traceback. It takes anything on
stderr for a failure, so what a test cell writes there goes to stdout: a warning is no verdict.

A kernel that has no autograder runs the cell as it is.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

from nbformat import NotebookNode
from nbgrader import utils

# --- on the server ---------------------------------------------------------------------------------------------------

_KEPT = "autograder-validate"


def on_cell_execute(cell: NotebookNode, **_: Any) -> None:
    """Hook, just before a cell is sent to the kernel: let `test_cell` run a test cell."""
    if cell.cell_type == "code" and utils.is_grade(cell) and not utils.is_solution(cell):
        cell.metadata[_KEPT] = cell.source
        cell.source = wrapped(cell.source)


def on_cell_complete(cell: NotebookNode, **_: Any) -> None:
    """Hook, as soon as the cell has been sent: put its source back, which nbgrader checks and shows."""
    if _KEPT in cell.metadata:
        cell.source = cell.metadata.pop(_KEPT)


def wrapped(source: str) -> str:
    """Source that runs `source` by `test_cell` in a kernel that has it, and as it is in one that has not."""
    return (
        "try:\n"
        "    from autograder.validate import test_cell as _autograder_test_cell\n"
        "except ImportError:\n"
        "    def _autograder_test_cell(source, _):\n"
        "        done = get_ipython().run_cell(source)\n"
        "        done.raise_error()\n"
        f"_autograder_test_cell({source!r}, globals())"
    )


# --- in the kernel ---------------------------------------------------------------------------------------------------


class ChecksFailed(AssertionError):
    """Some checks of a test cell did not pass. IPython shows the report in place of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return str(self).split("\n")


class _Check:
    """How one check of the cell went."""

    def __init__(self, site: Any):
        self.site = site
        self.status = "not run"
        self.message = ""
        self.got: str | None = None
        self.expected: str | None = None


class _Checks:
    """What the rewritten cell reports to; the names of its methods are `run.asserts`'."""

    def __init__(self, sites: list[Any], show: Any):
        self.checks = [_Check(site) for site in sites]
        self.show = show

    def begin(self, number: int) -> None:
        check = self.checks[number]
        # In a loop, the first failure is the one that is told.
        if check.status not in {"failed", "error"}:
            check.status, check.got, check.expected = "running", None, None

    def _open(self, number: int) -> _Check | None:
        check = self.checks[number]
        return check if check.status == "running" else None

    def got(self, number: int, value: Any) -> Any:
        if check := self._open(number):
            check.got = self.show(value)
        return value

    def expected(self, number: int, value: Any) -> Any:
        if check := self._open(number):
            check.expected = check.site.sign + self.show(value)
        return value

    def asserted(self, number: int, outcome: Any, message: Any) -> None:
        passed = bool(outcome)
        if check := self._open(number):
            check.status = "passed" if passed else "failed"
            if not passed:
                said = message()
                check.message = "" if said is None else str(said)

    def returned(self, number: int, value: Any) -> Any:
        if check := self._open(number):
            check.status = "passed"
        return value

    def raised(self, number: int) -> None:
        error = sys.exc_info()[1]
        if check := self._open(number):
            check.status = "failed" if isinstance(error, AssertionError) else "error"
            text = str(error).strip()
            check.message = text if isinstance(error, AssertionError) else f"{type(error).__name__}: {text}"


def test_cell(source: str, namespace: dict[str, Any]) -> Any:
    """Run a test cell in the notebook's namespace, all its checks; the value of its last expression.

    Raises ChecksFailed with the report if a check, or something between the checks, fails.
    """
    from autograder.run import asserts, show
    from autograder.run.cells import plain_python

    plan = asserts.plan(plain_python(source), "<test cell>")
    checks = _Checks(plan.sites, show.show)
    troubles: list[str] = []
    value = None
    namespace[asserts.RECORDER] = checks
    try:
        with _stderr_as_stdout():
            for step in plan.steps:
                try:
                    if step.last_value is not None:
                        value = eval(step.last_value, namespace)
                    else:
                        exec(step.code, namespace)
                except Exception as error:
                    line = source.split("\n")[step.first].strip()
                    troubles.append(f"{line}\n{type(error).__name__}: {error}")
    finally:
        namespace.pop(asserts.RECORDER, None)
    if troubles or any(check.status in {"failed", "error"} for check in checks.checks):
        raise ChecksFailed(report(checks.checks, troubles))
    return value


@contextmanager
def _stderr_as_stdout() -> Iterator[None]:
    """Let the kernel send stderr under the name of stdout: all of it, also what loggers hold an older reference to."""
    stream: Any = sys.stderr
    name = getattr(stream, "name", None)
    if name != "stderr" or not hasattr(stream, "pub_thread"):
        with redirect_stderr(sys.stdout):
            yield
        return
    stream.flush()
    stream.name = "stdout"
    try:
        yield
    finally:
        stream.flush()
        stream.name = name


# pytest would take it for a test of its own.
test_cell.__test__ = False  # type: ignore[attr-defined]


def report(checks: list[_Check], troubles: list[str], width: int = 80) -> str:
    """The report that the Validate dialogue shows: plain text, the failures in full."""
    failed = [(number, check) for number, check in enumerate(checks, 1) if check.status in {"failed", "error"}]
    passed = sum(check.status == "passed" for check in checks)
    lines = [f"{len(failed)} of {len(checks)} checks did not pass." if failed else "The cell stopped with an error."]
    for number, check in failed:
        lines += ["", f"✗ check {number}: {_short(check.site.call, width)}"]
        if check.message:
            lines += textwrap.wrap(check.message, width, initial_indent="    ", subsequent_indent="    ")
        if check.got is not None:
            lines.append(f"    your code gave: {_short(check.got, width)}")
        if check.expected is not None:
            lines.append(f"    expected:       {_short(check.expected, width)}")
    for trouble in troubles:
        lines += ["", *(f"✗ {_short(line, width)}" for line in trouble.split("\n"))]
    if passed:
        lines += ["", f"✓ {passed} check{'s' if passed != 1 else ''} passed."]
    return "\n".join(lines)


def _short(text: str, width: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"
