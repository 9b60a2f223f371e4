"""nbgrader for the instructor's side: the course's own nbgrader_config.py, with the classroom's directories added."""

import os
from pathlib import Path

c = get_config()  # type: ignore[name-defined]  # noqa: F821

# In a terminal outside the classroom, nbgrader finds this file by the link to it in the classroom's course directory.
state = Path(os.environ.get("CLASSROOM") or Path(__file__).parent.parent)
course = (state / "course" / "solutions").resolve().parent
load_subconfig(str(course / "nbgrader_config.py"))  # type: ignore[name-defined]  # noqa: F821

c.CourseDirectory.root = str(state / "course")
c.Exchange.root = str(state / "exchange")
# On a laptop every submission belongs to the one who runs the classroom, so its owner says nothing about its author.
c.ExchangeCollect.check_owner = False
# Formgrader would show all of this configuration above the list of assignments.
c.FormgradeExtension.debug = False
# Hints in the feedback lead into the book that this classroom serves.
c.FeedbackExporter.link_base = f"http://127.0.0.1:{os.environ.get('CLASSROOM_PORT', '8000')}/services/book/book/"
