"""The locks around every process that the warm parent forks, as far as the kernel has them.

Built in two stages, so that a submission pays for the second only. `prepare` runs once, in the warm parent before it
loads a library: its own user, mount, pid, network, ipc and host-name namespaces and a root file system that holds
Python's libraries, read-only, and nothing else. `enter` runs in each child: namespaces of its own inside those, a
private tmpfs of fixed size as the only place to write, resource limits, no capabilities, no_new_privs and a system call
filter. When `enter` returns, student code may run.

There is no /proc, no /sys, no /home, no program and no way to start one in there. Works as root (then processes get
numbers of their own that no user has) and as an ordinary user. This file must stay importable where none of it exists.

Where the kernel refuses namespaces there is a second choice, `prepare_in_sight` and `enter_in_sight`, which hides
nothing and forbids the use of everything: see landlock.py.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import io
import mmap
import os
import platform
import resource
import signal
import struct
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from . import landlock

LEVELS = ("namespaces", "landlock")  # the kinds of isolation, the better one first
LINUX = sys.platform == "linux"

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
_FORKED = NEWUSER | NEWNS | NEWIPC | NEWUTS | NEWNET | NEWCGROUP
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_SECCOMP = 1, 4, 24, 22
_PR_SET_SECUREBITS, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 28, 38, 47
_SECURE = 0b11101111  # NOROOT, NO_SETUID_FIXUP, KEEP_CAPS off, NO_CAP_AMBIENT_RAISE; all locked
_MADV_COLLAPSE = 25
_MREMAP_TO = 1 | 2  # MREMAP_MAYMOVE | MREMAP_FIXED
_PAGE, _LARGE = resource.getpagesize(), 2 << 20  # bytes; where large pages are of another size, none are to be had
_AROUND = 16  # pages that one page fault in a file maps at most
_PRESENT = bytes(range(128, 256))
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_SYS_CAPSET = {"x86_64": 126, "aarch64": 91}
_SYS_MOUNT_SETATTR = 442

_PACKAGE = Path(__file__).resolve().parents[1]
USER = 1000  # what a sandboxed process sees as its user number
_COPIED = ("proc/cpuinfo", "proc/meminfo", *(f"sys/devices/system/cpu/{n}" for n in ("possible", "present", "online")))
_DEVICES = ("null", "zero", "full", "random", "urandom")

# System calls that fail with "operation not permitted". Starting programs is among them: a notebook's code is Python,
# and `fork` still works. Numbers from 424 on are the same on every architecture, and older libseccomps lack the names.
DENIED: tuple[str | int, ...] = (
    # other namespaces, other root, mounts
    "unshare", "setns", "mount", "umount2", "pivot_root", "chroot", 428, 429, 430, 431, 432, 433, 442, 457, 458, 467,
    # other processes' memory and files
    "ptrace", "process_vm_readv", "process_vm_writev", "kcmp", 438, 440,
    # large kernel interfaces that notebooks do not need
    425, 426, 427, "bpf", "perf_event_open", "userfaultfd", "fanotify_init", "add_key", "request_key", "keyctl",
    "open_by_handle_at", "name_to_handle_at", "lookup_dcookie", "quotactl", 443, "acct", "syslog", "personality",
    "move_pages", "migrate_pages", "vhangup", "modify_ldt", "iopl", "ioperm", "uselib", "ustat", "sysfs", "nfsservctl",
    # the machine
    "reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "swapon", "swapoff",
    "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname",
    # programs
    "execve", "execveat",
)  # fmt: skip
_EPERM_FLAGS = (NEWUSER, NEWNS, NEWPID, NEWNET, NEWIPC, NEWUTS, NEWCGROUP)


class Refused(OSError):
    """The kernel, or whoever configured it, does not let this process build the sandbox."""


@functools.cache
def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise Refused(number, f"{what}: {os.strerror(number)}")
    return result


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    encoded = [None if x is None else os.fsencode(x) for x in (source, target, kind)]
    _check(_libc().mount(*encoded, ctypes.c_ulong(flags), None if data is None else data.encode()), f"mount {target}")


def _unshare(flags: int) -> None:
    _check(_libc().unshare(flags), "unshare")


def _prctl(option: int, *values: int) -> int:
    padded = [ctypes.c_ulong(v) for v in (*values, 0, 0, 0, 0)[:4]]
    return int(_libc().prctl(option, *padded))


def _syscall(numbers: dict[str, int], *values: Any) -> int:
    number = numbers.get(platform.machine())
    if number is None:
        raise Refused(errno.ENOSYS, f"system calls of {platform.machine()} are not known here")
    return _check(_libc().syscall(number, *values), "system call")


# ---------------------------------------------------------------------------------------------------- the warm parent


def visible_paths() -> list[str]:
    """What Python needs of the file system: its own library directories and the system's shared libraries."""
    keys = ("stdlib", "platstdlib", "purelib", "platlib")
    paths = {sysconfig.get_path(key) for key in keys} | {sysconfig.get_config_var("LIBDIR") or ""}
    for name in sys.path:  # distributions add directories of their own
        if name and any(Path(name).is_relative_to(prefix) for prefix in (sys.prefix, sys.base_prefix, "/usr/lib")):
            paths.add(name)
    paths |= {os.path.dirname(os.path.realpath(sys.executable)).removesuffix("bin") + "lib"}
    paths |= {"/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/usr/share/zoneinfo"}
    found = sorted(path for path in paths if path and os.path.exists(path))
    return [p for p in found if not any(p != q and Path(p).is_relative_to(q) for q in found)]


def outer_user() -> int | None:
    """As root: the first of two user numbers, not in use by anyone, that sandboxed processes get. Otherwise None."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/uid_map").read_text().splitlines():
            inside, _, count = map(int, line.split())
            for base, many in ((2_000_000_000, 500_000), (60_200, 2_400)):
                if inside <= base and base + 2 * many <= inside + count:
                    return base + 2 * (os.getpid() % many)
    return None


class State:
    """What the warm parent keeps for its children."""

    proc = -1  # a directory handle on /proc, closed in every child before anything else
    pid_namespace = -1
    filter = b""
    two_users = False
    memory = (0, 0)  # bytes of address space and of data that the warm parent itself has
    root = False
    scratch = ""
    base: int | None = None  # as root and without namespaces: the first of the children's two user numbers
    readable: tuple[str, ...] = ()  # without namespaces: what the children may read


def scratch(libraries: Iterable[str]) -> str:
    """Where a child's own tmpfs goes: /tmp, unless the environment itself lies in there."""
    paths = [*visible_paths(), *libraries, str(_PACKAGE)]
    return "/scratch" if any(Path(path).is_relative_to("/tmp") for path in paths) else "/tmp"


def prepare(control: Any, libraries: Iterable[str]) -> None:
    """Lock the calling process, which must have one thread and is about to become the warm parent. Raises Refused.

    Returns in a new process, the first of its pid namespace; the calling one waits for it and ends with it.
    """
    from .parent import receive, send

    base = outer_user()
    State.proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    State.filter = system_call_filter()
    libraries = [str(_PACKAGE), *libraries]  # this engine itself loads more later
    State.scratch = scratch(libraries)
    if base is not None:
        _unshare(NEWNS)
        _build_root(libraries)
        os.setgroups([])
        _unshare(_FORKED | NEWPID)
        send(control, ["map", base])
        receive(control)
        State.two_users = True
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
    else:
        user, group = os.geteuid(), os.getegid()
        _unshare(_FORKED | NEWPID)
        _write_maps(0, user, 0, group)
        _build_root(libraries)
    first = os.fork()
    if first:
        control.close()
        os.waitpid(first, 0)
        os._exit(0)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    State.pid_namespace = os.open("self/ns/pid", os.O_RDONLY | os.O_CLOEXEC, dir_fd=State.proc)
    State.root = True


def prepare_in_sight(libraries: Iterable[str]) -> None:
    """What can be prepared without namespaces. Raises Refused where the kernel has no usable Landlock either."""
    known = landlock.version()
    if known < landlock.OLDEST:
        about = (
            f"its version is {known}, and {landlock.OLDEST} is needed" if known else "the kernel has none switched on"
        )
        raise Refused(errno.ENOSYS, f"Landlock: {about} (Linux 6.2)")
    State.filter = system_call_filter(in_sight=True)
    State.readable = (
        *visible_paths(),
        str(_PACKAGE),
        *libraries,
        *(f"/{name}" for name in _COPIED),
        *(f"/etc/{name}" for name in ("ld.so.cache", "localtime")),
    )
    # Another user than root, unless that one could not load a library (Python in root's home, say).
    if all(_for_everybody(path) for path in State.readable):
        State.base = outer_user()


def _for_everybody(path: str) -> bool:
    """Whether any user may read what is at `path`, or nothing is there."""
    with contextlib.suppress(FileNotFoundError):
        real = Path(path).resolve(strict=True)
        return bool(real.stat().st_mode & 4) and all(parent.stat().st_mode & 1 for parent in real.parents)
    return True


def write_outer_map(pid: int, base: int) -> None:
    """The grader's part of `prepare`, if it is root: give the namespace of `pid` two user numbers from `base`."""
    for name in ("uid_map", "gid_map"):
        Path(f"/proc/{pid}/{name}").write_text(f"0 {base} 2\n")


def _write_maps(user: int, outer_user: int, group: int, outer_group: int) -> None:
    for name, text in (
        ("setgroups", "deny"), ("uid_map", f"{user} {outer_user} 1"), ("gid_map", f"{group} {outer_group} 1")
    ):  # fmt: skip
        try:
            fd = os.open(f"self/{name}", os.O_WRONLY, dir_fd=State.proc)
            try:
                os.write(fd, text.encode())
            finally:
                os.close(fd)
        except OSError as error:
            raise Refused(error.errno, f"user namespace ({name}): {error.strerror}") from error


def _build_root(libraries: list[str]) -> None:
    """Replace the root file system by one that holds `visible_paths`, five devices and the mount points."""
    bound = [*visible_paths(), *libraries]
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    here = next(path for path in ("/tmp", "/run", "/mnt", "/var") if os.path.isdir(path))
    _mount("tmpfs", here, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755,size=4m")
    os.chdir(here)
    os.mkdir("old")
    os.mkdir("new")
    _syscall(_SYS_PIVOT_ROOT, b".", b"old")
    os.chdir("/")
    for path in bound:
        _show(path)
    for name in _DEVICES:
        os.makedirs("/new/dev", exist_ok=True)
        os.close(os.open(f"/new/dev/{name}", os.O_CREAT | os.O_WRONLY))
        _mount(f"/old/dev/{name}", f"/new/dev/{name}", None, _MS_BIND)
    os.makedirs("/new/etc")
    for name in ("ld.so.cache", "localtime"):
        if os.path.isfile(f"/old/etc/{name}"):
            os.close(os.open(f"/new/etc/{name}", os.O_CREAT | os.O_WRONLY))
            _mount(os.path.realpath(f"/old/etc/{name}") if not os.path.islink(f"/old/etc/{name}") else
                   _inside(f"/etc/{name}"), f"/new/etc/{name}", None, _MS_BIND)  # fmt: skip
    Path("/new/etc/passwd").write_text(f"student:x:{USER}:{USER}::{State.scratch}/home:/\n")
    Path("/new/etc/group").write_text(f"student:x:{USER}:\n")
    for name in _COPIED:  # what numerical libraries look up about the processor: today's text, not the live file
        with contextlib.suppress(OSError):
            text = Path(f"/old/{name}").read_text()
            os.makedirs(f"/new/{os.path.dirname(name)}", exist_ok=True)
            Path(f"/new/{name}").write_text(text)
    for name in (State.scratch, "/dev/shm"):
        os.makedirs(f"/new{name}")
    _mount("/new", "/new", None, _MS_BIND | _MS_REC)
    os.chdir("/new")
    _syscall(_SYS_PIVOT_ROOT, b".", b".")
    _check(_libc().umount2(b".", _MNT_DETACH), "umount")
    os.chdir("/")
    _check(
        _libc().syscall(
            _SYS_MOUNT_SETATTR, _AT_FDCWD, b"/", _AT_RECURSIVE,
            struct.pack("QQQQ", _ATTR_RDONLY | _ATTR_NOSUID, 0, 0, 0), ctypes.c_size_t(32),
        ),
        "read-only mount (needs Linux 5.12)",
    )  # fmt: skip
    # Libraries write here while they load; no child sees it.
    _mount("tmpfs", State.scratch, "tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, "size=16m,mode=777")


def _inside(path: str) -> str:
    """Where `path`, whose links are the old root's, really is now."""
    for _ in range(40):
        parts = Path(path).parts[1:]
        walked = "/"
        for i, part in enumerate(parts):
            step = os.path.join(walked, part)
            if os.path.islink("/old" + step):
                target = os.path.join(os.path.dirname(step), os.readlink("/old" + step))
                path = os.path.normpath(os.path.join(target, *parts[i + 1 :]))
                break
            walked = step
        else:
            return "/old" + path
    raise Refused(errno.ELOOP, path)


def _show(path: str) -> None:
    """Make a path of the old root visible in the new one, under the same name, with the links that lead to it."""
    real = _inside(path).removeprefix("/old")
    links = Path(path).parts[1:]
    walked = "/"
    for part in links:
        step = os.path.join(walked, part)
        if os.path.islink("/old" + step):
            if not os.path.lexists("/new" + step):
                os.makedirs("/new" + os.path.dirname(step), exist_ok=True)
                os.symlink(os.readlink("/old" + step), "/new" + step)
            break
        walked = step
    target = "/new" + real
    if os.path.isdir("/old" + real):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    _mount("/old" + real, target, None, _MS_BIND | _MS_REC)


def _own(name: str) -> io.FileIO:
    """A file about this process, in /proc."""
    proc = State.proc if State.root else os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    try:
        return open(f"self/{name}", "rb", buffering=0, opener=lambda path, flags: os.open(path, flags, dir_fd=proc))
    finally:
        if proc != State.proc:
            os.close(proc)


def _regions(rights: str, wanted: Callable[[str], bool]) -> list[tuple[int, int]]:
    """Parts of this process's memory with these rights that large pages could hold: where each begins and ends.

    wanted: says by what is mapped there (a path, "[heap]", "" if nothing is) whether a mapping counts.
    """
    with _own("maps") as maps:
        lines = maps.readall().decode(errors="replace").splitlines()
    found = []
    for line in lines:
        span, mode, _, _, _, *path = line.split(None, 5)
        if mode == rights and wanted(path[0].strip() if path else ""):
            start, end = (int(number, 16) for number in span.split("-"))
            start, end = -(-start // _LARGE) * _LARGE, end // _LARGE * _LARGE
            if end > start:
                found.append((start, end))
    return found


def collapse() -> None:
    """Put this process's memory into large pages, so that a fork copies hundreds of entries instead of 100,000."""
    if not LINUX:
        return
    with _own("statm") as statm:
        numbers = [int(n) * _PAGE for n in statm.readall().split()]
    State.memory = (numbers[0], numbers[5])
    for start, end in _regions("rw-p", lambda name: name in ("", "[heap]")):
        _madvise(start, end - start, _MADV_COLLAPSE)  # a kernel that cannot says so; then forks are slower


def large_code(use: Callable[[], object]) -> int:
    """Put the libraries' code that `use` runs into large pages, which children inherit; returns how many.

    A child maps a library's file anew, sixty kilobytes at a time, wherever it runs through it: a sixth of all its page
    faults. So code is copied, two megabytes at a time, into memory of this process's own, which takes the place of
    the file. `use` is called in a child. Where the kernel has no such pages, or allows no code outside of files,
    everything stays as it is.
    """
    if not LINUX:
        return 0
    blocks = [
        block
        for start, end in _regions("r-xp", lambda name: name.startswith("/"))
        for block in range(start, end, _LARGE)
    ]
    runs: list[tuple[int, int]] = []
    for block in _touched(use, blocks):
        start = runs.pop()[0] if runs and runs[-1][1] == block else block  # what lies together stays one mapping
        runs.append((start, block + _LARGE))
    done = 0
    for start, end in runs:
        if not _copy_to_large_pages(start, end - start):
            break
        done += (end - start) // _LARGE
    return done


def _touched(use: Callable[[], object], blocks: list[int]) -> list[int]:
    """Which of these blocks of two megabytes a fresh child maps at more than one place, if it calls `use`."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _prctl(_PR_SET_DUMPABLE, 1)  # /proc/self belongs to root otherwise
            use()
            with _own("pagemap") as pagemap, open(write, "wb") as told:
                for block in blocks:
                    pagemap.seek(block // _PAGE * 8)
                    top = pagemap.read(_LARGE // _PAGE * 8)[7::8]  # of each page's eight bytes, the one with "present"
                    if len(top) - len(top.translate(None, _PRESENT)) > _AROUND:
                        told.write(struct.pack("Q", block))
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as told:
        data = told.read()
    os.waitpid(pid, 0)
    return [block for (block,) in struct.iter_unpack("Q", data)]


def _copy_to_large_pages(code: int, length: int) -> bool:
    """Replace the code at this address by a copy of it, if large pages are to be had."""
    libc = _libc()
    memory = ctypes.c_void_p
    libc.mmap.restype = libc.mremap.restype = memory
    libc.mmap.argtypes = [memory, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    libc.mremap.argtypes = [memory, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int, memory]
    libc.mprotect.argtypes = [memory, ctypes.c_size_t, ctypes.c_int]
    libc.munmap.argtypes = [memory, ctypes.c_size_t]
    room = length + _LARGE
    start = libc.mmap(None, room, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    if start == memory(-1).value:
        return False
    copy = -(-start // _LARGE) * _LARGE
    ctypes.memmove(copy, code, length)
    done = (
        _madvise(copy, length, _MADV_COLLAPSE) == 0
        and libc.mprotect(copy, length, mmap.PROT_READ | mmap.PROT_EXEC) == 0
        and libc.mremap(copy, length, length, _MREMAP_TO, code) == code
    )
    for begin, end in ((start, copy), (copy + length if done else copy, start + room)):
        if end > begin:
            libc.munmap(begin, end - begin)
    return done


def _madvise(start: int, length: int, advice: int) -> int:
    libc = _libc()
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return int(libc.madvise(start, length, advice))


def fork() -> int:
    """`os.fork`, with the child as the first process of a pid namespace of its own."""
    _unshare(NEWPID)
    pid = -1
    try:
        pid = os.fork()
    finally:
        if pid != 0:
            _check(_libc().setns(State.pid_namespace, NEWPID), "setns")
    return pid


# ---------------------------------------------------------------------------------------------------- the children


def close_all_but(keep: set[int]) -> None:
    """Close every open file but the standard ones and `keep`."""
    kept = {State.proc, *keep} if State.root else keep
    last = 3
    for fd in sorted(kept):
        if fd > last:
            os.closerange(last, fd)
        last = max(last, fd + 1)
    os.closerange(last, 1 << 16)


def enter(student: bool, settings: dict[str, Any]) -> None:
    """Lock the calling process, a fresh child of the warm parent. Raises OSError; then nothing must run in it."""
    os.setsid()
    inner = int(student) if State.two_users else 0
    if inner:
        os.setresgid(inner, inner, inner)
        os.setresuid(inner, inner, inner)
    _check(_prctl(_PR_SET_DUMPABLE, 1), "dumpable")  # /proc/self belongs to root otherwise
    _unshare(_FORKED)
    _write_maps(USER, inner, USER, inner)
    os.close(State.proc)
    megabytes, own = int(settings["file_mb"]), State.scratch
    _mount("tmpfs", own, "tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, f"size={megabytes}m,nr_inodes=10000,mode=700")
    os.mkdir(f"{own}/shm", 0o700)
    os.mkdir(f"{own}/home", 0o700)
    _mount(f"{own}/shm", "/dev/shm", None, _MS_BIND)
    os.chdir(f"{own}/home")
    limit_resources(student, settings)
    drop_capabilities()
    _check(_prctl(_PR_SET_NO_NEW_PRIVS, 1), "no_new_privs")
    install(State.filter)


def enter_in_sight(student: bool, settings: dict[str, Any]) -> None:
    """The same without namespaces, in the directory that the grader made for it. Raises OSError, as `enter` does."""
    os.setsid()
    home = _move_to(settings["directory"])
    if State.base is not None:
        user = State.base + int(student)
        for path in (settings["directory"], home):
            os.chown(path, user, user)
        for number in range(64):
            if _prctl(_PR_CAPBSET_DROP, number) == -1:
                break
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    _check(_prctl(_PR_SET_PDEATHSIG, signal.SIGKILL), "death signal")
    limit_resources(student, settings)
    _no_capabilities()
    _check(_prctl(_PR_SET_NO_NEW_PRIVS, 1), "no_new_privs")
    landlock.lock(State.readable, (f"/dev/{name}" for name in _DEVICES), settings["directory"])
    install(State.filter)


def enter_trusted(student: bool, settings: dict[str, Any]) -> None:
    """What is left without isolation: a session and a directory of its own, and resource limits."""
    os.setsid()
    _move_to(settings["directory"])
    limit_resources(student, settings)


def _move_to(directory: str) -> str:
    """Work in a home of this process's own inside `directory`, and keep temporary files beside it."""
    home = os.path.join(directory, "home")
    os.mkdir(home, 0o700)
    os.chdir(home)
    os.environ.update(HOME=home, TMPDIR=directory)
    tempfile.tempdir = None
    return home


def limit_resources(student: bool, settings: dict[str, Any]) -> None:
    """Memory, processes, files, processor time. For the judge, generous ones: it holds copies of what it is sent."""
    address, data = State.memory
    memory = int(settings["memory_mb"]) << 20
    if not student:
        memory = max(4 << 30, 2 * memory)
    seconds = int(settings["submission_seconds"]) + 60
    limits = {
        "RLIMIT_AS": address + memory + (64 << 20),
        "RLIMIT_DATA": data + memory,
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": int(settings["file_mb"]) << 20,
        "RLIMIT_NOFILE": 512,
        "RLIMIT_CPU": seconds * (1 if student else 2),
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_MSGQUEUE": 1 << 20,
        "RLIMIT_SIGPENDING": 1024,
    }
    if State.root:  # elsewhere the number counts all of the user's processes
        limits["RLIMIT_NPROC"] = int(settings["processes"])
    for name, value in limits.items():
        number = getattr(resource, name, None)
        if number is None or (address == 0 and name in ("RLIMIT_AS", "RLIMIT_DATA")):
            continue
        hard = resource.getrlimit(number)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError):
            resource.setrlimit(number, (value, value))


def drop_capabilities() -> None:
    """None in any set, none to be had again."""
    _check(_prctl(_PR_SET_SECUREBITS, _SECURE), "securebits")
    for number in range(64):
        if _prctl(_PR_CAPBSET_DROP, number) == -1:
            break
    _prctl(_PR_CAP_AMBIENT, 4)
    _no_capabilities()


def _no_capabilities() -> None:
    header = struct.pack("Ii", 0x20080522, 0)
    _syscall(_SYS_CAPSET, header, struct.pack("6I", 0, 0, 0, 0, 0, 0))


@functools.cache
def system_call_filter(in_sight: bool = False) -> bytes:
    """The compiled filter, with what namespaces would do if `in_sight`. Raises Refused where libseccomp is missing."""
    try:
        import pyseccomp as seccomp
    except (ImportError, RuntimeError, OSError) as error:
        raise Refused(errno.ENOSYS, "libseccomp is not installed (Debian: apt-get install libseccomp2)") from error
    deny = seccomp.ERRNO(errno.EPERM)
    rules = seccomp.SyscallFilter(seccomp.ALLOW)
    for call in DENIED:
        with contextlib.suppress(OSError, ValueError):  # a call that this architecture does not have
            rules.add_rule(deny, call)
    for flag in _EPERM_FLAGS:
        rules.add_rule(deny, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, flag, flag))
    rules.add_rule(seccomp.ERRNO(errno.ENOSYS), 435)  # clone3 hides its flags; the C library falls back to clone
    if in_sight:
        landlock.deny(rules, seccomp)
    else:
        rules.add_rule(deny, "socket", seccomp.Arg(0, seccomp.NE, 1))  # AF_UNIX
    rules.add_rule(deny, "ioctl", seccomp.Arg(1, seccomp.MASKED_EQ, 0xFFFFFFFF, 0x5412))  # TIOCSTI
    with os.fdopen(os.memfd_create("filter"), "w+b") as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def install(code: bytes) -> None:
    """Have the kernel apply a compiled filter to this process from now on."""
    program = _Program(len(code) // 8, code)
    _check(_libc().prctl(_PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0), "seccomp")
