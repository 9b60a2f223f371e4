"""Kill the engine's processes, with SIGKILL, at random moments, and run it again each time until everything is graded.

Run as `python -c "import kill_driver; kill_driver.main()" COURSE KILLS SEED GRADER`: prints one JSON object with what
happened. A process of its own, since it forks coordinators that have everything imported: a kill costs milliseconds.
"""

import json
import os
import random
import select
import signal
import sqlite3
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

import courses
from courses import RIGHT, WRONG

from autograder import pools
from autograder.engine import Engine, Interrupted

STUDENTS = 30  # in one round
REAL = pools.Setup(options={"warm": (), "threads": 1})
FAKE = pools.Setup("engine_fakes:FakeGrader", "engine_fakes:environment")


def answers(number: int) -> tuple[str, str]:
    """Every third student is wrong; the others right, and "right" for the fake."""
    return WRONG if number % 3 == 0 else ("# right\n" + RIGHT[0], RIGHT[1])


def coordinator(root: Path, students: str, setup: pools.Setup) -> int:
    """Fork a process that grades; its exit code is 0 if it came to the end."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        course = courses.coursedir(root)
        engine = Engine(course, setup=setup, config=course.config, workers=2)
        summary = engine.grade("ps1", student=students)
        with open(root / "failed.txt", "a") as file:
            file.writelines(f"{verdict.student}\n" for verdict in summary.verdicts if verdict.outcome == "failed")
        code = 3 if summary.count("failed") else 0
    except Interrupted as error:
        (root / "fault.txt").write_text(str(error))
        code = 4
    except BaseException as error:
        (root / "fault.txt").write_text("".join(traceback.format_exception(error)))
    finally:
        os._exit(code)


def descendants(pid: int) -> list[tuple[int, str]]:
    """All processes below one, with what they are: worker, or something of the Grader's."""
    children: dict[int, list[int]] = {}
    names: dict[int, str] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
                names[int(entry)] = Path(f"/proc/{entry}/cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry))
    found, waiting = [], [(child, 1) for child in children.get(pid, [])]
    while waiting:
        child, depth = waiting.pop()
        kind = "worker" if depth == 1 else "grader" if depth == 2 else "side"
        if "resource_tracker" not in names[child]:
            found.append((child, kind))
        waiting += [(each, depth + 1) for each in children.get(child, [])]
    return found


def identity(pid: int) -> str | None:
    """Tells a process from a later one of the same number; None if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def main() -> None:
    """Kill until the number is reached, checking after every round."""
    root, kills, seed, which = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    chance = random.Random(seed)
    setup = REAL if which == "real" else FAKE
    pools.environment(setup.environment)  # costs a moment, once
    killed: Counter[str] = Counter()
    seen: dict[int, str | None] = {}
    faults: list[str] = []
    rounds = runs = 0
    length = 0.0  # seconds that a run takes if it is left alone: what random moments are drawn from
    while sum(killed.values()) < kills and not faults:
        rounds += 1
        for number in range(STUDENTS):
            courses.submit(root, f"r{rounds}-{number}", *answers(number))
        code = None
        while code != 0 and not faults:
            runs += 1
            before = sum(killed.values())
            started = time.monotonic()
            pid = coordinator(root, f"r{rounds}-*", setup)
            code = disturb(pid, chance, killed, kills if length else 0, seen, length)
            length = length or time.monotonic() - started
            # 3: a job had its worker killed three times; the next run tries it again.
            # 4: the engine gave up, as it should when that many workers in a row were killed before they were ready.
            text = (root / "fault.txt").read_text() if (root / "fault.txt").exists() else "it hangs"
            many = sum(killed.values()) - before >= pools.START_FAILURES
            gave_up = code == 4 and "did not get ready" in text and many
            if code not in {0, 3, -9} and not gave_up:
                faults.append(f"round {rounds}, run {runs}: exit code {code}: {text}")
            with sqlite3.connect(root / "gradebook.db") as database:
                (state,) = database.execute("PRAGMA integrity_check").fetchone()
            if state != "ok":
                faults.append(f"round {rounds}, run {runs}: {state}")
    (root / "failed.txt").touch()
    failed = Counter((root / "failed.txt").read_text().split())
    print(
        json.dumps(
            {
                "killed": killed,
                "rounds": rounds,
                "runs": runs,
                "faults": faults,
                "failed": failed,
                "survivors": survivors(seen),
            }
        )
    )


def disturb(
    pid: int, chance: random.Random, killed: Counter, most: int, seen: dict[int, str | None], length: float
) -> int:
    """Kill the run's processes until it ends; its exit code, negative for a signal."""
    handle = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    try:
        while True:
            wait = chance.uniform(0.0, length / 2) if sum(killed.values()) < most else 120.0
            if poll.poll(1000 * wait):
                break
            if sum(killed.values()) >= most:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return 99  # hangs
            below = descendants(pid)
            seen.update({each: identity(each) for each, _ in below})
            kind = chance.choice(["coordinator", "worker", "grader", "side"])
            victims = [each for each, what in below if what == kind] or [each for each, _ in below] or [pid]
            victim = pid if kind == "coordinator" else chance.choice(victims)
            kind = dict([*below, (pid, "coordinator")])[victim]
            try:
                os.kill(victim, signal.SIGKILL)
                killed[kind] += 1
            except ProcessLookupError:
                continue
    finally:
        os.close(handle)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def survivors(seen: dict[int, str | None], seconds: float = 20.0) -> list[str]:
    """Processes of the runs that are still there after a while."""
    left = {pid: start for pid, start in seen.items() if start is not None}
    step = 0.1
    for _ in range(int(seconds / step)):
        left = {pid: start for pid, start in left.items() if identity(pid) == start}
        if not left:
            break
        select.select([], [], [], step)
    names = []
    for pid in left:
        try:
            names.append(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")[:200])
            os.kill(pid, signal.SIGKILL)
        except OSError:
            continue
    return names
