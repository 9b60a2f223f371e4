"""A classroom for the tests: the real hub/serve.py, on a free port and in a directory of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import psutil
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).parent.parent.parent


def free_port() -> int:
    """A port on 127.0.0.1 that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def processes_of(state: Path) -> list[psutil.Process]:
    """Everything that runs with this classroom's directory in its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("CLASSROOM") == str(state) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


@dataclass
class Served:
    """A run of hub/serve.py: what it printed, and how it ended."""

    state: Path
    course: Path
    book: Path | None  # None: the real book, built if it is stale
    port: int = field(default_factory=free_port)
    output: str = ""
    process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def passwords(self) -> dict[str, str]:
        return dict(re.findall(r"^  (\w+) +password ([\w-]+)$", self.output, re.MULTILINE))

    def command(self) -> list[str]:
        options = {"port": self.port, "state": self.state, "course": self.course, "book": self.book}
        return [sys.executable, str(ROOT / "hub" / "serve.py")] + [
            f"--{name}={value}" for name, value in options.items() if value is not None
        ]

    def start(self, *prefix: str) -> "Served":
        """Start it, by the command `prefix` if given, and read what it prints until it is open or ends."""
        # A session of its own stands for the terminal that a user would start it in.
        command = [*prefix, *self.command()]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        self.output = ""
        for line in self.process.stdout:
            self.output += line
            if "Ctrl-C closes the classroom" in line:
                break
        return self

    def refused(self) -> str:
        """Start it, expect it to give up, and return what it said."""
        self.start()
        assert self.process.wait(timeout=60) == 1, self.output
        return self.output

    def stop(self, number: int = signal.SIGINT) -> int:
        """Press Ctrl-C (or send another signal), and wait until it has ended."""
        os.kill(self.process.pid, number)
        self.output += self.process.stdout.read()
        return self.process.wait(timeout=60)

    def end(self) -> None:
        """End whatever still runs of it, whichever way the test went."""
        if self.process and self.process.poll() is None:
            self.stop(signal.SIGTERM)
        for process in processes_of(self.state):
            process.kill()


def tagged(cell, grade_id: str, points: float | None = None, solution: bool = False):
    """The cell with nbgrader's metadata: an answer, a test worth points, or a written answer worth points (both)."""
    cell.id = grade_id
    kind = {"grade": points is not None, "solution": solution, "locked": not solution, "task": False}
    worth = {} if points is None else {"points": points}
    cell.metadata["nbgrader"] = {"grade_id": grade_id, "schema_version": 3, **kind, **worth}
    return cell


def write_course(directory: Path) -> Path:
    """A course with one small assignment, `01-tiny`."""
    answer = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
    hidden = "### BEGIN HIDDEN TESTS\nassert double(5) == 10\n### END HIDDEN TESTS"
    cells = [
        tagged(new_markdown_cell("# Tiny"), "title"),
        tagged(new_code_cell(answer), "double", solution=True),
        tagged(new_code_cell(f"assert double(2) == 4, 'twice 2 is 4'\n{hidden}"), "test-double", 2),
    ]
    assignment = directory / "solutions" / "01-tiny"
    assignment.mkdir(parents=True)
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=metadata), assignment / "01-tiny.ipynb")
    (directory / "nbgrader_config.py").write_text((ROOT / "nbgrader_config.py").read_text())
    return directory


def write_book(directory: Path) -> Path:
    """A book of one page."""
    directory.mkdir()
    (directory / "index.html").write_text("<!doctype html><title>A book</title><h1>A book of one page</h1>")
    return directory
