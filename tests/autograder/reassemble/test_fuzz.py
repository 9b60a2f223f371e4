"""10,000 notebooks that went through a mangle: each gets a job or a reason, and none changes what the judge runs.

The cases are drawn from one seed, so a failure names its number and comes back: `case(number, …)`.
"""

import copy
import json
import random

import classroom
import nbformat
import pytest
from classroom import ASSIGNMENT, NOTEBOOK, RIGHT

from autograder import record
from autograder.intake import NotGradable, Submission
from autograder.model import Result
from autograder.reassemble import assemble, build_job

CASES = 10_000
BATCH = 1_000

VALUES = [
    *(None, True, False, 0, -1, 3, 99, 10**30, 1.5, -0.0, float("nan"), float("inf")),
    *("", "x", "code", "markdown", "square", "test_square", "\0", "\ud800", "\u202e", "é", "x" * 300, "'''", "(" * 50),
    *("# YOUR CODE HERE\nraise NotImplementedError()", "def square(x):\n    return 1", "def mean(x):\n    return 1"),
    *("%matplotlib inline\n!ls", "%%bash\nls", ["def f(", "):\n"], [], [[]], [1, "a", None]),
    *({}, {"a": {"b": [1]}}, {"nbgrader": {"grade_id": "square"}}, {"grade_id": "mean"}),
]


def case(number: int, honest: bytes) -> bytes:
    """The mangled file of one case."""
    draw = random.Random(f"notebook {number}")
    data = honest
    if draw.random() < 0.8:
        content = json.loads(honest)
        for _ in range(draw.choice([1, 1, 1, 2, 3, 8, 30])):
            draw.choice([mangle_value, mangle_value, mangle_metadata, mangle_metadata, mangle_cells, mangle_sources])(
                content, draw
            )
        data = json.dumps(content).encode()
    if draw.random() < 0.35:
        data = mangle_bytes(data, draw)
    return data


def odd_value(draw):
    # A copy: a case that changed the list would change the cases after it.
    return copy.deepcopy(draw.choice(VALUES))


def spots(value, path=()):
    """Every place in a JSON value, as (container, key)."""
    found = []
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in entries:
        found.append((value, key))
        found += spots(child)
    return found


def mangle_value(content, draw):
    container, key = draw.choice(spots(content) or [({"x": 1}, "x")])
    if draw.random() < 0.3:
        del container[key]
    else:
        container[key] = odd_value(draw)


def mangle_metadata(content, draw):
    cells = content.get("cells")
    chosen = [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []
    if not chosen:
        return
    cell, other = draw.choice(chosen), draw.choice(chosen)
    match draw.randrange(6):
        case 0:
            cell["metadata"] = odd_value(draw)
        case 1:
            cell["metadata"], other["metadata"] = other.get("metadata"), cell.get("metadata")
        case 2:
            cell["id"], other["id"] = other.get("id"), cell.get("id")
        case 3:
            cell.pop("id", None)
            cell["metadata"] = {}
        case 4:
            cell["cell_type"] = draw.choice(["code", "markdown", "raw", "heading", "cell"])
        case 5 if isinstance(cell.get("metadata"), dict) and isinstance(cell["metadata"].get("nbgrader"), dict):
            key = draw.choice(
                ["grade_id", "grade", "solution", "locked", "points", "schema_version", "task", "checksum"]
            )
            cell["metadata"]["nbgrader"][key] = odd_value(draw)


def mangle_cells(content, draw):
    cells = content.get("cells")
    if not isinstance(cells, list) or not cells:
        return
    place = draw.randrange(len(cells))
    match draw.randrange(7):
        case 0:
            draw.shuffle(cells)
        case 1:
            del cells[place]
        case 2:
            cells.insert(draw.randrange(len(cells)), json.loads(json.dumps(cells[place])))
        case 3:
            cells.insert(place, {"cell_type": "code", "source": odd_value(draw), "metadata": {}})
        case 4:
            cells.insert(place, odd_value(draw))
        case 5:
            content["worksheets"] = [{"cells": content.pop("cells")}]
            content["nbformat"] = draw.choice([2, 3, 4, 5])
        case 6:
            cells[place:] = cells[place:][::-1]


def mangle_sources(content, draw):
    cells = content.get("cells")
    for cell in cells if isinstance(cells, list) else ():
        if isinstance(cell, dict) and isinstance(cell.get("source"), str) and draw.random() < 0.3:
            text = cell["source"]
            cut = draw.randrange(len(text) + 1)
            cell["source"] = draw.choice(
                [text[:cut], text[cut:], text + draw.choice(["\0", "\r", "\n%time x", "\n?"]), text[::-1]]
            )


def mangle_bytes(data, draw):
    made = bytearray(data)
    for _ in range(draw.choice([1, 1, 2, 10, 100])):
        place = draw.randrange(len(made) + 1)
        match draw.randrange(6):
            case 0:
                made[place : place + 1] = bytes([draw.randrange(256)])
            case 1:
                made[place:place] = draw.randbytes(draw.randrange(1, 8))
            case 2:
                del made[place : place + draw.randrange(1, 40)]
            case 3:
                made[place:place] = made[: draw.randrange(1, 60)]
            case 4:
                made[place:place] = draw.choice(
                    [b"[" * 3000, b'{"a":' * 2000, b"\0", b'"', b"9" * 5000, b"\\ud800", b"\xef\xbb\xbf"]
                )
            case 5:
                del made[place:]
    return bytes(made)


@pytest.fixture(scope="module")
def course(released_classroom):
    room = classroom.Classroom(released_classroom)
    content = room.released()
    classroom.fill(content, RIGHT)
    return room.blueprint(), json.dumps(content).encode()


def judged(job):
    return [cell for cell in job.cells if cell.side == "judge" and cell.grade_id]


@pytest.mark.parametrize("start", range(0, CASES, BATCH))
def test_every_mangled_notebook_gets_a_job_or_a_reason(course, start):
    blueprint, honest = course
    names = {"assignment": ASSIGNMENT, "student": "s", "notebook": NOTEBOOK}
    reference = build_job(blueprint, Submission({"p1.ipynb": honest}), **names)
    given = [(cell.source, cell.side) for cell in reference.cells if cell.side != "student"]
    outcomes = {"job": 0, "reason": 0}
    reasons = []
    for number in range(start, start + BATCH):
        submission = Submission({"p1.ipynb": case(number, honest)})
        try:
            job = build_job(blueprint, submission, **names)
        except NotGradable as refused:
            outcomes["reason"] += 1
            reasons.append(refused.reason)
            continue
        outcomes["job"] += 1
        # The tests are the instructor's, all of them, in order; so is what else the judge runs.
        assert judged(job) == judged(reference), number
        ours = [(cell.source, cell.side) for cell in job.cells if cell.side != "student"]
        assert [source for source, _ in ours] == [source for source, _ in given], number
        # And the rebuilt notebook is one that nbformat and every page of nbgrader's can read.
        if number % 5 == 0:
            assembly = assemble(blueprint, submission, notebook=NOTEBOOK)
            assert assembly.job_cells() == job.cells
            made = record.rebuilt(blueprint, assembly, Result(ASSIGNMENT, "s", NOTEBOOK, "graded"), job.notes)
            nbformat.validate(nbformat.reads(json.dumps(made), as_version=4))
    assert all("submit" in reason.lower() and len(reason) < 600 for reason in reasons)
    assert min(outcomes.values()) > BATCH // 20, outcomes
    # None has affected another.
    assert build_job(blueprint, Submission({"p1.ipynb": honest}), **names) == reference
