"""The journey: a student does an assignment and an instructor returns it, in a real browser on a real JupyterHub.

SCREENSHOTS=directory keeps a picture of every step.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from playwright.sync_api import Locator, Page, expect
from served_classroom import ROOT, Served, processes_of

COURSE, ASSIGNMENT = "kernel-by-kernel", "02-convolution"
# Task 2, worth one point: this answer forgets the padding altogether, and the visible test says what came of it.
WRONG = {"smallest-padding": "def smallest_padding(target, size, kernel, stride=1, dilation=1):\n    return 0"}
WRONG_MESSAGE = "(the same size, with an odd kernel), yours is 0"
WRITTEN = "Neither is better: the kernels are learned, and one network's are the other's turned by 180 degrees."

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("hub"), pytest.mark.timeout(900)]
expect.set_options(timeout=60_000)


def right_answers(assignment: str = ASSIGNMENT) -> dict[str, str]:
    """The answer cells of the instructor's notebook, by grade_id, in order, without the markers."""
    notebook = nbformat.read(ROOT / "solutions" / assignment / f"{assignment}.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("solution")]
    answers = {cell.metadata.nbgrader.grade_id: cell for cell in cells}
    return {
        name: WRITTEN if cell.cell_type == "markdown" else re.sub(r" *### (BEGIN|END) SOLUTION\n?", "", cell.source)
        for name, cell in answers.items()
    }


def maximum() -> float:
    """The points of the assignment."""
    notebook = nbformat.read(ROOT / "solutions" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb", as_version=4)
    return sum(cell.metadata.get("nbgrader", {}).get("points", 0) for cell in notebook.cells)


class Visitor:
    """One person at one browser."""

    def __init__(self, browser, served: Served, name: str, pictures: Path):
        self.served, self.name, self.pictures = served, name, pictures
        self.context = browser.new_context(viewport={"width": 1300, "height": 900})
        self.context.set_default_timeout(60_000)
        self.page: Page = self.context.new_page()
        self.steps = 0
        self.elsewhere: set[str] = set()  # requests to other hosts
        self.page.on("request", self._note)

    def _note(self, request) -> None:
        if not request.url.startswith((self.served.url, "data:", "blob:")):
            self.elsewhere.add(request.url)

    def look(self, step: str) -> None:
        self.steps += 1
        self.page.screenshot(path=self.pictures / f"{self.name}-{self.steps:02d}-{step}.png")

    def log_in(self) -> None:
        self.page.goto(self.served.url)
        self.look("login")
        self.page.get_by_label("Username").fill(self.name)
        self.page.get_by_label("Password:").fill(self.served.passwords[self.name])
        self.page.get_by_role("button", name="Sign in").click()

    def confirm(self, message: str, step: str) -> None:
        """Wait for one of Formgrader's messages, and close it."""
        box = self.page.locator(".modal.in")
        expect(box).to_contain_text(message, timeout=120_000)
        self.look(step)
        box.get_by_role("button", name="OK").click()
        expect(box).to_have_count(0)


class Student(Visitor):
    """Somebody who works in JupyterLab."""

    def open_assignments(self) -> None:
        self.page.get_by_role("menuitem", name="Nbgrader").click()
        self.page.get_by_role("menuitem", name="Assignment List").click()
        expect(self.page.get_by_text("Released assignments")).to_be_visible()

    def part(self, name: str) -> Locator:
        """The list of released, fetched or submitted assignments."""
        return self.page.locator(f"#{name}_assignments_list")

    def open(self, *path: str) -> None:
        """Open a file by double clicks in the file browser, from the top."""
        files = self.page.locator(".jp-FileBrowser:visible")
        files.locator(".jp-BreadCrumbs-home").click()
        for name in path:
            files.locator(".jp-DirListing-item", has_text=name).dblclick()

    @property
    def notebook(self) -> Locator:
        return self.page.locator(".jp-NotebookPanel:visible")

    def write(self, answers: dict[str, str]) -> None:
        """Paste each answer into its cell, then save."""
        path = self.served.state / "homes" / self.name / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
        cells = nbformat.read(path, as_version=4).cells
        places = {cell.metadata.get("nbgrader", {}).get("grade_id"): place for place, cell in enumerate(cells)}
        keyboard = self.page.keyboard
        for grade_id, answer in answers.items():
            cell = self.notebook.locator(".jp-Cell").nth(places[grade_id])
            if cells[places[grade_id]].cell_type == "markdown":
                cell.locator(".jp-MarkdownOutput").dblclick()
            cell.locator(".cm-content").click()
            expect(cell.locator(".cm-content")).to_be_focused()
            keyboard.press("Control+a")
            keyboard.insert_text(answer)
            expect(cell.locator(".cm-content")).to_contain_text(answer.strip().splitlines()[-1])
            keyboard.press("Escape")
        keyboard.press("Control+s")
        expect(self.page.locator(".lm-DockPanel-tabBar .jp-mod-current.jp-mod-dirty")).to_have_count(0)

    def validate(self) -> Locator:
        self.notebook.locator(".validate-button").click()
        dialog = self.page.locator(".jp-Dialog")
        expect(dialog).to_be_visible(timeout=120_000)
        return dialog


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The classroom of the real course, open for the tests of this file."""
    folder = tmp_path_factory.mktemp("classroom")
    served = Served(folder / "state", ROOT, None).start()
    assert served.passwords.keys() == {"student", "instructor"}, served.output
    yield served
    served.stop()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_a_student_does_the_assignment_and_an_instructor_returns_it(browser, served, pictures):
    answers, points = right_answers(), maximum()
    student = Student(browser, served, "student", pictures)
    page = student.page

    student.log_in()
    expect(page.get_by_role("heading", name="Welcome to Kernel by Kernel")).to_be_visible()
    student.look("welcome")
    student.open_assignments()
    released = student.part("released").locator(".list_item", has_text=ASSIGNMENT)
    expect(released).to_be_visible()
    student.look("assignments")
    released.get_by_role("button", name="Fetch").click()
    expect(student.part("fetched")).to_contain_text(ASSIGNMENT)

    student.open(ASSIGNMENT, f"{ASSIGNMENT}.ipynb")
    expect(student.notebook.locator(".validate-button")).to_be_visible()
    expect(student.notebook.get_by_role("heading", name=re.compile("Assignment 2"))).to_be_visible()
    student.look("notebook")
    student.write(answers)
    student.look("solved")
    dialog = student.validate()
    expect(dialog).to_contain_text("Success! Your notebook passes all the tests.")
    student.look("validation-passed")
    dialog.get_by_role("button").last.click()

    student.write(WRONG)
    dialog = student.validate()
    expect(dialog).to_contain_text(WRONG_MESSAGE)
    student.look("validation-failed")
    dialog.get_by_role("button").last.click()

    student.open_assignments()
    student.part("fetched").get_by_role("button", name="Submit").click()
    expect(student.part("submitted")).to_contain_text(ASSIGNMENT)
    student.look("submitted")

    instructor = Visitor(browser, served, "instructor", pictures)
    office = instructor.page
    instructor.log_in()
    expect(office.get_by_role("link", name="Formgrader")).to_be_visible()
    instructor.look("home")
    office.get_by_role("link", name="Formgrader").click()
    row = office.locator("tr", has_text=ASSIGNMENT)
    expect(row).to_be_visible()
    instructor.look("formgrader")
    row.locator(".collect a").click()
    instructor.confirm("Successfully collected", "collected")

    row.locator(".num-submissions a").click()
    submission = office.locator("tbody tr", has_text="student")
    expect(submission).to_contain_text("needs autograding")
    submission.locator(".autograde a").click()
    instructor.confirm("Successfully autograded", "autograded")
    expect(submission).to_contain_text(f"{points - 3:g} / {points:g}")
    instructor.look("score")

    office.get_by_role("link", name="Manual Grading").click()
    office.get_by_role("link", name=ASSIGNMENT).click()
    office.get_by_role("link", name=ASSIGNMENT).last.click()
    office.get_by_role("link", name="Submission #1").click()
    instructor.look("grading")
    # Task 10 is graded by hand. The page listens once it has read the grades, and shows it by filling the boxes in.
    cell = office.locator(".nbgrader_cell", has_text=WRITTEN)
    expect(cell.locator("input.extra-credit")).to_have_attribute("placeholder", "0")
    expect(cell.locator("textarea.comment")).to_have_attribute("placeholder", re.compile("."))
    with office.expect_response(lambda response: "/formgrader/api/grade/" in response.url and response.ok):
        # Without a pointer, under which the page may still be moving; Enter is one of Formgrader's own shortcuts.
        cell.get_by_role("button", name="Full credit").dispatch_event("click")
    cell.locator("textarea.comment").fill("Well said.")
    with office.expect_response(lambda response: "/formgrader/api/comment/" in response.url and response.ok):
        cell.locator("textarea.comment").blur()
    cell.scroll_into_view_if_needed()
    instructor.look("graded-by-hand")

    office.goto(f"{served.url}/services/{COURSE}/formgrader/manage_submissions/{ASSIGNMENT}")
    expect(submission).to_contain_text("graded")
    expect(submission).to_contain_text(f"{points - 1:g} / {points:g}")
    submission.locator(".generate-feedback a").click()
    instructor.confirm("Successfully generated feedback", "feedback-generated")
    submission.locator(".release-feedback a").click()
    instructor.confirm("Successfully released feedback", "feedback-released")

    page.locator("#refresh_assignments_list").click()
    expect(student.part("submitted")).to_contain_text("feedback available to fetch")
    student.part("submitted").get_by_role("button", name="Fetch Feedback").click()
    student.part("submitted").get_by_text("(view feedback)").click()
    student.look("feedback-fetched")
    page.locator(".jp-DirListing-item", has_text=f"{ASSIGNMENT}.html").dblclick()
    feedback = page.frame_locator(".jp-HTMLViewer iframe")
    expect(feedback.get_by_role("heading", level=1)).to_have_text(f"{points - 1:g} of {points:g} points")
    expect(feedback.locator("body")).to_contain_text(WRONG_MESSAGE)
    expect(feedback.locator("body")).to_contain_text("Well said.")
    student.look("feedback")
    feedback.get_by_text(WRONG_MESSAGE).last.scroll_into_view_if_needed()
    student.look("feedback-wrong-answer")

    assert not student.elsewhere | instructor.elsewhere


def test_an_assignment_that_draws_wafers_is_graded_where_formgrader_grades(served):
    """Its process has an environment of its own, in which the course's library is found by its installation."""
    name = "09-capstone"
    service = next(p for p in processes_of(served.state) if p.environ().get("JUPYTERHUB_SERVICE_NAME") == COURSE)
    course = served.state / "course"
    notebook = nbformat.read(course / "exercises" / name / f"{name}.ipynb", as_version=4)
    answers = right_answers(name)
    for cell in notebook.cells:
        cell.source = answers.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    folder = course / "submitted" / "student" / name
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{name}.ipynb")
    command = [sys.executable, "-m", "nbgrader", "autograde", name, "--student", "student"]
    done = subprocess.run(command, cwd=course, env=service.environ(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with Gradebook(f"sqlite:///{course}/gradebook.db", COURSE) as gradebook:
        grades = gradebook.find_submission_notebook(name, name, "student").grades
        assert [grade.name for grade in grades if grade.auto_score not in (None, grade.max_score)] == []
        assert sum(grade.auto_score is not None for grade in grades) > 20


def test_a_visitor_reads_the_chapter_without_an_account(browser, served, pictures):
    visitor = Visitor(browser, served, "visitor", pictures)
    errors: list[str] = []
    visitor.page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    visitor.page.on("pageerror", lambda error: errors.append(str(error)))
    visitor.page.goto(f"{served.url}/services/book/")
    visitor.page.get_by_role("navigation").get_by_role("link", name="convolution").first.click()
    expect(visitor.page.get_by_role("heading", level=1)).to_contain_text("convolution")
    # The page's formulas and labs are drawn by scripts; the policy that the book is served with lets them run.
    expect(visitor.page.locator("mjx-container").first).to_be_visible()
    expect(visitor.page.locator("figure.lab").first).to_be_visible()
    visitor.look("chapter")
    assert not errors
    assert not visitor.elsewhere
