"""The lab Pooling: its arithmetic is PyTorch's, gradients included, and its experiments' numbers are right."""

import json
import random
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from traitlets import TraitError

from kernelbook import labs
from kernelbook.labs.pooling import MOVES, OPERATIONS, bright_pixel, pool

HERE = Path(__file__).parent
CASES = 15_000
BINOMIAL = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]], dtype=torch.double)[None, None] / 16


def in_torch(x, operation, *, window, stride, padding, ceil, countPad):
    """x (H, W) pooled by PyTorch, or None where it refuses."""
    x = x[None, None]
    try:
        if operation == "max":
            return F.max_pool2d(x, window, stride, padding, ceil_mode=ceil)[0, 0]
        if operation == "average":
            return F.avg_pool2d(x, window, stride, padding, ceil, countPad)[0, 0]
        dense = F.max_pool2d(x, window, 1, padding)
        return F.conv2d(F.pad(dense, (1, 1, 1, 1), mode="reflect"), BINOMIAL, stride=stride)[0, 0]
    except RuntimeError:
        return None


def random_case(rng, generator):
    operation = rng.choice(OPERATIONS)
    window = rng.randint(1, 5)
    options = {
        "window": window,
        "stride": rng.randint(1, 4),
        "padding": rng.randint(0, window // 2) if rng.random() < 0.9 else 3,
        "ceil": rng.random() < 0.5,
        "countPad": rng.random() < 0.5,
    }
    shape = rng.randint(1, 9), rng.randint(1, 9)
    whole = rng.random() < 0.5
    # Few different whole numbers, so that maxima are often tied; the binomial's sixteenths are exact.
    exact = whole and operation != "average"
    x = (
        torch.randint(-3, 4, shape, generator=generator).double()
        if whole
        else torch.randn(shape, generator=generator).double()
    )
    x.requires_grad_()
    y = in_torch(x, operation, **options)
    case = {"operation": operation, "options": options, "x": list(shape), "y": None, "exact": exact}
    parts = [x.detach()]
    if y is not None:
        upstream = torch.randint(-5, 6, y.shape, generator=generator).double()
        (gradient,) = torch.autograd.grad(y, x, upstream)
        case["y"] = list(y.shape)
        parts += [y.detach(), upstream, gradient]
    return case, parts


@pytest.fixture(scope="module")
def fixtures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pooling")
    rng, generator = random.Random(4), torch.Generator().manual_seed(4)
    cases, numbers = [], []
    for _ in range(CASES):
        case, parts = random_case(rng, generator)
        cases.append(case)
        numbers.append(parts)
    np.concatenate([part.numpy().ravel() for parts in numbers for part in parts]).tofile(folder / "data.bin")
    (folder / "cases.json").write_text(json.dumps(cases))
    return folder, cases, numbers


@pytest.mark.slow
@pytest.mark.xdist_group("pooling-truth")
def test_values_and_gradients_on_the_page_equal_pytorch(fixtures):
    folder, cases, _ = fixtures
    done = subprocess.run(
        ["node", HERE / "pooling_truth.mjs", folder], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["wrong"] == 0, report["examples"]
    refused = sum(case["y"] is None for case in cases)
    exact = sum(case["exact"] and case["y"] is not None for case in cases)
    assert (report["refused"], report["exact"]) == (refused, exact)
    assert report["exact"] + report["close"] == CASES - refused >= 10_000


@pytest.mark.xdist_group("pooling-truth")
def test_the_cases_cover_what_the_lab_promises(fixtures):
    seen = Counter()
    for case in fixtures[1]:
        options, (height, width) = case["options"], case["x"]
        if case["y"] is None:
            seen["refused"] += 1
            continue
        seen[case["operation"]] += 1
        seen["not square"] += height != width
        seen["even window"] += options["window"] % 2 == 0
        seen["gaps"] += options["stride"] > options["window"]
        seen["overlap"] += options["stride"] < options["window"]
        seen["ceil"] += options["ceil"] and case["operation"] != "blur"
        seen["without the padding"] += case["operation"] == "average" and options["padding"] and not options["countPad"]
        seen["remainder"] += (height + 2 * options["padding"] - options["window"]) % options["stride"] > 0
    assert min(seen.values()) >= 500, seen


@pytest.mark.xdist_group("pooling-truth")
def test_the_still_pictures_numbers_equal_pytorch(fixtures):
    for case, parts in list(zip(*fixtures[1:], strict=True))[:3000]:
        o = case["options"]
        arguments = (case["operation"], o["window"], o["stride"], o["padding"], o["ceil"], o["countPad"])
        x = parts[0].numpy()
        if case["y"] is None:
            with pytest.raises(ValueError, match=r"window|reflection"):
                pool(x, *arguments)
        else:
            np.testing.assert_allclose(pool(x, *arguments), parts[1].numpy(), rtol=1e-12, atol=1e-12)


def every_move_in_torch(operation, window, stride, steps):
    """Erratum E52 with PyTorch's own pooling: unchanged outputs, moves, and the largest change, averaged."""
    starts = stride * -(-8 // stride)
    margin = 4 * stride * window
    options = {"window": window, "stride": stride, "padding": 0, "ceil": False, "countPad": True}

    def answer(row, column):
        x = torch.zeros(2 * margin + starts, 2 * margin + starts, dtype=torch.double)
        x[margin + row, margin + column] = 1
        return in_torch(x, operation, **options)

    answers = {(i, j): answer(i, j) for i in range(-2, starts + 2) for j in range(-2, starts + 2)}
    changes = [
        (answers[i, j] - answers[i + a, j + b]).abs().max().item()
        for i in range(starts)
        for j in range(starts)
        for a, b in steps
    ]
    return changes.count(0.0), len(changes), sum(changes) / len(changes)


def ask_page(expression):
    script = (
        f"const lab = await import({json.dumps((HERE.parents[1] / 'kernelbook/labs/pooling.js').as_uri())});"
        f"const math = await import({json.dumps((HERE.parents[1] / 'kernelbook/labs/lib/pool.js').as_uri())});"
        f"console.log(JSON.stringify({expression}))"
    )
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


def test_one_bright_pixel_survives_as_often_as_pytorch_says():
    geometries = [(o, k, s) for o in OPERATIONS for k in (1, 2, 3, 5) for s in (1, 2, 3)]
    page = ask_page(f"{json.dumps(geometries)}.map((g) => math.everyMove(...g))")
    for geometry, rows in zip(geometries, page, strict=True):
        assert [row["name"] for row in rows] == [name for name, _ in MOVES]
        for row, (_, steps) in zip(rows, MOVES, strict=True):
            unchanged, total, change = every_move_in_torch(*geometry, steps)
            assert (row["unchanged"], row["total"]) == (unchanged, total), geometry
            assert row["change"] == pytest.approx(change, rel=1e-9)
            assert bright_pixel(*geometry, steps) == (unchanged, total)


def test_the_shares_are_those_of_the_erratum():
    """E52: half of the moves along an axis, three eighths of those to a neighbour, none by two pixels."""
    shares = [bright_pixel("max", 2, 2, steps) for _, steps in MOVES]
    assert shares == [(128, 256), (192, 512), (0, 256)]
    words = labs.Pooling().still().words
    for share in ("128 of 256", "(50 %)", "192 of 512", "(37.5 %)", "0 of 256", "(0 %)"):
        assert share in words


def test_the_experiments_numbers_are_right():
    states = {e["title"]: e["state"] for e in ask_page("lab.EXPERIMENTS")}

    def both(title, **changes):
        lab = labs.Pooling(**{**states[title], **changes})
        return lab.pool(lab.picture), lab.pool(lab.moved)

    def changed(title, **changes):
        before, after = both(title, **changes)
        return int((before != after).sum()), before.size, float(np.abs(before - after).max())

    assert changed("A move unnoticed") == (0, 16, 0)
    assert changed("A move unnoticed", right=2) == (2, 16, 1)
    assert changed("The other way") == (2, 16, 1)
    assert changed("Two pixels never survive")[0] == 2
    lab = labs.Pooling(**states["Windows that overlap"])
    assert bright_pixel("max", lab.window, lab.stride, MOVES[0][1]) == (0, 256)
    assert changed("An edge, with and without blur") == (3, 9, 1)
    assert [m[0].tolist() for m in both("An edge, with and without blur")] == [[0, 1, 1], [0, 0, 1]]
    assert changed("An edge, with and without blur", operation="blur") == (3, 9, 0.5)
    count, size, largest = changed("A digit takes a step")
    assert (size - count, size, largest) == (9, 64, 99)
    assert changed("A digit takes a step", operation="blur")[2] < largest
    count, size, _ = changed("A third of noise survives")
    assert abs((size - count) / size - 1 / 3) < 0.02
    gradients = ask_page(
        """["max", "average"].map((operation) => {
          const { state: asked } = lab.EXPERIMENTS.find((e) => e.title === "Who gets the gradient");
          const state = lab.clean({ ...asked, operation });
          return Array.from(lab.inputGradient(lab.compare(state, operation).after, "one", 0)).slice(0, 6);
        })"""
    )
    assert gradients == [[1, 0, 0, 0, 0, 0], [0.25, 0.25, 0, 0, 0.25, 0.25]]
    border = both("A dark border")[0]
    assert (border[0, 0], border[0, 1], border[1, 1]) == (4, 6, 9)
    assert (both("A dark border", count_include_pad=False)[0] == 9).all()
    assert [both("The last column", ceil_mode=c)[0].shape for c in (False, True)] == [(2, 2), (3, 3)]


def test_noise_survives_a_third_of_the_time_and_is_the_same_on_the_page():
    x = torch.rand(400, 400, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    kept = (F.max_pool2d(x[None], 2)[0] == F.max_pool2d(x.roll(1, 1)[None], 2)[0]).double().mean().item()
    assert kept == pytest.approx(1 / 3, abs=0.01)
    assert (
        ask_page("Array.from(lab.picture({ image: 'noise' }).data)") == labs.Pooling("noise").picture.ravel().tolist()
    )


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"window": 6}, "window"),
        ({"stride": 0}, "stride"),
        ({"operation": "median"}, "average"),
        ({"image": np.zeros((33, 2))}, r"32 x 32, got shape \(33, 2\)"),
        ({"right": 5}, "right"),
        ({"ceil_mode": 2}, "ceil_mode"),
    ],
)
def test_bad_values_are_refused_with_a_reason(state, message):
    with pytest.raises(TraitError, match=message):
        labs.Pooling(**state)


# The page


def numbers_of(page, view, which):
    texts = page.locator(".lab-pool-view").nth(view).locator(".lab-output").nth(which)
    return [float(t.replace("−", "-")) for t in texts.locator(".lab-numbers text").all_text_contents()]


@pytest.mark.browser
@pytest.mark.xdist_group("pooling-page")
def test_moves_change_what_they_must_and_marks_say_where(lab_page):
    page = lab_page(labs.Pooling())
    summary = page.locator(".lab-summary")
    page.get_by_label("Move right").fill("1")
    assert "keeps 16 of 16 values (100 %)" in summary.inner_text()
    page.get_by_label("Move right").fill("2")
    assert "keeps 14 of 16 values (87.5 %); the largest change is 1." in summary.inner_text()
    lab = labs.Pooling(right=2)
    assert numbers_of(page, 0, 0) == lab.pool(lab.picture).ravel().tolist()
    assert numbers_of(page, 0, 1) == lab.pool(lab.moved).ravel().tolist()
    np.testing.assert_allclose(numbers_of(page, 1, 1), lab.pool(lab.moved, "blur").ravel(), atol=0.006)
    assert page.locator(".lab-changed").first.get_attribute("d").count("M") == 2
    assert "50 % unchanged (128 of 256)" in page.locator(".lab-moves").inner_text()
    page.get_by_label("Beside it").select_option("none")
    assert page.locator(".lab-pool-view").nth(1).is_hidden()


@pytest.mark.browser
@pytest.mark.xdist_group("pooling-page")
def test_the_marked_window_is_moved_with_keys_and_explained(lab_page):
    page = lab_page(labs.Pooling("step", operation="average"))
    page.get_by_role("application", name="Output after the move.").focus()
    page.keyboard.press("Home")
    assert page.locator(".lab-working").inner_text() == "(0 + 0 + 0 + 0) / 4 = 0"
    page.keyboard.press("ArrowRight")
    assert page.locator(".lab-working").inner_text() == "(0 + 1 + 0 + 1) / 4 = 0.50"
    assert "output row 0, column 1 is 0.50" in page.locator(".lab-summary").inner_text()
    page.get_by_label("The input shows").select_option("one")
    texts = page.locator(".lab-input .lab-numbers text").all_text_contents()
    assert texts[2:4] == texts[8:10] == ["0.25", "0.25"]
    assert texts.count("0") == 32


@pytest.mark.browser
@pytest.mark.xdist_group("pooling-page")
def test_a_refused_geometry_is_said(lab_page):
    page = lab_page(labs.Pooling(window=1, padding=1))
    assert "more than half a window" in page.locator(".lab-error").first.inner_text()
    page.get_by_label("Window K").fill("2")
    assert page.locator(".lab-error").first.is_hidden()
    page.get_by_text("Edit its pixels").click()
    page.get_by_role("application", name="Your drawing.").focus()
    page.keyboard.press("7")
    assert numbers_of(page, 0, 1)[0] == 7
