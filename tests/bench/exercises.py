"""How well the assignments' tests tell right from wrong: a row for each task, then the figures of the worst one.

`make bench ONLY=exercises`. Rejected: share of the wrong answers that lose just the points they should. Accepted: share
of the right ones that lose none. Mutation score: share of the small mistakes in the answer that lose points,
without those that are listed as no mistakes; the answer that is listed as free, a design, has none.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "exercises"))

from harness import Assignment, assignments


@dataclass
class Figures:
    """An assignment's rows, and what the last lines are made of."""

    rows: list[str] = field(default_factory=list)
    points: float = 0.0
    rejected: list[float] = field(default_factory=list)
    accepted: list[float] = field(default_factory=list)
    noticed: list[float] = field(default_factory=list)


def measure(name: str, widest: int) -> Figures:
    """Try all answers and all mutants of one assignment."""
    assignment, out = Assignment.load(name), Figures()
    for task in assignment.tasks:
        out.points += task.points
        row = f"{name:22} {task.name:{widest}} {task.points:6g}"
        if not task.tests:
            out.rows.append(f"{row} {'graded by hand':>15}")
            continue
        wrong, right = len(assignment.answers.wrongs[task.name]), len(assignment.answers.rights[task.name])
        good_wrong, good_right = wrong - len(assignment.accepted(task)), right - len(assignment.rejected(task))
        out.rejected.append(good_wrong / wrong)
        out.accepted.append(good_right / right)
        row += f" {good_wrong:4}/{wrong:<3} {out.rejected[-1]:6.1%} {good_right:3}/{right:<2} {out.accepted[-1]:6.1%}"
        if task.name in assignment.free:
            out.rows.append(f"{row} {'a free design':>18}")
            continue
        equivalent = assignment.equivalents.get(task.name, {})
        mistakes = [m.description for m in assignment.mutants(task) if m.description not in equivalent]
        missed = {m.description for m in assignment.survivors(task)} - equivalent.keys()
        killed = len(mistakes) - len(missed)
        out.noticed.append(killed / len(mistakes))
        out.rows.append(f"{row} {killed:5}/{len(mistakes):<4} {out.noticed[-1]:6.1%}")
    return out


def main() -> None:
    """Print the table and the figures."""
    names = assignments()
    widest = max(len(task.name) for name in names for task in Assignment.load(name).tasks)
    print(f"{'assignment':22} {'task':{widest}} {'points':>6} {'rejected':>15} {'accepted':>13} {'mutation score':>18}")
    found: list[Figures] = []
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), get_context("fork")) as pool:
        for figures in pool.map(measure, names, [widest] * len(names)):
            print("\n".join(figures.rows), flush=True)
            found.append(figures)
    print(f"exercise_tasks: {sum(len(figures.rows) for figures in found)}")
    print(f"exercise_points: {sum(figures.points for figures in found):g}")
    print(f"exercise_min_wrong_rejected: {min(x for figures in found for x in figures.rejected):.3f}")
    print(f"exercise_min_right_accepted: {min(x for figures in found for x in figures.accepted):.3f}")
    print(f"exercise_min_mutation_score: {min(x for figures in found for x in figures.noticed):.3f}")


if __name__ == "__main__":
    main()
