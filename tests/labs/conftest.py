"""A page of labs in a real browser, over file:, without a network or a kernel."""

from pathlib import Path

import pytest

DIST = Path(__file__).parents[2] / "kernelbook" / "labs" / "dist"
# What pydata-sphinx-theme gives a page: the two values of data-theme and its variables.
THEMES = {"light": ("#ffffff", "#222832", "#48566b"), "dark": ("#14181e", "#ced6dd", "#9ca4af")}


@pytest.fixture
def lab_page(offline_page, tmp_path):
    """Opens a page of labs over file: and, at the end, wants no request to another host and no error on the console."""
    page, witness = offline_page

    def show(*shown, theme="light", width=1300, fragment="", body="", script=True, apart=False):
        paper, ink, muted = THEMES[theme]
        figures = "\n".join(lab._repr_mimebundle_()[0]["text/html"] for lab in shown)
        names = dict.fromkeys(lab.lab_name for lab in shown)
        files = ["labs-shared.js", *(f"lab-{name}.js" for name in names)] if apart else ["labs.js"]
        loader = "".join(f'<script src="{(DIST / file).as_uri()}"></script>' for file in files) if script else ""
        path = tmp_path / "page.html"
        path.write_text(
            f'<!doctype html><html lang="en" data-theme="{theme}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width"><title>Labs</title><style>'
            f"html{{--pst-color-background:{paper};--pst-color-text-base:{ink};--pst-color-text-muted:{muted}}}"
            f"body{{font-family:sans-serif;background:{paper};color:{ink};margin:8px}}main{{max-width:740px;margin:auto}}"
            f"</style></head><body><main><h1>Labs</h1>{body}\n{figures}</main>"
            f"{loader}</body></html>"
        )
        page.set_viewport_size({"width": width, "height": 900})
        page.goto("about:blank")
        page.goto(path.as_uri() + fragment)
        return page

    yield show
    assert witness.external == []
    assert witness.errors == []
