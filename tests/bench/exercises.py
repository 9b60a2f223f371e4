"""How well the assignments' tests tell right from wrong: a row for each task, then the figures of the worst one.

`make bench ONLY=exercises`. Rejected: share of the wrong answers that lose just the points they should. Accepted: share
of the right ones that lose none. Mutation score: share of the small mistakes in the answer that lose points,
without those that are listed as no mistakes; the answer that is listed as free, a design, has none.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "exercises"))

from harness import Assignment, assignments


def main() -> None:
    """Print the table and the figures."""
    widest = max(len(task.name) for name in assignments() for task in Assignment.load(name).tasks)
    print(f"{'assignment':16} {'task':{widest}} {'points':>6} {'rejected':>15} {'accepted':>13} {'mutation score':>18}")
    tasks, points = 0, 0.0
    rejected, accepted, noticed = [], [], []
    for name in assignments():
        assignment = Assignment.load(name)
        for task in assignment.tasks:
            tasks, points = tasks + 1, points + task.points
            row = f"{name:16} {task.name:{widest}} {task.points:6g}"
            if not task.tests:
                print(f"{row} {'graded by hand':>15}")
                continue
            wrong, right = len(assignment.answers.wrongs[task.name]), len(assignment.answers.rights[task.name])
            good_wrong, good_right = wrong - len(assignment.accepted(task)), right - len(assignment.rejected(task))
            rejected.append(good_wrong / wrong)
            accepted.append(good_right / right)
            row += f" {good_wrong:4}/{wrong:<3} {rejected[-1]:6.1%} {good_right:3}/{right:<2} {accepted[-1]:6.1%}"
            if task.name in assignment.free:
                print(f"{row} {'a free design':>18}")
                continue
            equivalent = assignment.equivalents.get(task.name, {})
            mistakes = [m.description for m in assignment.mutants(task) if m.description not in equivalent]
            missed = {m.description for m in assignment.survivors(task)} - equivalent.keys()
            killed = len(mistakes) - len(missed)
            noticed.append(killed / len(mistakes))
            print(f"{row} {killed:5}/{len(mistakes):<4} {noticed[-1]:6.1%}")
    print(f"exercise_tasks: {tasks}")
    print(f"exercise_points: {points:g}")
    print(f"exercise_min_wrong_rejected: {min(rejected):.3f}")
    print(f"exercise_min_right_accepted: {min(accepted):.3f}")
    print(f"exercise_min_mutation_score: {min(noticed):.3f}")


if __name__ == "__main__":
    main()
