"""The course, for nbgrader: `solutions/` is its source directory, `exercises/` its release directory."""

import autograder

c = get_config()  # noqa: F821  (nbgrader defines it)

c.CourseDirectory.course_id = "kernel-by-kernel"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
# nbgrader's default, "solution", is one letter from ours.
c.CourseDirectory.solution_directory = "solved"

# Submissions are graded by our engine, whichever of nbgrader's commands or buttons asks for it.
autograder.configure(c)
