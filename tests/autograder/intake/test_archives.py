"""Archives: rows 88 and 89, and their relatives."""

import gzip
import io
import stat
import tarfile
import zipfile

import pytest

from autograder.intake import Caps, NotGradable, unpack


def zipped(*entries, method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(*entries, mode="w:gz"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for entry, data in entries:
            info = entry if isinstance(entry, tarfile.TarInfo) else tarfile.TarInfo(entry)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def refusal(data, **caps):
    with pytest.raises(NotGradable) as caught:
        unpack(data, Caps(**caps))
    return caught.value.reason


@pytest.mark.parametrize("pack", [zipped, tarred, lambda *entries: tarred(*entries, mode="w")])
def test_plain_archives_come_in(pack):
    assert unpack(pack(("p1.ipynb", b"{}"), ("data/a.csv", b"1"))).files == {"p1.ipynb": b"{}", "data/a.csv": b"1"}
    assert unpack(pack(("ps1/p1.ipynb", b"{}"), ("ps1/data/a.csv", b"1"))).files == {
        "p1.ipynb": b"{}",
        "data/a.csv": b"1",
    }
    assert unpack(pack(("ps1/p1.ipynb", b"{}"), ("__MACOSX/._p1.ipynb", b"x"))).files == {"p1.ipynb": b"{}"}


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize(
    "name", ["../evil.txt", "a/../../evil.txt", "/etc/evil.txt", "C:/evil.txt", "a\\..\\evil.txt", "a//b", "x" * 300]
)
def test_88_names_that_lead_elsewhere(pack, name):
    refusal(pack(("p1.ipynb", b"{}"), (name, b"evil")))


def test_88_links_in_archives():
    link = tarfile.TarInfo("data")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    assert "is a link" in refusal(tarred((link, b"")))
    hard = tarfile.TarInfo("data")
    hard.type, hard.linkname = tarfile.LNKTYPE, "p1.ipynb"
    assert "is a link" in refusal(tarred(("p1.ipynb", b"{}"), (hard, b"")))
    device = tarfile.TarInfo("data")
    device.type = tarfile.CHRTYPE
    assert "is a link" in refusal(tarred((device, b"")))
    entry = zipfile.ZipInfo("data")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert "is a link" in refusal(zipped((entry, b"/etc/passwd")))


def test_89_a_bomb_is_not_unpacked():
    bomb = zipped(("p1.ipynb", b"0" * 200_000_000))
    assert len(bomb) < 250_000
    assert "unpacks to far more" in refusal(bomb)
    assert "unpacks to more" in refusal(gzip.compress(b"0" * 200_000_000))


def test_89_many_small_bombs_reach_the_same_cap():
    parts = zipped(*((f"{number}.txt", bytes(900_000)) for number in range(40)))
    assert "larger than 10 MB" in refusal(parts, total_mb=10)


def test_a_size_that_lies_is_found_out():
    data = bytearray(zipped(("p1.ipynb", b"0" * 3_000_000)))
    # The central directory says 100 bytes; zipfile reads on until the declared size or the cap, and the CRC tells.
    place = data.rfind(b"PK\x01\x02")
    data[place + 24 : place + 28] = (100).to_bytes(4, "little")
    assert "damaged" in refusal(bytes(data))


def test_too_many_entries():
    assert "more than 20 files" in refusal(zipped(*((f"{number}", b"") for number in range(30))), files=20)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 nonsense", b"\x1f\x8b nonsense", b"x" * 2000, b"Rar!\x1a\x07\x00"])
def test_what_is_no_archive_has_a_reason(data):
    assert "submit again" in refusal(data)


def test_duplicates_and_passwords():
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = zipped(("p1.ipynb", b"{}"), ("p1.ipynb", b"[]"))
    assert "is there twice" in refusal(twice)
    locked = bytearray(zipped(("p1.ipynb", b"{}")))
    locked[6] |= 1
    place = locked.rfind(b"PK\x01\x02")
    locked[place + 8] |= 1
    assert "password" in refusal(bytes(locked))


def test_archives_inside_stay_files():
    inner = zipped(("../evil", b"x"))
    assert unpack(zipped(("inner.zip", inner), ("p1.ipynb", b"{}"))).files["inner.zip"] == inner


def test_a_nul_in_a_name_hides_nothing():
    data = zipped(("p1.ipynbX../../evil", b"x")).replace(b"p1.ipynbX", b"p1.ipynb\0")
    refusal(data)
