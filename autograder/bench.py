"""Measure the engine against stock nbgrader: the same submissions, the same machine, one run, both by their commands.

A course of our own is made in a temporary directory: one notebook that imports torch, four questions with public and
hidden tests and partial credit, and submissions that are right in several ways, wrong in several ways, or raise. They
are honest work: nothing in them is what stock nbgrader is known to mis-grade. Both sides record into a gradebook and
write the graded notebooks. Starting up (imports, workers, the first torch) is measured apart and is in a second ratio.

Scaling is measured on submissions with about a second to compute, as real assignments have, since with two cores and a
few milliseconds of work each, the one process that records is a third party to any two workers.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import logging
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

ASSIGNMENT = "bench"
SUBMISSIONS = 60
# Steps of gradient descent in question 4: next to nothing, and a second or so, depending on the answer.
LIGHT, HEAVY = 20, 48_000
SCALED = 32  # submissions with that much work

GIVEN = """import numpy as np
import torch

STEPS = {steps}
torch.set_num_threads(1)"""

SOLUTION = """def {name}({arguments}):
    ### BEGIN SOLUTION
    {body}
    ### END SOLUTION"""

STUBS = {
    name: SOLUTION.format(name=name, arguments=arguments, body=body)
    for name, arguments, body in (
        ("output_size", "n, k, stride", "return (n - k) // stride + 1"),
        ("correlate", "x, w", "return np.correlate(x, w, 'valid')"),
        ("standardise", "x", "return (x - x.mean()) / x.std()"),
        ("fit", "x, y, steps", "return (x @ y) / (x @ x)"),
    )
}

TESTS = {
    "output_size": (
        2,
        """assert output_size(5, 3, 1) == 3
assert output_size(6, 3, 2) == 2
### BEGIN HIDDEN TESTS
assert output_size(11, 4, 3) == 3
### END HIDDEN TESTS""",
    ),
    "correlate": (
        3,
        """x = np.arange(8.0)
np.testing.assert_allclose(correlate(x, np.array([1.0, 0.0, -1.0])), np.full(6, -2.0))
### BEGIN HIDDEN TESTS
np.testing.assert_allclose(correlate(x[:5], np.array([0.5, 2.0])), [2.0, 4.5, 7.0, 9.5])
### END HIDDEN TESTS""",
    ),
    "standardise": (
        2,
        """z = standardise(torch.arange(12.0).reshape(3, 4))
assert z.shape == (3, 4)
assert abs(z.mean()) < 1e-6
torch.testing.assert_close(z.std(), torch.tensor(1.0))""",
    ),
    "fit": (
        4,
        """x = torch.linspace(-1, 1, 50)
slope = float(fit(x, 3 * x, STEPS))
4 if abs(slope - 3) < 0.5 else 2 if slope > 1 else 0""",
    ),
}

# Of each question: the first two are right, the others wrong, each in its own way.
ANSWERS = {
    "output_size": [
        "return (n - k) // stride + 1",
        "return len(range(0, n - k + 1, stride))",
        "return (n - k + 1) // stride",
        "raise NotImplementedError()",
    ],
    "correlate": [
        "return np.array([np.sum(x[i : i + len(w)] * w) for i in range(len(x) - len(w) + 1)])",
        "return np.lib.stride_tricks.sliding_window_view(x, len(w)) @ w",
        "return np.convolve(x, w, 'valid')",
        "return np.array([x[i] * w[i] for i in range(len(x))])",
    ],
    "standardise": [
        "return (x - x.mean()) / x.std()",
        "return (x - torch.mean(x)) / torch.std(x - torch.mean(x))",
        "return (x - x.mean(dim=0)) / x.std(dim=0)",
        "return x / x.max()",
    ],
    "fit": [
        """w = torch.zeros(())
    for _ in range(steps):
        w -= 0.2 * (2 * (w * x - y) * x).mean()
    return w""",
        """w = 0.0
    for _ in range(steps):
        w = w - 0.2 * float((2 * (w * x - y) * x).mean())
    return w""",
        """w = torch.zeros(())
    for _ in range(steps):
        w = w - 0.01 * (w * x - y).mean()
    return w""",
        """w = torch.zeros(())
    for _ in range(steps):
        w -= 0.2 * (2 * (w * x - y) * x).mean()
    print('slope', w)
    return 0.6 * w""",
    ],
}
ARGUMENTS = {"output_size": "n, k, stride", "correlate": "x, w", "standardise": "x", "fit": "x, y, steps"}


def main(submissions: int | None = None) -> int:
    """Run the benchmark and print it; the last lines are `name: value`. Returns the exit code."""
    count = submissions or int(os.environ.get("GRADING_SUBMISSIONS", SUBMISSIONS))
    with tempfile.TemporaryDirectory(prefix="autograder-bench-") as temporary:
        place = Path(temporary)
        light, heavy = place / "light", place / "heavy"
        make_course(light, LIGHT, count)
        make_course(heavy, HEAVY, SCALED)
        _say(f"{count} submissions; stock nbgrader first")
        stock = run_stock(copy_of(light, place / "stock"), count)
        _say("this engine")
        ours = [run_ours(copy_of(light, place / f"ours-{number}"), None) for number in range(3)]
        alone = [run_ours(copy_of(light, place / f"alone-{number}"), 1) for number in range(3)]
        bare = bare_seconds(copy_of(light, place / "bare"))
        _say("scaling")
        scaled = {
            workers: [run_ours(copy_of(heavy, place / f"heavy-{workers}-{number}"), workers) for number in range(3)]
            for workers in (1, 2)
        }
    return report(count, stock, ours, alone, bare, scaled)


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


@dataclass
class Run:
    """One run of one command, in seconds."""

    whole: float  # the command, from start to end
    starting: float  # until the first submission is looked at
    scores: dict[str, dict[str, float | None]]  # by student and question, from the gradebook
    each: dict[str, float]  # by student, what the engine says a submission took
    workers: int = 0

    @property
    def grading(self) -> float:
        """The rest: grading, recording, writing files, ending."""
        return self.whole - self.starting


# -- the course -------------------------------------------------------------------------------------------------------


def notebook(steps: int) -> NotebookNode:
    """The instructor's notebook."""
    cells = [_cell(GIVEN.format(steps=steps), "given", locked=True)]
    for name, stub in STUBS.items():
        points, test = TESTS[name]
        cells.append(_cell(stub, name, solution=True))
        cells.append(_cell(test, f"test_{name}", grade=True, locked=True, points=points))
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec})


def _cell(source: str, grade_id: str, **marks: Any) -> NotebookNode:
    cell = nbformat.v4.new_code_cell(source)
    cell.metadata["nbgrader"] = {
        "grade_id": grade_id, "schema_version": 3, "cell_type": "code",
        "grade": False, "solution": False, "locked": False, "task": False, **marks,
    }  # fmt: skip
    return cell


def make_course(root: Path, steps: int, count: int) -> None:
    """A course with the assignment released and `count` submissions in it."""
    from nbgrader.apps.baseapp import NbGrader
    from nbgrader.converters import GenerateAssignment
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    path = root / "source" / ASSIGNMENT / "p1.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook(steps), path)
    (root / "nbgrader_config.py").write_text('c = get_config()\nc.CourseDirectory.course_id = "bench"\n')
    config = Config({"CourseDirectory": {"root": str(root), "course_id": "bench", "assignment_id": ASSIGNMENT}})
    app = NbGrader()
    app.log_level = logging.ERROR
    with contextlib.redirect_stderr(io.StringIO()):
        GenerateAssignment(coursedir=CourseDirectory(config=config), parent=app, config=config).start()
    released = nbformat.read(root / "release" / ASSIGNMENT / "p1.ipynb", as_version=4)
    for number, answers in zip(range(count), combinations(), strict=False):
        directory = root / "submitted" / f"student{number:03}" / ASSIGNMENT
        directory.mkdir(parents=True)
        for cell in released.cells:
            grade_id = cell.metadata["nbgrader"]["grade_id"]
            if grade_id in answers:
                cell.source = answers[grade_id]
        nbformat.write(released, directory / "p1.ipynb")


def combinations() -> Iterator[dict[str, str]]:
    """Answers to all questions, every mixture of right and wrong in turn, without end."""
    for number in itertools.count():
        yield {
            name: f"def {name}({ARGUMENTS[name]}):\n    {bodies[(number // 4**place + number) % 4]}"
            for place, (name, bodies) in enumerate(ANSWERS.items())
        }


def copy_of(course: Path, to: Path) -> Path:
    """A course of its own for one run."""
    return Path(shutil.copytree(course, to))


def gradebook_scores(root: Path) -> dict[str, dict[str, float | None]]:
    """What stands in the gradebook."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{root}/gradebook.db", "bench") as gradebook:
        return {
            submission.student.id: {
                grade.name: grade.auto_score for each in submission.notebooks for grade in each.grades
            }
            for submission in gradebook.assignment_submissions(ASSIGNMENT)
        }


# -- the runs ---------------------------------------------------------------------------------------------------------


def _environment(root: Path) -> dict[str, str]:
    """The same for both sides: nobody's own Jupyter configuration, this interpreter's programs first."""
    home = root / "home"
    home.mkdir(exist_ok=True)
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    own = {"HOME": str(home), "PATH": programs, "JUPYTER_CONFIG_DIR": str(home / "jupyter"), "OMP_NUM_THREADS": "1"}
    package = str(Path(__file__).resolve().parent.parent)
    search = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, **own, "PYTHONPATH": search}


def run_stock(root: Path, count: int) -> Run:
    """`nbgrader autograde`, as shipped."""
    from tqdm import tqdm

    started = time.monotonic()
    first = 0.0
    process = subprocess.Popen(
        [sys.executable, "-m", "nbgrader", "autograde", ASSIGNMENT],
        cwd=root,
        env=_environment(root),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    lines = []
    with tqdm(total=count, desc="nbgrader", unit="nb", disable=None) as bar:
        for line in process.stderr:
            lines.append(line)
            if "Creating/updating student" in line or "Copying" in line:
                first = first or time.monotonic() - started
            if "Autograding" in line:
                bar.update()
    if process.wait():
        raise RuntimeError("stock nbgrader failed:\n" + "".join(lines[-30:]))
    return Run(time.monotonic() - started, first, gradebook_scores(root), {}, 1)


def run_ours(root: Path, workers: int | None) -> Run:
    """`python -m autograder grade`."""
    told = root / "told"
    command = [sys.executable, "-m", "autograder", "grade", ASSIGNMENT, "--json", str(told), "--quiet"]
    if workers:
        command += ["--workers", str(workers)]
    started = time.monotonic()
    done = subprocess.run(command, cwd=root, env=_environment(root), capture_output=True, text=True, check=False)
    whole = time.monotonic() - started
    if done.returncode:
        raise RuntimeError(f"python -m autograder grade failed:\n{done.stderr}")
    summary = json.loads((told / "summary.json").read_text())
    each = {verdict["student"]: verdict["seconds"] for verdict in summary["verdicts"]}
    # What the command did before the engine began to count (imports, configuration) is starting, too.
    starting = whole - summary["seconds"] + summary["start_seconds"]
    return Run(whole, starting, gradebook_scores(root), each, summary["workers"])


BARE = r"""
import contextlib, io, json, sys, time
import numpy as np, torch
torch.set_num_threads(1)
def run(cells):
    namespace = {"__name__": "__main__"}
    started = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        for code in cells:
            with contextlib.suppress(Exception):
                exec(code, namespace)
    return time.perf_counter() - started
jobs = json.load(sys.stdin)
for _ in range(2):  # the first round is for what libraries do once
    taken = {name: run(cells) for name, cells in jobs.items()}
print(json.dumps(taken))
"""


def bare_seconds(root: Path) -> dict[str, float]:
    """What the cells themselves take, all in one process that has everything loaded: no sandbox, no judge."""
    jobs = {}
    for path in sorted((root / "submitted").glob(f"*/{ASSIGNMENT}/p1.ipynb")):
        answers = nbformat.read(path, as_version=4)
        source = nbformat.read(root / "source" / ASSIGNMENT / "p1.ipynb", as_version=4)
        theirs = {cell.metadata["nbgrader"]["grade_id"]: cell.source for cell in answers.cells}
        jobs[path.parts[-3]] = [
            theirs[cell.metadata["nbgrader"]["grade_id"]] if cell.metadata["nbgrader"]["solution"] else cell.source
            for cell in source.cells
        ]
    done = subprocess.run(
        [sys.executable, "-c", BARE],
        input=json.dumps(jobs),
        env=_environment(root),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


# -- the report -------------------------------------------------------------------------------------------------------


def report(
    count: int, stock: Run, ours: list[Run], alone: list[Run], bare: dict[str, float], scaled: dict[int, list[Run]]
) -> int:
    """Print tables, then the figures by name."""
    best = sorted(ours, key=lambda run: run.grading)[len(ours) // 2]
    print(f"{count} submissions of one notebook that imports torch, {len(TESTS)} questions each")
    print(f"{'':34}{'stock nbgrader':>16}{f'autograder ({best.workers} w.)':>20}")
    for name, stock_value, our_value in (
        ("whole command, s", stock.whole, best.whole),
        ("  of it starting, s", stock.starting, best.starting),
        ("  grading and recording, s", stock.grading, best.grading),
        ("a submission, ms", 1000 * stock.grading / count, 1000 * best.grading / count),
        ("submissions a second", count / stock.grading, count / best.grading),
    ):
        print(f"{name:34}{stock_value:16.2f}{our_value:20.2f}")
    overhead = statistics.median(1000 * (run.each[name] - bare[name]) for run in alone for name in bare)
    cells = statistics.median(1000 * seconds for seconds in bare.values())
    engine = statistics.median(1000 * seconds for run in alone for seconds in run.each.values())
    print(
        f"one submission by itself, medians of {len(alone)} runs: cells {cells:.1f} ms, in the engine {engine:.1f} ms"
    )
    differing = [
        f"{student}: nbgrader {stock.scores.get(student)}, autograder {run.scores.get(student)}"
        for run in [*ours, *alone]
        for student in sorted(stock.scores.keys() | run.scores.keys())
        if stock.scores.get(student) != run.scores.get(student)
    ]
    for line in differing:
        print(f"differs: {line}")
    points = sum(score or 0.0 for scores in stock.scores.values() for score in scores.values())
    print(
        f"points given in all: {points:g}, per submission {points / count:.2f} of {sum(p for p, _ in TESTS.values())}"
    )
    times = {workers: statistics.median(run.grading for run in runs) for workers, runs in scaled.items()}
    longest = statistics.median(seconds for run in scaled[1] for seconds in run.each.values())
    print(
        f"with {1000 * longest:.0f} ms of work in a submission: 1 worker {times[1]:.2f} s, 2 workers {times[2]:.2f} s "
        f"for {SCALED} (medians of {len(scaled[1])} runs; {_cores()} cores)"
    )
    print()
    figures = {
        "grading_submissions": str(count),
        "grading_throughput_ratio": f"{stock.grading / best.grading:.1f}",
        "grading_throughput_ratio_with_start": f"{stock.whole / best.whole:.1f}",
        "grading_overhead_ms": f"{overhead:.1f}",
        "grading_scores_equal": str(int(not differing)),
        "grading_two_worker_speedup": f"{times[1] / times[2]:.2f}",
    }
    for name, value in figures.items():
        print(f"{name}: {value}")
    return 0


def _cores() -> int:
    from autograder.engine import cores

    return cores()
