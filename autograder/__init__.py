"""A grading engine for nbgrader courses: student code on one side, verdicts on the other."""
