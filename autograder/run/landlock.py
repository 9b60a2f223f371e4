"""The second choice of locks, where the kernel refuses namespaces: Landlock for files, seccomp for the rest.

Many clusters refuse them. The process then keeps the machine's file system, processes and network in sight, and may use
none of them: files other than its libraries can neither be opened nor listed nor changed, there are no sockets, no
signals to others, no shared memory and no further process. What it can still learn is whether a path that it guesses
exists, and how large that is. `lock` is called in each child after its limits are set; when it returns, student code
may run.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
from collections.abc import Iterable
from typing import Any

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION = 1
_PATH_BENEATH = 1
OLDEST = 3  # Linux 6.2: before it, files could be cut short

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = 1, 2, 4, 8, 16, 32
_MAKE_DIR, _MAKE_REG, _TRUNCATE = 1 << 7, 1 << 8, 1 << 14
_ALL_FILES = {3: (1 << 15) - 1, 4: (1 << 15) - 1}  # from version 5 on, device ioctls too
_ALL_FILES_LATER = (1 << 16) - 1
_ALL_TCP = 3  # from version 4
_ALL_SCOPES = 3  # abstract sockets and signals, from version 6

_READ = _READ_FILE | _READ_DIR
_OWN = _READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _TRUNCATE
_SINGLE = _READ_FILE | _WRITE_FILE | _TRUNCATE | _EXECUTE  # what a rule on one file may allow

# Beyond what `sandbox.DENIED` names. There, namespaces make these harmless; here nothing else does.
DENIED: tuple[str | int, ...] = (
    # other processes, which are in sight
    "kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", 424, 434, "setsid", "setpgid", "ptrace",
    "setpriority", "ioprio_set", "sched_setscheduler", "sched_setparam", "sched_setattr", "get_robust_list",
    # memory and queues that are the machine's
    "shmget", "shmat", "shmctl", "msgget", "msgsnd", "msgrcv", "msgctl", "semget", "semop", "semtimedop", "semctl",
    "mq_open", "mq_unlink", "memfd_create", 447,
    # sockets; a pair that is connected from the start is left
    "socket", "connect", "bind", "listen", "accept", "accept4",
    # what Landlock leaves out: a file's mode, owner, times and attributes, and news of what happens in a directory
    "chmod", "fchmod", "fchmodat", 452, "chown", "fchown", "lchown", "fchownat",
    "utime", "utimes", "utimensat", "futimesat", "setxattr", "lsetxattr", "fsetxattr", 463,
    "removexattr", "lremovexattr", "fremovexattr", 466, 469, "inotify_add_watch",
    # further processes
    "fork", "vfork",
)  # fmt: skip
_CLONE_THREAD = 0x00010000


def version() -> int:
    """Which Landlock this kernel has; 0 for none, or one that nobody switched on."""
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, int(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))))


def deny(rules: Any, seccomp: Any) -> None:
    """Add what this kind of sandbox forbids to a seccomp filter."""
    refuse = seccomp.ERRNO(errno.EPERM)
    for call in DENIED:
        with contextlib.suppress(OSError, ValueError):  # a call that this architecture does not have
            rules.add_rule(refuse, call)
    rules.add_rule(refuse, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, _CLONE_THREAD, 0))
    # A pair of datagram sockets can still send elsewhere.
    rules.add_rule(refuse, "socketpair", seccomp.Arg(1, seccomp.MASKED_EQ, 0xF, 2))
    # Another process's limits and processors; 0 is one's own.
    for call in ("prlimit64", "sched_setaffinity"):
        rules.add_rule(refuse, call, seccomp.Arg(0, seccomp.NE, 0))


def lock(readable: Iterable[str], devices: Iterable[str], own: str) -> None:
    """Let the calling process open `readable` for reading, `devices` also for writing, and do as it likes in `own`.

    Paths that do not exist are left out. Needs no_new_privs. Raises OSError; then nothing must run in the process.
    """
    libc = ctypes.CDLL(None, use_errno=True)

    def call(number: int, *values: Any) -> int:
        result = int(libc.syscall(number, *values))
        if result == -1:
            code = ctypes.get_errno()
            raise OSError(code, f"Landlock: {os.strerror(code)}")
        return result

    known = version()
    files = _ALL_FILES.get(known, _ALL_FILES_LATER)
    attributes = struct.pack("QQQ", files, _ALL_TCP if known >= 4 else 0, _ALL_SCOPES if known >= 6 else 0)
    size = 24 if known >= 6 else 16 if known >= 4 else 8
    rules = call(_CREATE_RULESET, attributes, ctypes.c_size_t(size), ctypes.c_uint32(0))

    def allow(path: str, access: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                if not os.path.isdir(path):
                    access &= _SINGLE
                call(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", access, place), ctypes.c_uint32(0))
            finally:
                os.close(place)

    for path in readable:
        allow(path, _READ)
    for path in devices:
        allow(path, _READ_FILE | _WRITE_FILE)
    allow(own, _OWN)
    call(_RESTRICT_SELF, rules, ctypes.c_uint32(0))
    os.close(rules)
