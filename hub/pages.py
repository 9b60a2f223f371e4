"""The built book as a service of the Hub: static files at /services/book/, readable without a login.

    python hub/pages.py DIRECTORY      (the Hub starts it and sets JUPYTERHUB_SERVICE_URL and _PREFIX)

It serves files below DIRECTORY and nothing else, asks for no cookie, and tells the browser to load nothing from
another host: what the book needs, it brings along.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from urllib.parse import urlparse

from tornado.web import Application, RedirectHandler, RequestHandler, StaticFileHandler

POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' blob:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'self'; frame-ancestors 'self'"
)


class Page(StaticFileHandler):
    """A file of the book. Browsers ask again each time whether it changed, since the book may be rebuilt meanwhile."""

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cache-Control", "no-cache")

    def write_error(self, status_code: int, **kwargs: object) -> None:
        there = (Path(self.root) / "index.html").exists()
        message = "There is no such page in the book." if there else "The book is not built yet. Run: make book"
        self.finish(f"<!doctype html><meta charset='utf-8'><title>Kernel by Kernel</title><p>{message}</p>")


class Alive(RequestHandler):
    """Says that the proxy's way to this service is open."""

    def get(self) -> None:
        self.set_status(204)


async def main(directory: str, url: str, prefix: str) -> None:
    app = Application(
        [
            (prefix.rstrip("/"), RedirectHandler, {"url": prefix}),
            (prefix + "alive", Alive),
            (prefix + "(.*)", Page, {"path": directory, "default_filename": "index.html"}),
        ]
    )
    address = urlparse(url)
    app.listen(address.port or 80, address=address.hostname or "127.0.0.1")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], os.environ["JUPYTERHUB_SERVICE_URL"], os.environ["JUPYTERHUB_SERVICE_PREFIX"]))
