"""A server extension for the course's server: two repairs to Formgrader (nbgrader 0.9.6).

Links. Formgrader links an assignment's name to `/tree/…`, without the address of the server that it runs on. Inside
JupyterLab's frame it does not use these links, but JupyterHub does not let one server's page be framed. So the script
that makes them is served with this server's JupyterLab in their place.

MathJax. The page for grading by hand loads it from another host, and its buttons fail without. So MathJax is served
from here; share/nbconvert/templates/base/mathjax.html.j2 asks for it.
"""

from pathlib import Path

from nbgrader.server_extensions import formgrader
from tornado.web import RequestHandler, StaticFileHandler

MATHJAX = Path(__file__).resolve().parents[2] / "node_modules" / "mathjax" / "es5"


def repaired(script: str, base: str) -> str:
    """Formgrader's utils.js with its links to files below `base`, this server's address."""
    for kind, target in (("notebook", "/notebooks/"), ("file", "/edit/"), ("directory", "/tree/")):
        script = script.replace(f'{kind}: "{target}"', f'{kind}: "{base}lab/tree/"')
    return script


class Utilities(RequestHandler):
    """The repaired utils.js."""

    def initialize(self, base: str) -> None:
        self.base = base

    def get(self) -> None:
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.finish(repaired((Path(formgrader.__file__).parent / "static" / "js" / "utils.js").read_text(), self.base))


def _load_jupyter_server_extension(server) -> None:
    base = server.web_app.settings["base_url"]
    # Added before Formgrader's own handlers, since extensions load in the order of their names: these answer first.
    server.web_app.add_handlers(
        ".*$",
        [
            (rf"{base}formgrader/static/js/utils\.js", Utilities, {"base": base}),
            (rf"{base}formgrader/mathjax/(.*)", StaticFileHandler, {"path": str(MATHJAX)}),
        ],
    )
