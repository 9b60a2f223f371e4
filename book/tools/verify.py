"""Re-run chapters and compare everything a reader sees with what is committed. Exits with an error on any difference.

    python book/tools/verify.py [CHAPTER ...]

Strict nbval (every text output, letter by letter: nothing is sanitised away, and least of all a number), pictures by
pixels (`strict.py`), and the guards that keep either from passing on nothing (`guards.py`). Runs on a CPU or a GPU.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from book.tools.chapters import (
    CELL_TIMEOUT,
    CHAPTER_BYTES,
    CHAPTER_SECONDS,
    ROOT,
    BookError,
    find_chapters,
    run_environment,
)
from book.tools.guards import problems


def compare(
    chapters: list[Path], timeout: int = CELL_TIMEOUT, workers: int | None = None
) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run the chapters under nbval, `workers` at a time (by default as many as there are cores).

    Returns pytest's exit status and, by file name, what was compared and measured.
    """
    environment = run_environment()
    workers = min(len(chapters), workers or os.cpu_count() or 1)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        # Whole chapters go to a worker (loadscope): the cells of one share a kernel.
        command = [sys.executable, "-m", "pytest", "-p", "book.tools.strict", "--nbval", "--nbval-current-env"]
        command += [f"--nbval-cell-timeout={timeout}", f"--strict-report={report}", f"--rootdir={ROOT}"]
        command += ["-n", str(workers if workers > 1 else 0), "--dist", "loadscope", "-p", "no:cacheprovider"]
        command += ["-q", "--no-header", "--color=no", "-o", "addopts="]
        command += ["-o", f"timeout={timeout + 60}", "-o", "xfail_strict=false"]
        try:
            status = subprocess.run([*command, *map(str, chapters)], env=environment, cwd=ROOT).returncode
            return status, json.loads(report.read_text()) if report.exists() else {}
        finally:
            shutil.rmtree(environment["IPYTHONDIR"], ignore_errors=True)


def shortcomings(chapters: list[Path], found: dict[str, dict[str, Any]]) -> list[str]:
    """What a run that pytest calls passed may still lack, one line each."""
    lacking = []
    for path in chapters:
        chapter = found.get(path.name)
        if chapter is None or not chapter["compared"]:
            lacking.append(f"{path.name}: nothing was compared.")
        elif chapter["peak"] > CHAPTER_BYTES and not chapter["gpu"]:
            lacking.append(f"{path.name}: used {chapter['peak'] / 1e9:.1f} GB, more than {CHAPTER_BYTES / 1e9:.1f} GB.")
    return lacking


def summary(found: dict[str, dict[str, Any]]) -> str:
    """One line a chapter and one for all."""
    lines = []
    for name, chapter in sorted(found.items()):
        late = f", which should be at most {CHAPTER_SECONDS} s" if chapter["cpu"] > CHAPTER_SECONDS else ""
        lines.append(
            f"{name}: {chapter['compared']} of {chapter['cells']} cells had outputs to compare, "
            f"{chapter['figures']} figures, {chapter['failed']} failed, {chapter['seconds']:.0f} s "
            f"({chapter['cpu']:.0f} s of processor time{late}), "
            f"{chapter['peak'] / 1e9:.1f} GB{' and a GPU' if chapter['gpu'] else ''}"
        )
    cells, figures = (sum(chapter[key] for chapter in found.values()) for key in ("compared", "figures"))
    plural = "chapter" if len(found) == 1 else "chapters"
    lines.append(f"{len(found)} {plural}, {cells} cells and {figures} figures compared with what is committed.")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Re-run chapters and compare them with their committed outputs.")
    parser.add_argument("chapters", nargs="*", help="for example 02-convolution; all chapters if none is given")
    parser.add_argument("--timeout", type=int, default=CELL_TIMEOUT, help="seconds a cell may run (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        chapters = find_chapters(options.chapters)
        if not chapters:
            raise BookError("there is no chapter to verify: _toc.yml names no notebook.")
        if complaints := [line for path in chapters for line in problems(path)]:
            raise BookError("\n".join(["before anything is run:", *complaints]))
    except BookError as error:
        print(f"verify: {error}", file=sys.stderr)
        return 2
    status, found = compare(chapters, options.timeout)
    print(summary(found), flush=True)
    lacking = shortcomings(chapters, found) if status == 0 else []
    for line in lacking:
        print(f"verify: {line}", file=sys.stderr)
    if status or lacking:
        print("verify: FAILED. What is committed is not what the chapters do.", file=sys.stderr)
    return 1 if status or lacking else 0


if __name__ == "__main__":
    sys.exit(main())
