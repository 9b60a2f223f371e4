"""A pytest plugin beside nbval: what a reader sees as a picture is compared too, in the same run of the same cells.

nbval compares text exactly and skips pictures. This compares them with `figures.py`, whether they are outputs of their
own or stand inside an HTML output, counts what was really compared, and measures each chapter's time and memory.
`verify.py` loads it and reads the file that `--strict-report` names.
"""

import functools
import json
import sys
from collections.abc import Generator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, NbCellError

from book.tools.figures import differing, take_out

PICTURES = ("image/png", "image/jpeg", "image/svg+xml")
NOT_COMPARED = {*PICTURES, "application/vnd.jupyter.widget-view+json"}

# Asked of the kernel after each cell: its peak resident memory (macOS counts bytes, Linux kB) and seconds of processor
# time, and whether it uses a GPU.
USAGE = "(lambda u: [u.ru_maxrss, u.ru_utime + u.ru_stime])(__import__('resource').getrusage(0))"
GPU = "(lambda t: bool(t and t.cuda.is_initialized()))(__import__('sys').modules.get('torch'))"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("strict").addoption("--strict-report", help="write what was compared and measured to this file")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let nbval compare the text of an HTML output, and leave its pictures to us."""
    if isinstance(item, IPyNbCell):
        item.sanitize = functools.partial(_text_only, item.sanitize)
        if "image/svg+xml" not in item.parent.skip_compare:
            item.parent.skip_compare += ("image/svg+xml",)


def _text_only(sanitize: Any, value: Any) -> Any:
    text = sanitize(value)
    return take_out(text)[0] if isinstance(text, str) else text


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """After nbval has run a cell and compared its text, compare its pictures."""
    if not isinstance(item, IPyNbCell):
        return (yield)
    try:
        result = yield
    finally:
        item.user_properties += _measure(item)
    if item.options["check"]:
        reference, fresh = pictures(item.cell.outputs), pictures(item.test_outputs)
        _compare(item, reference, fresh)
        text = any(_has_text(output) for output in item.cell.outputs)
        item.user_properties += [("compared", bool(text or reference)), ("figures", len(reference))]
    return result


def pictures(outputs: list[Any]) -> list[tuple[str, str]]:
    """The pictures in a cell's outputs in order, as (MIME type, content): those of their own and those inside HTML."""
    found = []
    for output in outputs:
        data = output.get("data", {})
        found += [(kind, data[kind]) for kind in PICTURES if kind in data]
        found += take_out(data.get("text/html", ""))[1]
    return found


def _has_text(output: Any) -> bool:
    return bool(output.get("text") or output.get("ename") or set(output.get("data", {})) - NOT_COMPARED)


def _compare(item: IPyNbCell, reference: list[tuple[str, str]], fresh: list[tuple[str, str]]) -> None:
    if [kind for kind, _ in reference] != [kind for kind, _ in fresh]:
        _fail(item, f"the stored pictures are {_kinds(reference)}, the fresh ones {_kinds(fresh)}")
    for number, ((kind, stored), (_, drawn)) in enumerate(zip(reference, fresh, strict=True), 1):
        if difference := differing(kind, stored, drawn):
            _fail(item, f"picture {number}: {difference}")


def _kinds(pictures: list[tuple[str, str]]) -> str:
    return ", ".join(kind for kind, _ in pictures) or "none"


def _fail(item: IPyNbCell, message: str) -> None:
    raise NbCellError(item.cell_num, "Cell pictures differ", item.cell.source, message)


def _measure(item: IPyNbCell) -> list[tuple[str, Any]]:
    """The kernel's peak memory in bytes, its processor time in seconds and whether it uses a GPU, if it answers."""
    kernel = item.parent.kernel
    if kernel is None or not kernel.is_alive() or item.parent.timed_out:
        return []
    message = kernel.kc.execute("", silent=True, user_expressions={"usage": USAGE, "gpu": GPU}, allow_stdin=False)
    try:
        while (reply := kernel.kc.get_shell_msg(timeout=10))["parent_header"].get("msg_id") != message:
            pass
    except Empty:
        return []
    answers = reply["content"].get("user_expressions", {})
    if any(answer.get("status") != "ok" for answer in answers.values()) or not answers:
        return []
    memory, seconds = json.loads(answers["usage"]["data"]["text/plain"])
    peak = memory * (1 if sys.platform == "darwin" else 1024)
    return [("peak", peak), ("cpu", seconds), ("gpu", answers["gpu"]["data"]["text/plain"] == "True")]


class Ledger:
    """Adds up what the reports say, chapter by chapter; in the one process that sees them all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.chapters: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = Path(report.location[0]).name
        empty = {
            "cells": 0,
            "compared": 0,
            "figures": 0,
            "failed": 0,
            "seconds": 0.0,
            "cpu": 0.0,
            "peak": 0,
            "gpu": False,
        }
        chapter = self.chapters.setdefault(name, empty)
        chapter["seconds"] += report.duration
        chapter["failed"] += report.failed
        if report.when != "call":
            return
        chapter["cells"] += 1
        said = dict(report.user_properties)
        chapter["compared"] += bool(said.get("compared")) and report.passed
        chapter["figures"] += said.get("figures", 0) if report.passed else 0
        for measure in ("peak", "cpu"):
            chapter[measure] = max(chapter[measure], said.get(measure, 0))
        chapter["gpu"] = chapter["gpu"] or said.get("gpu", False)

    def pytest_sessionfinish(self) -> None:
        self.path.write_text(json.dumps(self.chapters))


def _execute(kernel: RunningKernel, source: str, allow_stdin: bool = False) -> str:
    """Run a cell as Jupyter does. nbval keeps cells out of the history, where IPython looks for a closing semicolon."""
    return kernel.kc.execute(source, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)


def pytest_configure(config: pytest.Config) -> None:
    RunningKernel.execute_cell_input = _execute
    if (path := config.getoption("--strict-report")) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Ledger(Path(path)), "strict-ledger")
