"""The grading engine against stock nbgrader. GRADING_SUBMISSIONS=6 for a quick look; 60 take some five minutes."""

from autograder import bench


def main() -> int:
    return bench.main()
