"""Check an assignment before it is released: are its tests right, do they notice mistakes, does it give anything away?

The released version is made in memory by nbgrader's own preprocessors, so nothing is written and the gradebook is not
asked. Then the engine's own workers grade: the instructor's solution (full marks, the same ones every time), the
released version (none), and the solution with one small mistake at a time (autograder.mutants), each of which should
cost a point. The rest is reading: hidden tests and solutions in what is released, and what autograder.authoring knows
about test cells.
"""

from __future__ import annotations

import ast
import copy
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.converters import GenerateAssignment
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions, SaveCells

from autograder import authoring, intake, mutants, pools, reassemble
from autograder.authoring import Finding
from autograder.engine import ATTEMPTS, CourseError, Engine
from autograder.model import Job, Result

# A mutant may loop for ever. It gets this many times what the solution took, and at least so many seconds.
MUTANT_TIMES, MUTANT_SECONDS = 10.0, 3.0


@dataclass
class Score:
    """How the tests do against the mutants of one answer."""

    notebook: str
    cell: str
    mutants: int = 0
    caught: int = 0
    equivalent: int = 0
    survivors: list[str] = field(default_factory=list)

    @property
    def score(self) -> float:
        """Share of the mutants that cost points, equivalent ones left out; 1 if there are none."""
        return self.caught / (self.mutants - self.equivalent) if self.mutants > self.equivalent else 1.0


@dataclass
class Report:
    """What lint found."""

    assignment: str
    findings: list[Finding] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def errors(self) -> int:
        """Findings that stand in the way of a release."""
        return sum(finding.level == "error" for finding in self.findings)

    def lines(self) -> Iterator[str]:
        """The report, for people."""
        yield from self.notes
        if self.scores:
            width = max(len(score.cell) for score in self.scores)
            yield f"{'task':<{width}}  mutants  caught  equivalent  survived   score"
            for score in self.scores:
                yield (
                    f"{score.cell:<{width}}  {score.mutants:7}  {score.caught:6}  {score.equivalent:10}"
                    f"  {len(score.survivors):8}  {score.score:6.1%}"
                )
                for survivor in score.survivors:
                    yield f"    survived: {survivor}"
        for finding in sorted(_gathered(self.findings), key=lambda finding: finding.level):
            yield str(finding)
        warnings = len(self.findings) - self.errors
        yield f"{self.assignment}: {_counted(self.errors, 'error')}, {_counted(warnings, 'warning')}."

    def to_json(self) -> dict[str, Any]:
        """The report, for machines."""
        return {
            "assignment": self.assignment,
            "errors": self.errors,
            "findings": [asdict(finding) for finding in self.findings],
            "tasks": [{**asdict(score), "score": score.score} for score in self.scores],
            "notes": self.notes,
        }


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _gathered(findings: Iterable[Finding]) -> list[Finding]:
    """The same thing said about several lines of one cell, said once."""
    groups: dict[tuple[authoring.Level, str, str], list[str]] = {}
    for finding in findings:
        line, _, text = finding.text.partition(": ") if finding.text.startswith("line ") else ("", "", finding.text)
        groups.setdefault((finding.level, finding.where, text), []).append(line.removeprefix("line "))
    return [
        Finding(level, where, f"line{'s' if len(lines) > 1 else ''} {', '.join(lines)}: {text}" if lines[0] else text)
        for (level, where, text), lines in groups.items()
    ]


@dataclass(frozen=True)
class _Notebook:
    """One notebook of the assignment in its three forms."""

    name: str
    source: NotebookNode  # the instructor's, solutions and hidden tests in it
    released: NotebookNode  # the students'
    blueprint: reassemble.Blueprint  # what is graded against

    def answers(self) -> dict[str, NotebookNode]:
        """The instructor's answer cells of code that tests grade, by grade_id."""
        found = {}
        for cell in self.source.cells:
            marks = cell.metadata.get("nbgrader", {})
            if utils.is_solution(cell) and cell.cell_type == "code" and not marks.get("grade"):
                found[marks["grade_id"]] = cell
        return found

    def solved(self, change: dict[str, str] | None = None) -> NotebookNode:
        """The instructor's solution as a student would hand it in, with some answers changed."""
        notebook = copy.deepcopy(self.source)
        for cell in notebook.cells:
            grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
            if change and grade_id in change:
                cell.source = change[grade_id]
        return notebook

    def tests(self) -> list[reassemble.Given]:
        """Its test cells."""
        return [given for given in self.blueprint.cells if given.role == "test"]


def lint(
    engine: Engine,
    assignment: str,
    *,
    tasks: Sequence[str] | None = None,
    mutate: bool = True,
    regrades: int = 20,
    min_score: float = 0.9,
    progress: Any = None,
) -> Report:
    """Check an assignment.

    tasks: grade_ids of the answers to mutate; all by default. regrades: how often the solution is graded. min_score:
    the mutation score below which a task is an error. progress: a tqdm bar.

    Raises CourseError if there is no such assignment or it is malformed, pools.PoolError if nothing can be run.
    """
    report = Report(assignment)
    notebooks = _notebooks(engine, assignment)
    listed = _listed(engine, assignment)
    equivalents = listed.equivalent
    free = _free(report, notebooks, listed)
    for notebook in notebooks:
        _read(report, notebook, engine)
    _files(report, engine, assignment, notebooks)
    known = {cell for notebook in notebooks for cell in notebook.answers()}
    if unknown := sorted(set(tasks or ()) - known):
        raise CourseError(f"{assignment} has no answer {unknown[0]!r} to mutate. It has: {', '.join(sorted(known))}")
    if progress is not None:
        progress.reset(total=len(notebooks) * (1 + regrades))
    pool = engine.pool(1000)
    try:
        bench = _Bench(engine, assignment, pool, progress)
        for notebook in notebooks:
            reference = _solution(report, notebook, bench, regrades)
            if reference is not None and mutate:
                _mutate(report, notebook, bench, reference, equivalents, set(tasks or known) - free, min_score)
    finally:
        pool.close()
    if mutate and not tasks:
        for (cell, description), _ in equivalents.items():
            report.findings.append(
                Finding(
                    "warning",
                    cell,
                    f"the list of equivalent mutants has one that there is no more: {description}",
                )
            )
    return report


# -- reading ----------------------------------------------------------------------------------------------------------


def _notebooks(engine: Engine, assignment: str) -> list[_Notebook]:
    coursedir = engine.coursedir
    source = Path(coursedir.format_path(coursedir.source_directory, ".", assignment))
    if not any(source.glob("*.ipynb")):
        raise CourseError(f"no notebook in {source}. Is this the course's directory?")
    found = []
    for path in sorted(source.glob("*.ipynb")):
        try:
            found.append(_forms(engine, path))
        except (reassemble.AuthorError, ValueError, RuntimeError) as error:
            raise CourseError(f"{path} cannot be used: {str(error).splitlines()[0]}") from error
        except Exception as error:  # nbformat and nbgrader's preprocessors raise many kinds
            raise CourseError(f"{path} cannot be used: {type(error).__name__}: {error}") from error
    return found


def _forms(engine: Engine, path: Path) -> _Notebook:
    """What `nbgrader generate_assignment` would make of a notebook, without its database."""
    notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    MetadataValidator().upgrade_notebook_metadata(notebook)
    converter = GenerateAssignment(coursedir=engine.coursedir, parent=engine)
    resources: dict[str, Any] = {"nbgrader": {"notebook": path.stem}, "metadata": {"path": str(path.parent)}}
    solved = kept = released = notebook
    saved = False
    with utils.chdir(engine.coursedir.root):
        for kind in converter.preprocessors:
            if kind is ClearSolutions:
                solved = copy.deepcopy(released)
            if kind is SaveCells:
                kept, saved = copy.deepcopy(released), True
                continue
            step = kind(parent=converter)
            if step.enabled:
                released, resources = step.preprocess(copy.deepcopy(released), resources)
    if not saved:
        kept = released
    blueprint = reassemble.Blueprint.of(kept, engine.config)
    return _Notebook(path.stem, solved, released, blueprint)


def _read(report: Report, notebook: _Notebook, engine: Engine) -> None:
    """Everything that can be seen without running it."""
    report.findings += _test_cells(notebook)
    report.findings += _leaks(notebook, [("the released notebook", notebook.released)], engine)
    report.findings += [Finding("warning", notebook.name, text) for text in _Secrets.of(notebook, engine).shown]


def _test_cells(notebook: _Notebook) -> Iterator[Finding]:
    answers = notebook.answers()
    theirs = {name for cell in answers.values() for name in authoring.defined(cell.source)}
    given: set[str] = set()
    tests = notebook.tests()
    if not tests:
        yield Finding("warning", notebook.name, "has no tests")
    for cell in notebook.blueprint.cells:
        if cell.kind != "code":
            continue
        if cell.role == "test":
            setting = authoring.Setting(frozenset(theirs), frozenset(given))
            for level, text in authoring.findings(cell, setting):
                yield Finding(level, f"{notebook.name}/{cell.grade_id}", text)
        elif cell.role in {"read-only", "plain"}:
            given |= authoring.defined(cell.source)


def _leaks(notebook: _Notebook, forms: Iterable[tuple[str, NotebookNode]], engine: Engine) -> Iterator[Finding]:
    """Hidden tests, hidden values and solutions in what students get."""
    secrets = _Secrets.of(notebook, engine)
    for what, form in forms:
        for text, where in _texts(form):
            for secret in secrets.found_in(text):
                yield Finding("error", f"{notebook.name}/{where}", f"{what} has {secret}")


@dataclass(frozen=True)
class _Secrets:
    """What must not be read in a released file: lines, and values that tell an expected result.

    What the author shows outside the marked parts is in every released file. Of that only what a hidden test expects
    is worth a word, and a warning: the same number may be there for another reason.
    """

    lines: dict[str, str]  # squeezed line: what it is
    values: dict[str, str]  # literal as it is written: what it is
    shown: list[str]  # what is in the public parts all the same

    @classmethod
    def of(cls, notebook: _Notebook, engine: Engine) -> _Secrets:
        public = "\n".join(cell.source for cell in _without_secrets(notebook, engine).cells)
        shown = {_squeeze(line) for line in public.split("\n")}
        lines: dict[str, str] = {}
        values: dict[str, str] = {}
        told: list[str] = []
        for given in notebook.tests():
            for number in given.hidden_lines:
                line = _squeeze(given.source.split("\n")[number])
                if len(line) < 10 or line.startswith("#"):
                    continue
                lines[line] = f"a hidden test of {given.grade_id}"
                if line in shown and line.startswith("assert"):
                    told.append(f"a hidden test of {given.grade_id} is public as well: {line}")
            everything, expected = _hidden_literals(given)
            for literal in everything:
                values[literal] = f"{literal}, a value of the hidden tests of {given.grade_id}"
            told += [
                f"its public text has {literal}, which a hidden test of {given.grade_id} expects"
                for literal in sorted(expected)
                if _mentions(public, literal)
            ]
        for grade_id, cell in notebook.answers().items():
            for line in _solution_lines(cell.source, engine):
                if len(line) >= 12 and not line.startswith("#") and line not in _ANYBODYS:
                    lines[line] = f"a line of the solution of {grade_id}"
        return cls(
            {line: what for line, what in lines.items() if line not in shown},
            {value: what for value, what in values.items() if not _mentions(public, value)},
            told,
        )

    def found_in(self, text: str) -> Iterator[str]:
        """Secrets in one text: lines of it, and values anywhere in it."""
        lines = {_squeeze(line) for line in text.split("\n")}
        for line, what in self.lines.items():
            if line in lines or (len(lines) == 1 and line in text):
                yield f"{what}: {line}"
        for value, what in self.values.items():
            if _mentions(text, value):
                yield what


_ANYBODYS = {"raise NotImplementedError()", "import numpy as np", "import torch", "import math"}


def _squeeze(line: str) -> str:
    return re.sub(r"\s+", " ", line.strip())


def _mentions(text: str, literal: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(literal)}(?![\w.]*\w)", text) is not None


def _texts(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    """Everything a reader of the file can find in it: sources, outputs, metadata, attachments."""
    yield json.dumps(notebook.metadata), "metadata"
    for index, cell in enumerate(notebook.cells):
        where = cell.metadata.get("nbgrader", {}).get("grade_id") or f"cell {index + 1}"
        yield cell.source, where
        rest = {name: value for name, value in cell.metadata.items() if name != "nbgrader"}
        if rest:
            yield json.dumps(rest, ensure_ascii=False).replace("\\n", "\n"), where
        for output in cell.get("outputs", []):
            yield json.dumps(output, ensure_ascii=False).replace("\\n", "\n"), f"{where} (output)"
        if cell.get("attachments"):
            yield json.dumps(cell.attachments), where


def _without_secrets(notebook: _Notebook, engine: Engine) -> NotebookNode:
    """The source notebook with exactly the marked parts taken out, and all outputs: what its author means to show."""
    public = copy.deepcopy(notebook.source)
    answers = notebook.answers()
    hidden = {given.grade_id: given for given in notebook.tests()}
    for cell in public.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id in answers:
            solution = set(_solution_lines(cell.source, engine))
            cell.source = "\n".join(line for line in cell.source.split("\n") if _squeeze(line) not in solution)
        elif grade_id in hidden:
            cell.source = hidden[grade_id].released
        cell.metadata.pop("autograder", None)
        if cell.cell_type == "code":
            cell.outputs = []
    return public


def _solution_lines(source: str, engine: Engine) -> list[str]:
    """Lines between the solution markers; of a cell without markers, all."""
    clear = ClearSolutions(parent=engine)
    begin, end = clear.begin_solution_delimeter, clear.end_solution_delimeter
    if begin not in source:
        return [_squeeze(line) for line in source.split("\n")]
    lines, inside = [], False
    for line in source.split("\n"):
        if begin in line:
            inside = True
        elif end in line:
            inside = False
        elif inside:
            lines.append(_squeeze(line))
    return lines


def _hidden_literals(given: reassemble.Given) -> tuple[set[str], set[str]]:
    """Numbers and strings of the hidden lines that say something (not 0, 1, 100, 1e-6 or "same"): all of them, and
    those that something is compared with."""
    try:
        tree = ast.parse(reassemble.plain_python(given.source)[0])
    except (SyntaxError, ValueError):
        return set(), set()
    everything = set()
    expected = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.lineno - 1 in given.hidden_lines and _telling(node.value):
            everything.add(node.value if isinstance(node.value, str) else repr(node.value))
        if isinstance(node, ast.Compare) and node.lineno - 1 in given.hidden_lines:
            for operand in (node.left, *node.comparators):
                if isinstance(operand, ast.Constant) and _telling(operand.value):
                    expected.add(operand.value if isinstance(operand.value, str) else repr(operand.value))
    return everything, expected


def _telling(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) >= 8 and " " not in value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return len(re.sub(r"e.*|\D", "", repr(value)).strip("0")) >= 3


def _files(report: Report, engine: Engine, assignment: str, notebooks: list[_Notebook]) -> None:
    """The files beside the notebooks, which are released with them, and what has been released already."""
    coursedir = engine.coursedir
    markers = (
        ClearSolutions(parent=engine).begin_solution_delimeter,
        ClearHiddenTests(parent=engine).begin_test_delimeter,
    )
    source = Path(coursedir.format_path(coursedir.source_directory, ".", assignment))
    for path in sorted(utils.find_all_files(str(source), [*coursedir.ignore, "*.ipynb"])):
        name = Path(path).relative_to(source).as_posix()
        text = Path(path).read_bytes().decode("utf-8", "replace")
        if any(marker in text for marker in markers):
            report.findings.append(
                Finding("error", name, "is released as it is, and has solutions or hidden tests in it")
            )
            continue
        for notebook in notebooks:
            for what in _Secrets.of(notebook, engine).found_in(text):
                report.findings.append(Finding("error", name, f"is released as it is, and has {what}"))
    release = Path(coursedir.format_path(coursedir.release_directory, ".", assignment))
    for notebook in notebooks:
        path = release / f"{notebook.name}.ipynb"
        if not path.is_file():
            continue
        try:
            content = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        except Exception:  # nbformat raises many kinds
            report.findings.append(Finding("error", str(path), "cannot be read; run nbgrader generate_assignment"))
            continue
        report.findings += _leaks(notebook, [(f"{path}", content)], engine)
        if [cell.source for cell in content.cells] != [cell.source for cell in notebook.released.cells]:
            report.findings.append(
                Finding("warning", str(path), "is older than the source; run nbgrader generate_assignment")
            )


# -- running ----------------------------------------------------------------------------------------------------------


class _Bench:
    """Runs many jobs on the engine's pool."""

    def __init__(self, engine: Engine, assignment: str, pool: pools.Pool, progress: Any):
        self.engine = engine
        self.assignment = assignment
        self.pool = pool
        self.progress = progress
        directory = engine.coursedir.format_path(engine.coursedir.source_directory, ".", assignment)
        paths = utils.find_all_files(directory, [*engine.coursedir.ignore, "*.ipynb"])
        self.files = {Path(path).relative_to(directory).as_posix(): Path(path).read_bytes() for path in paths}

    def job(self, notebook: _Notebook, handed_in: NotebookNode, key: bytes = b"lint") -> Job:
        """The job that a submission of this notebook gives. key: decides on what is drawn at random."""
        data = nbformat.writes(handed_in).encode()
        return reassemble.build_job(
            notebook.blueprint,
            intake.Submission({f"{notebook.name}.ipynb": data}),
            assignment=self.assignment,
            student="lint",
            notebook=notebook.name,
            limits=self.engine.limits,
            files=self.files,
            key=key,
        )

    def run(self, jobs: Sequence[Job]) -> list[Result | None]:
        """The results in the order of the jobs; None where the grader did not come back with one."""
        results: list[Result | None] = [None] * len(jobs)
        waiting = deque(range(len(jobs)))
        tries = [0] * len(jobs)
        done = 0
        while done < len(jobs):
            while waiting and self.pool.room(len(waiting)) > 0:
                token = waiting.popleft()
                self.pool.send(token, jobs[token])
            for event in self.pool.poll(1.0):
                if isinstance(event, pools.Graded):
                    results[event.token] = event.result
                elif isinstance(event, pools.Returned):
                    waiting.append(event.token)
                    continue
                else:
                    tries[event.token] += event.tried if isinstance(event, pools.Died) else 1
                    if tries[event.token] < ATTEMPTS:
                        waiting.append(event.token)
                        continue
                done += 1
                if self.progress is not None:
                    self.progress.update()
        return results


def _solution(report: Report, notebook: _Notebook, bench: _Bench, regrades: int) -> Result | None:
    """Grade the solution over and over, and the released version; returns the solution's result if it is right."""
    name = notebook.name
    solved = bench.job(notebook, notebook.solved())
    # The same inputs half the time, others the other half: a right solution is right whatever is drawn.
    others = [bench.job(notebook, notebook.solved(), key=b"lint %d" % number) for number in range(regrades // 2)]
    blank = bench.job(notebook, notebook.released)
    results = bench.run([blank, solved, *[solved] * (regrades - len(others) - 1), *others])
    empty, reference, *again = results
    if reference is None or reference.status != "graded":
        why = reference.reason if reference else "the grader did not come back"
        report.findings.append(Finding("error", name, f"the solution cannot be graded: {why}"))
        return None
    for question in reference.questions:
        if question.points < question.max_points:
            report.findings.append(
                Finding(
                    "error",
                    f"{name}/{question.grade_id}",
                    f"the solution gets {question.points:g} of {question.max_points:g} points: {_why(question)}",
                )
            )
        elif not question.checks and question.max_points > 0 and question.message:
            report.findings.append(Finding("warning", f"{name}/{question.grade_id}", question.message))
        seconds = _limit(solved, question.grade_id)
        if question.seconds > seconds / 3:
            report.findings.append(
                Finding(
                    "warning",
                    f"{name}/{question.grade_id}",
                    f"takes {question.seconds:.1f} s of the {seconds:g} s it has; a slower machine may stop it",
                )
            )
    if empty is None or empty.status != "graded":
        why = empty.reason if empty else "the grader did not come back"
        report.findings.append(Finding("error", name, f"the released version cannot be graded: {why}"))
    else:
        for question in empty.questions:
            if question.points > 0:
                report.findings.append(
                    Finding(
                        "error",
                        f"{name}/{question.grade_id}",
                        f"gives {question.points:g} of {question.max_points:g} points for nothing: the released "
                        "version gets them without an answer",
                    )
                )
    differing, wordy = set[str](), set[str]()
    for number, result in enumerate(again):
        differing |= _differences(_points(reference), _points(result))
        if number < regrades - len(others) - 1:
            wordy |= _differences(_verdict(reference), _verdict(result))
    for grade_id in sorted(differing):
        report.findings.append(
            Finding("error", f"{name}/{grade_id}", f"the verdict on the solution changed in {regrades} gradings")
        )
    for grade_id in sorted(wordy - differing):
        report.findings.append(
            Finding("warning", f"{name}/{grade_id}", "what it shows to students differs from grading to grading")
        )
    by_hand = sum(given.points for given in notebook.blueprint.cells if given.manual)
    report.notes.append(
        f"{name}: {reference.max_points:g} points by {len(reference.questions)} tests, {by_hand:g} by hand; solution "
        f"{reference.points:g}/{reference.max_points:g} in {reference.seconds:.2f} s; released version "
        f"{empty.points if empty else 0:g}/{reference.max_points:g}; {regrades} gradings "
        + ("identical" if not differing else "not identical")
    )
    return reference if reference.points == reference.max_points and not differing else None


def _why(question: Any) -> str:
    for check in question.checks:
        if check.status != "passed":
            seen = f", got {check.got}, expected {check.expected}" if check.got is not None else ""
            return f"check {check.index + 1} {check.status}: {check.message or check.call or 'hidden'}{seen}"
    return question.message or "partial credit"


def _limit(job: Job, grade_id: str) -> float:
    own = next((cell.seconds for cell in job.cells if cell.side == "judge" and cell.grade_id == grade_id), None)
    return own or job.limits.question_seconds


def _verdict(result: Result | None) -> dict[str, Any]:
    """What two gradings of the same thing must agree on, by question: everything but the time it took."""
    if result is None:
        return {}
    return {
        question.grade_id: {name: value for name, value in asdict(question).items() if name != "seconds"}
        for question in result.questions
    }


def _points(result: Result | None) -> dict[str, Any]:
    """What gradings with other inputs must agree on."""
    if result is None:
        return {}
    return {
        question.grade_id: (question.points, [check.status for check in question.checks])
        for question in result.questions
    }


def _differences(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    return {grade_id for grade_id in one if one[grade_id] != other.get(grade_id)}


# -- mutants ----------------------------------------------------------------------------------------------------------


def _listed(engine: Engine, assignment: str) -> mutants.Listed:
    """The instructor's list of mutants that no test can notice, and of the answer that is a design; with reasons.

    It lies beside the assignment, not in it and not in the cells: what is in there gets released.
    """
    source = Path(engine.coursedir.format_path(engine.coursedir.source_directory, ".", assignment))
    path = source.parent / f"{source.name}.mutants.toml"
    if not path.exists():
        return mutants.Listed({}, {})
    try:
        return mutants.listed(path.read_text(encoding="utf-8"))
    except ValueError as error:  # of TOML and of UTF-8 as well
        raise CourseError(f"{path}: {error}") from None


def _free(report: Report, notebooks: Iterable[_Notebook], listed: mutants.Listed) -> set[str]:
    """Answers that are not mutated: they are listed as free, and rightly."""
    tests: dict[str, dict[str, float]] = {}
    total = 0.0
    for notebook in notebooks:
        answer = None
        for cell in notebook.source.cells:
            marks = cell.metadata.get("nbgrader", {})
            points = float(marks.get("points") or 0) if utils.is_grade(cell) else 0.0
            total += points
            if utils.is_solution(cell):
                answer = marks["grade_id"]
                if not utils.is_grade(cell):
                    tests.setdefault(answer, {})
            elif answer in tests and utils.is_grade(cell):
                tests[answer][marks["grade_id"]] = points
    free = set(listed.free)
    for cell, why in mutants.too_free(listed, tests, total):
        free.discard(cell)
        report.findings.append(Finding("error", cell, why))
    report.notes += [f"{cell}: free, so it is not mutated. {listed.free[cell]}" for cell in sorted(free)]
    return free


def _mutate(
    report: Report,
    notebook: _Notebook,
    bench: _Bench,
    reference: Result,
    equivalents: dict[tuple[str, str], str],
    tasks: set[str],
    min_score: float,
) -> None:
    longest = max((question.seconds for question in reference.questions), default=0.0)
    seconds = min(bench.engine.limits.question_seconds, max(MUTANT_SECONDS, MUTANT_TIMES * longest))
    made: list[tuple[Score, mutants.Mutant]] = []
    jobs = []
    for grade_id, cell in notebook.answers().items():
        if grade_id not in tasks:
            continue
        score = Score(notebook.name, grade_id)
        report.scores.append(score)
        try:
            changed = list(mutants.mutants(cell.source))
        except ValueError as error:
            report.findings.append(Finding("error", f"{notebook.name}/{grade_id}", str(error)))
            continue
        for mutant in changed:
            made.append((score, mutant))
            jobs.append(_hurried(bench.job(notebook, notebook.solved({grade_id: mutant.source})), seconds))
    if bench.progress is not None:
        bench.progress.total += len(jobs)
        bench.progress.refresh()
    for (score, mutant), result in zip(made, bench.run(jobs), strict=True):
        score.mutants += 1
        # A mutant that brings down the grader has been noticed, to say the least.
        caught = result is None or result.status != "graded" or result.points < reference.points
        listed = equivalents.pop((score.cell, mutant.description), None)
        if caught:
            score.caught += 1
            if listed is not None:
                report.findings.append(
                    Finding(
                        "error",
                        f"{notebook.name}/{score.cell}",
                        f"is listed as equivalent but is caught, take it off the list: {mutant.description}",
                    )
                )
        elif listed is not None:
            score.equivalent += 1
        else:
            score.survivors.append(f"line {mutant.line}: {mutant.description}")
    for score in report.scores:
        if score.notebook == notebook.name and score.score < min_score:
            report.findings.append(
                Finding(
                    "error",
                    f"{notebook.name}/{score.cell}",
                    f"its tests notice {score.score:.1%} of the mistakes made on purpose; {min_score:.0%} are wanted",
                )
            )


def _hurried(job: Job, seconds: float) -> Job:
    """The same job with less time for each question."""
    cells = tuple(
        replace(cell, seconds=min(seconds, cell.seconds)) if cell.seconds is not None else cell for cell in job.cells
    )
    return replace(job, cells=cells, limits=replace(job.limits, question_seconds=seconds))
