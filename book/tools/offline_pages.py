"""The book's one Sphinx extension: pages that are complete, small and alive without a network.

It loads a lab's script only where that lab is, ships the part of MathJax that is used, and cuts the theme's icons from
1.5 MB of script and fonts to the few that occur. It must never add a request to another host.
"""

import io
import re
import shutil
from pathlib import Path
from typing import Any

from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

LAB = re.compile(r"""<figure[^>]*\bdata-lab="([\w-]+)\"""")
LABS_APART = 4  # a page with more different labs loads the one script that has them all

# What pages need of the `mathjax` package: TeX in, CHTML out. Its speech engine (`sre`) alone would be 4 MB more.
MATHJAX = ("tex-chtml.js", "input/tex/extensions", "output/chtml/fonts/woff-v2", "a11y/assistive-mml.js")

ICON_SCRIPT = re.compile(r"\s*<!-- So that users can add custom icons -->\s*<script[^>]*fontawesome\.js[^>]*></script>")
ICON_FONT = re.compile(r"@font-face\{[^}]*Font Awesome[^}]*\}")
ICON_RULE = re.compile(r'((?:\.fa-[\w-]+:before,?)+)\{content:"\\([0-9a-f]+)"\}')
ICON_VARIABLE = re.compile(r'--pst-icon-[\w-]+: ?"\\?([^"]+)"')
ICON_USE = re.compile(r"\bfa-([a-z0-9-]+)")

# The theme loads the whole search index on every page, and only its search page uses it.
SEARCH_SCRIPT = re.compile(r'\s*<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"></script>')

# myst-nb loads MathJax on every page; a page without a formula does without.
MATHJAX_SCRIPT = re.compile(
    r"\s*<script>window\.MathJax = .*?</script>|\s*<script[^>]*mathjax/tex-chtml\.js[^>]*></script>"
)
FORMULA = re.compile(r'class="[^"]*\bmath\b|class="[^"]*\btext_latex\b')

# Browsers may break a line between a formula and the comma after it.
GLUED = re.compile(r'(<span class="math notranslate nohighlight">[^<]*</span>)([,.;:!?)]+)')

# What axe-core finds wrong in the theme's and Sphinx's own markup, and what puts it right.
REPAIRS = (
    # A list whose children are no list items, and a role that ARIA 1.3 gave up.
    (re.compile(r'<div role="list" class="citation-list">'), '<div class="citation-list">'),
    (re.compile(r' role="doc-biblioentry"'), ""),
    # A label that hides what a folded cell's summary says from screen readers.
    (re.compile(r'<summary aria-label="Toggle hidden content">'), "<summary>"),
    # The label hides half of the words that the button shows.
    (re.compile(r'(<button class="btn search-button-field[^>]*?) aria-label="Search"'), r"\1"),
)

# Files the theme and Sphinx ship and no page uses.
UNUSED = (
    "scripts/fontawesome.js*",
    "vendor",
    "**/*.map",
    "locales",
    "images",
    "sbt-webpack-macros.html",
    "webpack-macros.html",
)

# Sphinx's search fetches each result's page for a summary, which browsers refuse for pages opened from a file.
SEARCH_FROM_FILE = 'if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;'


def add_scripts(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Load the scripts of the labs that a page holds, and nothing on a page without."""
    for script in lab_scripts(set(LAB.findall(context.get("body", ""))), Path(app.srcdir) / "kernelbook/labs/dist"):
        app.add_js_file(script, loading_method="defer")
    if pagename == "search":
        app.add_js_file(None, body=SEARCH_FROM_FILE)


def lab_scripts(names: set[str], dist: Path) -> list[str]:
    """The scripts in `dist` that bring the labs with these names to life."""
    apart = [f"lab-{name}.js" for name in sorted(names)]
    if not apart:
        return []
    if len(apart) <= LABS_APART and all((dist / script).exists() for script in apart):
        return ["labs-shared.js", *apart]
    return ["labs.js"]


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Complete the built site: MathJax and icons in, unused files out."""
    if exception or app.builder.format != "html":
        return
    site = Path(app.outdir)
    copy_mathjax(Path(app.srcdir) / "node_modules/mathjax", site / "_static/mathjax")
    pages = sorted(site.glob("**/*.html"))
    for page in pages:
        text = ICON_SCRIPT.sub("", page.read_text(encoding="utf-8"))
        for wrong, right in REPAIRS:
            text = wrong.sub(right, text)
        if not FORMULA.search(text):
            text = MATHJAX_SCRIPT.sub("", text)
        text = GLUED.sub(r'<span class="math-glue">\1\2</span>', text)
        page.write_text(text if page.name == "search.html" else SEARCH_SCRIPT.sub("", text), encoding="utf-8")
    prune_icons(site / "_static", pages)
    for pattern in UNUSED:
        for path in list((site / "_static").glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def copy_mathjax(package: Path, target: Path) -> None:
    """Copy what pages use of MathJax, with its licence. Raises ExtensionError if the package is not installed."""
    if not package.exists():
        raise ExtensionError("MathJax is not installed. Run: make setup")
    for name in MATHJAX:
        source, copy = package / "es5" / name, target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, copy, dirs_exist_ok=True) if source.is_dir() else shutil.copy2(source, copy)
    shutil.copy2(package / "LICENSE", target / "LICENSE")


def prune_icons(static: Path, pages: list[Path]) -> None:
    """Replace the theme's icon fonts by one small font with the icons that the pages and the theme use."""
    stylesheet = static / "styles/pydata-sphinx-theme.css"
    style = stylesheet.read_text(encoding="utf-8")
    if not ICON_FONT.search(style):
        return
    used = {"xmark"}  # the theme's script adds this one
    for page in pages:
        used |= set(ICON_USE.findall(page.read_text(encoding="utf-8")))
    characters = {character for name in ICON_VARIABLE.findall(style) for character in _characters(name)}

    def keep(rule: re.Match[str]) -> str:
        names = set(re.findall(r"\.fa-([\w-]+):before", rule[1]))
        if not names & used:
            return ""
        characters.add(chr(int(rule[2], 16)))
        return rule[0]

    style = ICON_RULE.sub(keep, style)
    fonts = static / "vendor/fontawesome/webfonts"
    (static / "styles/icons.woff").write_bytes(subset_font(fonts / "fa-solid-900.ttf", characters))
    face = "@font-face{font-display:block;font-family:Font Awesome\\ 6 Free;font-weight:900;src:url(icons.woff)}"
    style = face + ICON_FONT.sub("", style)
    stylesheet.write_text(style, encoding="utf-8")


def _characters(value: str) -> set[str]:
    """The characters of a CSS string, which are either there themselves or by their hexadecimal number."""
    return {chr(int(value, 16))} if re.fullmatch(r"[0-9a-f]{4,5}", value) else set(value)


def subset_font(path: Path, characters: set[str]) -> bytes:
    """A WOFF font with only these characters of the font in `path`."""
    font = TTFont(path, recalcTimestamp=False)
    cutter = subset.Subsetter(subset.Options(hinting=False, notdef_outline=True))
    cutter.populate(text="".join(characters))
    cutter.subset(font)
    font.flavor = "woff"
    data = io.BytesIO()
    font.save(data)
    return data.getvalue()


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", add_scripts)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
