"""What the book is made of, and the one environment in which its chapters run.

`execute.py`, `verify.py`, `prose.py` and `build.py` share this file, so that a chapter is verified under exactly the
conditions under which its outputs were stored.
"""

import os
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
TOC = ROOT / "_toc.yml"

CELL_TIMEOUT = 300
"""Seconds one cell may run: long enough for a busy machine, since it is there to catch what never ends."""

CHAPTER_SECONDS = 90
"""Seconds of processor time that one chapter should need, which is what it takes on a laptop that does nothing else."""

CHAPTER_BYTES = 3 * 1024**3
"""Bytes of memory that one chapter's kernel may use at its peak, without a GPU."""


class BookError(Exception):
    """Something the person at the keyboard can put right. Its message says what and how."""


def toc_pages(toc: Path = TOC) -> list[str]:
    """The pages of the book in reading order, as they stand in `_toc.yml`: paths without a suffix."""

    def walk(node: object) -> list[str]:
        if isinstance(node, list):
            return [page for child in node for page in walk(child)]
        if not isinstance(node, dict):
            return []
        here = [str(node[key]) for key in ("root", "file") if key in node]
        return here + [page for key in ("parts", "chapters", "sections") for page in walk(node.get(key))]

    if not toc.exists():
        raise BookError(f"{toc.name} is missing: it lists the book's pages. Restore it: git checkout -- {toc.name}")
    return walk(yaml.safe_load(toc.read_text()))


def page_source(page: str, root: Path = ROOT) -> Path:
    """The file that a page of `_toc.yml` is written in. Raises BookError if there is none, or more than one."""
    stem = root / page
    found = [path for suffix in (".ipynb", ".md") if (path := stem.with_name(stem.name + suffix)).exists()]
    if not found:
        raise BookError(f"_toc.yml names {page}, but there is no {page}.ipynb or {page}.md. Write it or take it out.")
    if len(found) > 1:
        raise BookError(f"{page} exists as .ipynb and as .md, and Jupyter Book would pick one. Keep one of the two.")
    return found[0]


def toc_chapters(root: Path = ROOT) -> list[Path]:
    """The notebooks of the book in reading order."""
    sources = [page_source(page, root) for page in toc_pages(root / TOC.name)]
    return [path for path in sources if path.suffix == ".ipynb"]


def find_chapters(names: list[str], root: Path = ROOT) -> list[Path]:
    """The notebooks that `names` mean; all of the book's if there are no names.

    A name is a path, a file name, or what stands before `.ipynb` (`02-convolution`), or just its number (`02`).
    Raises BookError for a name that means none or several.
    """
    if not names:
        return toc_chapters(root)
    known = sorted((root / "book").glob("*.ipynb"))
    found = []
    for name in names:
        if Path(name).suffix == ".ipynb" and Path(name).is_file():
            found.append(Path(name).resolve())
            continue
        stem = Path(name).name.removesuffix(".ipynb")
        exact = [path for path in known if path.stem == stem]
        matching = exact or [path for path in known if path.stem.split("-")[0] == stem]
        if len(matching) != 1:
            names_known = ", ".join(path.stem for path in known) or "none yet"
            raise BookError(f"no chapter called {name!r}. The chapters in book/ are: {names_known}.")
        found.append(matching[0])
    return found


def run_environment() -> dict[str, str]:
    """Environment variables for a chapter's kernel: everything on this machine that could change an output is fixed."""
    private = tempfile.mkdtemp(prefix="kernelbook-ipython-")
    path = os.environ.get("PYTHONPATH", "")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [path])]),
        # The order of a floating-point sum depends on the number of threads.
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "TQDM_DISABLE": "1",  # a progress bar is for whoever waits, not for the page
        # CUDA's matrix products are only repeatable with a fixed workspace.
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        # No reader's own matplotlibrc or IPython start-up file may reach a figure; svg.hashsalt is in this file.
        "MATPLOTLIBRC": str(Path(__file__).with_name("matplotlibrc")),
        "IPYTHONDIR": private,
        # matplotlib writes this date into SVG files instead of today's.
        "SOURCE_DATE_EPOCH": "0",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "TERM": "dumb",
        "COLUMNS": "80",
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
    }
