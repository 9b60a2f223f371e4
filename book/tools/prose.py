"""Every number in a chapter's prose is printed or asserted by a cell of the same chapter.

    python book/tools/prose.py [CHAPTER ...]

What counts as a number: digits in text, tables, descriptions of figures, inline code and formulas, with thousands
separators, decimals, percent, powers (10^6, 10⁻³, 2^{10}), fractions and units of size (M, million, kB, MiB ...); and
words for numbers above twelve, or for any number before "times", "-fold" or "per cent". Smaller words ("two reasons")
are language. Not numbers: names (ResNet-50, float32, 2-D), subscripts, indices in code, list markers, heading numbers,
link targets, options of directives.

What backs a number: a number that a compared cell prints (text, tables, formulas; not a picture), or a literal inside
an `assert`. It must be the same number rounded to the digits that the prose gives, and within half a per cent. So 3.4
is backed by 3.41 and 154M by 154,140,672, and any change of 1 % on either side is found. A number is excused by a
{cite} in its sentence, or by an entry of allowed_numbers.yml with a reason.
"""

import argparse
import ast
import html
import math
import operator
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import yaml
from bs4 import BeautifulSoup

from book.tools.chapters import BookError, find_chapters
from book.tools.execute import read
from book.tools.guards import ignored

ALLOWED = Path(__file__).with_name("allowed_numbers.yml")

CLOSENESS = 0.0049
"""How far apart, relatively, a number and what backs it may be: just so little that a change of 1 % is always found."""

CITED = "\u2063"  # stands for a citation once the Markdown is reduced to text

SCALES = {
    "": 1.0,
    **dict.fromkeys(("k", "K", "thousand", "kB"), 1e3),
    **dict.fromkeys(("M", "million", "MB"), 1e6),
    **dict.fromkeys(("G", "B", "billion", "GB"), 1e9),
    **dict.fromkeys(("T", "trillion", "TB"), 1e12),
    **{"KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30},
}
PERCENT = {"%", "per cent", "percent"}

SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
SEPARATORS = ",\u202f\u2009"
_PLAIN = rf"(?:\d{{1,3}}(?:[{SEPARATORS}]\d{{3}})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
NUMBER = re.compile(
    rf"(?<![A-Za-z_\d.])(?<![A-Za-z]{{2}}-)(?P<digits>{_PLAIN})(?P<exponent>[eE][-+]?\d+)?"
    r"(?:\^\{?(?P<power>[-−]?\d+)\}?|(?P<raised>⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))?"
    rf"(?:\s?/\s?(?P<below>{_PLAIN})(?![\w^]))?"
    r"(?:[\s\u00a0\u202f-]?"
    r"(?P<unit>%|per cent|percent|thousand|million|billion|trillion|[KMG]iB|[kMGT]B|[kKMGTB])(?![A-Za-z]))?"
)
DIMENSION = re.compile(r"-?[dD]\b")  # 2-D, 3D

ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
TEENS = ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
WORDS: dict[str, float] = {word: float(value) for value, word in enumerate(ONES + TEENS)}
WORDS |= {word: 10.0 * value for value, word in enumerate(TENS, 2)}
LARGE = {"hundred": 100.0, "thousand": 1e3, "million": 1e6, "billion": 1e9}
_WORD = "|".join(sorted([*WORDS, *LARGE], key=len, reverse=True))
WORD_NUMBER = re.compile(
    rf"(?<![\w-])(?:(?:an?|half a)\s+)?(?P<words>(?:{_WORD})(?:(?:[\s-]+|\s+and\s+)(?:{_WORD}))*)(?![\w])"
    r"(?P<claim>(?:-|\s+)(?:times|fold|per\s?cent)\b)?",
    re.IGNORECASE,
)
SMALL_WORD = 12


@dataclass(frozen=True)
class Number:
    """A number as written, with every value it may stand for.

    text: as written. readings: pairs of a value and half a unit of its last written digit. parts: numbers that may be
    backed one by one instead (of a fraction or a power).
    """

    text: str
    readings: tuple[tuple[float, float], ...]
    start: int
    parts: tuple["Number", ...] = ()

    def backed_by(self, values: Iterable[float]) -> bool:
        """Whether one of the values, rounded to the digits written here, is this number, and at most 0.5 % away."""
        values = list(values)
        for reading, half in self.readings:
            # A little less than half a unit: 111.5 is written 111 or 112 by chance, so it backs neither.
            allowed = max(min(0.999999 * half, CLOSENESS * abs(reading)), 1e-9 * abs(reading), 1e-18)
            if any(abs(value - reading) <= allowed or abs(-value - reading) <= allowed < reading for value in values):
                return True
        return bool(self.parts) and all(part.backed_by(values) for part in self.parts)


def numbers(text: str) -> list[Number]:
    """The numbers in a piece of plain text, in order."""
    text = plain_products(text)
    found = []
    for match in NUMBER.finditer(text):
        rest = text[match.end() :]
        if not match["unit"] and DIMENSION.match(rest):
            continue
        negative = _negative(text, match.start())
        found.append(_number(match, -1 if negative else 1))
    for match in WORD_NUMBER.finditer(text):
        value = _spelled(match["words"])
        before = re.search(r"\d[\s\u00a0]?$", text[: match.start("words")])
        if before or (value <= SMALL_WORD and not match["claim"]):
            continue
        readings = [(value, 0.0)]
        if match["claim"] and "cent" in match["claim"]:
            readings.append((value / 100, 0.0))
        found.append(Number(match[0].strip(), tuple(readings), match.start()))
    return sorted(found, key=lambda number: number.start)


def plain_products(text: str) -> str:
    """The text with 3x3 as 3 × 3, and a number times a power of ten (1.5 × 10^{8}) as one number (1.5e8)."""
    text = re.sub(r"(?<=\d)\s?[xX]\s?(?=\d)", " × ", text)
    text = re.sub(r"(?<=\d)\s?[×·]\s?10\^\{?\s?([-−]?\d+)\s?\}?", lambda m: "e" + m[1].replace("−", "-"), text)
    raised = r"(?<=\d)\s?[×·]\s?10(⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)"
    return re.sub(raised, lambda m: "e" + m[1].translate(SUPERSCRIPTS), text)


def _number(match: re.Match[str], sign: int) -> Number:
    written, half = _value(match["digits"], match["exponent"])
    written *= sign
    power = match["power"] or (match["raised"] or "").translate(SUPERSCRIPTS)
    unit = match["unit"] or ""
    parts: tuple[Number, ...] = ()
    if power:
        exponent = float(power.replace("−", "-"))
        readings = [(written**exponent, 0.0)] if abs(exponent) < 64 and written else [(written, 0.0)]
    elif match["below"]:
        below, _ = _value(match["below"], None)
        parts = tuple(Number(match[0], ((value, 0.0),), match.start()) for value in (written, below))
        readings = [(written / below, 0.0)] if below else [(written, half)]
    else:
        readings = [(written, half)]
    if unit in PERCENT:
        readings += [(value / 100, near / 100) for value, near in readings]
    elif unit:
        readings += [(value * SCALES[unit], near * SCALES[unit]) for value, near in readings]
    return Number(match[0].strip(), tuple(readings), match.start(), parts)


def _value(digits: str, exponent: str | None) -> tuple[float, float]:
    """The value of a written number and half a unit of its last digit."""
    plain = re.sub(f"[{SEPARATORS}]", "", digits)
    decimals = len(plain.split(".")[1]) if "." in plain else 0
    scale = 10.0 ** min(max(int(exponent[1:]), -300), 300) if exponent else 1.0
    return float(plain) * scale, 0.5 * 10.0**-decimals * scale


def _negative(text: str, start: int) -> bool:
    """Whether the sign before a number is its own, not a range's dash or a subtraction."""
    if start == 0 or text[start - 1] not in "-−":
        return False
    return start == 1 or not re.match(r"[\w)\]}.%-]", text[start - 2])


def _spelled(words: str) -> float:
    """The value of a number in words: "two hundred and fifty" is 250."""
    total, current = 0.0, 0.0
    for word in re.findall(r"[a-z]+", words.lower()):
        if word == "and":
            continue
        if word in WORDS:
            current += WORDS[word]
        elif LARGE[word] < 1000:
            current = (current or 1) * LARGE[word]
        else:
            total, current = total + (current or 1) * LARGE[word], 0.0
    return total + current


# Markdown to sentences

KEPT_OPTIONS = {"alt", "caption"}
REFERENCE_ROLES = {"ref", "numref", "eq", "doc", "term", "download", "footcite"}
_UNTITLED = {
    *(
        "bibliography",
        "code-block",
        "code-cell",
        "figure",
        "glossary",
        "image",
        "include",
        "list-table",
        "math",
        "table",
    ),
    "tableofcontents",
}


def sentences(markdown: str) -> list[str]:
    """A Markdown cell as plain sentences, list items, headings and table rows, without what is not prose.

    A sentence with a citation holds the sign `CITED`.
    """
    text = re.sub(r"<!--.*?-->", " ", markdown, flags=re.DOTALL)
    text = "\n".join(_lines(text))
    text = re.sub(r"\$\$(.+?)\$\$", lambda m: f"\n{_formula(m[1])}\n", text, flags=re.DOTALL)
    text = re.sub(r"(?<![\\$])\$([^$\n]+?(?:\n[^$\n]+?)*?)\$", lambda m: _formula(m[1]), text)
    text = re.sub(r"\\begin\{(\w+\*?)\}.+?\\end\{\1\}", lambda m: _formula(m[0]), text, flags=re.DOTALL)
    text = re.sub(r"\{(cite[\w:]*|footcite[\w:]*)\}`[^`]*`", CITED, text)
    text = re.sub(r"\{([\w:+-]+)\}`([^`]*)`", _role, text)
    text = re.sub(r"`+([^`\n]+)`+", lambda m: re.sub(r"(?<=\w)\[[^\]]*\]", " ", m[1]), text)
    text = re.sub(r"(?<=[)\]`])\{[^{}\n]*\}", " ", text)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"<https?://[^>]*>|https?://\S+", " ", text)
    text = re.sub(r"<[a-zA-Z/][^>]*>", _tag, text)
    text = html.unescape(text)
    found: list[str] = []
    for block in re.split(r"\n\s*\n", text):
        for line in re.split(r"\n(?=\s*(?:[-*+]|\d+[.)]|#+|\|)\s?)", block):
            line = re.sub(r"^\s*(?:[-*+]|\d+[.)])\s+", "", line)
            line = re.sub(r"^\s*#+\s*(?:\d+(?:\.\d+)*\.?\s+(?=\S))?", "", line)
            line = re.sub(r"\s+", " ", line).strip()
            found += [part for part in re.split(r"(?<=[.!?])[\"')*_]*\s+(?=[A-Z\"'(*_\[`])", line) if part]
    return _join_citations(found)


def _join_citations(found: list[str]) -> list[str]:
    """A citation after the full stop belongs to the sentence before it."""
    joined: list[str] = []
    for sentence in found:
        if joined and sentence.startswith(CITED):
            joined[-1] += CITED
            sentence = sentence.lstrip(CITED + " .,;")
        if sentence:
            joined.append(sentence)
    return joined


def _lines(text: str) -> Iterator[str]:
    """The lines without labels, directive heads and options; an alternative text or a title stays."""
    options = False
    for line in text.splitlines():
        head = re.match(r"\s*(?:`{3,}|:{3,}|~{3,})\s*\{([\w:-]+)\}\s*(.*)$", line)
        option = re.match(r"\s*:([\w-]+):\s*(.*)$", line)
        if head:
            options = True
            yield "" if head[1] in _UNTITLED else f"\n{head[2]}\n"
        elif options and option:
            yield f"\n{option[2]}\n" if option[1] in KEPT_OPTIONS else ""
        elif re.fullmatch(r"\s*(?:`{3,}|:{3,}|~{3,})\w*\s*", line) or re.fullmatch(r"\s*\([\w:.-]+\)=\s*", line):
            options = False
            yield ""
        elif re.fullmatch(r"[\s|:-]+", line) and "-" in line:
            yield ""
        else:
            options = False
            yield line


def _role(match: re.Match[str]) -> str:
    name, content = match[1], match[2]
    if name == "math":
        return _formula(content)
    titled = re.match(r"(.*?)\s*<[^>]*>$", content, re.DOTALL)
    if titled:
        return titled[1].replace("%s", "")
    return " " if name in REFERENCE_ROLES else content


def _tag(match: re.Match[str]) -> str:
    alternative = re.search(r"""\balt=(["'])(.*?)\1""", match[0], re.DOTALL)
    return f" {alternative[2]} " if alternative else " "


def _formula(tex: str) -> str:
    """A formula as text whose numbers are those it states: no subscripts, no lengths, no labels."""
    tex = re.sub(r"\\(?:label|tag\*?|ref|eqref|begin|end|[hv]space\*?|color)\{[^{}]*\}(?:\{[lcr|@]+\})?", " ", tex)
    tex = re.sub(r"\\\\\[[^\]]*\]", " ", tex)
    tex = re.sub(r"(?<=\d)(?:\{,\}|\\,)(?=\d{3})", ",", tex)
    for _ in range(3):  # subscripts may be nested
        tex = re.sub(r"_\{[^{}]*\}", " ", tex)
    tex = re.sub(r"_(?:\\\w+|\w)", " ", tex)
    tex = re.sub(r"\\[dt]?frac\s*\{\s*([\d.,]+)\s*\}\s*\{\s*([\d.,]+)\s*\}", r" \1/\2 ", tex)
    tex = re.sub(r"\\[dt]?frac\s*(\d)\s*(\d)", r" \1/\2 ", tex)
    tex = tex.replace("\\%", "%").replace("\\times", " × ").replace("\\cdot", " × ")
    tex = re.sub(r"(?<![\d}])\^\{?(\w+)\}?", r" \1 ", tex)  # the power of a symbol
    tex = re.sub(r"\\[,;:! ]", " ", tex)
    tex = re.sub(r"\\[a-zA-Z]+", " ", tex)
    tex = re.sub(r"(?<=[a-zA-Z])(?=\d)|(?<=\d)(?=[A-Za-z])", " ", tex)
    return re.sub(r"[{}&\\]", " ", tex) if "^" not in tex else re.sub(r"[&\\]", " ", tex)


# What cells print and assert

OPERATIONS: dict[type, Any] = {
    **{ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv},
    **{ast.FloorDiv: operator.floordiv, ast.Pow: operator.pow, ast.USub: operator.neg, ast.UAdd: operator.pos},
}


def printed(cell: nbformat.NotebookNode) -> list[float]:
    """The values of all numbers that a cell's outputs show as text."""
    values = []
    for output in cell.outputs:
        data = output.get("data", {})
        texts = [output.get("text", ""), output.get("evalue", "")]
        texts += [data[kind] for kind in ("text/plain", "text/markdown") if kind in data and "text/html" not in data]
        texts += [_formula(data.get("text/latex", "")), _visible(data.get("text/html", ""))]
        for number in (number for text in texts for number in numbers(text)):
            values += [value for value, _ in number.readings]
            values += [value for part in number.parts for value, _ in part.readings]
    return values


def _visible(markup: str) -> str:
    return BeautifulSoup(markup, "html.parser").get_text(" ") if markup else ""


def asserted(source: str) -> list[float]:
    """The values of the number literals, and of sums and products of them, inside the asserts of a code cell."""
    plain = "\n".join(line if not re.match(r"\s*[%!]", line) else "" for line in source.splitlines())
    try:
        tree = ast.parse(plain)
    except SyntaxError:
        return []
    values: list[float] = []
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        name = getattr(called, "attr", getattr(called, "id", ""))
        if isinstance(node, ast.Assert):
            places: list[ast.AST] = [node.test]
        elif isinstance(node, ast.Call) and name.startswith("assert"):
            places = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg not in ("rtol", "atol"))]
        else:
            continue
        values += [value for place in places for inner in ast.walk(place) if (value := _constant(inner)) is not None]
    return values


def _constant(node: ast.AST) -> float | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return float(node.value)
    try:
        if isinstance(node, ast.UnaryOp) and (value := _constant(node.operand)) is not None:
            return float(OPERATIONS[type(node.op)](value))
        if isinstance(node, ast.BinOp):
            left, right = _constant(node.left), _constant(node.right)
            if left is not None and right is not None and abs(right) < 1e6:
                result = OPERATIONS[type(node.op)](left, right)
                return float(result) if isinstance(result, int | float) and math.isfinite(result) else None
    except (KeyError, ArithmeticError):
        return None
    return None


# The check


@dataclass
class Allowed:
    """What allowed_numbers.yml excuses in one chapter. Remembers what was used."""

    entries: list[tuple[re.Pattern[str], bool]]
    used: set[int] = field(default_factory=set)

    def excuses(self, sentence: str, number: Number) -> bool:
        for index, (pattern, _) in enumerate(self.entries):
            for match in pattern.finditer(sentence):
                if match.start() <= number.start < match.end():
                    self.used.add(index)
                    return True
        return False

    def unused(self) -> list[str]:
        """The chapter's own entries that excused nothing; those for every chapter may."""
        return [p.pattern for i, (p, own) in enumerate(self.entries) if own and i not in self.used]


def load_allowed(chapter: str, path: Path = ALLOWED) -> Allowed:
    """The entries for every chapter and for this one. Raises BookError for an entry without a reason."""
    content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    entries = []
    for section in ("everywhere", chapter):
        for entry in (content or {}).get(section) or []:
            if (
                not isinstance(entry, dict)
                or not str(entry.get("reason", "")).strip()
                or not {"text", "pattern"} & set(entry)
            ):
                raise BookError(f"{path.name}, {section}: {entry!r} needs a text or a pattern, and a reason.")
            pattern = entry.get("pattern") or re.escape(str(entry["text"]))
            entries.append((re.compile(pattern), section != "everywhere"))
    return Allowed(entries)


@dataclass(frozen=True)
class Claim:
    """A number in the prose of a cell. `cell` counts from 1 over all cells, as an editor shows them."""

    cell: int
    id: str
    sentence: str
    number: Number


def claims(notebook: nbformat.NotebookNode) -> Iterator[Claim]:
    """Every number in a chapter's Markdown cells and figures' descriptions that has to be backed.

    Those beside a citation do not.
    """
    for place, cell in enumerate(notebook.cells, 1):
        described = cell.metadata.get("mystnb", {})
        descriptions = [described.get("image", {}).get("alt"), described.get("figure", {}).get("caption")]
        text = cell.source if cell.cell_type == "markdown" else "\n\n".join(filter(None, descriptions))
        for sentence in sentences(text):
            if CITED not in sentence:
                normal = plain_products(sentence)
                yield from (Claim(place, cell.id, normal, number) for number in numbers(normal))


def backing(notebook: nbformat.NotebookNode) -> dict[float, int]:
    """Every value that a compared cell prints or asserts, with the place of the first cell that does."""
    values: dict[float, int] = {}
    for place, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "code":
            shown = [] if ignored(cell) else printed(cell)
            for value in [*shown, *asserted(cell.source)]:
                values.setdefault(value, place)
    return values


def unbacked(notebook: nbformat.NotebookNode, allowed: Allowed) -> list[Claim]:
    """The numbers in the prose that nothing backs or excuses."""
    values = backing(notebook)
    return [
        claim
        for claim in claims(notebook)
        if not claim.number.backed_by(values) and not allowed.excuses(claim.sentence, claim.number)
    ]


def check(path: Path, allowed: Path = ALLOWED) -> list[str]:
    """Complaints about a chapter, one line each: chapter, cell, number, the nearest value, sentence."""
    notebook = read(path)
    excuses = load_allowed(path.stem, allowed)
    values = backing(notebook)
    complaints = [
        f"{path.name}, cell {claim.cell} ({claim.id}): no cell prints or asserts {claim.number.text!r}"
        f"{_nearest(claim.number, values)}: “{claim.sentence}”"
        for claim in unbacked(notebook, excuses)
    ]
    complaints += [
        f"{path.name}: {allowed.name} excuses {text!r}, which is not there any more." for text in excuses.unused()
    ]
    return complaints


def _nearest(number: Number, values: dict[float, int]) -> str:
    near = [(abs(value - reading), value) for reading, _ in number.readings for value in values if reading]
    distance, value = min(near, default=(math.inf, 0.0))
    if distance > 0.1 * abs(number.readings[0][0]):
        return ""
    return f" (nearest: {value:g} in cell {values[value]})"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check that the numbers in the prose are printed or asserted.")
    parser.add_argument("chapters", nargs="*", help="for example 02-convolution; all chapters if none is given")
    options = parser.parse_args(arguments)
    try:
        chapters = find_chapters(options.chapters)
        complaints = [line for path in chapters for line in check(path)]
    except BookError as error:
        print(f"prose: {error}", file=sys.stderr)
        return 2
    for line in complaints:
        print(line, file=sys.stderr)
    total = sum(1 for path in chapters for _ in claims(read(path)))
    print(f"{len(chapters)} chapters, {total} numbers in their prose, {len(complaints)} complaints.")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
