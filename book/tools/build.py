"""Build the published book into `_build/html`. Nothing is executed: the pages show the committed outputs.

    python book/tools/build.py [--if-stale] [--weights] [--output FOLDER]

Every build is a fresh one in a folder of its own that replaces the old site only when it is complete, without a
warning: Sphinx does not notice changed scripts or styles by itself, and a server may be showing the old site.
"""

import argparse
import gzip
import hashlib
import io
import logging
import re
import statistics
import sys
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from book.tools.chapters import ROOT, BookError, page_source, toc_pages

SITE = ROOT / "_build/html"

INPUTS = ("_config.yml", "_toc.yml", "requirements.txt", "package-lock.json", "book", "kernelbook/labs/dist")
"""What the site is made of, from the top of the repository."""

# Sphinx's warnings are errors, but for these. Each says why.
ALLOWED_WARNINGS: tuple[tuple[str, str], ...] = ()

REDIRECT = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Kernel by Kernel</title>
<meta http-equiv="refresh" content="0; url=book/index.html"><link rel="canonical" href="book/index.html"></head>
<body><p><a href="book/index.html">Kernel by Kernel</a></p></body></html>
"""


def fingerprint(root: Path = ROOT) -> str:
    """A digest of every file that the site is made of."""
    digest = hashlib.sha256()
    for name in INPUTS:
        path = root / name
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(file.parts):
                digest.update(f"{file.relative_to(root)}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def stale(output: Path = SITE, root: Path = ROOT) -> bool:
    """Whether the site in `output` is not there or was built from something else than what is here now."""
    stamp = output / ".stamp"
    return not stamp.exists() or stamp.read_text() != fingerprint(root)


def build(output: Path = SITE, root: Path = ROOT) -> None:
    """Build a fresh site and put it in the place of `output`.

    Raises BookError with one line per warning, and leaves `output` as it was, if anything is wrong.
    """
    for page in toc_pages(root / "_toc.yml"):
        page_source(page, root)
    if not (root / "kernelbook/labs/dist/labs.js").exists():
        raise BookError("kernelbook/labs/dist/labs.js is missing. Run: make labs")
    mark = fingerprint(root)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".book-", dir=output.parent) as folder:
        site = Path(folder) / "html"
        complaints = run_sphinx(root, site, Path(folder) / "doctrees")
        if complaints:
            raise BookError("\n".join(["the book was not built:", *complaints]))
        for leftover in (site / ".buildinfo", site / "objects.inv"):
            leftover.unlink(missing_ok=True)
        (site / "index.html").write_text(REDIRECT)
        (site / ".stamp").write_text(mark)
        old = Path(folder) / "old"
        if output.exists():
            output.rename(old)
        site.rename(output)


def run_sphinx(root: Path, site: Path, doctrees: Path) -> list[str]:
    """Run Jupyter Book's Sphinx build. Returns its complaints, one line each; none if all is well."""
    from jupyter_book.sphinx import build_sphinx

    said, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(said), redirect_stderr(errors):
        result = build_sphinx(
            root,
            site,
            noconfig=True,
            path_config=root / "_config.yml",
            confoverrides={"external_toc_path": "_toc.yml", "nitpicky": True, "latex_individualpages": False},
            doctreedir=doctrees,
            freshenv=True,
            warningiserror=True,
            keep_going=True,
            quiet=True,
        )
    logging.getLogger("sphinx").handlers.clear()
    text = re.sub(r"\x1b\[[0-9;]*m", "", errors.getvalue()).replace(f"{root}/", "")
    complaints = [line for line in text.splitlines() if re.search(r"\b(WARNING|ERROR|SEVERE|CRITICAL)\b", line)]
    complaints = [line for line in complaints if not any(re.search(pattern, line) for pattern, _ in ALLOWED_WARNINGS)]
    if result and not complaints and not ALLOWED_WARNINGS:
        complaints = [text.strip() or str(result)]
    return complaints


@dataclass(frozen=True)
class Weight:
    """What a reader's browser transfers for one page, in gzipped bytes."""

    page: str
    html: int
    scripts: int
    styles: int
    pictures: int
    mathjax: int

    @property
    def total(self) -> int:
        """Without MathJax, which is the same file on every page that has a formula, and is cached."""
        return self.html + self.scripts + self.styles + self.pictures


def weigh(site: Path = SITE) -> list[Weight]:
    """The weight of every page of the book in `site`, with all that the page loads."""
    from bs4 import BeautifulSoup

    weights = []
    for path in sorted(site.glob("book/**/*.html")):
        soup = BeautifulSoup(path.read_bytes(), "html.parser")
        parts = {"scripts": 0, "styles": 0, "pictures": 0, "mathjax": 0}
        seen = set()
        for tag in soup.find_all(["script", "link", "img"]):
            address = urlsplit(str(tag.get("src") or tag.get("href") or ""))
            loaded = tag.name != "link" or {"stylesheet", "icon"} & set(tag.get("rel") or [])
            file = (path.parent / address.path).resolve()
            if not loaded or address.scheme or not address.path or file in seen:
                continue
            seen.add(file)
            kind = {"script": "scripts", "link": "styles", "img": "pictures"}[tag.name]
            parts["mathjax" if "mathjax" in file.parts else kind] += _gzipped(file)
        icons = site / "_static/styles/icons.woff"
        parts["styles"] += icons.stat().st_size if icons.exists() else 0
        weights.append(Weight(str(path.relative_to(site)), _gzipped(path), **parts))
    return weights


def _gzipped(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), 6))


def report(weights: list[Weight]) -> str:
    """The weights as a table, in kB (1 kB = 1000 bytes)."""
    lines = [f"{'page':40} {'html':>7} {'scripts':>8} {'styles':>7} {'pictures':>9} {'total':>7} {'MathJax':>8}"]
    for weight in weights:
        numbers = (weight.html, weight.scripts, weight.styles, weight.pictures, weight.total, weight.mathjax)
        columns = [
            f"{number / 1000:.0f}".rjust(width) for number, width in zip(numbers, (7, 8, 7, 9, 7, 8), strict=True)
        ]
        lines.append(f"{weight.page:40} {' '.join(columns)}")
    totals = [weight.total for weight in weights]
    lines.append(
        f"kB gzipped, MathJax apart. Median {statistics.median(totals) / 1000:.0f}, largest {max(totals) / 1000:.0f}."
    )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Build the published book into _build/html.")
    parser.add_argument("--if-stale", action="store_true", help="do nothing if the site is up to date")
    parser.add_argument("--weights", action="store_true", help="print what each page weighs")
    parser.add_argument("--output", type=Path, default=SITE, help="another folder for the site")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    try:
        if options.if_stale and not stale(options.output):
            print("The book is up to date.")
        else:
            build(options.output.absolute())
            seconds = time.perf_counter() - start
            print(
                f"Built the book: {len(toc_pages())} pages in {seconds:.0f} s. Open {_shown(options.output)}/index.html"
            )
    except BookError as error:
        print(f"build: {error}", file=sys.stderr)
        return 1
    if options.weights:
        print(report(weigh(options.output)))
    return 0


def _shown(path: Path) -> Path:
    return path.absolute().relative_to(ROOT) if path.absolute().is_relative_to(ROOT) else path


if __name__ == "__main__":
    sys.exit(main())
