"""The labs in a real JupyterLab with a real kernel: page to Python and back, and every lab beside the others."""

import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from kernelbook import labs

ROOT = Path(__file__).parents[2]
NAMES = [name for name in labs.__all__ if name != "Lab"]
PATIENCE = 120_000
"""Milliseconds for a server, a kernel and a browser on a busy machine."""

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("jupyterlab"), pytest.mark.timeout(600)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A JupyterLab on a port of its own, with no one's configuration: its address, its folder and its token."""
    home = tmp_path_factory.mktemp("jupyterlab")
    folder = home / "notebooks"
    folder.mkdir()
    places = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR", "LAB_SETTINGS_DIR", "LAB_WORKSPACES_DIR")
    own = {f"JUPYTER{'' if name.startswith('LAB') else '_'}{name}": str(home / name.lower()) for name in places}
    token = secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
    command += [f"--ServerApp.port={free_port()}", "--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={folder}"]
    command += [f"--IdentityProvider.token={token}", "--LabApp.news_url=None", "--LabApp.extension_manager=readonly"]
    environment = {**os.environ, **own, "HOME": str(home), "PYTHONPATH": str(ROOT), "JUPYTER_PREFER_ENV_PATH": "1"}
    process = subprocess.Popen(
        command, env=environment, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said = ""
    address = ""
    for line in process.stdout:
        said += line
        if "http://127.0.0.1:" in line and "/lab" in line:
            address = line[line.index("http://127.0.0.1:") :].split("/lab")[0]
            break
    assert address, said
    # Nobody reads further: a full pipe would stop the server.
    drain = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
    yield address, folder, token
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
    drain.wait(timeout=30)


@pytest.fixture
def run_notebook(browser, server):
    """Opens a notebook of these cells in JupyterLab and runs it; at the end, wants no error that a lab could cause."""
    address, folder, token = server
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    context.route("**/*", lambda route: route.continue_() if "127.0.0.1" in route.request.url else route.abort())
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    errors = []
    page.on("pageerror", lambda error: errors.append(f"{error}\n{error.stack}"))
    page.on(
        "console",
        lambda message: errors.append(f"{message.text} at {message.location}") if message.type == "error" else None,
    )

    def run(name: str, *cells: str):
        nbformat.write(
            nbformat.v4.new_notebook(
                cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
                metadata={"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}},
            ),
            folder / f"{name}.ipynb",
        )
        page.goto(f"{address}/lab/tree/{name}.ipynb?token={token}&reset")
        page.wait_for_function("window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel")
        page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        return page

    yield run
    context.close()
    # JupyterLab has errors of its own, such as news that it cannot fetch: they come from its own files.
    ours = [text for text in errors if "blob:" in text or "anywidget" in text.lower() or "lab-" in text]
    assert ours == []


def test_a_slider_moves_the_lab_and_the_lab_moves_python(run_notebook):
    page = run_notebook(
        "one",
        """from ipywidgets import IntSlider, Label, jslink
from kernelbook import labs
lab, slider, said = labs.Convolution(), IntSlider(1, 1, 4, description="Linked"), Label("nothing yet")
link = jslink((slider, "value"), (lab, "stride"))
lab.observe(lambda change: setattr(said, "value", f"Python has {change.name} = {change.new}"), ["stride", "dilation"])
display(slider, said, lab)""",
    )
    app = page.locator(".lab-app.lab-convolution")
    app.wait_for()
    assert app.count() == 1
    assert page.locator("figure.lab").count() == 0, "the live view stands alone, without its still picture"
    assert app.get_by_text("4 × 4").count() >= 1

    handle = page.locator(".noUi-handle").first
    handle.focus()
    page.keyboard.press("ArrowRight")
    page.locator(".lab-title b", has_text="2 × 2").wait_for()  # 6 columns, K = 3, now S = 2
    assert app.get_by_label("Stride S").input_value() == "2"
    page.get_by_text("Python has stride = 2").wait_for()

    app.get_by_label("Dilation D").fill("2")
    page.get_by_text("Python has dilation = 2").wait_for()
    page.locator(".lab-title b", has_text="1 × 1").wait_for()

    # JupyterLab's own keys stay away: a digit there would turn the cell into a heading.
    app.get_by_label("Weight row 0, column 0").fill("")
    app.get_by_label("Weight row 0, column 0").press("1")
    app.get_by_role("application", name="Output map.").press("1")
    assert page.locator(".jp-MarkdownCell").count() == 0
    assert app.get_by_label("Kernel", exact=True).input_value() == "custom"


def test_every_lab_mounts_beside_the_others(run_notebook):
    page = run_notebook(
        "all", "from kernelbook import labs\n" + f"for name in {NAMES!r}:\n    display(getattr(labs, name)())"
    )
    page.wait_for_function("(n) => document.querySelectorAll('.lab-app .lab-toolbar').length === n", arg=len(NAMES))
    # Each lab is a module of its own here, yet they share one page.
    ids = page.evaluate("[...document.querySelectorAll('.lab-app [id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))
    for name in NAMES:
        app = page.locator(f".lab-app.lab-{getattr(labs, name).lab_name}")
        assert app.count() == 1, name
        assert app.locator("[aria-live]").first.inner_text().strip(), name
        app.get_by_label("Try", exact=True).select_option("1")
        assert app.get_by_label("Try", exact=True).input_value() == "1", name
        assert "NaN" not in app.inner_text(), name
        # The cell is narrower than a page of the book.
        app.scroll_into_view_if_needed()
        assert app.evaluate("(e) => e.scrollWidth - e.clientWidth") <= 1, name
