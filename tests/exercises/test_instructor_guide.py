"""The instructor guide says of every assignment what is true of it, and its examples run."""

import re
from pathlib import Path

import pytest
from harness import ROOT, Assignment, assignments

GUIDE = (ROOT / "docs/instructor-guide.md").read_text(encoding="utf-8")
NAMES = assignments()


def row(start: str) -> list[str]:
    """Cells of the table row that begins with this text."""
    (line,) = [line for line in GUIDE.splitlines() if line.startswith(f"| {start} ")]
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("name", NAMES)
def test_an_assignment_has_its_week_its_points_and_its_goal(name):
    points = sum(task.points for task in Assignment.load(name).tasks)
    assert row(f"`{name}`")[1] == f"{points:g}"
    weeks = [line for line in GUIDE.splitlines() if re.match(r"\| \d \|", line)]
    assert sum(f"`{name}`" in week for week in weeks) == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_question_in_words_has_its_rubric_in_the_notebook_and_its_row_in_the_guide(name):
    assignment = Assignment.load(name)
    written = [task for task in assignment.tasks if task.by_hand]
    assert written
    for task in written:
        source = assignment.source(task.name)
        (stated,) = re.findall(r"\*\*Rubric, ([\d.]+) points", source)
        assert float(stated) == task.by_hand
        assert sum(map(float, re.findall(r"^- ([\d.]+): ", source, re.M))) == task.by_hand
        assert row(f"`{task.name}` ({int(name[:2])})")[1] == f"{task.by_hand:g}"


def test_the_guide_promises_no_goals_for_assignments_that_are_not_there():
    goals = GUIDE.partition("## What each assignment is for")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([\w-]+)`", goals, re.M) == NAMES


def test_the_late_penalty_takes_what_the_guide_says():
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE, re.S)
    names = {"c": type("c", (), {"AssignLatePenalties": type("p", (), {})})}
    exec(code, names)
    rule = names["c"].AssignLatePenalties.plugin_class()
    day = 86400
    seconds = (0, 3600, 3601, day, 2 * day + 3601, 30 * day)
    assert [rule.late_submission_penalty("amy", 20.0, late) for late in seconds] == pytest.approx([0, 0, 2, 2, 6, 20])


def test_the_commands_are_there():
    from autograder import exports
    from autograder.__main__ import parser

    for line in re.findall(r"^python -m autograder (.+)$", GUIDE, re.M):
        parser().parse_args(line.partition("#")[0].split())
    for name in re.findall(r"autograder\.exports\.(\w+)", GUIDE):
        assert hasattr(exports, name)
    for path in re.findall(r"`((?:docs|book|tests)/[\w./-]+)`", GUIDE):
        assert Path(ROOT / path.replace("NN_slug", "02_convolution")).exists(), path
