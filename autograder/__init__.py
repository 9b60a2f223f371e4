"""A grading engine for nbgrader courses: student code on one side, verdicts on the other.

In nbgrader_config.py:

    import autograder
    autograder.configure(c)
"""

from __future__ import annotations

from typing import Any


def configure(c: Any) -> None:
    """Let nbgrader grade this course by this engine. c: the configuration, as `get_config()` gives it."""
    # Imported here: workers and sandboxes import the package and have no use for nbgrader.
    from autograder import plugin

    plugin.configure(c)
