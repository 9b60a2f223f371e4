"""Turning the source of a notebook cell into plain Python. Knows nothing of who runs it.

It must never run anything, and never fail on what a student may have typed: source that is no Python comes back as it
is, so that compiling it reports the error.
"""

from __future__ import annotations

import ast
import linecache
import re
from types import CodeType

_CELL_MAGIC = re.compile(r"\s*%%(\w+)")
_LINE = re.compile(r"(\s*)(%(?!%)\w|!|\?)")
_HELP = re.compile(r"\s*[\w.]+\?{1,2}\s*$")
_RUNS_ITS_BODY = {"time", "timeit", "capture", "prun"}  # cell magics whose body is Python of this notebook


def plain_python(source: str) -> str:
    """`source` with IPython's magics, shell lines and help requests blanked, every line where it was."""
    lines = source.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip()), None)
    if first is None:
        return source
    if magic := _CELL_MAGIC.match(lines[first]):
        if magic[1] not in _RUNS_ITS_BODY:
            return ""
        lines[first] = ""
    if not any(_LINE.match(line) or _HELP.match(line) for line in lines):
        return "\n".join(lines)
    try:
        ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass  # only then can it hold a magic: `a = 5\n%b` inside brackets or a string is Python
    else:
        return "\n".join(lines)
    for i, line in enumerate(lines):
        if match := _LINE.match(line):
            lines[i] = f"{match[1]}pass"
        elif _HELP.match(line):
            lines[i] = ""
    return "\n".join(lines)


def show_lines(name: str, source: str) -> None:
    """Let tracebacks show the lines of the code that is compiled under this name."""
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)


def compile_cell(tree_or_source: ast.Module | str, name: str, source: str, flags: int = 0) -> CodeType:
    """Code of a whole cell; tracebacks show its lines. Raises SyntaxError and ValueError."""
    show_lines(name, source)
    return compile(tree_or_source, name, "exec", flags=flags, dont_inherit=True)
