"""The classroom's accounts: a name, a role and the hash of a generated password, one entry each in `accounts.json`.

    python hub/accounts.py add NAME [--instructor]   a new account; prints its password
    python hub/accounts.py reset NAME                a new password for an account
    python hub/accounts.py list

The Hub reads the file at every login, so nothing has to be restarted. A password is printed when it is made and kept
only as an Argon2 hash: it cannot be shown again, only replaced.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import sys
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

ROLES = ("student", "instructor")
# No letters or digits that look alike. Three groups of four give 59 bits.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
# nbgrader takes submissions apart at "+", and a name becomes a directory, a URL and a row in the gradebook.
NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
# Names that the classroom itself uses; a login under one of them would be misleading.
RESERVED = {"grader", "book", "hub"}

_hasher = PasswordHasher()


class AccountError(ValueError):
    """A request that cannot be carried out; its text says what to do."""


class Accounts:
    """The accounts in one file, read anew by every method and replaced whole, readable by its owner only."""

    def __init__(self, path: Path):
        self.path = path

    def read(self) -> dict[str, dict[str, str]]:
        """`{name: {"role": …, "password": hash}}`; empty if there is no file yet.

        Raises AccountError when the file is not what this module wrote.
        """
        try:
            entries = json.loads(self.path.read_text())
            for entry in entries.values():
                if entry["role"] not in ROLES or not entry["password"].startswith("$argon2"):
                    raise ValueError("an account without a role or a password hash")
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise AccountError(
                f"{self.path} is damaged ({error}). Repair it, or delete it to get new accounts"
            ) from None
        return entries

    def add(self, name: str, role: str = "student") -> str:
        """Make an account and return its password."""
        if not NAME.fullmatch(name) or name in RESERVED:
            raise AccountError(
                f"{name!r} can't be an account: use a-z, 0-9, - and _, a letter first, none of {sorted(RESERVED)}"
            )
        entries = self.read()
        if name in entries:
            raise AccountError(f"{name} exists already. For a new password: python hub/accounts.py reset {name}")
        return self._write(entries, name, role)

    def reset(self, name: str) -> str:
        """Give an account a new password and return it."""
        entries = self.read()
        if name not in entries:
            raise AccountError(f"no account {name}. There are: {', '.join(sorted(entries)) or 'none'}")
        return self._write(entries, name, entries[name]["role"])

    def role(self, name: str, password: str) -> str | None:
        """The role of the account with this name and password, or None."""
        entry = self.read().get(name)
        try:
            return entry["role"] if entry and _hasher.verify(entry["password"], password) else None
        except VerificationError:
            return None

    def _write(self, entries: dict[str, dict[str, str]], name: str, role: str) -> str:
        password = "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(3))
        entries[name] = {"role": role, "password": _hasher.hash(password)}
        draft = self.path.with_name(self.path.name + ".new")
        draft.unlink(missing_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(entries, file, indent=2)
        draft.replace(self.path)
        return password


def main() -> None:
    parser = argparse.ArgumentParser(description="Add accounts to the classroom, or give them new passwords.")
    state = Path(os.environ.get("CLASSROOM") or Path(__file__).resolve().parent.parent / ".classroom")
    parser.add_argument("--state", type=Path, default=state, help="the classroom's directory (.classroom)")
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="make an account and print its password")
    add.add_argument("name")
    add.add_argument("--instructor", action="store_true", help="may open Formgrader; otherwise a student")
    commands.add_parser("reset", help="print a new password for an account").add_argument("name")
    commands.add_parser("list", help="print the accounts")
    options = parser.parse_args()
    if not options.state.is_dir():
        sys.exit(f"No classroom in {options.state} yet. Start it once: make serve")
    accounts = Accounts(options.state / "accounts.json")
    try:
        if options.command == "list":
            for name, entry in sorted(accounts.read().items()):
                print(f"{name}  ({entry['role']})")
            return
        if options.command == "add":
            password = accounts.add(options.name, "instructor" if options.instructor else "student")
        else:
            password = accounts.reset(options.name)
    except AccountError as error:
        sys.exit(f"accounts: {error}.")
    print(f"{options.name}  {password}")


if __name__ == "__main__":
    main()
