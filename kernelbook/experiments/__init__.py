"""Experiments that take minutes: a script each, and beside it, committed, a JSON file with the result of every run.

Chapters compute their tables from these files, and run a small part again to see that it agrees.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kernelbook.training import Spread


def stored(file: Path, **wanted: Any) -> dict[str, Any]:
    """The one case of `file` whose entries are as wanted: what names it, and for each measure a list over seeds.

    Raises ValueError where there is no such case, or more than one.
    """
    cases = json.loads(file.read_text())["results"]
    found = [case for case in cases if all(case.get(key) == value for key, value in wanted.items())]
    if len(found) != 1:
        raise ValueError(f"{file.name} has {len(found)} cases with {wanted}, expected one")
    return found[0]


def spread(file: Path, measure: str, **wanted: Any) -> Spread:
    """One measure of that case, over its seeds."""
    return Spread(tuple(stored(file, **wanted)[measure]))
