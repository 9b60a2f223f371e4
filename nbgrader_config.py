"""The course, for nbgrader: `solutions/` is its source directory, `exercises/` its release directory."""

c = get_config()  # noqa: F821  (nbgrader defines it)

c.CourseDirectory.course_id = "kernel-by-kernel"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
# nbgrader's default, "solution", is one letter from ours.
c.CourseDirectory.solution_directory = "solved"
