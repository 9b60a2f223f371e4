"""Memory and process limits over all of a student's processes together, where control groups may be made.

One group for each grader, reused for every submission: cgroup version 2 where the memory and pids controllers are
delegated to this user, version 1 where it is mounted and writable. Without either, `Usage` measures, and the grader
ends what uses too much; that is slower to notice and therefore the second choice. It measures the disk too, for
processes without a file system of their own.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def _mounts() -> Iterator[tuple[str, Path, Path, set[str]]]:
    """Kind, mount point, root and options of the cgroup file systems."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            left, _, right = line.partition(" - ")
            fields, kind = left.split(), right.split()
            if kind[0] in ("cgroup", "cgroup2"):
                yield kind[0], Path(fields[4]), Path(fields[3]), set(kind[2].split(","))


def _own() -> dict[str, str]:
    """This process's group by controller; "" is version 2."""
    out: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for controller in controllers.split(","):
                out[controller] = path
    return out


class Group:
    """A control group of the grader's, for one student process tree at a time."""

    def __init__(self, memory: Path, pids: Path | None, version: int) -> None:
        self.memory, self.pids, self.version = memory, pids, version
        self.limits: tuple[int, int] | None = None  # as the kernel has them

    @classmethod
    def make(cls) -> Group | None:
        """A new group, or None where none can be had."""
        own = _own()
        name = f"autograder-{os.getpid()}-{os.urandom(3).hex()}"
        mounts = list(_mounts())
        for kind, point, root, _ in mounts:
            if kind != "cgroup2" or "" not in own:
                continue
            here = point / os.path.relpath(own[""], root)
            for parent in (here, here.parent):
                with contextlib.suppress(OSError):
                    if {"memory", "pids"} <= set((parent / "cgroup.subtree_control").read_text().split()):
                        (parent / name).mkdir()
                        return cls(parent / name, parent / name, 2)
        found: dict[str, Path] = {}
        for kind, point, root, options in mounts:
            for controller in ("memory", "pids"):
                if kind == "cgroup" and controller in options and controller in own:
                    with contextlib.suppress(OSError):
                        path = point / os.path.relpath(own[controller], root) / name
                        path.mkdir()
                        found[controller] = path
        return cls(found["memory"], found.get("pids"), 1) if "memory" in found else None

    def limit(self, memory: int, processes: int) -> None:
        """Bytes of memory, tmpfs included, and processes and threads, from now on."""
        if self.limits == (memory, processes):
            return
        self.limits = None
        if self.version == 2:
            (self.memory / "memory.max").write_text(str(memory))
            with contextlib.suppress(OSError):
                (self.memory / "memory.swap.max").write_text("0")
                (self.memory / "memory.oom.group").write_text("1")
        else:
            with contextlib.suppress(OSError):
                (self.memory / "memory.memsw.limit_in_bytes").write_text("-1")
            (self.memory / "memory.limit_in_bytes").write_text(str(memory))
            with contextlib.suppress(OSError):
                (self.memory / "memory.memsw.limit_in_bytes").write_text(str(memory))
        if self.pids is not None:
            (self.pids / "pids.max").write_text(str(processes))
        self.limits = memory, processes

    def add(self, pid: int) -> None:
        for path in {self.memory, self.pids} - {None}:
            (path / "cgroup.procs").write_text(str(pid))  # type: ignore[operator]

    def kills(self) -> int:
        """How often the kernel has ended a process of the group for its memory."""
        name = "memory.events" if self.version == 2 else "memory.oom_control"
        with contextlib.suppress(OSError):
            for line in (self.memory / name).read_text().splitlines():
                key, _, value = line.partition(" ")
                if key == "oom_kill":
                    return int(value)
        return 0

    def remove(self) -> None:
        for path in {self.memory, self.pids} - {None}:
            with contextlib.suppress(OSError):
                os.rmdir(path)  # type: ignore[arg-type]


class Usage:
    """Memory and number of a process and its descendants, from outside. Pages that came with the fork count once."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.inherited = self._resident(pid)

    @staticmethod
    def _resident(pid: int) -> int:
        try:
            return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
        except (OSError, IndexError, ValueError):
            return 0

    def now(self) -> tuple[int, int]:
        """Bytes and processes."""
        total, count, stack = 0, 0, [self.pid]
        while stack and count < 5000:
            pid = stack.pop()
            count += 1
            total += max(0, self._resident(pid) - self.inherited)
            with contextlib.suppress(OSError):
                for task in os.listdir(f"/proc/{pid}/task"):
                    with contextlib.suppress(OSError):
                        stack += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
        return total, count

    def disk(self, directory: str, most: int, files: int = 10_000) -> bool:
        """Whether the process has written more than `most` bytes in `directory`, deleted open files among them."""
        taken = {}
        with contextlib.suppress(OSError):
            for number in os.listdir(f"/proc/{self.pid}/fd"):
                with contextlib.suppress(OSError):
                    about = os.stat(f"/proc/{self.pid}/fd/{number}")
                    if stat.S_ISREG(about.st_mode):
                        taken[about.st_dev, about.st_ino] = 512 * about.st_blocks
        places = [directory]
        while places and len(taken) <= files:
            with contextlib.suppress(OSError), os.scandir(places.pop()) as entries:
                for entry in itertools.islice(entries, files + 1):
                    with contextlib.suppress(OSError):
                        about = entry.stat(follow_symlinks=False)
                        taken[about.st_dev, about.st_ino] = 512 * about.st_blocks
                        if entry.is_dir(follow_symlinks=False):
                            places.append(entry.path)
        return len(taken) > files or sum(taken.values()) > most


def host_pid(handle: int) -> int | None:
    """The number, for this process, of the process behind a pidfd."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/self/fdinfo/{handle}").read_text().splitlines():
            key, _, value = line.partition(":")
            if key == "Pid":
                return int(value) if int(value) > 0 else None
    return None
