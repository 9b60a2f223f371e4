"""The ledger of verdicts: one run at a time holds an item, a dead run's items come back, a late writer is refused."""

import sqlite3
import subprocess
import sys

import pytest
import sqlalchemy as sa

from autograder import leases
from autograder.leases import Item, LeaseLost, Ledger
from autograder.model import Result, seed_for

ITEMS = [Item(f"student{n}", "p1", "hash") for n in range(6)]


def verdict(lease, status="graded"):
    return Result("ps1", lease.student, lease.notebook, status, environment="env")


def record(ledger, lease, **options):
    with ledger.engine.begin() as connection:
        ledger.finish(connection, lease, verdict(lease), **options)


def rows(engine):
    with engine.connect() as connection:
        return {row.student: row for row in connection.execute(sa.select(leases.VERDICTS))}


def dead_run(url, code):
    """Run `code` with a ledger in another process, and end that process by SIGKILL."""
    script = f"""
import os, signal
from autograder.leases import Item, Ledger, connect
ledger = Ledger(connect({url!r}), "ps1")
items = [Item(f"student{{n}}", "p1", "hash") for n in range(6)]
{code}
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -9, done.stderr


def test_a_verdict_is_planned_leased_and_recorded_once(database):
    ledger = Ledger(leases.connect(database), "ps1")
    assert ledger.plan(ITEMS).todo == 6
    first = ledger.claim(4)
    second = ledger.claim(4)
    assert len({lease.student for lease in first + second}) == 6
    assert not ledger.claim(4)
    for lease in first + second:
        record(ledger, lease)
    again = Ledger(ledger.engine, "ps1").plan(ITEMS)
    assert (again.todo, again.standing) == (0, 6)
    assert all(row.times_recorded == 1 and row.environment == "env" for row in rows(ledger.engine).values())


def test_two_runs_share_the_work_without_overlap(database):
    engine = leases.connect(database)
    one, two = Ledger(engine, "ps1"), Ledger(engine, "ps1")
    one.plan(ITEMS)
    mine = one.claim(2)
    assert two.plan(ITEMS).busy == 2
    theirs = two.claim(10)
    assert len(theirs) == 4
    assert not {lease.student for lease in mine} & {lease.student for lease in theirs}


def test_what_a_killed_run_held_comes_back_at_once_and_what_it_recorded_stands(database):
    leases.connect(database).dispose()
    dead_run(
        database,
        """
from autograder.model import Result
ledger.plan(items)
held = ledger.claim(3)
with ledger.engine.begin() as connection:
    ledger.finish(connection, held[0], Result("ps1", held[0].student, "p1", "graded"))
# And one whose transaction was still open when the end came.
connection = ledger.engine.connect()
ledger.finish(connection, held[1], Result("ps1", held[1].student, "p1", "graded"))
""",
    )
    ledger = Ledger(leases.connect(database), "ps1")
    plan = ledger.plan(ITEMS)
    assert (plan.todo, plan.standing, plan.busy) == (5, 1, 0)
    claimed = ledger.claim(10)
    assert {lease.student for lease in claimed} == {item.student for item in ITEMS} - {"student0"}
    # What the dead run had begun comes last.
    assert {lease.student for lease in claimed[-2:]} == {"student1", "student2"}


def test_a_run_that_was_taken_over_cannot_record(database):
    engine = leases.connect(database)
    slow, quick = Ledger(engine, "ps1"), Ledger(engine, "ps1", patience=0.0)
    slow.plan(ITEMS)
    (lease,) = slow.claim(1)
    with engine.begin() as connection:  # seen from another machine, `slow` has not been heard of
        connection.execute(leases.RUNS.update().where(leases.RUNS.c.id == slow.run).values(machine="elsewhere"))
    assert quick.plan(ITEMS).busy == 0
    (taken,) = quick.claim(1, {(lease.student, lease.notebook)})
    with pytest.raises(LeaseLost):
        record(slow, lease)
    record(quick, taken)
    with pytest.raises(LeaseLost):
        record(quick, taken)
    assert rows(engine)[lease.student].times_recorded == 1


def test_a_silent_run_elsewhere_is_waited_for_and_a_beating_one_is_kept(database):
    engine = leases.connect(database)
    far = Ledger(engine, "ps1")
    far.plan(ITEMS)
    far.claim(1)

    def silent(seconds):
        with engine.begin() as connection:
            now = far._now(connection)
            connection.execute(
                leases.RUNS.update()
                .where(leases.RUNS.c.id == far.run)
                .values(machine="elsewhere", heartbeat=now - seconds)
            )

    silent(30)
    assert Ledger(engine, "ps1").plan(ITEMS).busy == 1
    silent(90)
    far.beat()
    assert Ledger(engine, "ps1").plan(ITEMS).busy == 1
    silent(90)
    assert Ledger(engine, "ps1").plan(ITEMS).busy == 0


def test_a_changed_submission_or_force_opens_a_verdict_again(database):
    ledger = Ledger(leases.connect(database), "ps1")
    ledger.plan(ITEMS)
    for lease in ledger.claim(6):
        record(ledger, lease)
    changed = [Item("student0", "p1", "other"), *ITEMS[1:]]
    plan = ledger.plan(changed, environment="newer")
    assert (plan.todo, plan.standing, plan.elsewhere) == (1, 5, {"env"})
    assert [lease.student for lease in ledger.claim(9)] == ["student0"]
    assert ledger.plan(ITEMS[3:4], force=True).todo == 1
    assert [(lease.student, lease.questions) for lease in ledger.claim(9)] == [("student3", None)]


def test_one_question_is_remembered_until_it_is_recorded(database):
    engine = leases.connect(database)
    ledger = Ledger(engine, "ps1")
    ledger.plan(ITEMS[:2])
    for lease in ledger.claim(6):
        record(ledger, lease)
    ledger.plan(ITEMS[:3], question="q2")
    wanted = {lease.student: lease.questions for lease in ledger.claim(9)}
    # student2 has no verdict yet, so all of it is graded.
    assert wanted == {"student0": {"q2"}, "student1": {"q2"}, "student2": None}
    ledger.close()
    later = Ledger(engine, "ps1")
    assert later.plan(ITEMS[:3], question="q3").todo == 3
    wanted = {lease.student: lease.questions for lease in later.claim(9)}
    assert wanted == {"student0": {"q2", "q3"}, "student1": {"q2", "q3"}, "student2": None}
    for lease in [leases.Lease(student, "p1") for student in wanted]:
        record(later, lease)
    assert later.plan(ITEMS[:3]).todo == 0


def test_a_verdict_that_did_not_settle_is_tried_again_by_the_next_run_only(database):
    ledger = Ledger(leases.connect(database), "ps1")
    ledger.plan(ITEMS[:1])
    (lease,) = ledger.claim(9)
    record(ledger, lease, settled=False)
    assert rows(ledger.engine)["student0"].state == "open"
    assert Ledger(ledger.engine, "ps1").plan(ITEMS[:1]).todo == 1


def test_leases_given_back_are_open_again(database):
    ledger = Ledger(leases.connect(database), "ps1")
    ledger.plan(ITEMS)
    held = ledger.claim(3)
    ledger.release(held[:1])
    assert [lease.attempts for lease in ledger.claim(1, {(held[0].student, "p1")})] == [1]
    ledger.close()
    assert {row.state for row in rows(ledger.engine).values()} == {"open"}


def test_many_runs_at_once_take_every_item_exactly_once(database):
    """Eight processes, one database: the sum of what they claim is the whole, without repeats."""
    leases.connect(database).dispose()
    script = """
import sys
from autograder.leases import Item, Ledger, connect
from autograder.model import Result
ledger = Ledger(connect(sys.argv[1]), "ps1")
ledger.plan([Item(f"student{n}", "p1", "hash") for n in range(40)])
while leases := ledger.claim(2):
    for lease in leases:
        with ledger.engine.begin() as connection:
            ledger.finish(connection, lease, Result("ps1", lease.student, "p1", "graded"))
        print(lease.student)
ledger.close()
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, database], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    taken = []
    for process in processes:
        out, err = process.communicate()
        assert process.returncode == 0, err
        taken += out.split()
    assert sorted(taken) == sorted(f"student{n}" for n in range(40))
    engine = leases.connect(database)
    assert all(row.times_recorded == 1 for row in rows(engine).values())
    with engine.connect() as connection:
        assert not connection.execute(sa.select(leases.RUNS)).all()


def test_a_process_number_used_again_is_another_process(database):
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = leases.process_identity(child.pid)
    assert identity != f"{child.pid}@gone"
    child.kill()
    child.wait()
    assert leases.process_identity(child.pid) != identity


def test_the_course_has_one_secret_and_seeds_depend_on_every_name(database):
    leases.connect(database).dispose()
    assert leases.seed_key(database) == leases.seed_key(database)
    assert len(leases.seed_key(database)) == 32
    names = [
        ("ps1", "ann", "p1"),
        ("ps2", "ann", "p1"),
        ("ps1", "bob", "p1"),
        ("ps1", "ann", "p2"),
        ("ps1a", "nn", "p1"),
    ]
    seeds = [seed_for(*each, key=b"k") for each in names]
    assert len(set(seeds)) == len(names)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert seed_for(*names[0], key=b"k") == seeds[0] != seed_for(*names[0], key=b"l")


def test_a_gradebook_with_our_tables_still_is_nbgraders(tmp_path):
    """nbgrader makes its own tables first, and its migrations leave ours alone."""
    from nbgrader.api import Gradebook

    url = f"sqlite:///{tmp_path}/gradebook.db"
    Gradebook(url).close()
    leases.connect(url).dispose()
    with Gradebook(url) as gradebook:
        gradebook.add_assignment("ps1")
    tables = {name for (name,) in sqlite3.connect(tmp_path / "gradebook.db").execute("SELECT name FROM sqlite_master")}
    assert {"autograder_run", "autograder_verdict", "alembic_version", "grade"} <= tables
