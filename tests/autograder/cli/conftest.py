"""The command line as its user meets it: a process in a course directory."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import courses
import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def released_course(tmp_path_factory) -> Path:
    """A course with a configuration file, to be copied."""
    root = tmp_path_factory.mktemp("cli") / "course"
    courses.write_source(root, courses.source_notebook())
    (root / "nbgrader_config.py").write_text(
        'c = get_config()\nc.CourseDirectory.course_id = "course"\nc.Engine.warm = []\nc.Engine.workers = 1\n'
    )
    courses.release(root)
    return root


@pytest.fixture
def course(released_course, tmp_path) -> Path:
    return Path(shutil.copytree(released_course, tmp_path / "course"))


@pytest.fixture
def autograder(tmp_path):
    """Run `python -m autograder` somewhere, with a home directory of this test's own."""

    def run(*words, cwd=None, **environment):
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        own = {"HOME": str(home), "PYTHONPATH": str(ROOT), "JUPYTER_CONFIG_DIR": str(home / "jupyter")}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        return subprocess.run(
            [sys.executable, "-m", "autograder", *map(str, words)],
            cwd=cwd or tmp_path,
            capture_output=True,
            text=True,
            env={**os.environ, **own, "PATH": path, **environment},
            check=False,
        )

    return run
