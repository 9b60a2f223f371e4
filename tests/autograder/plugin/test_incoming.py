"""What comes in through nbgrader's own commands: rows 79, 80, 84 to 86, 88 and 89 of the attack list.

Not here, because they need an exchange with users and a store of its own: row 86 where all submissions belong to one
system account (the owner of the directory then says nothing), and row 87 (a directory that stays the student's until it
is collected can be changed until then; what `collect` records is the time of the last change, so a change after the
deadline is late, but it is taken).
"""

import logging
import os
import pwd
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from classroom import ASSIGNMENT, Classroom
from nbgrader.apps.api import NbGraderAPI
from traitlets.config import Config

import autograder
from autograder import intake, plugin

ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def shared(room, tmp_path):
    """The course with a file-system exchange, and its inbox."""
    root = tmp_path / "exchange"
    inbox = root / "course" / "inbound"
    inbox.mkdir(parents=True)
    os.chmod(root, 0o777)
    config = Config({"Exchange": {"root": str(root)}, "ExchangeCollect": {"check_owner": False}})
    autograder.configure(config)
    return Classroom(room.root, config), inbox


def hand_in(inbox, student, when="2026-05-01 11:00:00.000000 UTC", timestamp=None, name=None):
    directory = inbox / (name or f"{student}+{ASSIGNMENT}+{when}+abcd")
    directory.mkdir()
    (directory / "p1.ipynb").write_text("{}")
    (directory / "timestamp.txt").write_text(when if timestamp is None else timestamp)
    (directory / "submission_secret.txt").write_text("f" * 128)
    return directory


def collect(room):
    coursedir = room.coursedir
    api = NbGraderAPI(coursedir, config=room.config)
    done = api.collect(ASSIGNMENT)
    assert done["success"], done
    return done.get("log", "")


def got(room, student):
    root = room.root / "submitted" / student / ASSIGNMENT
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def received(room, student):
    return intake.received(room.root / "submitted" / student / ASSIGNMENT)


def now():
    return datetime.now(UTC).replace(tzinfo=None)


def test_an_honest_submission_is_collected_with_its_time(shared):
    room, inbox = shared
    when = now() - timedelta(seconds=20)
    hand_in(inbox, "amy", f"{when} UTC")
    collect(room)
    assert got(room, "amy") == {"p1.ipynb", "timestamp.txt", "submission_secret.txt"}
    assert received(room, "amy") == when
    before = (room.root / "submitted" / "amy" / ASSIGNMENT).stat().st_ino
    assert "No newer submission" in collect(room)
    assert (room.root / "submitted" / "amy" / ASSIGNMENT).stat().st_ino == before


def test_a_newer_submission_replaces_the_older_one_whole(shared):
    room, inbox = shared
    old = hand_in(inbox, "amy", f"{now() - timedelta(seconds=20)} UTC")
    (old / "old.txt").write_text("old")
    collect(room)
    hand_in(inbox, "amy", f"{now() + timedelta(seconds=2)} UTC")
    collect(room)
    assert got(room, "amy") == {"p1.ipynb", "timestamp.txt", "submission_secret.txt"}


@pytest.mark.parametrize("target", ["/etc/passwd", "/dev/zero", "/etc"])
def test_79_80_links_are_not_followed_and_the_reason_stays(shared, target):
    room, inbox = shared
    directory = hand_in(inbox, "eve")
    os.symlink(target, directory / "data")
    hand_in(inbox, "zoe")
    assert "NOT GRADABLE" in collect(room)
    assert got(room, "eve") == {".not-gradable", "timestamp.txt"}
    with pytest.raises(intake.NotGradable, match="“data” is a link"):
        intake.take_in(room.root / "submitted" / "eve" / ASSIGNMENT)
    assert "p1.ipynb" in got(room, "zoe")


def test_an_inbox_entry_that_is_no_directory_stops_nobody(shared):
    room, inbox = shared
    os.symlink("/nowhere", inbox / f"eve+{ASSIGNMENT}+2026-05-01 11:00:00 UTC+x")
    os.symlink("/etc", inbox / f"fay+{ASSIGNMENT}+2026-05-01 11:00:00 UTC+x")
    (inbox / f"gus+{ASSIGNMENT}+2026-05-01 11:00:00 UTC+x").write_text("file")
    hand_in(inbox, "hal", name=f"hal+{ASSIGNMENT}+no date at all+x")
    hand_in(inbox, "zoe")
    log = collect(room)
    assert log.count("is not a directory; ignored") == 3
    assert {path.name for path in (room.root / "submitted").iterdir()} == {"hal", "zoe"}


def test_85_a_timestamp_from_another_day_becomes_the_kernels(shared):
    room, inbox = shared
    for student, claimed in (
        ("eve", "1999-12-31 23:59:59 UTC"),
        ("fay", f"{now() - timedelta(days=1)} UTC"),
        ("gus", "soon"),
    ):
        directory = hand_in(
            inbox, student, claimed if student != "gus" else "2026-05-01 11:00:00 UTC", timestamp=claimed
        )
        for path in (*directory.iterdir(), directory):
            os.utime(path, (0, 0))  # what its owner can do
    log = collect(room)
    assert log.count("using the server's time") == 3
    for student in ("eve", "fay", "gus"):
        assert abs(received(room, student) - now()) < timedelta(minutes=10)


def test_85_a_course_may_choose_to_believe(shared):
    room, inbox = shared
    room.config.Collect.trust_claimed_time = True
    when = now() - timedelta(days=1)
    hand_in(inbox, "fay", f"{when} UTC")
    collect(room)
    assert received(room, "fay") == when


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand in for two users")
def test_86_what_another_user_put_there_does_not_come_before_the_students_own(shared):
    room, inbox = shared
    own = hand_in(inbox, ME, f"{now() - timedelta(hours=1)} UTC")
    (own / "mine.txt").write_text("mine")
    forged = hand_in(inbox, ME, f"{now()} UTC")
    os.chown(forged, 65534, 65534)
    assert "ignoring submissions that other users made" in collect(room)
    assert "mine.txt" in got(room, ME)


def test_a_disk_that_fills_up_leaves_the_old_submission(tmp_path, monkeypatch):
    directory = tmp_path / "submitted" / "amy" / "ps1"
    plugin.place({"a": b"1", "b/c": b"2"}, directory)
    real = Path.write_bytes

    def full(path, data):
        if data == b"full":
            raise OSError(28, "No space left on device")
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        plugin.place({"a": b"3", "z": b"full"}, directory)
    assert {path.name for path in directory.parent.rglob("*")} == {"ps1", "a", "b", "c"}
    assert (directory / "a").read_bytes() == b"1"


def test_the_courses_own_exchange_keeps_its_collect():
    config = Config()
    config.ExchangeFactory.collect = "mine.Collect"
    autograder.configure(config)
    assert config.ExchangeFactory.collect == "mine.Collect"


# --- archives


def zipped(path, *entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)


def extract(tmp_path, **settings):
    log = []

    class Keep(logging.Handler):
        def emit(self, record):
            log.append(record.getMessage())

    extractor = plugin.Extractor(config=Config({"Extractor": settings}))
    handler = Keep()
    extractor.log.addHandler(handler)
    try:
        extractor.extract(str(tmp_path / "archive"), str(tmp_path / "extracted"))
    finally:
        extractor.log.removeHandler(handler)
    root = tmp_path / "extracted"
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}, "\n".join(log)


def test_88_89_archives_from_a_learning_system(tmp_path):
    (tmp_path / "archive").mkdir()
    zipped(tmp_path / "archive" / "bomb.zip", ("p1.ipynb", bytes(200_000_000)))
    zipped(tmp_path / "archive" / "evil.zip", ("../../evil.txt", b"x"), ("p1.ipynb", b"{}"))
    zipped(tmp_path / "inner.zip", ("p1.ipynb", b"{}"))
    zipped(tmp_path / "innerbomb.zip", ("p1.ipynb", bytes(200_000_000)))
    zipped(
        tmp_path / "archive" / "class.zip",
        ("amy/p1.ipynb", b"{}"),
        ("bob/ps1.zip", (tmp_path / "inner.zip").read_bytes()),
        ("eve/ps1.zip", (tmp_path / "innerbomb.zip").read_bytes()),
    )
    (tmp_path / "archive" / "loose_p1.ipynb").write_text("{}")
    os.symlink("/etc/passwd", tmp_path / "archive" / "link.txt")
    files, log = extract(tmp_path)
    assert files == {"class/amy/p1.ipynb", "class/bob/ps1/p1.ipynb", "loose_p1.ipynb"}
    assert log.count("unpacks to far more") == 2
    assert "no name for a file" in log
    assert "link.txt is not a plain file" in log
    assert not (tmp_path / "evil.txt").exists()
