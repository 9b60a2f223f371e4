"""The Python side of a lab: traits, what it puts into a notebook, and what it says about mistakes."""

import json
from html.parser import HTMLParser

import nbformat
import numpy as np
import pytest
from ipywidgets import IntSlider, jslink
from nbclient import NotebookClient
from traitlets import TraitError

from kernelbook import labs
from kernelbook.labs.base import Lab, Still

VIEW = "application/vnd.jupyter.widget-view+json"
STATES = [
    {},
    {"image": "ramp", "kernel": "box_blur", "stride": 2, "padding": 1},
    {"image": "photograph", "row": 5, "column": 9},
    {"image": "wafer", "kernel": "laplacian", "padding": "same", "padding_mode": "reflect"},
    {"image": [[1, -2.5], [3, 4]], "kernel": [[1, 1]], "operation": "convolution"},
    {"image": "ramp", "kernel": np.ones((5, 5)), "dilation": 2},
    {"caption": 'A caption with <b>markup</b> & "quotes"'},
]
VOID = {"rect", "image", "path"}


class Outline(HTMLParser):
    """Checks that tags nest and collects attributes and text."""

    def __init__(self):
        super().__init__()
        self.open, self.figures, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "figure":
            self.figures.append(dict(attrs))

    def handle_startendtag(self, tag, attrs):
        assert tag in VOID

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parsed(text):
    outline = Outline()
    outline.feed(text)
    outline.close()
    assert not outline.open
    return outline


@pytest.mark.parametrize("state", STATES)
def test_a_notebook_gets_a_live_view_a_figure_and_a_stable_name(state):
    lab = labs.Convolution(**state)
    bundle, _ = lab._repr_mimebundle_()
    assert bundle[VIEW]["model_id"] == lab.model_id
    assert bundle["text/plain"] == repr(lab) == repr(labs.Convolution(**state))
    assert bundle["text/plain"].startswith("Convolution(image='")
    assert "0x" not in bundle["text/plain"]
    assert bundle["text/html"] == labs.Convolution(**state).figure()
    outline = parsed(bundle["text/html"])
    (figure,) = outline.figures
    assert figure["class"] == "lab"
    assert figure["data-lab"] == "convolution"
    assert figure["aria-label"]
    assert labs.Convolution(**json.loads(figure["data-state"])).state() == lab.state()
    assert lab.model_id not in bundle["text/html"]
    if "caption" in state:
        assert state["caption"] in outline.text


def test_the_still_picture_teaches_with_numbers():
    text = " ".join(parsed(labs.Convolution(row=1, column=1).figure()).text)
    for words in ("Sobel X", "Input 6 × 6", "Output 4 × 4", "(2)(1)", "= 4", "0, 4, 4, 0", "Jupyter"):
        assert words in text
    assert "never read (red): the last 1 rows" in labs.Convolution(stride=2).still().words.lower()
    assert "no output" in labs.Convolution(image="ramp", kernel=np.ones((5, 5)), dilation=2).still().words
    assert len(labs.Convolution(image="photograph").figure()) < 25_000


def test_the_name_shows_a_drawing_only_where_there_is_one():
    assert "pixels" not in repr(labs.Convolution())
    assert repr(labs.Convolution(image=np.eye(2))).startswith("Convolution(image='drawn', pixels=[[1, 0], [0, 1]], ")


def test_state_is_traits_that_travel():
    lab = labs.Convolution(stride=2)
    assert set(lab.state()) == set(lab.state_names) <= set(lab.keys)
    sent = lab.get_state()
    assert sent["stride"] == 2
    assert sent["pixels"] == lab.pixels
    slider = IntSlider(min=1, max=4)
    link = jslink((slider, "value"), (lab, "stride"))
    assert link.source[1] == "value"
    assert link.target[0] is lab
    lab.set_state({"stride": 3, "kernel": "laplacian"})  # what a message from the browser does
    assert (lab.stride, lab.kernel) == (3, "laplacian")
    lab.stride = 1
    assert "stride=1" in repr(lab)
    assert json.loads(parsed(lab.figure()).figures[0]["data-state"])["stride"] == 1


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"stride": 0}, "stride"),
        ({"stride": 2.5}, "stride"),
        ({"padding": 9}, "padding"),
        ({"image": "cat"}, "ramp"),
        ({"padding_mode": "constant"}, "circular"),
        ({"image": [[1, 2], [3]]}, "pixels must be rows of numbers"),
        ({"image": np.zeros((2, 65))}, r"64 x 64, got shape \(2, 65\)"),
        ({"kernel": np.zeros((3, 3, 3))}, "matrix"),
        ({"kernel": [[float("nan")]]}, "finite"),
        ({"weights": []}, "weights"),
        ({"divisor": 0}, "other than 0"),
    ],
)
def test_bad_values_are_refused_with_a_reason(state, message):
    with pytest.raises(TraitError, match=message):
        labs.Convolution(**state)


def test_an_unknown_name_is_refused():
    with pytest.raises(TypeError, match="no 'strides'; it has image, pixels"):
        labs.Convolution(strides=2)


def test_a_lab_must_draw_itself():
    class Convolution(Lab):
        pass

    with pytest.raises(NotImplementedError, match="still"):
        Convolution().figure()
    assert Still("<svg></svg>", "words", "caption").caption == "caption"


@pytest.mark.slow
def test_it_is_live_in_a_real_kernel(tmp_path):
    """A notebook is run by nbclient; the widget's messages reach the front end with the traits as they change."""
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("from kernelbook import labs\nlab = labs.Convolution(stride=2)\nlab"),
            nbformat.v4.new_code_cell("lab.stride = 3\nlab.kernel = 'laplacian'"),
        ]
    )
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    data = notebook.cells[0].outputs[0]["data"]
    assert set(data) == {"text/plain", "text/html", VIEW}
    assert "stride=2" in data["text/plain"]
    state = client.widget_state[data[VIEW]["model_id"]]
    assert (state["stride"], state["kernel"], state["_model_module"]) == (3, "laplacian", "anywidget")
    assert "export" in state["_esm"]
    assert ".lab-app" in state["_css"]
