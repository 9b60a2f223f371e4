"""The assignments grade under stock nbgrader, with its own kernel, and its points are the harness's."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from harness import ROOT, SEED, Assignment, assignments
from nbgrader.api import Gradebook
from nbgrader.utils import is_solution

CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "stock"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.solution_directory = "solved"
"""


def nbgrader(course: Path, *arguments: str) -> None:
    tools = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": ""}
    for name in ("HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        environment[name] = str(course / ".home" / name.lower())
    run = subprocess.run(
        [tools / "nbgrader", *arguments], cwd=course, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-3000:]


def submit(course: Path, name: str, student: str, answers: dict[str, str]) -> None:
    """Put these answers, by grade_id, into the released notebook, below a cell that makes the tests' draws repeatable.

    (PyTorch's own generator starts from the same number in every process.)
    """
    notebook = nbformat.read(course / "exercises" / name / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        if is_solution(cell):
            cell.source = answers.get(cell.metadata.nbgrader.grade_id, cell.source)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(f"import numpy as np\n\nnp.random.seed({SEED})"))
    folder = course / "submitted" / student / name
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{name}.ipynb")


@pytest.mark.slow
@pytest.mark.parametrize("name", assignments())
def test_stock_nbgrader_gives_the_same_points(name, tmp_path):
    assignment = Assignment.load(name)
    (tmp_path / "nbgrader_config.py").write_text(CONFIG)
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / name).symlink_to(ROOT / "solutions" / name, target_is_directory=True)
    nbgrader(tmp_path, "generate_assignment", name)
    # The committed release and stock nbgrader's are the same but for what depends on the day.
    ours = nbformat.read(ROOT / "exercises" / name / f"{name}.ipynb", as_version=4)
    assert ours.cells == nbformat.read(tmp_path / "exercises" / name / f"{name}.ipynb", as_version=4).cells

    solved = assignment.solved
    wrong = {task.name: assignment.answers.wrongs[task.name][-1].source for task in assignment.graded_by_tests}
    submit(tmp_path, name, "solved", solved)
    submit(tmp_path, name, "blank", {})
    submit(tmp_path, name, "wrong", wrong)
    nbgrader(tmp_path, "autograde", name)

    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db", "stock") as gradebook:
        submissions = {s.student.id: s for s in gradebook.assignment_submissions(name)}
        points = {
            student: {grade.name: grade.auto_score for grade in submission.notebooks[0].grades}
            for student, submission in submissions.items()
        }
        by_hand = {task.name: task.by_hand for task in assignment.tasks if task.by_hand}
        most = {test: full for task in assignment.tasks for test, full in task.tests.items()}
        assert points["solved"] == {**most, **dict.fromkeys(by_hand)}, "only what a person grades is open"
        assert submissions["solved"].needs_manual_grade == bool(by_hand)
        assert submissions["solved"].max_score == sum(most.values()) + sum(by_hand.values())
        assert points["blank"] == dict.fromkeys([*most, *by_hand], 0)
        assert {test: points["wrong"][test] for test in most} == assignment.grade_all(wrong).points
        assert submissions["wrong"].score < submissions["solved"].score
