"""A submission is a set of plain files, or it has a reason. Files of the attack list: rows 77, 78, 80-83, 108."""

import os
import signal
import socket
from contextlib import contextmanager

import pytest

from autograder.intake import Caps, NotGradable, shown, take_in


@contextmanager
def at_most(seconds):
    """Fail rather than hang: a pipe without a writer blocks whoever opens it carelessly."""

    def late(*_):
        raise TimeoutError("intake hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def handed_in(tmp_path):
    directory = tmp_path / "submitted" / "hacker" / "ps1"
    directory.mkdir(parents=True)
    (directory / "p1.ipynb").write_text('{"cells": [], "nbformat": 4}')
    return directory


def refusal(directory, **caps):
    with at_most(20), pytest.raises(NotGradable) as caught:
        take_in(directory, Caps(**caps))
    return caught.value.reason


def test_plain_files_come_in_as_bytes(handed_in):
    (handed_in / "data").mkdir()
    (handed_in / "data" / "größe 1.csv").write_bytes(b"1,2\n")
    submission = take_in(handed_in)
    assert submission.files == {"p1.ipynb": b'{"cells": [], "nbformat": 4}', "data/größe 1.csv": b"1,2\n"}
    assert submission.extra_files() == {"data/größe 1.csv": b"1,2\n"}


def test_what_is_read_does_not_change_afterwards(handed_in):
    submission = take_in(handed_in)
    before = submission.digest
    (handed_in / "p1.ipynb").write_text("{}")
    assert submission.notebook("p1") == b'{"cells": [], "nbformat": 4}'
    assert submission.digest == before != take_in(handed_in).digest


def test_the_digest_is_of_the_answer_not_of_the_exchange(handed_in):
    before = take_in(handed_in).digest
    (handed_in / "timestamp.txt").write_text("2026-01-01 00:00:00 UTC")
    (handed_in / "submission_secret.txt").write_text("f" * 128)
    after = take_in(handed_in)
    assert after.digest == before
    assert (after.claimed_time, after.secret) == ("2026-01-01 00:00:00 UTC", "f" * 128)
    assert after.extra_files() == {}


@pytest.mark.parametrize("target", ["/etc/passwd", "/dev/zero", "p1.ipynb", "nowhere", "."])
def test_77_80_82_a_link_is_refused_and_not_followed(handed_in, target):
    os.symlink(target, handed_in / "data.txt")
    reason = refusal(handed_in)
    assert "“data.txt” is a link" in reason
    assert "submit again" in reason


def test_78_a_notebook_that_is_a_link_is_refused(handed_in, tmp_path):
    (tmp_path / "solution.ipynb").write_text('{"cells": [], "nbformat": 4, "metadata": {"solution": 1}}')
    (handed_in / "p1.ipynb").unlink()
    os.symlink(tmp_path / "solution.ipynb", handed_in / "p1.ipynb")
    assert "“p1.ipynb” is a link" in refusal(handed_in)


def test_79_a_link_to_a_directory_is_refused(handed_in, tmp_path):
    (tmp_path / "course").mkdir()
    (tmp_path / "course" / "secret.txt").write_text("secret")
    os.symlink(tmp_path / "course", handed_in / "data")
    assert "“data” is a link" in refusal(handed_in)


def test_the_submission_itself_must_not_be_a_link(handed_in, tmp_path):
    os.symlink(handed_in, tmp_path / "elsewhere")
    assert "not a directory" in refusal(tmp_path / "elsewhere")
    assert "not a directory" in refusal(tmp_path / "missing")
    assert "not a directory" in refusal(handed_in / "p1.ipynb")


def test_a_hard_link_to_somebody_elses_file_is_refused(handed_in, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can own files for two users")
    (tmp_path / "other").write_text("other's")
    os.chown(tmp_path / "other", 12345, 12345)
    os.link(tmp_path / "other", handed_in / "mine.txt")
    assert "“mine.txt” is a link" in refusal(handed_in)


def test_a_hard_link_among_the_students_own_files_is_a_file(handed_in):
    os.link(handed_in / "p1.ipynb", handed_in / "copy.ipynb")
    assert set(take_in(handed_in).files) == {"p1.ipynb", "copy.ipynb"}


def test_81_a_pipe_is_refused_without_waiting_for_its_writer(handed_in):
    os.mkfifo(handed_in / "pipe")
    assert "“pipe” is not a plain file" in refusal(handed_in)


def test_a_socket_and_a_device_are_refused(handed_in, tmp_path, monkeypatch):
    monkeypatch.chdir(handed_in)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("sock")
        assert "“sock” is not a plain file" in refusal(handed_in)
    (handed_in / "sock").unlink()
    if os.geteuid() == 0:
        try:
            os.mknod(handed_in / "zero", 0o600 | 0o020000, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("no devices here")
        assert "“zero” is not a plain file" in refusal(handed_in)


def test_83_a_directory_with_a_notebooks_name_is_no_notebook(handed_in):
    (handed_in / "p1.ipynb").unlink()
    (handed_in / "p1.ipynb").mkdir()
    submission = take_in(handed_in)
    with pytest.raises(NotGradable, match=r"has no file “p1\.ipynb”"):
        submission.notebook("p1")


def test_a_missing_notebook_is_named_and_so_is_the_one_that_is_there(handed_in):
    (handed_in / "p1.ipynb").rename(handed_in / "p1-final.ipynb")
    with pytest.raises(NotGradable, match=r"no file “p1\.ipynb”.*“p1-final\.ipynb” instead\. Rename it"):
        take_in(handed_in).notebook("p1")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("a\nb.txt", "control characters"),
        ("a\x1b[31m.txt", "control characters"),
        ("gnp.\u202etxt.py", "invisible"),
        ("a\u200bb.txt", "invisible"),
        ("a\\b.txt", "backslash"),
        ("..\\..\\x", None),  # starts with a dot: left out unseen
        (" a.txt", "space at the start"),
        ("a.txt ", "space at the start or end"),
        (b"a\xff.txt", "not UTF-8"),
        ("$(touch hacked).txt; rm -rf *", None),  # odd to a shell only, and no shell ever sees it
        ("-rf", None),
        ("👩\u200d🔬.txt", None),
        ("सच\u200dाई.txt", None),
    ],
)
def test_108_odd_names(handed_in, name, what):
    path = os.path.join(os.fsencode(handed_in), name if isinstance(name, bytes) else os.fsencode(name))
    with open(path, "wb") as file:
        file.write(b"x")
    if what is None:
        take_in(handed_in)
    else:
        reason = refusal(handed_in)
        assert what in reason
        assert all(char.isprintable() for char in reason)


def test_two_spellings_of_one_name_are_told_apart_from_one(handed_in):
    (handed_in / "u\u0308.txt").write_text("decomposed")
    assert "ü.txt" in take_in(handed_in).files
    (handed_in / "ü.txt").write_text("composed")
    assert "is there twice" in refusal(handed_in)


def test_editors_leavings_are_left_out_without_a_look(handed_in):
    for name in (".ipynb_checkpoints", "__pycache__", ".git", "venv"):
        (handed_in / name).mkdir()
        os.symlink("/etc/passwd", handed_in / name / "link")
    os.symlink("/etc/passwd", handed_in / ".hidden")
    (handed_in / "x.pyc").write_bytes(b"x")
    assert set(take_in(handed_in).files) == {"p1.ipynb"}


@pytest.mark.parametrize(
    ("caps", "what"),
    [
        ({"file_mb": 0.001}, "larger than 0.001 MB"),
        ({"total_mb": 0.0019}, "larger than 0.0019 MB"),
        ({"files": 5}, "more than 5 files"),
        ({"depth": 2}, "more than 2 directories deep"),
    ],
)
def test_caps(handed_in, caps, what):
    (handed_in / "large.bin").write_bytes(b"x" * 1500)
    (handed_in / "second.bin").write_bytes(b"x" * 900)
    deep = handed_in
    for level in range(4):
        deep = deep / f"d{level}"
        deep.mkdir()
    (deep / "file").write_text("deep")
    take_in(handed_in)
    assert what in refusal(handed_in, **caps)


def test_a_file_that_grows_while_it_is_read_ends_at_the_cap(handed_in, monkeypatch):
    """A size from stat is a promise; only what is read counts."""
    served = iter(range(1000))
    real = os.read
    monkeypatch.setattr(os, "read", lambda fd, size: b"x" * size if next(served) < 999 else real(fd, size))
    assert "larger than 2 MB" in refusal(handed_in, notebook_mb=2)


def test_many_faults_are_named_together_but_not_endlessly(handed_in):
    for number in range(50):
        os.symlink("/etc/passwd", handed_in / f"link{number:02}")
    reason = refusal(handed_in)
    assert reason.count("is a link") == 5


def test_a_directory_of_countless_files_is_not_listed_to_the_end(handed_in, monkeypatch):
    class Entry:
        name = "x"

    class Endless:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def __iter__(self):
            return self

        def __next__(self):
            return Entry

    monkeypatch.setattr(os, "scandir", lambda _: Endless())
    assert "far too many files" in refusal(handed_in)


def test_shown_is_safe_to_print():
    assert shown("a\u202eb\n") == "“a\\u202eb\\u000a”"
    assert len(shown("x" * 500)) < 65
