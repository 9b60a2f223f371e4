"""Whose clock counts: rows 84 and 85."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from autograder import intake

NOW = datetime(2026, 5, 1, 12, 0, 0)


def settle(claimed, **options):
    said = []
    return intake.settle_time(claimed, NOW, warn=said.append, **options), said


NONSENSE = [
    "garbage",
    "99999999999999999999",
    "2026-13-45 99:99",
    "\x00",
    "1999-01-01 00:00:00 UTC",
    "2030-01-01 00:00:00 UTC",
    "0001-01-01",
    "2026-05-01 12:00:00 +99999999999",
    "NaT",
    "[]",
]


@pytest.mark.parametrize("claimed", NONSENSE)
def test_84_85_nonsense_is_replaced_by_the_servers_time(claimed):
    for trust in (False, True):
        moment, said = settle(claimed, trust_claim=trust)
        assert moment == NOW
        assert "using the server's time" in said[0]


def test_a_claim_that_agrees_with_the_server_is_kept_to_the_microsecond():
    moment, said = settle("2026-05-01 11:59:58.123456 UTC")
    assert moment == datetime(2026, 5, 1, 11, 59, 58, 123456)
    assert not said


def test_85_a_claim_of_an_earlier_day_is_the_servers_day():
    moment, said = settle("2026-04-30 23:59:00 UTC")
    assert moment == NOW
    assert "before the server saw the submission" in said[0]


def test_what_the_instructors_side_wrote_may_be_any_day():
    assert settle("2026-04-30 23:59:00 UTC", trust_claim=True) == (datetime(2026, 4, 30, 23, 59), [])
    assert settle(None, trust_claim=True) == (None, [])
    assert settle(None) == (NOW, [])


def test_a_slightly_fast_clock_gains_nothing():
    assert settle("2026-05-01 12:05:00 UTC")[0] == NOW


def test_the_kernels_time_cannot_be_set_back(tmp_path):
    directory = tmp_path / "ps1"
    directory.mkdir()
    (directory / "p1.ipynb").write_text("{}")
    for path in (directory / "p1.ipynb", directory):
        os.utime(path, (0, 0))
    assert directory.stat().st_mtime == 0
    seen = intake.last_change(directory)
    assert abs(seen - datetime.now(UTC).replace(tzinfo=None)) < timedelta(hours=1)


@pytest.mark.parametrize("kind", ["garbage", "1999", "link", "endless link", "directory", "pipe", "huge", "binary"])
def test_84_a_bad_timestamp_file_is_mended_for_everyone_who_opens_it(tmp_path, kind):
    directory = tmp_path / "submitted" / "hacker" / "ps1"
    directory.mkdir(parents=True)
    path = directory / "timestamp.txt"
    match kind:
        case "garbage":
            path.write_text("garbage")
        case "1999":
            path.write_text("1999-12-31 23:59:59 UTC")
        case "link":
            os.symlink("/etc/passwd", path)
        case "endless link":
            os.symlink("/dev/zero", path)
        case "directory":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "huge":
            path.write_bytes(b"2026-05-01 12:00:00 UTC" + b" " * 10_000_000)
        case "binary":
            path.write_bytes(b"\xff\xfe\x00" * 20)
    said = []
    moment = intake.received(directory, warn=said.append)
    assert said
    assert abs(moment - datetime.now(UTC).replace(tzinfo=None)) < timedelta(hours=1)
    assert path.is_file()
    assert not path.is_symlink()
    # nbgrader reads the file by its own means, and now agrees.
    from nbgrader.utils import parse_utc

    assert parse_utc(path.read_text()) == moment == intake.received(directory)


def test_no_timestamp_is_nobodys_fault(tmp_path):
    assert intake.received(tmp_path) is None
    (tmp_path / "timestamp.txt").write_text("")
    assert intake.received(tmp_path) is None


def test_an_atomic_write_replaces_a_link_and_leaves_nothing_on_failure(tmp_path, monkeypatch):
    target = tmp_path / "target"
    target.write_text("kept")
    os.symlink(target, tmp_path / "file")
    intake.write_atomically(tmp_path / "file", b"new")
    assert (target.read_text(), (tmp_path / "file").read_bytes()) == ("kept", b"new")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        intake.write_atomically(tmp_path / "file", b"newer")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "target"]
