"""Accounts: generated passwords, kept as hashes."""

import subprocess
import sys

import pytest
from accounts import AccountError, Accounts
from served_classroom import ROOT


@pytest.fixture
def accounts(tmp_path) -> Accounts:
    return Accounts(tmp_path / "accounts.json")


def test_only_the_right_password_opens_an_account(accounts):
    ada, grace = accounts.add("ada"), accounts.add("grace", role="instructor")
    assert ada != grace
    assert accounts.role("ada", ada) == "student"
    assert accounts.role("grace", grace) == "instructor"
    for name, password in [("ada", grace), ("ada", ""), ("ada", ada + "x"), ("nobody", ada), ("", "")]:
        assert accounts.role(name, password) is None


def test_a_new_password_replaces_the_old_one(accounts):
    old = accounts.add("ada")
    new = accounts.reset("ada")
    assert accounts.role("ada", old) is None
    assert accounts.role("ada", new) == "student"


@pytest.mark.parametrize("name", ["", "Ada", "a+b", "../ada", "a b", "1a", "grader", "a" * 33, "ada\n"])
def test_names_that_would_break_paths_or_submissions_are_refused(accounts, name):
    with pytest.raises(AccountError, match="can't be an account"):
        accounts.add(name)
    assert not accounts.path.exists()


def test_the_command_line_adds_lists_and_says_what_is_wrong(tmp_path):
    def run(*arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, str(ROOT / "hub" / "accounts.py"), f"--state={tmp_path}", *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    name, password = run("add", "ada").stdout.split()
    assert Accounts(tmp_path / "accounts.json").role(name, password) == "student"
    assert run("add", "grace", "--instructor").returncode == 0
    assert run("list").stdout == "ada  (student)\ngrace  (instructor)\n"
    twice = run("add", "ada")
    assert twice.returncode == 1
    assert twice.stderr == "accounts: ada exists already. For a new password: python hub/accounts.py reset ada.\n"
    assert "no account bob. There are: ada, grace" in run("reset", "bob").stderr
