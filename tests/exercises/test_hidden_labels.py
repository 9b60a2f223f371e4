"""The labels of the capstone's test maps never reach the student's process.

Each of these submissions has a network that knows nothing and looks for the right classes instead, while it is asked
for its answers. Where test and answer share a process, as under stock nbgrader, it finds them and gets full marks: that
is the control, so that a hunt which could not succeed anywhere proves nothing. Under the project's engine it gets none.
"""

import shutil
import subprocess
import sys

import pytest
from harness import SOLUTIONS, Assignment
from test_both_engines import grade

from autograder.run import Grader

NAME, TASK = "09-capstone", "recipe"
BARS = {"test-plain": 2, "test-shifted": 1, "test-dusty": 1}

ANSWER = """
import gc, os, sys

known = []


class Hunter(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 6)

    def forward(self, x):
        scores = self.layer(x.mean((2, 3)))
        for found in hunt():
            if isinstance(found, torch.Tensor) and found.shape == x.shape[:1] and found.dtype == torch.int64:
                if found.max() == 5 and not any(found is y for y in known):
                    return nn.functional.one_hot(found, 6).float() + 0 * scores
        return scores


def network():
    return Hunter()


def train(model, x, y, budget, clock=time.process_time):
    known.append(y)
    clock(), clock()
"""

# Each gives tensors that may be the labels, the likeliest first.
HUNTS = {
    "walks up the frames": """
def hunt():
    frame = sys._getframe()
    while frame is not None:
        yield from list(frame.f_locals.values())
        frame = frame.f_back
""",
    "looks through all that the collector knows": """
def hunt():
    return [thing for thing in gc.get_objects() if type(thing) is torch.Tensor]
""",
    "listens where maps are drawn": """
import kernelbook.data

heard = []


def spy(*arguments, draw=kernelbook.data.wafers):
    pictures, labels = draw(*arguments)
    heard.append(torch.tensor(labels))
    return pictures, labels


kernelbook.data.wafers = wafers = spy


def hunt():
    return heard[::-1]
""",
    "patches the library that the test uses": """
kept = []


def keep(*arguments, make=torch.tensor, **settings):
    kept.append(make(*arguments, **settings))
    return kept[-1]


torch.tensor = keep


def hunt():
    yield from kept[::-1]
    for module in list(sys.modules.values()):
        yield from list(vars(module).values())
""",
}

PATCH = """
def share_right(*arguments, **settings):
    return 1.0


def hunt():
    return []
"""

FILES = """
def texts():
    for top in (".", os.path.expanduser("~"), "/tmp", "/dev/shm", "/proc/self", "/proc/self/fd"):
        for folder, _, names in os.walk(top):
            for name in names[:200]:
                try:
                    with open(os.path.join(folder, name), "rb", buffering=0) as file:
                        yield file.read(1 << 20)
                except OSError:
                    pass
            if top != ".":
                break


def hunt():
    if any(b"share_right(memory" in text or b"HIDDEN TESTS" in text for text in texts()):
        raise RuntimeError("there lies a test")
    return []
"""


@pytest.fixture(scope="module")
def assignment() -> Assignment:
    return Assignment.load(NAME)


def points(grader: Grader, assignment: Assignment, source: str) -> dict[str, float]:
    questions = grade(grader, assignment, {**assignment.solved, TASK: source}).questions
    return {question.grade_id: question.points for question in questions if question.grade_id in BARS}


@pytest.mark.xdist_group("exercises-engine")
@pytest.mark.parametrize("how", [*HUNTS, "replaces what measures"])
def test_who_hunts_for_labels_finds_them_beside_the_test_and_none_under_the_engine(grader, assignment, how):
    source = ANSWER + HUNTS.get(how, PATCH)
    beside = assignment.grade(assignment.task(TASK), source)
    assert {test: beside.points[test] for test in BARS} == BARS, (how, beside.messages)
    assert points(grader, assignment, source) == dict.fromkeys(BARS, 0), how


@pytest.mark.xdist_group("exercises-engine")
def test_no_file_that_the_student_can_open_has_a_hidden_test(grader, assignment, tmp_path, monkeypatch):
    """Nor a descriptor: a hunter that finds one raises and so says it; where there is none, it fails at the bar."""
    source = ANSWER + FILES
    monkeypatch.chdir(tmp_path)
    shutil.copy(SOLUTIONS / NAME / f"{NAME}.ipynb", tmp_path)  # the control: here lies one
    assert "there lies a test" in assignment.grade(assignment.task(TASK), source).messages["test-size"]

    with Grader() as walled:
        result = grade(walled, assignment, {**assignment.solved, TASK: source})
    said = {q.grade_id: " ".join(check.message or "" for check in q.checks) for q in result.questions}
    assert not any("there lies a test" in text for text in said.values())
    assert "60 % right" in said["test-plain"]
    assert {q.grade_id: q.points for q in result.questions if q.grade_id in BARS} == dict.fromkeys(BARS, 0)


def test_the_budget_is_the_time_of_one_thread(assignment):
    """Processor time adds all threads up: with more than one, a student's network stops early on a large machine."""
    code = f"import torch\ntorch.set_num_threads(3)\n{assignment.source('imports')}\nprint(torch.get_num_threads())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
