"""The first room: from what a student handed in to a set of plain files, or a reason why not.

A submission comes from a directory or an archive that the student controlled. It leaves this room as bytes in memory
that nobody can change any more: no links, devices or pipes, no names that mean something to a shell, a terminal or a
file system, nothing larger than the caps. Files are opened relative to an open directory and without following links,
so that a name cannot be swapped for another between the look and the read. Nothing here runs a shell, and nothing here
unpickles, imports or executes anything.

Every refusal is a `NotGradable` whose reason a student can act on.

Time. nbgrader's file-system exchange has no clock of its own: the name of the inbox directory and `timestamp.txt` are
both written by the student's process, and so is the modification time of every file. `settle_time` holds such a claim
against what the server knows (a change time, which only the kernel sets) and `plugin.Collect` writes the outcome into
`submitted/`, out of the student's reach. An exchange with its own clock simply writes `timestamp.txt` itself.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import itertools
import os
import re
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

from nbgrader.utils import parse_utc

TIMESTAMP = "timestamp.txt"
SECRET = "submission_secret.txt"
# Written by the exchange, not by the student: no part of the answer.
RESERVED = frozenset({TIMESTAMP, SECRET})
# Left out without a look, by name: what editors and tools leave behind. Names that start with a dot are left out too.
IGNORED = frozenset(
    {"__pycache__", "node_modules", "venv", "__MACOSX", "feedback", "Icon\r", "desktop.ini", "Thumbs.db"}
)

# Left in place of a submission that was refused when it was collected; holds the reason.
REFUSED = ".not-gradable"

CHUNK = 1 << 20
# A claimed time this much before the server's own is a different clock, not a different day.
CLOCK_SKEW = timedelta(minutes=10)
# Nothing was handed in through nbgrader before nbgrader existed.
EARLIEST = datetime(2014, 1, 1)


class NotGradable(Exception):
    """There is nothing here to grade. `reason` says why, in words a student can act on."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Caps:
    """How much a submission may be. Sizes in MB of 10^6 bytes."""

    notebook_mb: float = 50
    file_mb: float = 50
    total_mb: float = 100
    files: int = 500
    depth: int = 8  # directories below the submission's own
    name_bytes: int = 255
    ratio: int = 200  # unpacked to packed size of an archive
    cells: int = 2000
    cell_mb: float = 1  # source of one cell
    source_mb: float = 4  # sources of all cells of a notebook


@dataclass(frozen=True)
class Submission:
    """Plain files, by relative POSIX path. Nobody writes to `files` after `take_in`."""

    files: dict[str, bytes]
    caps: Caps = field(default_factory=Caps)

    @property
    def digest(self) -> str:
        """SHA-256 over names and contents, independent of their order, of `timestamp.txt` and of the secret."""
        total = hashlib.sha256()
        for name in sorted(self.files.keys() - RESERVED):
            total.update(f"{len(name.encode())}:{name}:{len(self.files[name])}:".encode())
            total.update(self.files[name])
        return total.hexdigest()

    def notebook(self, name: str) -> bytes:
        """The bytes of `name`.ipynb. Raises NotGradable if it was not handed in, and says what was."""
        try:
            return self.files[f"{name}.ipynb"]
        except KeyError:
            pass
        renamed = [path for path in sorted(self.files) if path.endswith(".ipynb") and name.lower() in path.lower()]
        hint = f"It has {shown(renamed[0])} instead. Rename it" if len(renamed) == 1 else "Put it there"
        raise NotGradable(f"The submission has no file {shown(name + '.ipynb')}. {hint} and submit again.")

    def extra_files(self) -> dict[str, bytes]:
        """What the student added beside the notebooks: modules, data, pictures."""
        return {path: data for path, data in self.files.items() if path not in RESERVED and not path.endswith(".ipynb")}

    @property
    def claimed_time(self) -> str | None:
        """What `timestamp.txt` says, unchecked; None if there is none."""
        data = self.files.get(TIMESTAMP)
        return None if data is None else data[:100].decode("utf-8", "replace").strip()

    @property
    def secret(self) -> str | None:
        """What nbgrader's exchange uses to find the feedback again, if it looks like that."""
        text = self.files.get(SECRET, b"")[:300].decode("ascii", "replace").strip()
        return text if re.fullmatch(r"[0-9A-Za-z_-]{16,256}", text) else None


def shown(name: str) -> str:
    """A name in quotes that is safe to print: no control characters, no right-to-left tricks, at most 60 characters."""
    plain = "".join(char if _plain(char) else f"\\u{ord(char):04x}" for char in name)
    return f"“{plain[:57]}…”" if len(plain) > 60 else f"“{plain}”"


def _plain(char: str) -> bool:
    # Zero-width joiners are part of some scripts and of emoji; every other invisible character in a name is a disguise.
    return char in "\u200c\u200d" or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def odd(name: str, caps: Caps) -> str | None:
    """What is wrong with one part of a path, or None."""
    if name in {"", ".", ".."}:
        return "is no name for a file"
    if any("\ud800" <= char <= "\udfff" for char in name):
        return "has a name that is not UTF-8"
    if not all(map(_plain, name)):
        return "has invisible or control characters in its name"
    if len(name.encode()) > caps.name_bytes:
        return f"has a name longer than {caps.name_bytes} bytes"
    if "/" in name or "\\" in name:
        return "has a slash or backslash in its name"
    if name != name.strip():
        return "has a space at the start or end of its name"
    return None


def skipped(name: str) -> bool:
    """Whether a directory entry is no part of a submission, by its name alone."""
    return name.startswith(".") or name in IGNORED or name.endswith(".pyc")


class _Pile:
    """Files collected so far, and what is wrong with the rest."""

    def __init__(self, caps: Caps):
        self.caps = caps
        self.files: dict[str, bytes] = {}
        self.total = 0
        self.count = 0
        self.faults: list[str] = []

    def fault(self, path: str, what: str) -> None:
        self.faults.append(f"{shown(path)} {what}")
        # One reason is enough to refuse; a few help to mend everything at once.
        if len(self.faults) >= 5:
            self.close()

    def cap(self, path: str) -> int:
        """Bytes that the file may have."""
        megabytes = self.caps.notebook_mb if path.endswith(".ipynb") else self.caps.file_mb
        return int(min(megabytes * 1e6, self.caps.total_mb * 1e6 - self.total))

    def announce(self) -> None:
        self.count += 1
        if self.count > self.caps.files:
            raise NotGradable(
                f"The submission has more than {self.caps.files} files. Submit only the notebook and what it needs."
            )

    def add(self, path: str, chunks: Iterable[bytes]) -> None:
        cap = self.cap(path)
        data = bytearray()
        for chunk in chunks:
            data += chunk
            if len(data) > cap:
                raise NotGradable(
                    f"{shown(path)} is larger than {cap / 1e6:.3g} MB, or makes the submission larger than "
                    f"{self.caps.total_mb:.3g} MB. Clear the outputs or remove the data, and submit again."
                )
        # Two spellings of one name (macOS decomposes accents) are one file.
        path = unicodedata.normalize("NFC", path)
        if path in self.files:
            return self.fault(path, "is there twice")
        self.files[path] = bytes(data)
        self.total += len(data)

    def close(self) -> Submission:
        if self.faults:
            raise NotGradable(
                f"A submission is made of plain files. {'; '.join(self.faults)}. "
                "Remove or rename that and submit again."
            )
        return Submission(self.files, self.caps)


def take_in(directory: Path | str, caps: Caps | None = None) -> Submission:
    """Read a submission's directory.

    Raises NotGradable for links, devices, pipes, odd names, and anything over the caps.
    """
    pile = _Pile(caps or Caps())
    try:
        root = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        raise NotGradable("The submission is not a directory that can be read. Submit it again.") from None
    try:
        if (reason := _refusal(root)) is not None:
            raise NotGradable(reason)
        owner = os.fstat(root).st_uid
        _walk(root, "", 0, owner, pile)
    finally:
        os.close(root)
    return pile.close()


def _refusal(root: int) -> str | None:
    try:
        with _open(REFUSED, root, os.O_NONBLOCK) as descriptor:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return os.read(descriptor, 4000).decode("utf-8", "replace")
    except OSError:
        pass
    return None


def _walk(directory: int, prefix: str, depth: int, owner: int, pile: _Pile) -> None:
    with os.scandir(directory) as entries:
        # Sorted, so that the same submission always gives the same reason.
        names = sorted(entry.name for entry in _at_most(entries, 100 * pile.caps.files))
    for name in names:
        if skipped(name):
            continue
        path = prefix + name
        pile.announce()
        if what := odd(name, pile.caps):
            pile.fault(path, what)
            continue
        try:
            mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                if depth >= pile.caps.depth:
                    pile.fault(path, f"is more than {pile.caps.depth} directories deep")
                    continue
                with _open(name, directory, os.O_DIRECTORY) as child:
                    _walk(child, path + "/", depth + 1, owner, pile)
            elif stat.S_ISREG(mode):
                with _open(name, directory, os.O_NONBLOCK) as child:
                    found = os.fstat(child)
                    if not stat.S_ISREG(found.st_mode):
                        pile.fault(path, "is not a plain file")
                    # A second name for a file of somebody else's is a link by another means.
                    elif found.st_nlink > 1 and found.st_uid != owner:
                        pile.fault(path, "is a link")
                    else:
                        pile.add(path, iter(lambda fd=child: os.read(fd, CHUNK), b""))  # type: ignore[misc]
            elif stat.S_ISLNK(mode):
                pile.fault(path, "is a link (put the file itself there)")
            else:
                pile.fault(path, "is not a plain file")
        except OSError as error:
            pile.fault(path, f"cannot be read ({error.strerror})")


def _at_most(entries: Iterable[os.DirEntry], number: int) -> Iterator[os.DirEntry]:
    for count, entry in enumerate(entries):
        if count >= number:
            raise NotGradable("A directory of the submission has far too many files. Remove them and submit again.")
        yield entry


@contextmanager
def _open(name: str, directory: int, flags: int) -> Iterator[int]:
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=directory)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def unpack(data: bytes, caps: Caps | None = None, *, unwrap: bool = True) -> Submission:
    """Read a submission that came as one zip or tar(.gz) file. Archives inside it stay what they are: files.

    unwrap: take off a single directory around everything. Raises NotGradable for links, names that leave the archive,
    passwords, duplicates, anything over the caps, and contents that unpack to more than `caps.ratio` times their size.
    """
    pile = _Pile(caps or Caps())
    if len(data) > pile.caps.total_mb * 1e6:
        raise NotGradable(f"The archive is larger than {pile.caps.total_mb:.3g} MB. Remove data and submit again.")
    try:
        if data[:4] in {b"PK\x03\x04", b"PK\x05\x06"}:
            _unzip(data, pile)
        else:
            _untar(_gunzip(data, pile.caps), pile)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, ValueError, NotImplementedError):
        raise NotGradable(
            "The archive is damaged or of a kind that cannot be opened. Make a plain .zip file and submit again."
        ) from None
    submission = pile.close()
    return Submission(_without_wrapper(submission.files), submission.caps) if unwrap else submission


def _unzip(data: bytes, pile: _Pile) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if len(entries) > 100 * pile.caps.files:
            raise NotGradable("The archive has far too many entries. Remove them and submit again.")
        for entry in entries:
            mode = entry.external_attr >> 16
            if entry.is_dir() and not stat.S_ISLNK(mode):
                continue
            # The name as it is stored: zipfile's own has lost what comes after a NUL.
            if not _acceptable(entry.orig_filename, pile):
                continue
            if entry.flag_bits & 0x1:
                pile.fault(entry.filename, "is protected by a password")
            elif stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
                pile.fault(entry.filename, "is a link or no plain file")
            elif entry.file_size > 1e6 and entry.file_size > pile.caps.ratio * max(1, entry.compress_size):
                pile.fault(entry.filename, "unpacks to far more than its packed size")
            else:
                with archive.open(entry) as stream:
                    pile.add(entry.filename, iter(lambda s=stream: s.read(CHUNK), b""))  # type: ignore[misc]


def _gunzip(data: bytes, caps: Caps) -> bytes:
    if data[:2] != b"\x1f\x8b":
        return data
    # Room for tar's own headers beside the files.
    cap = int(min(caps.total_mb * 1e6 + 2048 * caps.files, caps.ratio * len(data) + 1e6))
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        unpacked = stream.read(cap + 1)
    if len(unpacked) > cap:
        raise NotGradable(
            f"The archive unpacks to more than {cap / 1e6:.3g} MB. "
            "Remove what the notebook does not need and submit again."
        )
    return unpacked


def _untar(data: bytes, pile: _Pile) -> None:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for entry in archive:
            if entry.isdir():
                continue
            if not _acceptable(entry.name, pile):
                continue
            stream = archive.extractfile(entry) if entry.isreg() and not entry.issparse() else None
            if stream is None:
                pile.fault(entry.name, "is a link or no plain file")
                continue
            pile.add(entry.name, iter(lambda s=stream: s.read(CHUNK), b""))  # type: ignore[misc]


def _acceptable(path: str, pile: _Pile) -> bool:
    """Whether a path inside an archive may be read; notes a fault if it is more than uninteresting."""
    pile.announce()
    parts = path.removeprefix("./").split("/")
    if any(skipped(part) for part in parts if part not in {".", ".."}):
        return False
    fault = next((what for part in parts if (what := odd(part, pile.caps))), None)
    if fault is None and (path.startswith("/") or re.match(r"[A-Za-z]:", path)):
        fault = "is an absolute path"
    if fault is None and len(parts) - 1 > pile.caps.depth + 1:
        fault = f"is more than {pile.caps.depth} directories deep"
    if fault:
        pile.fault(path, fault)
    return not fault


def _without_wrapper(files: dict[str, bytes]) -> dict[str, bytes]:
    files = {path.removeprefix("./"): data for path, data in files.items()}
    tops = {PurePosixPath(path).parts[0] for path in files}
    if len(tops) == 1 and all("/" in path for path in files):
        top = tops.pop() + "/"
        return {path.removeprefix(top): data for path, data in files.items()}
    return files


def settle_time(
    claimed: str | None,
    server: datetime,
    *,
    trust_claim: bool = False,
    skew: timedelta = CLOCK_SKEW,
    warn: Callable[[str], None] = lambda text: None,
) -> datetime | None:
    """The time a submission counts as received, naive UTC.

    claimed: what `timestamp.txt` or a directory's name says. server: a time the student could not set back (when the
    kernel last saw the submission change, or when it was collected). trust_claim: the claim was written by the
    instructor's side; then only nonsense in it is replaced.

    None for no claim that is trusted: the instructor put the submission there, and nbgrader calls that "not late".
    """
    if claimed is None or not claimed:
        return None if trust_claim else server
    try:
        moment = parse_utc(claimed)
        if moment is None or not EARLIEST <= moment <= server + skew:
            raise ValueError
    except Exception:  # a parser of dates meets any bytes here
        warn(f"timestamp {shown(claimed)} makes no sense; using the server's time, {server:%Y-%m-%d %H:%M:%S} UTC")
        return server
    if trust_claim:
        return moment
    if server - moment <= skew:
        return min(moment, server)
    warn(
        f"timestamp {shown(claimed)} is {server - moment} before the server saw the submission; "
        f"using the server's time, {server:%Y-%m-%d %H:%M:%S} UTC"
    )
    return server


def last_change(directory: Path | str) -> datetime:
    """When the kernel last saw the directory or a file in it change, naive UTC. Owners can move this forward only."""
    latest = os.stat(directory, follow_symlinks=False).st_ctime
    with os.scandir(directory) as entries:
        for entry in itertools.islice(entries, 10_000):
            latest = max(latest, entry.stat(follow_symlinks=False).st_ctime)
    return datetime.fromtimestamp(latest, UTC).replace(tzinfo=None)


def received(directory: Path | str, warn: Callable[[str], None] = lambda text: None) -> datetime | None:
    """When the submission in the course's own `submitted/` counts as received, naive UTC; None if nothing says so.

    What stands in `timestamp.txt` there came from the exchange or from the instructor, who may have meant any day, so
    it is believed if it is a day. If it is not, or is no plain file, the server's time replaces it, in the file too:
    nbgrader's own pages open that file by name and stumble over what they find.
    """
    path = Path(directory) / TIMESTAMP
    try:
        entry = path.lstat()
    except OSError:
        return None
    claimed: str | None = "no plain file"
    if stat.S_ISREG(entry.st_mode):
        try:
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                text = file.read(101)
            claimed = text.decode("utf-8", "replace").strip() if len(text) <= 100 else "too long"
            if not claimed:
                return None
        except OSError:
            claimed = "unreadable"
    troubles: list[str] = []
    moment = settle_time(claimed, last_change(directory), trust_claim=True, warn=troubles.append)
    if troubles:
        warn(f"{shown(str(Path(directory).parent.name))}: {troubles[0]}")
        try:
            if stat.S_ISDIR(entry.st_mode):
                path.rename(path.with_name(f"{TIMESTAMP}.refused-{os.urandom(4).hex()}"))
            write_atomically(path, f"{moment} UTC".encode())
        except OSError as error:
            warn(f"{path}: could not be replaced ({error.strerror})")
    return moment


def write_atomically(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file so that a reader, or a crash, sees the old one or the new one. Replaces a link, never follows it."""
    temporary = path.with_name(f".{os.urandom(6).hex()}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), mode)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
