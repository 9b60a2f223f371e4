"""Student text made harmless, for pages that people open: the feedback, and Formgrader on the instructor's own origin.

`markdown` leaves Markdown Markdown but takes out everything a renderer could make active, whatever the renderer:
nbgrader shows notebooks through nbconvert, which lets raw HTML, `javascript:` links and Mermaid's text pass as they
are. `html` cleans rendered HTML with nh3. `text` is for what programs printed. None of them can be asked for less.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Collection
from typing import Any

import nh3
from nbconvert.filters.markdown_mistune import InvalidNotebook, IPythonRenderer, MarkdownWithMath

# After a "<" it keeps every HTML parser from seeing a tag, and nobody sees it.
BREAK = "\u200b"

# Tags that students type by hand. They carry no attributes, so they can only lay out text.
_TYPED = (
    "b|big|blockquote|br|center|code|dd|del|details|dl|dt|em|h[1-6]|hr|i|ins|kbd|li|mark|ol|p|pre|s|small|strong|sub"
    "|summary|sup|table|tbody|td|th|thead|tr|u|ul"
)
_ANGLE = re.compile(rf"<(?=[A-Za-z/!?])(?!/?(?:{_TYPED})[ ]*/?>)(?!https?://[^\s<>\"'`]*>)", re.I)
_IMAGE = re.compile(r"<img\b([^<>]*)>", re.I)
_ATTRIBUTE = re.compile(r"\b(src|alt)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.I)
_FENCE = re.compile(r"^[ \t>]*(?:[-*+][ \t]+|\d+[.)][ \t]+)*(?:`{3,}|~{3,})")
# What nbconvert looks for the end of, each time anew, to the end of the text.
_OPENERS = re.compile(r"\\\\[(\[]|\\begin\{")
# Longer Markdown is cut: what renders in a moment when it is honest may take hours when it is not.
LONGEST = 100_000
# Inline links and images, and definitions of reference links.
_TARGET = re.compile(r"(\]\(\s*|\]:\s*)(<[^<>\n]*>|[^\s)]*)")
_IMAGE_DATA = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]*$", re.I)
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def markdown(source: str, attachments: Collection[str] = ()) -> str:
    """Markdown from which no renderer makes a script, a form, a frame or a link that runs something.

    attachments: names of the cell's pictures. nbconvert gives up on a notebook that asks for one that is not there.
    """

    def target(found: re.Match[str]) -> str:
        address = found[2].strip("<>")
        name = address.removeprefix("attachment:")
        there = name == address or name in attachments
        return found[1] + (found[2] if there and harmless(address) else "#")

    source = _CONTROL.sub("", source)
    if len(source) > LONGEST:
        source = f"{source[:LONGEST]}\n\n({len(source) - LONGEST} more characters are not shown.)"
    if len(_OPENERS.findall(source)) > 200:
        source = _OPENERS.sub(lambda found: found[0][:1] + BREAK + found[0][1:], source)
    lines = []
    fenced = False
    for line in source.split("\n"):
        if fence := _FENCE.match(line):
            fenced = not fenced
            language = line[fence.end() :]
            if language.strip().lower().startswith("mermaid"):
                line = f"{fence[0]}text"
        lines.append(line if fenced else _IMAGE.sub(_as_markdown_image, line))
    source = _TARGET.sub(target, "\n".join(lines))
    return _ANGLE.sub("<" + BREAK, source)


def _as_markdown_image(found: re.Match[str]) -> str:
    """`<img src=… alt=…>` as `![…](…)`; unchanged (and broken up later) if it is more than that."""
    values = {name.lower(): a or b or c for name, a, b, c in _ATTRIBUTE.findall(found[1])}
    source = values.get("src", "")
    if not source or not harmless(source) or re.search(r"[\s()<>\"'\\]", source):
        return found[0]
    alt = re.sub(r"[\[\]()<>`\\\n]", " ", values.get("alt", ""))
    return f"![{alt}]({source})"


def harmless(target: str) -> bool:
    """Whether a link's target is an address on the web, a relative path, or a picture; seen as a browser sees it."""
    for _ in range(5):
        decoded = entities.unescape(target).replace("\\", "")
        if decoded == target:
            break
        target = decoded
    target = "".join(char for char in target if char > " " and char.isprintable())
    head = re.split(r"[/?#]", target, maxsplit=1)[0]
    if ":" not in head:
        return True
    scheme = head.split(":")[0].lower()
    return scheme in {"http", "https", "mailto", "attachment"} or bool(_IMAGE_DATA.match(target))


def text(printed: str, most: int = 20_000) -> str:
    """What a program printed, without terminal commands and direction marks, cut in the middle at `most` characters."""
    printed = _CONTROL.sub("", _ANSI.sub("", printed.replace("\r\n", "\n").replace("\r", "\n")))
    printed = re.sub("[\ud800-\udfff]", "\ufffd", printed)
    if len(printed) <= most:
        return printed
    half = most // 2
    return f"{printed[:half]}\n… {len(printed) - 2 * half} characters left out …\n{printed[-half:]}"


_TAGS = {
    "a", "b", "blockquote", "br", "center", "code", "dd", "del", "details", "div", "dl", "dt", "em", "h1", "h2", "h3",
    "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "s", "small", "span", "strong",
    "sub", "summary", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul"
}  # fmt: skip
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "td": {"align"}, "th": {"align"}}


def html(page: str) -> str:
    """Rendered HTML without scripts, styles, forms, frames, ids and classes; images only if they are in the page."""

    def keep(tag: str, attribute: str, value: str) -> str | None:
        if attribute == "src":
            return value if _IMAGE_DATA.match(value) else None
        if attribute == "href":
            return value if harmless(value) else None
        return value

    return nh3.clean(
        page,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=keep,
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer nofollow",
    )


def rendered(source: str, attachments: dict[str, Any] | None = None) -> str:
    """Markdown as clean HTML, for the feedback."""
    renderer = IPythonRenderer(escape=False, attachments=attachments or {}, exclude_anchor_links=True)
    try:
        page = MarkdownWithMath(renderer=renderer).render(markdown(source, attachments or {}))
    except (InvalidNotebook, RecursionError):
        # Quotes inside quotes inside …: show what was written.
        page = f"<pre>{entities.escape(source)}</pre>"
    return html(page)
