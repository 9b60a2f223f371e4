"""Small notebooks and a small book for the tests to break."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).parents[2]


def write_notebook(path: Path, *cells: nbformat.NotebookNode) -> Path:
    """A notebook of these cells, never run."""
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


def code(source: str, **metadata: object) -> nbformat.NotebookNode:
    return new_code_cell(source, metadata=metadata)


def text(source: str) -> nbformat.NotebookNode:
    return new_markdown_cell(source)


def run_tool(name: str, *arguments: object, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run one of the book's tools as `make` does."""
    return subprocess.run(
        [sys.executable, root / "book/tools" / f"{name}.py", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(root)},
        cwd=root,
        capture_output=True,
        text=True,
    )


def make_small_book(root: Path) -> Path:
    for name in ("_config.yml", "_toc.yml", "requirements.txt", "package-lock.json"):
        shutil.copy(ROOT / name, root / name)
    (root / "book").mkdir()
    shutil.copytree(ROOT / "book/tools", root / "book/tools", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "book/static", root / "book/static")
    dist = root / "kernelbook/labs/dist"
    dist.mkdir(parents=True)
    (dist / "labs.js").write_text("document.documentElement.dataset.labs = 'loaded';\n")
    (root / "node_modules").symlink_to(ROOT / "node_modules")
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/index\nchapters:\n  - file: book/01-small\n")
    (root / "book/references.bib").write_text("@book{b, title={T}, author={A, B}, year={2001}, publisher={P}}\n")
    (root / "book/index.md").write_text(
        "# Front\n\nRead [the chapter](01-small.ipynb). {cite}`b`\n\n```{bibliography}\n```\n"
    )
    lab = '<figure class="lab" data-lab="still" data-state="{}"><svg role="img" aria-label="a dot"/></figure>'
    chapter = write_notebook(root / "book/01-small.ipynb", text("# Small\n\n$x^2$ is a square."), code("lab"))
    notebook = nbformat.read(chapter, as_version=4)
    data = {"text/html": lab, "text/plain": "Still()"}
    notebook.cells[1].outputs = [nbformat.v4.new_output("execute_result", data, execution_count=1)]
    notebook.cells[1].execution_count = 1
    notebook.metadata.language_info = {"name": "python", "pygments_lexer": "ipython3"}
    nbformat.write(notebook, chapter)
    return root
