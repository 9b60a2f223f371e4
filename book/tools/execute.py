"""Re-run chapters in place and normalise them, so that running twice changes nothing.

    python book/tools/execute.py [CHAPTER ...]

A chapter whose cells all run replaces its file in one step; a chapter that fails leaves its file untouched. It must
never write anything that differs from run to run or from machine to machine: times, paths, addresses, random ids.
A cell whose output is not compared (measured times, say) runs, but keeps the output it has until its source changes.
"""

import argparse
import hashlib
import itertools
import json
import os
import re
import shutil
import site
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager

from book.tools.chapters import CELL_TIMEOUT, ROOT, BookError, find_chapters, run_environment

UNCOMPARED = "nbval-ignore-output"
KEPT = "kept-output-of"
"""Metadata of a cell whose output is not compared: a digest of the source that its stored output came from."""

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}

# What editors and runners leave behind: times, window state, random ids.
VOLATILE_NOTEBOOK = {"widgets", "signature", "toc", "vscode", "colab", "papermill", "varInspector", "celltoolbar"}
VOLATILE_CELL = {"execution", "ExecuteTime", "papermill", "collapsed", "scrolled", "trusted", "vscode", "colab"}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

VALID_ID = re.compile(r"^[a-zA-Z0-9-_]{1,64}$")
ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}\b")


def name_cells(notebook: dict[str, Any]) -> None:
    """Give each cell an id: the valid one it has, or one made from its text, so that the same cell gets the same id.

    `notebook` is the file's JSON as read, before nbformat fills in random ids. Changed in place.
    """
    taken: set[str] = set()
    for cell in notebook["cells"]:
        name = cell.get("id")
        if not (isinstance(name, str) and VALID_ID.match(name)) or name in taken:
            source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
            digest = hashlib.sha256(f"{cell['cell_type']}\n{source}".encode()).hexdigest()[:8]
            name, copy = digest, 1
            while name in taken:
                copy += 1
                name = f"{digest}-{copy}"
            cell["id"] = name
        taken.add(name)
    notebook["nbformat"], notebook["nbformat_minor"] = 4, 5


def read(path: Path) -> nbformat.NotebookNode:
    """Read a chapter with every cell named. Raises BookError if it is not a notebook of format 4."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["nbformat"] != 4:
            raise BookError(f"{path.name} is a notebook of format {raw['nbformat']}. Open and save it in JupyterLab.")
        name_cells(raw)
        return nbformat.reads(json.dumps(raw), as_version=4)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BookError(f"{path.name} cannot be read as a notebook: {error}") from error


def write(notebook: nbformat.NotebookNode, path: Path) -> bool:
    """Replace `path` in one step, unless it already holds the same bytes. Returns whether it changed."""
    text = nbformat.writes(notebook, version=4)
    text = text if text.endswith("\n") else text + "\n"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, suffix=".tmp", delete=False) as file:
        file.write(text)
    if path.exists():
        shutil.copymode(path, file.name)
    os.replace(file.name, path)
    return True


def machine_paths() -> list[str]:
    """Folders of this machine whose names no chapter may hold, longest first."""
    folders = {str(ROOT), str(Path.home()), sys.prefix, sysconfig.get_path("purelib"), sysconfig.get_path("stdlib")}
    folders |= {site.getusersitepackages(), tempfile.gettempdir()}
    return sorted((folder for folder in folders if len(folder) > 1), key=len, reverse=True)


def normalise(notebook: nbformat.NotebookNode) -> None:
    """Take out whatever differs from run to run or from machine to machine. Changed in place.

    Raises BookError, naming the cell, if an output shows a folder of this machine or a memory address.
    """
    metadata = notebook.metadata
    for key in VOLATILE_NOTEBOOK & set(metadata):
        del metadata[key]
    metadata.kernelspec = nbformat.from_dict(KERNELSPEC)
    metadata.language_info = nbformat.from_dict(LANGUAGE)
    count = 0
    for number, cell in enumerate(notebook.cells, 1):
        for key in VOLATILE_CELL & set(cell.metadata):
            del cell.metadata[key]
        cell.metadata.get("jupyter", {}).pop("outputs_hidden", None)
        if not cell.metadata.get("jupyter", True):
            del cell.metadata["jupyter"]
        if cell.cell_type != "code":
            continue
        if cell.source.strip():
            count += 1
            cell.execution_count = count
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = cell.execution_count
            if output.output_type == "error":
                output.traceback = [_without_paths(line) for line in output.traceback]
            if "data" in output:
                output.data.pop(WIDGET_VIEW, None)
        cell.outputs = join_streams([output for output in cell.outputs if output.get("data", True)])
        _refuse_traces(number, cell)


def join_streams(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """The outputs with each unbroken run of printed text as one: stdout, then stderr.

    A kernel sends what is printed in pieces, whose number and order depend on how busy the machine is.
    (nbclient can join them too, but moves what is printed after a picture above it.)
    """
    joined: list[nbformat.NotebookNode] = []
    for is_stream, run in itertools.groupby(outputs, lambda output: output.output_type == "stream"):
        if not is_stream:
            joined += run
            continue
        texts = {"stdout": "", "stderr": ""}
        for output in run:
            texts[output.name] += output.text
        joined += [nbformat.v4.new_output("stream", name=name, text=text) for name, text in texts.items() if text]
    return joined


def _without_paths(line: str) -> str:
    for folder in machine_paths():
        line = line.replace(folder + os.sep, "").replace(folder, "")
    return line


def _refuse_traces(number: int, cell: nbformat.NotebookNode) -> None:
    for output in cell.outputs:
        for text in _texts(output):
            if trace := next((folder for folder in machine_paths() if folder + os.sep in text), None):
                raise BookError(
                    f"cell {number} ({cell.id}) shows a folder of this machine, {trace}. "
                    f"Print a relative path, or put right what warns. Its first line: {_first_line(cell)}"
                )
            if address := ADDRESS.search(text):
                raise BookError(
                    f"cell {number} ({cell.id}) shows a memory address ({address[0]}), different on every run. "
                    f"End the cell with a semicolon, or print what matters. Its first line: {_first_line(cell)}"
                )


def _texts(output: nbformat.NotebookNode) -> list[str]:
    """The readable parts of an output; pictures are not text."""
    if output.output_type == "stream":
        return [output.text]
    if output.output_type == "error":
        return [output.evalue]
    return [text for kind, text in output.data.items() if isinstance(text, str) and not kind.startswith("image/")]


def _first_line(cell: nbformat.NotebookNode) -> str:
    return next((line for line in cell.source.splitlines() if line.strip()), "")


def run(notebook: nbformat.NotebookNode, folder: Path, timeout: int = CELL_TIMEOUT) -> None:
    """Run all cells in a fresh kernel of this Python, in `folder`. Outputs are stored in place.

    Raises BookError, naming the cell and saying why, if a cell raises, takes longer than `timeout` seconds or ends the
    kernel.
    """
    manager = AsyncKernelManager(kernel_name=CURRENT_ENV_KERNEL_NAME, kernel_spec_manager=NbvalKernelspecManager())
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=timeout,
        store_widget_state=False,
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    environment = run_environment()
    try:
        # What cells write to stderr comes back as messages; the pipe itself only holds the kernel's own chatter.
        with client.setup_kernel(env=environment, stderr=subprocess.DEVNULL):
            for index, cell in enumerate(notebook.cells):
                if cell.cell_type != "code":
                    continue
                cell.outputs, cell.execution_count = [], None
                try:
                    client.execute_cell(cell, index)
                except CellExecutionError as error:
                    trace = [_without_paths(line) for output in cell.outputs for line in output.get("traceback", [])]
                    text = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(trace)) or str(error)
                    raise BookError(
                        f"cell {index + 1} ({cell.id}) raised {error.ename}: {error.evalue}\n\n{text}"
                    ) from None
                except CellTimeoutError:
                    raise BookError(
                        f"cell {index + 1} ({cell.id}) ran longer than {timeout} seconds: {_first_line(cell)}"
                    ) from None
                except DeadKernelError:
                    raise BookError(
                        f"cell {index + 1} ({cell.id}) ended the kernel (out of memory?): {_first_line(cell)}"
                    ) from None
    finally:
        shutil.rmtree(environment["IPYTHONDIR"], ignore_errors=True)


def execute(path: Path, timeout: int = CELL_TIMEOUT) -> bool:
    """Run one chapter and store it, normalised. Returns whether its file changed.

    Raises BookError and leaves the file as it was if a cell fails.
    """
    notebook = read(path)
    before = {cell.id: (cell.metadata.get(KEPT), cell.get("outputs", [])) for cell in notebook.cells}
    run(notebook, path.parent, timeout)
    for cell in notebook.cells:
        if UNCOMPARED in cell.metadata.get("tags", []):
            source, outputs = before[cell.id]
            now = hashlib.sha256(cell.source.encode()).hexdigest()[:12]
            if outputs and source == now:
                cell.outputs = outputs
            cell.metadata[KEPT] = now
    normalise(notebook)
    nbformat.validate(notebook)
    return write(notebook, path)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Re-run chapters in place and normalise them.")
    parser.add_argument("chapters", nargs="*", help="for example 02-convolution; all chapters if none is given")
    parser.add_argument("--timeout", type=int, default=CELL_TIMEOUT, help="seconds a cell may run (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        chapters = find_chapters(options.chapters)
    except BookError as error:
        print(f"execute: {error}", file=sys.stderr)
        return 2
    failed = 0
    for path in chapters:
        start = time.perf_counter()
        try:
            changed = execute(path, options.timeout)
        except BookError as error:
            failed += 1
            print(f"execute: {path.name} is left as it was: {error}", file=sys.stderr)
            continue
        print(
            f"{path.name}: {'outputs renewed' if changed else 'nothing changed'}, {time.perf_counter() - start:.0f} s"
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
