"""nbgrader for everybody's own server: where assignments come from, and under whose name they go back."""

import os

import autograder

c = get_config()  # type: ignore[name-defined]  # noqa: F821

c.CourseDirectory.course_id = os.environ["CLASSROOM_COURSE"]
c.Exchange.root = os.path.join(os.environ["CLASSROOM"], "exchange")
# nbgrader would take the system account's name, and all servers of a laptop run as the same one.
c.CourseDirectory.student_id = os.environ["JUPYTERHUB_USER"]
# Validate names every check that fails, not only the first.
autograder.configure(c)
