"""What several rooms' tests share: a real Chromium, and a page that has no network."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium_path() -> str:
    """The machine's Chromium; `make test` installs it or says how to."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.fail("no Chromium on PATH. Install it: apt-get install chromium", pytrace=False)


@pytest.fixture(scope="session")
def browser():
    """One headless Chromium for a worker's browser tests."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@dataclass
class Witness:
    """What a page tried that a reader without a network would notice."""

    external: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@pytest.fixture
def offline_page(browser) -> Iterator[tuple]:
    """A page whose every request beyond file:, data: and blob: is refused and recorded, with its console errors."""
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    witness = Witness()

    def gate(route):
        if route.request.url.split(":")[0] in {"file", "data", "blob"}:
            route.continue_()
        else:
            witness.external.append(route.request.url)
            route.abort()

    context.route("**/*", gate)
    page = context.new_page()
    page.on("console", lambda message: witness.errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: witness.errors.append(str(error)))
    yield page, witness
    context.close()
