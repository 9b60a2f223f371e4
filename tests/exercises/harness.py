"""Grades single answers to an assignment in a fraction of a second, by nbgrader's rules, to try its tests on many.

It must never decide anything by itself: the cells are the instructor's, run in order, and nbgrader's own
`determine_grade` turns what a test cell put out into points. What is left out is the kernel: each run is a fork of
this process (NumPy and torch are loaded once) with a namespace of its own. Answers to the same task are forks of one
process that has run the cells above it.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib.util
import io
import json
import multiprocessing
import os
import random
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
from nbformat.notebooknode import NotebookNode
from nbgrader.utils import determine_grade, is_grade, is_solution

from autograder.mutants import Listed, Mutant, listed, mutants
from autograder.run.parent import settle

ROOT = Path(__file__).parents[2]
SOLUTIONS = ROOT / "solutions"
ANSWERS = Path(__file__).parent / "answers"

# Of the random inputs that tests draw for themselves: the same in every run of the suite. To try the answers on others:
# `EXERCISES_SEED=1 make bench ONLY=exercises`.
SEED = int(os.environ.get("EXERCISES_SEED", "0"))

# Real time for one run. The slowest honest one takes a second; a mutant may loop for ever.
SECONDS = 60.0


def assignments() -> list[str]:
    """The names of all assignments, in order."""
    return sorted(path.name for path in SOLUTIONS.iterdir() if (path / f"{path.name}.ipynb").exists())


@dataclass(frozen=True)
class Task:
    """An answer cell and the test cells that grade it: those between it and the next answer cell."""

    name: str  # grade_id of the answer cell
    tests: dict[str, float]  # points of each test cell, by grade_id; empty where a person grades
    by_hand: float = 0.0  # points that a person gives

    @property
    def points(self) -> float:
        return sum(self.tests.values()) + self.by_hand


def borrowed(assignment: Assignment, task: Task) -> tuple[str, set[str]]:
    """An answer whose functions come from a library: the instructor's own, as if they stood in kernelbook.

    And the test cells that ask where the answer's functions come from, which may not be satisfied by it.
    """
    source = assignment.source(task.name)
    names = [node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    tests = {test for test in task.tests for name in names if f'foreign("{name}", {name})' in assignment.source(test)}
    lines = [
        "import sys, types",
        "for each in ('kernelbook', 'kernelbook.borrowed'):",
        "    sys.modules.setdefault(each, types.ModuleType(each))",
        "space = sys.modules['kernelbook.borrowed'].__dict__",
        "space.update(globals(), __name__='kernelbook.borrowed')",
        f"exec({source!r}, space)",
        *(f"from kernelbook.borrowed import {name}" for name in names),
    ]
    return "\n".join(lines), tests


@dataclass(frozen=True)
class Verdict:
    """What one run of a task's tests gave."""

    points: dict[str, float]  # by the test cell's grade_id
    messages: dict[str, str]  # what a test cell said: its error, or what it printed

    def lost(self, task: Task) -> set[str]:
        """Test cells that did not give all their points."""
        return {name for name, most in task.tests.items() if self.points.get(name, 0.0) < most}


class Assignment:
    """An instructor's notebook, its tasks, and a way to try answers on it."""

    def __init__(self, notebook: NotebookNode, name: str = ""):
        self.name = name
        self.notebook = notebook
        self.tasks = _tasks(notebook)

    @classmethod
    def load(cls, name: str) -> Assignment:
        return cls(nbformat.read(SOLUTIONS / name / f"{name}.ipynb", as_version=4), name)

    def task(self, name: str) -> Task:
        return next(task for task in self.tasks if task.name == name)

    @property
    def graded_by_tests(self) -> list[Task]:
        return [task for task in self.tasks if task.tests]

    def source(self, grade_id: str) -> str:
        """Source of the cell with this grade_id."""
        return next(cell.source for cell in self.notebook.cells if _id(cell) == grade_id)

    def grade(self, task: Task, answer: str, *, stop_early: bool = False) -> Verdict:
        """Points of `answer`, the whole source of the task's answer cell; all other answers are the instructor's.

        stop_early: leave the task's later tests out once one has lost points (they count as lost).
        """
        return self.grade_each(task, [answer], stop_early=stop_early)[0]

    def grade_each(self, task: Task, answers: Sequence[str], *, stop_early: bool = False) -> list[Verdict]:
        """`grade` for each of these answers; the cells above the task's answer run once."""
        place = next(i for i, cell in enumerate(self.notebook.cells) if _id(cell) == task.name)
        above, below = self.notebook.cells[:place], self.notebook.cells[place:]

        def run() -> list[Verdict]:
            namespace: dict[str, Any] = {"__name__": "__main__"}
            _run(above, {}, (), namespace)
            return [
                _forked(lambda answer=answer: [_run(below, {task.name: answer}, task.tests, namespace, stop_early)])[0]
                for answer in answers
            ]

        verdicts = _forked(run, seconds=SECONDS * (len(answers) + 1), parent=True)
        return verdicts if len(verdicts) == len(answers) else verdicts * len(answers)

    def grade_all(self, answers: Mapping[str, str]) -> Verdict:
        """Points of a whole notebook in which these answers, by grade_id, stand instead of the instructor's."""
        tests = {name for task in self.tasks for name in task.tests}
        return _forked(lambda: [_run(self.notebook.cells, answers, tests, {"__name__": "__main__"})])[0]

    def errors(self) -> dict[str, str]:
        """What the code cells raise when the notebook runs from top to bottom, none left out: message by grade_id."""

        def run() -> list[Verdict]:
            namespace: dict[str, Any] = {"__name__": "__main__"}
            cells = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
            outputs = {_id(cell): _execute(cell.source, namespace) for cell in cells}
            failed = {name: out for name, out in outputs.items() if any(o.output_type == "error" for o in out)}
            return [Verdict({}, {name: _message(out) for name, out in failed.items()})]

        return _forked(run)[0].messages

    @cached_property
    def answers(self) -> Answers:
        """The wrong and right answers collected for this assignment."""
        path = ANSWERS / f"{self.name.replace('-', '_')}.py"
        spec = importlib.util.spec_from_file_location(f"answers_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.answers(self)

    @cached_property
    def listed(self) -> Listed:
        """The instructor's list of mutants that are no mistakes, and of the answer that is a design."""
        path = SOLUTIONS / f"{self.name}.mutants.toml"
        return listed(path.read_text(encoding="utf-8") if path.exists() else "")

    @property
    def solved(self) -> dict[str, str]:
        """The instructor's answers, by grade_id."""
        return {task.name: self.source(task.name) for task in self.tasks}

    @property
    def equivalents(self) -> dict[str, dict[str, str]]:
        """Mutants that are no mistakes: reasons by answer and description."""
        found: dict[str, dict[str, str]] = {}
        for (cell, mutant), reason in self.listed.equivalent.items():
            found.setdefault(cell, {})[mutant] = reason
        return found

    @property
    def free(self) -> dict[str, str]:
        """The answer that is not mutated, if there is one, with its reason: see `autograder.mutants.Listed`."""
        return self.listed.free

    def mutants(self, task: Task) -> list[Mutant]:
        """The instructor's answer with one small mistake in each."""
        return list(mutants(self.source(task.name)))

    def survivors(self, task: Task) -> list[Mutant]:
        """Mutants that lose no points."""
        mutants = self.mutants(task)
        verdicts = self.grade_each(task, [mutant.source for mutant in mutants], stop_early=True)
        return [mutant for mutant, verdict in zip(mutants, verdicts, strict=True) if not verdict.lost(task)]

    def accepted(self, task: Task) -> list[tuple[Wrong, Verdict]]:
        """Wrong answers that do not get just the points that they should."""
        wrongs = self.answers.wrongs[task.name]
        verdicts = zip(wrongs, self.grade_each(task, [wrong.source for wrong in wrongs]), strict=True)
        return [(wrong, verdict) for wrong, verdict in verdicts if verdict.points != {**task.tests, **wrong.gives}]

    def rejected(self, task: Task) -> list[tuple[Right, Verdict]]:
        """Right answers that lose points."""
        rights = self.answers.rights[task.name]
        verdicts = zip(rights, self.grade_each(task, [right.source for right in rights]), strict=True)
        return [(right, verdict) for right, verdict in verdicts if verdict.lost(task)]


@dataclass(frozen=True)
class Wrong:
    """A wrong answer. gives: points that each named test cell gives instead of all (0 as a rule); others give all."""

    what: str
    source: str
    gives: dict[str, float]


@dataclass(frozen=True)
class Right:
    """A right answer in another style."""

    what: str
    source: str


@dataclass
class Answers:
    """All answers collected for an assignment, by task.

    `wrong` and `right` take a whole cell's source, or edits of the instructor's answer: pairs of old and new text.
    """

    assignment: Assignment
    wrongs: dict[str, list[Wrong]] = field(default_factory=dict)
    rights: dict[str, list[Right]] = field(default_factory=dict)

    def wrong(
        self, task: str, what: str, source: str | tuple[str, str] | list[tuple[str, str]],
        loses: str | Iterable[str] | Mapping[str, float] | None = None,
    ) -> None:  # fmt: skip
        """Add a wrong answer. loses: the test cells it must get nothing for (default all), or their points instead."""
        tests = self.assignment.task(task).tests
        if isinstance(loses, Mapping):
            gives = dict(loses)
        else:
            gives = dict.fromkeys([loses] if isinstance(loses, str) else loses or tests, 0.0)
        unknown = set(gives) - set(tests)
        assert not unknown, f"{task} has no test {unknown}"
        self.wrongs.setdefault(task, []).append(Wrong(what, self._text(task, source), gives))

    def right(self, task: str, what: str, source: str | tuple[str, str] | list[tuple[str, str]]) -> None:
        """Add a right answer, which must get all points."""
        self.rights.setdefault(task, []).append(Right(what, self._text(task, source)))

    def _text(self, task: str, source: str | tuple[str, str] | list[tuple[str, str]]) -> str:
        if isinstance(source, str):
            return source.strip() + "\n"
        text = self.assignment.source(task)
        for old, new in [source] if isinstance(source, tuple) else source:
            assert text.count(old) >= 1, f"{task}: the instructor's answer has no {old!r}"
            text = text.replace(old, new)
        return text


def _id(cell: NotebookNode) -> str:
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def _tasks(notebook: NotebookNode) -> list[Task]:
    tasks: list[Task] = []
    for cell in notebook.cells:
        if is_solution(cell):
            tasks.append(Task(_id(cell), {}, float(cell.metadata.nbgrader.points) if is_grade(cell) else 0.0))
        elif is_grade(cell):
            assert tasks, f"the test {_id(cell)} stands above the first answer"
            tasks[-1].tests[_id(cell)] = float(cell.metadata.nbgrader.points)
    return tasks


def _run(
    cells: Iterable[NotebookNode],
    answers: Mapping[str, str],
    tests: Iterable[str],
    namespace: dict[str, Any],
    stop_early: bool = False,
) -> Verdict:
    """Run the code cells in order, of the test cells only `tests`, and end after the last of these."""
    wanted = set(tests)
    ends = bool(wanted)
    verdict = Verdict({}, {})
    for cell in cells:
        if cell.cell_type != "code" or (is_grade(cell) and _id(cell) not in wanted):
            continue
        name = _id(cell)
        outputs = _execute(answers.get(name, cell.source), namespace)
        if is_grade(cell):
            points, most = determine_grade(NotebookNode({**cell, "outputs": outputs}))
            verdict.points[name] = points
            verdict.messages[name] = _message(outputs)
            wanted.discard(name)
            if (ends and not wanted) or (stop_early and points < most):
                break
    return verdict


def _execute(source: str, namespace: dict[str, Any]) -> list[NotebookNode]:
    """Run a cell; its outputs as a kernel would report them."""
    stdout, stderr, outputs = io.StringIO(), io.StringIO(), []
    try:
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            tree = ast.parse(source)
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, "<cell>", "exec"), namespace)
            if isinstance(last, ast.Expr):
                value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), namespace)
                if value is not None:
                    data = {"text/plain": repr(value)}
                    outputs.append(nbformat.v4.new_output("execute_result", data, execution_count=1))
    except (Exception, SystemExit) as error:
        lines = traceback.format_exception_only(error)
        outputs.append(
            nbformat.v4.new_output("error", ename=type(error).__name__, evalue=str(error), traceback=["".join(lines)])
        )
    for name, stream in (("stderr", stderr), ("stdout", stdout)):
        if stream.getvalue():
            outputs.insert(0, nbformat.v4.new_output("stream", name=name, text=stream.getvalue()))
    return outputs


def _message(outputs: list[NotebookNode]) -> str:
    """What a student reads below the cell."""
    said = []
    for output in outputs:
        if output.output_type == "stream":
            said.append(output.text)
        elif output.output_type == "error":
            said.append("\n".join(output.traceback))
    return "".join(said)


def _show_warning(message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: Any = None) -> None:
    """To stderr, as in a kernel: pytest, which this process is a fork of, keeps warnings for itself."""
    sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))


@functools.cache
def _warm() -> None:
    """Load in this process what notebooks load, and what libraries put off until it is first used."""
    import torch

    import kernelbook.data  # noqa: F401

    torch.set_num_threads(1)
    weight = torch.ones(2, requires_grad=True)
    torch.autograd.grad(weight * 2, weight, grad_outputs=torch.ones(2))
    for optimiser in (torch.optim.SGD([weight], 0.1), torch.optim.AdamW([weight])):
        (weight * weight).sum().backward()
        optimiser.step()
    # A fork per answer, thousands of them: with large pages, and no garbage to look through, each takes half the time.
    settle()


def _seed() -> None:
    import numpy as np
    import torch

    random.seed(SEED)
    np.random.seed(SEED)
    torch.manual_seed(SEED)


def _forked(work: Callable[[], list[Verdict]], seconds: float | None = None, parent: bool = False) -> list[Verdict]:
    """`work()` in a child process, which ends with it, whatever it does. parent: it has children of its own."""
    _warm()
    seconds = SECONDS if seconds is None else seconds
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)

    def child() -> None:
        if parent:
            os.setsid()
        warnings.resetwarnings()
        warnings.showwarning = _show_warning
        _seed()
        verdicts = work()
        sender.send_bytes(json.dumps([[verdict.points, verdict.messages] for verdict in verdicts]).encode())

    process = fork.Process(target=child, daemon=not parent)
    process.start()
    sender.close()
    try:
        if receiver.poll(seconds):
            return [Verdict(*verdict) for verdict in json.loads(receiver.recv_bytes())]
        return [Verdict({}, {"": f"ran longer than {seconds:.0f} s"})]
    except EOFError:
        process.join()
        return [Verdict({}, {"": f"ended with exit code {process.exitcode}"})]
    finally:
        if parent:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join()
        receiver.close()
