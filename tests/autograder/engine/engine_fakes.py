"""A Grader that does at once what the answers say, for tests of what is around the real one.

Importable by worker processes: they get the tests' search path with the rest.
"""

import os
import re
import signal
import time
from pathlib import Path

from autograder.model import Check, Job, Question, Result

ENVIRONMENT = "fake"


class Untrusted(RuntimeError):
    """Same name as the real one: the pool goes by it, since it may come from another machine."""


def environment() -> str:
    return ENVIRONMENT


def strange_environment() -> str:
    return "strange"


def other_environment() -> str:
    return "other" if os.environ.get("FAKE_OTHER") else ENVIRONMENT


class FakeGrader:
    """Every question gets its points if the answers have the word "right".

    Words that start an answer: `# die`, `# die-once FILE`, `# stop`, `# raise`, `# raise-once FILE`, `# seconds N`.
    """

    def __init__(self, **options):
        self.options = options
        if options.get("refuse"):
            raise Untrusted("user namespaces are missing")
        if options.get("fail"):
            raise ImportError("no module named numpy")
        if options.get("die"):
            os.kill(os.getpid(), signal.SIGKILL)

    def grade(self, job: Job) -> Result:
        answers = "\n".join(cell.source for cell in job.cells if cell.side == "student")
        for word, argument in re.findall(r"^# (\S+) ?(.*)$", answers, re.M):
            self.obey(word, argument)
        right = "right" in answers
        questions = [
            Question(
                cell.grade_id,
                cell.points * right,
                cell.points,
                [Check(0, "passed" if right else "failed", "public", cell.points * right, cell.points, str(job.seed))],
            )
            for cell in job.cells
            if cell.side == "judge" and cell.grade_id
        ]
        return Result(
            job.assignment, job.student, job.notebook, "graded", "", questions, [], ENVIRONMENT, seconds=0.001
        )

    def obey(self, word: str, argument: str) -> None:
        if word == "die" or (word == "die-once" and not seen(argument)):
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        if word == "raise" or (word == "raise-once" and not seen(argument)):
            raise RuntimeError("a fault of the grader's own")
        if word == "seconds":
            time.sleep(float(argument))

    def close(self) -> None:
        pass


def seen(path: str) -> bool:
    """Whether this was called before with the same path."""
    if Path(path).exists():
        return True
    Path(path).touch()
    return False
