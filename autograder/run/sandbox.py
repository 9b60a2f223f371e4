"""Locks. Filled in below."""

from __future__ import annotations

import os
import resource
from typing import Any


def collapse() -> None:
    pass


def fork() -> int:
    return os.fork()


def prepare(control: Any) -> None:
    pass


def close_all_but(keep: set[int]) -> None:
    last = 3
    for fd in sorted(keep):
        if fd > last:
            os.closerange(last, fd)
        last = fd + 1
    os.closerange(last, resource.getrlimit(resource.RLIMIT_NOFILE)[1] if last < 4096 else last + 4096)


def enter(student: bool, settings: dict[str, Any]) -> None:
    pass


def enter_trusted(student: bool, settings: dict[str, Any]) -> None:
    import tempfile

    os.setsid()
    os.chdir(tempfile.mkdtemp())


def missing() -> list[str]:
    return ["namespaces"]
