"""The lab Convolution, and what labs of one page share, in a real browser without a network and without a kernel.

What every lab promises (axe, widths, names, addresses, experiments, cost) is in test_every_lab.py.
"""

import numpy as np
import pytest
import torch

from kernelbook import labs

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("labs-page")]


def shown_output(page, index=0):
    """The numbers that the output map shows, (O_h, O_w); empty cells are NaN."""
    size = page.locator(".lab-title b").nth(index).inner_text()
    rows, columns = map(int, size.split(" × "))
    texts = page.locator(".lab-output").nth(index).locator(".lab-numbers text").all_text_contents()
    assert "-" not in "".join(texts), "a hyphen where a minus sign belongs"
    return np.array([float(t.replace("−", "-") or "nan") for t in texts]).reshape(rows, columns)


def by_label(page, label):
    return page.get_by_label(label, exact=True).first


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"image": "ramp", "kernel": "sobel_y", "padding": 2, "padding_mode": "reflect"},
        {"image": "ramp", "kernel": [[1, -2], [0, 3], [5, 1]], "stride": 2, "padding": 1, "padding_mode": "circular"},
        {"image": "step", "kernel": "sobel_x", "operation": "convolution", "padding": "same", "dilation": 2},
    ],
)
def test_the_numbers_on_the_page_are_pytorchs(lab_page, state):
    lab = labs.Convolution(**state)
    page = lab_page(lab)
    weights, _ = lab.scaled_kernel
    w = torch.tensor(np.array(weights), dtype=torch.double)[None, None]
    layer = torch.nn.Conv2d(
        1, 1, w.shape[2:], lab.stride, lab.padding, lab.dilation, bias=False, padding_mode=lab.padding_mode
    ).double()
    layer.weight.data = w.flip(-1, -2) if lab.operation == "convolution" else w
    y = layer(torch.tensor(lab.picture, dtype=torch.double)[None, None])[0, 0].detach().numpy()
    np.testing.assert_array_equal(shown_output(page), y)
    # Every window's sum of products, as the reader walks through them.
    board = page.get_by_role("application", name="Output map.")
    board.focus()
    page.keyboard.press("Home")
    for row, column in np.ndindex(y.shape):
        by_label(page, "Row").fill(str(row))
        by_label(page, "Column").fill(str(column))
        total = page.locator(".lab-sum b").inner_text().split("=")[-1].replace("−", "-")
        assert float(total) == y[row, column]


def test_a_photographs_numbers_are_there_as_text(lab_page):
    lab = labs.Convolution(image="photograph", kernel="sharpen", stride=2, padding=1)
    page = lab_page(lab)
    page.get_by_text("The numbers as tables").click()
    table = page.get_by_role("table", name="Output").locator("tbody tr")
    table.first.wait_for()
    rows = [[float(c.replace("−", "-")) for c in row.locator("td").all_text_contents()] for row in table.all()]
    np.testing.assert_array_equal(rows, lab.output())


def test_the_window_the_stride_and_a_weight_are_set_with_keys(lab_page):
    page = lab_page(labs.Convolution())
    summary = page.locator(".lab-summary")
    page.get_by_role("application", name="Output map.").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert summary.inner_text().startswith("Output row 1, column 1 is 4.")
    page.keyboard.press("End")
    assert summary.inner_text().startswith("Output row 3, column 3 is 0.")

    page.get_by_label("Stride S").focus()
    page.keyboard.press("ArrowRight")
    np.testing.assert_array_equal(shown_output(page), labs.Convolution(stride=2).output())
    assert "the last row and the last column" in page.locator(".lab-formula").inner_text()

    page.get_by_label("Weight row 1, column 1").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("-7")
    assert page.get_by_label("Kernel", exact=True).first.input_value() == "custom"
    wanted = labs.Convolution(stride=2, kernel=[[-1, 0, 1], [-2, -7, 2], [-1, 0, 1]]).output()
    np.testing.assert_array_equal(shown_output(page), wanted)

    page.get_by_role("button", name="Reset").focus()
    page.keyboard.press("Enter")
    np.testing.assert_array_equal(shown_output(page), labs.Convolution().output())


def test_a_drawing_is_made_with_keys_and_with_the_pointer(lab_page):
    page = lab_page(labs.Convolution(image=np.zeros((4, 4)), kernel="identity", padding="same"))
    board = page.get_by_role("application", name="Your drawing.")
    board.focus()
    for key in ("ArrowRight", " ", "ArrowDown", "7"):
        page.keyboard.press(key)
    wanted = np.zeros((4, 4))
    wanted[0, 1], wanted[1, 1] = 1, 7
    np.testing.assert_array_equal(shown_output(page), wanted)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    wanted[0, 1] = 0
    np.testing.assert_array_equal(shown_output(page), wanted)

    box = page.locator(".lab-input").bounding_box()
    cell = box["width"] / 6  # padding 1 on both sides
    page.mouse.move(box["x"] + 1.5 * cell, box["y"] + 4.5 * cell)
    page.mouse.down()
    page.mouse.move(box["x"] + 4.5 * cell, box["y"] + 4.5 * cell, steps=12)
    page.mouse.up()
    wanted[3] = 1
    np.testing.assert_array_equal(shown_output(page), wanted)


def test_steps_uncover_the_map_one_window_at_a_time(lab_page):
    page = lab_page(labs.Convolution(show="steps"))
    following = page.get_by_role("button", name="Next")
    for shown in range(1, 17):
        assert int((~np.isnan(shown_output(page))).sum()) == shown
        if shown < 16:
            following.click()
    assert following.is_disabled()
    np.testing.assert_array_equal(shown_output(page), labs.Convolution().output())


def test_play_walks_to_the_last_window_and_stops(lab_page):
    page = lab_page(labs.Convolution(stride=3))
    page.get_by_role("button", name="Play").click()
    assert page.get_by_role("button", name="Pause").is_visible()
    page.wait_for_function("document.querySelector('.lab-summary').textContent.startsWith('Output row 1, column 1')")
    page.get_by_role("button", name="Play").wait_for()


def test_an_impossible_geometry_is_said_and_never_nan(lab_page):
    page = lab_page(labs.Convolution(image="ramp", kernel=np.ones((5, 5)), dilation=2))
    assert "spans 9" in page.locator(".lab-error").inner_text()
    assert "No output" in page.locator(".lab-summary").inner_text()
    by_label(page, "Padding P").select_option("2")
    assert shown_output(page).shape == (1, 1)
    by_label(page, "Border").select_option("reflect")
    by_label(page, "Padding P").select_option("4")
    assert shown_output(page).shape == (5, 5)
    by_label(page, "Padding P").select_option("same")
    by_label(page, "Stride S").fill("2")
    assert "stride 1" in page.locator(".lab-error").inner_text()
    for text in (page.locator("main").inner_text(), page.content()):
        assert "NaN" not in text
        assert "undefined" not in text


def test_two_labs_keep_their_states_apart_in_the_address(lab_page):
    first, second = labs.Convolution(), labs.Convolution(image="ramp")
    page = lab_page(
        first, second, fragment="#lab-convolution-2=kernel:laplacian;stride:2&lab-convolution-1=stride:99;x"
    )
    np.testing.assert_array_equal(shown_output(page, 0), first.output())
    wanted = labs.Convolution(image="ramp", kernel="laplacian", stride=2).output()
    np.testing.assert_array_equal(shown_output(page, 1), wanted)

    page.get_by_label("Padding P").nth(0).select_option("1")
    page.wait_for_function("location.hash.includes('padding:1')")
    fragment = page.evaluate("location.hash")
    assert "lab-convolution-1=padding:1" in fragment
    assert "lab-convolution-2=kernel:laplacian;stride:2" in fragment
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    assert {"lab-convolution-1", "lab-convolution-2"} <= set(ids)

    page = lab_page(first, second, fragment=fragment)
    np.testing.assert_array_equal(shown_output(page, 0), labs.Convolution(padding=1).output())
    page.evaluate("location.hash = '#lab-convolution-2=kernel:sobel_y'")
    page.wait_for_function("document.querySelectorAll('.lab-convolution select')[1].value === 'sobel_x'")
    np.testing.assert_array_equal(shown_output(page, 1), labs.Convolution(image="ramp", kernel="sobel_y").output())

    page.get_by_role("button", name="Reset").nth(1).click()
    page.wait_for_function("location.hash === ''")


def test_an_ordinary_anchor_is_left_alone_and_the_link_names_this_lab(lab_page):
    page = lab_page(labs.Convolution(), fragment="#section", body='<h2 id="section">Section</h2>')
    assert page.evaluate("location.hash") == "#section"
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: { writeText: () => Promise.reject() } })")
    by_label(page, "Dilation D").fill("2")
    page.get_by_role("button", name="Copy link").click()
    assert page.get_by_label("Link to this lab").input_value().endswith("#lab-convolution-1=dilation:2")


def test_without_the_script_the_still_picture_is_there(browser, tmp_path):
    path = tmp_path / "plain.html"
    path.write_text("<!doctype html><meta charset=utf-8>" + labs.Convolution(row=1, column=1).figure())
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    picture = page.get_by_role("img", name="Sobel X over the picture")
    assert picture.bounding_box()["height"] > 150
    assert "0, 4, 4, 0" in page.locator("figure").inner_text()
    context.close()


def test_the_paper_page_gets_the_still_picture(lab_page):
    page = lab_page(labs.Convolution())
    assert page.locator(".lab-still").is_hidden()
    page.emulate_media(media="print")
    assert page.locator(".lab-still").is_visible()
    assert page.locator(".lab-app").is_hidden()


def test_labs_of_two_scripts_share_a_page(lab_page):
    """A chapter loads a script for each of its labs: one style sheet for all, one address, no id twice."""
    shown = labs.Convolution(), labs.OutputSize(), labs.Convolution(image="ramp")
    page = lab_page(*shown, apart=True, fragment="#lab-convolution-2=stride:2")
    assert page.locator(".lab-app").count() == 3
    assert page.locator("style[data-labs='labs']").count() == 1
    np.testing.assert_array_equal(shown_output(page, 1), labs.Convolution(image="ramp", stride=2).output())
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))

    page.locator(".lab-output-size input[type=range]").first.press("ArrowRight")
    page.wait_for_function("location.hash.includes('lab-output-size-1=')")
    by_label(page, "Dilation D").fill("2")
    page.wait_for_function("location.hash.includes('lab-convolution-1=dilation:2')")
    hash_of_all = page.evaluate("location.hash")
    assert "lab-convolution-2=stride:2" in hash_of_all
    assert "lab-output-size-1=" in hash_of_all

    page = lab_page(*shown, apart=True, fragment=hash_of_all)
    np.testing.assert_array_equal(shown_output(page, 0), labs.Convolution(dilation=2).output())
    page.get_by_role("button", name="Reset").nth(1).click()
    page.wait_for_function("!location.hash.includes('output-size')")
    assert "lab-convolution-1=dilation:2" in page.evaluate("location.hash")
