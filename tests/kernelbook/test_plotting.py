"""Figures that show what they are given, can be read by everybody, and are the same bytes on every run."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from kernelbook import plotting

SMALL = np.array([[1, -2, 3], [0, 4, -12]])

FIGURES = {
    "maps": lambda: plotting.maps([SMALL, SMALL / 2], ["a", "b"]),
    "maps with a bar": lambda: plotting.maps([abs(SMALL)], cmap=plotting.HEAT, bar="windows"),
    "grids": lambda: plotting.grids([SMALL, SMALL.T], ["a", "b"], marked={0: [(0, 1, 2, 2)]}, signs="="),
    "lines": lambda: plotting.lines(
        [1, 2, 4], {"a": [1, 2, 3], "b": [3, 2, 2]}, "x", "y (m)", log="x", limits={"a": 4}
    ),
    "tiles": lambda: plotting.tiles([np.ones((2, 3, 3, 3)) / 2, np.eye(3)[None]], ["colour", "grey"]),
    "bars": lambda: plotting.bars({"work": {"a": 2, "b": 3}, "time": {"a": 1, "b": 2}}, "times less"),
    "pipeline": lambda: plotting.pipeline([("conv", "8 × 4"), ("pool", "8 × 2"), ("mean", "8")], columns=2),
    "confusion": lambda: plotting.confusion([[3, 1], [0, 2]], ["a", "b"]),
    "spreads": lambda: plotting.spreads({"a": [0.5, 0.6], "b": [0.7, 0.8, 0.9]}, "accuracy (%)"),
    "runs": lambda: plotting.runs(
        [1, 10],
        {"near": {"a": [[0.1, 0.2], [0.3, 0.5]], "b": [[0.2, 0.2], [0.1, 0.4]]}},
        "labels",
        "right (%)",
        log=True,
    ),
    "flow": lambda: plotting.flow({"one": [("map", "plain"), ("stage", "kept"), ("head", "new")]}),
}


def png(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight")
    return file.getvalue()


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_the_same_bytes_again_whatever_the_reader_has_set(name):
    before = png(FIGURES[name]())
    with plt.rc_context({"font.size": 30, "figure.facecolor": "red", "axes.grid": True, "figure.dpi": 50}):
        figure = FIGURES[name]()
        assert figure.dpi == 144
        assert figure.get_facecolor()[:3] == to_rgb(plotting.PAPER)
    assert png(FIGURES[name]()) == before
    assert not plt.get_fignums(), "a figure left open is shown twice in a notebook"


@pytest.mark.parametrize("name", FIGURES)
def test_drawing_changes_no_setting_of_the_reader(name):
    before = dict(plt.rcParams)
    FIGURES[name]()
    assert dict(plt.rcParams) == before


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


@pytest.mark.parametrize("colour", [plotting.INK, plotting.BLUE, plotting.ORANGE])
def test_ink_stands_out_from_paper_as_wcag_asks(colour):
    assert (luminance(plotting.PAPER) + 0.05) / (luminance(colour) + 0.05) >= 4.5


def test_every_number_in_a_grid_is_written_and_readable():
    axis = plotting.grids([SMALL, [[7]]], ["left", "right"]).axes[0]
    texts = [text.get_text() for text in axis.texts]
    assert texts == ["1", "−2", "3", "0", "4", "−12", "left", "7", "right"]
    for patch in axis.patches:
        ratio = (luminance(patch.get_facecolor()) + 0.05) / (luminance(plotting.INK) + 0.05)
        assert ratio >= 4.5, "a number would be hard to read on its cell"


def test_a_grid_marks_the_window_it_was_asked_to():
    axis = plotting.grids([np.zeros((4, 5)), np.zeros((2, 3))], marked={1: [(1, 0, 1, 2)]}).axes[0]
    frame = [p for p in axis.patches if isinstance(p, Rectangle) and not p.get_fill()]
    assert [(p.get_xy(), p.get_height(), p.get_width()) for p in frame] == [((6.2, 0.0), 1, 2)]


def test_maps_share_a_scale_unless_each_has_its_own():
    shared = [image.get_clim() for axis in plotting.maps([SMALL, SMALL / 2]).axes for image in axis.images]
    assert shared == [(-12, 12), (-12, 12)]
    own = [image.get_clim() for axis in plotting.maps([SMALL, abs(SMALL)], each=True).axes for image in axis.images]
    assert own == [(-12, 12), (0, 12)]


def test_zero_is_white_where_values_have_a_sign():
    image = plotting.maps([SMALL]).axes[0].images[0]
    assert image.cmap(image.norm(0.0)) == pytest.approx((1, 1, 1, 1), abs=0.01)
    assert not plotting.maps([np.zeros((2, 2))], signed=True).axes[0].images[0].get_array().any()


def test_a_spread_draws_mean_and_sample_deviation():
    lines = plotting.spreads({"a": [0.2, 0.4]}, "accuracy (%)").axes[0].lines
    assert lines[0].get_xdata() == pytest.approx([30 - 200**0.5, 30 + 200**0.5])
    assert lines[1].get_xdata() == pytest.approx([30, 30])
    assert sorted(lines[2].get_xdata()) == pytest.approx([20, 40])
    assert plotting.spreads({"a": [2, 4]}, "steps", percent=False).axes[0].lines[1].get_xdata()[0] == 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plotting.maps([]), "one or more"),
        (lambda: plotting.maps([np.zeros(3)]), r"got shapes \[\(3,\)\]"),
        (lambda: plotting.grids([SMALL], ["a", "b"]), "expected 1 titles, got 2"),
        (lambda: plotting.grids([SMALL / 4]), "whole numbers"),
        (lambda: plotting.grids([SMALL, SMALL], signs="=="), "expected 1 signs"),
        (lambda: plotting.maps([SMALL, SMALL], each=True, bar="x"), "one scale"),
        (lambda: plotting.spreads({"a": [1]}, ""), "two results"),
    ],
)
def test_bad_input_gets_one_clear_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_lines_are_drawn_through_their_values_and_named_beside_them():
    axis = plotting.lines(
        [1, 2, 4], {"a": [1, 2, 3], "b": [3, 2, 2]}, "x", "y (m)", log="xy", limits={"a": 4}, points={"here": (2, 2)}
    ).axes[0]
    drawn = [list(line.get_ydata()) for line in axis.lines]
    assert drawn == [[1, 2, 3], [3, 2, 2], [4, 4], [2]]
    assert [text.get_text() for text in axis.texts] == ["a", "b", "here"]
    assert axis.lines[2].get_color() == axis.lines[0].get_color() != axis.lines[1].get_color()
    assert (axis.get_xscale(), axis.get_yscale(), axis.get_ylabel()) == ("log", "log", "y (m)")
    with pytest.raises(ValueError, match="expected 2 values"):
        plotting.lines([1, 2], {"a": [1]}, "x", "y")


def test_bars_stand_for_their_numbers_row_by_row():
    axis = plotting.bars({"work": {"a": 2, "b": 3}, "time": {"a": 1, "b": 2.5}}, "times less").axes[0]
    assert [patch.get_width() for patch in axis.patches] == [2, 3, 1, 2.5]
    assert [text.get_text() for text in axis.texts] == ["2.0", "3.0", "1.0", "2.5"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b"]
    rows = [round(patch.get_y() + patch.get_height() / 2) for patch in axis.patches]
    assert rows == [0, 1, 0, 1]
    with pytest.raises(ValueError, match="the same names"):
        plotting.bars({"work": {"a": 2}, "time": {"b": 1}}, "times less")


def test_scatter_names_every_point():
    figure = plotting.scatter({"a": (1, 10), "b": (100, 20)}, "size", "score", log="x", left=["b"])
    axis = figure.axes[0]
    assert axis.get_xscale() == "log"
    assert axis.get_yscale() == "linear"
    assert [(text.get_text(), text.get_ha()) for text in axis.texts] == [("a", "left"), ("b", "right")]
    assert [tuple(line.get_xydata()[0]) for line in axis.lines] == [(1, 10), (100, 20)]
    with pytest.raises(ValueError, match="names among"):
        plotting.scatter({"a": (1, 1)}, "", "", left=["c"])


def test_timeline_is_to_scale_and_joins_what_is_of_one_year():
    axis = plotting.timeline({"old": 1998, "one": 2014, "other": 2014}).axes[0]
    assert list(axis.lines[1].get_ydata()) == [1998, 2014]
    assert [text.get_text() for text in axis.texts] == ["1998", "old", "2014", "one  ·  other"]
    with pytest.raises(ValueError, match="two years"):
        plotting.timeline({"one": 2014, "other": 2014})


def test_shortcut_draws_its_layers_in_order_and_no_arrow_over_a_box():
    figure = plotting.shortcut(["normalisation", "ReLU", "conv"], "ReLU")
    names = ["x", "normalisation", "ReLU", "conv", "+", "ReLU", "y"]
    assert [text.get_text() for text in figure.axes[0].texts if text.get_text() in names] == names
    figure.canvas.draw()
    boxes = [text.get_bbox_patch().get_window_extent() for text in figure.axes[0].texts if text.get_bbox_patch()]
    arrows = [text.arrow_patch for text in figure.axes[0].texts if hasattr(text, "arrow_patch")]
    assert (len(boxes), len(arrows)) == (7, 7)
    for arrow in arrows:
        points = arrow.get_transform().transform_path(arrow.get_path()).vertices
        for box in boxes:
            inside = (points > [box.x0 + 2, box.y0 + 2]).all(1) & (points < [box.x1 - 2, box.y1 - 2]).all(1)
            assert not inside.any()
    with pytest.raises(ValueError, match="at least one layer"):
        plotting.shortcut([])


def test_a_pipeline_names_every_step_and_what_leaves_it_on_as_many_lines_as_it_needs():
    axis = plotting.pipeline([("a", "1"), ("b", "2"), ("c", "3")], columns=2).axes[0]
    assert [text.get_text() for text in axis.texts if text.get_text()] == ["a", "1", "b", "2", "c", "3"]
    assert [round(patch.get_y() + patch.get_height() / 2) for patch in axis.patches[:3] if patch.get_width()] == [
        0,
        0,
        -1,
    ]
    with pytest.raises(ValueError, match="at least one step"):
        plotting.pipeline([])


def test_confusion_writes_counts_row_by_row_and_colours_by_the_share_of_the_row():
    axis = plotting.confusion([[3, 1], [0, 20]], ["a", "b"]).axes[0]
    assert [text.get_text() for text in axis.texts] == ["3", "1", "", "20"]
    assert axis.images[0].get_array().tolist() == [[0.75, 0.25], [0.0, 1.0]]
    assert axis.get_ylabel() == "what it was"
    with pytest.raises(ValueError, match=r"expected a \(3, 3\) matrix for 3 names, got \(2, 2\)"):
        plotting.confusion([[3, 1], [0, 2]], ["a", "b", "c"])


def test_tiles_show_colours_and_greys_as_they_are_and_refuse_what_would_be_cut_off():
    colours = np.random.default_rng(0).random((3, 4, 5, 3))
    figure = plotting.tiles([colours, np.eye(4)[None]], ["one", "other"])
    shown = [axis.images[0] for axis in figure.axes if axis.images]
    assert len(shown) == 4
    np.testing.assert_array_equal(shown[1].get_array(), colours[1])
    assert shown[3].get_clim() == (0, 1)
    for rows, message in [
        ([], "expected rows"),
        ([np.ones((2, 3, 3, 4))], "expected rows"),
        ([2 * np.ones((1, 2, 2))], "0 to 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            plotting.tiles(rows)
    with pytest.raises(ValueError, match="expected 1 titles, got 2"):
        plotting.tiles([np.eye(2)[None]], ["a", "b"])


def test_runs_draws_means_and_deviations_in_percent():
    figure = plotting.runs([5, 20], {"near": {"a": [[0.1, 0.3], [0.5, 0.5]]}, "far": {"a": [[0, 0], [1, 1]]}}, "n", "%")
    first, second = figure.axes
    drawn, _, (bars,) = first.containers[0]
    assert drawn.get_ydata() == pytest.approx([20, 50])
    low, high = bars.get_segments()[0][:, 1]
    assert (low, high) == pytest.approx((20 - 200**0.5, 20 + 200**0.5))
    assert [axis.get_title() for axis in (first, second)] == ["near", "far"]
    with pytest.raises(ValueError, match="expected 2 rows"):
        plotting.runs([5, 20], {"near": {"a": [[0.1, 0.3]]}}, "n", "%")


def test_flow_paints_each_kind_in_its_own_colour():
    figure = plotting.flow({"one": [("a", "kept"), ("b", "trained"), ("c", "new")]})
    fills = {patch.get_facecolor() for patch in figure.axes[0].patches if isinstance(patch, Rectangle)}
    assert len(fills) == 3
    with pytest.raises(ValueError, match="'frozen'"):
        plotting.flow({"one": [("a", "frozen")]})
