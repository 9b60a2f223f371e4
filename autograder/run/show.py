"""Short text for values, for feedback: made here, from plain data, and never by a student's `__repr__`.

Whatever comes in, what goes out is printable, bounded and takes bounded time.
"""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np

from .remote import Handle, StudentModule

LENGTH = 300  # characters of one value


def clean(text: str, length: int = LENGTH) -> str:
    """`text` on one line, without characters that do not print or that turn the reading direction, cut at `length`."""
    cut = " ".join(text[: 4 * length].split())
    out = "".join(c if c.isprintable() else "�" for c in cut)
    return out if len(out) <= length else out[: length - 1] + "…"


def paragraph(text: str, length: int = 2000, lines: int = 48) -> str:
    """What an author wrote for people, with its line breaks and the columns of its tables: blank lines never two."""
    given: list[str] = []
    for raw in text[: 4 * length].strip("\n").splitlines():
        line = "".join(c if c.isprintable() else "�" for c in raw.expandtabs(4).rstrip())
        line = line if len(line) <= LENGTH else line[: LENGTH - 1] + "…"
        if line or (given and given[-1]):
            given.append(line)
    shown = given if len(given) <= lines else [*given[: lines - 1], "…"]
    out = "\n".join(shown).strip()
    return out if len(out) <= length else out[: length - 1] + "…"


class _Repr(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = self.maxdeque = 12
        self.maxstring = 120
        self.maxlong = 60
        self.maxother = 120

    def repr1(self, x: Any, level: int) -> str:
        if isinstance(x, Handle):
            return f"<{x._kbk_about.article.removeprefix('an ').removeprefix('a ').removeprefix('the ')}>"
        if isinstance(x, StudentModule):
            return "<module>"
        if type(x) is np.ndarray:
            return self.numbers("array", x)
        if type(x).__module__.startswith("torch") and hasattr(x, "detach") and hasattr(x, "layout"):
            plain = x.detach()
            kind = str(plain.dtype).removeprefix("torch.")
            return self.numbers("tensor", plain.float().numpy() if kind == "bfloat16" else plain.numpy(), kind)
        if isinstance(x, np.generic):
            return f"{type(x).__name__}({x.item()!r})"
        return super().repr1(x, level)

    def repr_instance(self, x: Any, level: int) -> str:
        """Objects of libraries and of the test; a student's are handles and do not come here."""
        if isinstance(x, type):
            return x.__name__
        try:
            text = repr(x)
        except Exception:
            text = f"<{type(x).__name__}>"
        return text if len(text) <= self.maxother else f"<{type(x).__name__}>"

    def numbers(self, kind: str, x: np.ndarray, dtype: str = "") -> str:
        shape = "×".join(map(str, x.shape)) or "scalar"
        with np.printoptions(precision=5, threshold=16, edgeitems=3, linewidth=10_000):
            text = " ".join(str(x).split())
        return f"{kind} {shape} {dtype or x.dtype}: {text}"


_SHOWN = _Repr()


def show(value: Any, length: int = LENGTH) -> str:
    """`value` in at most `length` characters."""
    try:
        return clean(_SHOWN.repr(value), length)
    except Exception:
        return f"<{type(value).__name__}>"
