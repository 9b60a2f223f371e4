"""Who may open what, asked of a running classroom in a browser."""

import pytest
from playwright.sync_api import expect
from served_classroom import Served, write_course

COURSE = "kernel-by-kernel"
PAGE = """<!doctype html><title>A book</title><h1>A book of one page</h1>
<img src="http://127.0.0.2:9/pixel.png" alt=""><script src="http://127.0.0.2:9/script.js"></script>"""

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("hub")]
expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("access")
    (folder / "book").mkdir()
    (folder / "book" / "index.html").write_text(PAGE)
    served = Served(folder / "state", write_course(folder / "course"), folder / "book").start()
    yield served
    served.end()


@pytest.fixture(scope="module")
def visit(served, browser):
    """A page of somebody who has logged in; nobody, with no name."""
    contexts = {}

    def open_page(name: str = ""):
        if name not in contexts:
            contexts[name] = browser.new_context()
            contexts[name].set_default_timeout(60_000)
            if name:
                page = contexts[name].new_page()
                page.goto(f"{served.url}/hub/login?next=%2Fhub%2Fhome")
                page.get_by_label("Username").fill(name)
                page.get_by_label("Password:").fill(served.passwords[name])
                page.get_by_role("button", name="Sign in").click()
                expect(page.get_by_role("button", name="My JupyterLab")).to_be_visible()
        return contexts[name].new_page()

    yield open_page
    for context in contexts.values():
        context.close()


def test_the_book_needs_no_account_and_loads_nothing_from_elsewhere(visit, served):
    page, loaded = visit(), []
    page.on("requestfinished", lambda request: loaded.append(request.url))
    page.on("response", lambda response: loaded.append(response.url))
    refused = []
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    page.goto(f"{served.url}/hub/login")
    page.get_by_role("link", name="Open the book").click()
    expect(page.get_by_role("heading", name="A book of one page")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert all(url.startswith(served.url) for url in loaded), loaded
    # The planted picture and script were held back by the book's own policy, not by luck.
    assert sum("Content Security Policy" in message for message in refused) == 2, refused
    assert page.request.get(f"{served.url}/services/book/no-such-page").status == 404
    assert page.request.get(f"{served.url}/services/book/..%2f..%2faccounts.json").status in (403, 404)


def test_a_wrong_password_opens_nothing(visit, served):
    page = visit()
    for name, password in [("student", "wrong"), ("student", served.passwords["instructor"]), ("grader", "")]:
        page.goto(f"{served.url}/hub/login")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password:").fill(password)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("Invalid username or password")).to_be_visible()


@pytest.mark.parametrize(
    "path",
    [
        f"/services/{COURSE}/formgrader",
        f"/services/{COURSE}/formgrader/manage_assignments",
        f"/services/{COURSE}/formgrader/api/assignments",
        f"/services/{COURSE}/api/contents",
        f"/services/{COURSE}/lab",
        f"/services/{COURSE}/terminals/1",
    ],
)
def test_formgrader_and_the_course_are_the_instructors(visit, served, path):
    assert visit("student").request.get(served.url + path).status in (403, 404)
    nobody = visit().request.get(served.url + path)
    assert nobody.status == 403 or nobody.url.startswith(f"{served.url}/hub/login")
    if "terminals" not in path:
        assert visit("instructor").request.get(served.url + path).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/hub/api/users",
        "/hub/api/users/instructor",
        "/hub/api/groups",
        f"/hub/api/services/{COURSE}",
        "/hub/admin",
        "/user/instructor/api/contents",
        "/user/instructor/lab",
        "/hub/spawn/instructor",
    ],
)
def test_a_student_sees_nobody_else_through_the_hub(visit, served, path):
    assert visit("student").request.get(served.url + path).status in (403, 404)


def test_a_students_own_server_has_no_formgrader_and_leads_to_the_book(visit, served):
    page = visit("student")
    page.goto(f"{served.url}/hub/spawn")
    expect(page.get_by_role("heading", name="Welcome to Kernel by Kernel")).to_be_visible()
    for path in ("formgrader", "formgrader/api/assignments", "formgraders"):
        assert page.request.get(f"{served.url}/user/student/{path}").status == 404
    page.get_by_role("menuitem", name="Nbgrader").click()
    expect(page.get_by_role("menuitem", name="Assignment List")).to_be_visible()
    for hidden in ("Formgrader", "Course List", "Create Assignment"):
        expect(page.get_by_role("menuitem", name=hidden)).to_have_count(0)
    page.keyboard.press("Escape")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="open it").click()
    expect(opened.value.get_by_role("heading", name="A book of one page")).to_be_visible()


def test_formgraders_links_lead_to_the_instructor_notebook(visit, served):
    page = visit("instructor")
    page.goto(f"{served.url}/services/{COURSE}/formgrader")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="01-tiny").click()
    expect(opened.value.get_by_text("01-tiny.ipynb").first).to_be_visible()


def test_formgrader_cannot_be_framed_by_another_page(visit, served):
    answer = visit("instructor").request.get(f"{served.url}/services/{COURSE}/formgrader/manage_assignments")
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
