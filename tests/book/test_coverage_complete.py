"""The book treats everything that it set out to: every row of the checklist, every erratum, every source listed."""

import re
from collections import Counter

import yaml
from small_books import ROOT
from test_reference_pages import CITED, PROSE, bibliography

ROWS = {1: 42, 2: 46, 3: 39, 4: 38, 5: 32, 6: 29, 7: 21, 8: 12, 9: 36}
"""How many rows the checklist has for each chapter."""

COVERAGE = yaml.safe_load((ROOT / "book/coverage.yml").read_text(encoding="utf-8"))


def test_every_row_of_the_checklist_is_treated():
    assert sum(ROWS.values()) == 295
    wanted = {f"C{chapter}.{row}" for chapter, rows in ROWS.items() for row in range(1, rows + 1)}
    listed = {row for row in COVERAGE if row.startswith("C")}
    assert listed == wanted, f"missing: {sorted(wanted - listed)}, unknown: {sorted(listed - wanted)}"


def test_every_erratum_is_treated():
    wanted = {f"E{number}" for number in range(1, 106)}
    listed = {row for row in COVERAGE if row.startswith("E")}
    assert listed == wanted, f"missing: {sorted(wanted - listed)}, unknown: {sorted(listed - wanted)}"


def test_no_row_is_listed_twice():
    text = (ROOT / "book/coverage.yml").read_text(encoding="utf-8")
    counted = Counter(re.findall(r"^([CE][\d.]+):", text, re.MULTILINE))
    assert len(counted) == 400
    assert max(counted.values()) == 1, f"twice: {[row for row, times in counted.items() if times > 1]}"


def test_every_source_listed_is_cited():
    texts = [*PROSE.values(), (ROOT / "book/questions.yml").read_text(encoding="utf-8")]
    cited = {key.strip() for text in texts for keys in CITED.findall(text) for key in keys.split(",")}
    unused = set(bibliography()) - cited
    assert not unused, f"listed and never cited: {sorted(unused)}"
