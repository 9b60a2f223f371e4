"""The labs' arithmetic equals PyTorch's: fixtures are written here by torch and read by the same modules in Node."""

import json
import random
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from kernelbook import labs
from kernelbook.kernels import NAMED

HERE = Path(__file__).parent
MODES = ("zeros", "reflect", "replicate", "circular")
CASES, LABS = 16_000, 600  # about a third is refused by torch, and must be by the page


def convolve(x, w, bias, *, stride, padding, dilation, mode, groups=1, flip=False):
    """nn.Conv2d in double precision, or None where PyTorch refuses the geometry."""
    try:
        layer = torch.nn.Conv2d(
            x.shape[1], w.shape[0], w.shape[2:], stride, padding, dilation, groups, bias is not None, mode
        ).double()
        with torch.no_grad():
            layer.weight.copy_(w.flip(-1, -2) if flip else w)
            if bias is not None:
                layer.bias.copy_(bias)
            return layer(x)
    except (RuntimeError, ValueError):
        return None


def random_case(rng: random.Random, generator: torch.Generator):
    """One random geometry as a JSON-able description, and its numbers in the order in which Node reads them."""

    def pair(low, high):
        return [rng.randint(low, high), rng.randint(low, high)]

    groups = rng.choice([1, 1, 2, 3])
    exact = rng.random() < 0.5
    x_shape = [rng.choice([1, 1, 1, 2]), groups * rng.randint(1, 2), *pair(1, 9)]
    w_shape = [groups * rng.randint(1, 2), x_shape[1] // groups, *pair(1, 4)]
    same = rng.random() < 0.12
    options = {
        "stride": [1, 1] if same and rng.random() < 0.9 else pair(1, 3),
        "padding": "same" if same else pair(0, 3),
        "mode": rng.choice(MODES),
        "dilation": pair(1, 3),
        "groups": groups,
        "flip": rng.random() < 0.25,
    }

    def numbers(shape):
        if exact:
            return torch.randint(-9, 10, shape, generator=generator).double()
        return torch.randn(shape, generator=generator, dtype=torch.double) * 10 ** rng.uniform(-3, 3)

    x, w = numbers(x_shape), numbers(w_shape)
    bias = numbers(w_shape[:1]) if rng.random() < 0.5 else None
    y = convolve(x, w, bias, **{k: tuple(v) if isinstance(v, list) else v for k, v in options.items()})
    case = {"x": x_shape, "w": w_shape, "bias": bias is not None, "exact": exact, "options": options}
    case["y"] = None if y is None else list(y.shape)
    return case, [part.numpy().ravel() for part in (x, w, bias, y) if part is not None]


def random_lab(rng: random.Random):
    """One random state of the lab Convolution, with torch's output and the rows and columns that the floor drops."""
    kernel_shape = rng.randint(1, 5), rng.randint(1, 5)
    state = labs.Convolution(
        image=rng.choice(labs.convolution.IMAGES),
        pixels=[[rng.randint(-3, 9) for _ in range(7)] for _ in range(rng.randint(2, 8))],
        kernel=rng.choice(labs.convolution.KERNELS),
        weights=[[rng.randint(-5, 5) for _ in range(kernel_shape[1])] for _ in range(kernel_shape[0])],
        divisor=rng.choice([1.0, 1.0, 9.0, -2.5]),
        stride=rng.randint(1, 4),
        padding=rng.choice([0, 1, 2, 3, 4, "same"]),
        padding_mode=rng.choice(MODES),
        dilation=rng.randint(1, 3),
        operation=rng.choice(["correlation", "convolution"]),
    )
    weights, divisor = state.scaled_kernel
    x = torch.tensor(state.picture, dtype=torch.double)[None, None]
    w = torch.tensor(np.array(weights), dtype=torch.double)[None, None]
    flip = state.operation == "convolution"
    geometry = {
        "stride": state.stride,
        "padding": state.padding,
        "dilation": state.dilation,
        "mode": state.padding_mode,
    }
    y = convolve(x, w, None, flip=flip, **geometry)
    case = {"state": state.state(), "y": None, "leftover": None}
    if y is not None:
        case["y"] = (y[0, 0] / divisor).tolist()
        # Brute force: the last padded row that any window reads, by the positions of the windows themselves.
        sides = [sum(side) for side in state._sides()]
        padded = [size + side for size, side in zip(x.shape[2:], sides, strict=True)]
        read = [
            max(o * state.stride + k * state.dilation for o in range(out) for k in range(taps))
            for out, taps in zip(y.shape[2:], w.shape[2:], strict=True)
        ]
        case["leftover"] = [size - 1 - last for size, last in zip(padded, read, strict=True)]
    return case, state


@pytest.fixture(scope="module")
def fixtures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("truth")
    rng, generator = random.Random(11), torch.Generator().manual_seed(11)
    cases, numbers = [], []
    for _ in range(CASES):
        case, parts = random_case(rng, generator)
        cases.append(case)
        numbers += parts
    np.concatenate(numbers).tofile(folder / "data.bin")
    (folder / "cases.json").write_text(json.dumps(cases))
    lab_cases = [random_lab(rng) for _ in range(LABS)]
    (folder / "labs.json").write_text(json.dumps([case for case, _ in lab_cases]))
    return folder, cases, lab_cases


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.xdist_group("labs-truth")
def test_the_javascript_equals_pytorch_on_every_case(fixtures):
    folder, cases, lab_cases = fixtures
    done = subprocess.run(
        ["node", HERE / "conv_truth.mjs", folder], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["wrong"] == 0, report["examples"]
    refused = sum(case["y"] is None for case in cases)
    exact = sum(case["exact"] and case["y"] is not None for case in cases)
    assert (report["refused"], report["exact"]) == (refused, exact)
    assert report["exact"] + report["close"] == CASES - refused >= 10_000
    assert report["labs"] == len(lab_cases)


@pytest.mark.xdist_group("labs-truth")
def test_the_cases_cover_what_the_labs_promise(fixtures):
    _, cases, lab_cases = fixtures
    valid = [case for case in cases if case["y"] is not None]
    seen = Counter()
    for case in valid:
        options, (height, width), (k_h, k_w) = case["options"], case["x"][2:], case["w"][2:]
        seen[options["mode"]] += 1
        seen["groups"] += options["groups"] > 1
        seen["not square"] += height != width or k_h != k_w
        seen["even"] += k_h % 2 == 0 or k_w % 2 == 0
        seen["dilation"] += max(options["dilation"]) > 1
        seen["flip"] += options["flip"]
        seen["same"] += options["padding"] == "same"
        if options["padding"] != "same":
            seen["remainder"] += any(
                (size + 2 * p - d * (k - 1) - 1) % s
                for size, p, d, k, s in zip(
                    (height, width), options["padding"], options["dilation"], (k_h, k_w), options["stride"], strict=True
                )
            )
    assert min(seen.values()) >= 500, seen
    assert len(cases) - len(valid) >= 500
    assert sum(case["y"] is None for case, _ in lab_cases) >= 20


@pytest.mark.xdist_group("labs-truth")
def test_the_still_pictures_numbers_equal_pytorch(fixtures):
    for case, state in fixtures[2]:
        if case["y"] is None:
            with pytest.raises(ValueError, match=r"padding|kernel"):
                state.output()
        else:
            np.testing.assert_allclose(state.output(), np.array(case["y"]), rtol=1e-12, atol=1e-12)


def test_the_page_knows_the_same_kernels_as_the_book():
    script = (
        "const { KERNELS, EXPERIMENTS } = await import(process.argv[1]);"
        "console.log(JSON.stringify({ KERNELS, EXPERIMENTS }))"
    )
    module = (HERE.parents[1] / "kernelbook/labs/convolution.js").as_uri()
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script, module], capture_output=True, text=True, check=True, timeout=60
    )
    page = json.loads(done.stdout)
    assert set(page["KERNELS"]) == {*NAMED, "custom"}
    for name, kernel in NAMED.items():
        theirs = np.array(page["KERNELS"][name]["weights"]) / page["KERNELS"][name]["divisor"]
        np.testing.assert_array_equal(theirs, kernel, err_msg=name)

    # The numbers in the experiments' sentences.
    outputs = {e["title"]: labs.Convolution(**e["state"]).output() for e in page["EXPERIMENTS"]}
    assert len(outputs) == len(page["EXPERIMENTS"])
    assert outputs["An edge"].tolist() == [[0, 4, 4, 0]] * 4
    assert outputs["A constant slope"].tolist() == [[8] * 3] * 3
    assert labs.Convolution(image="ramp", kernel="sobel_y").output().tolist() == [[40] * 3] * 3
    assert labs.Convolution(image="ramp", kernel="laplacian").output().tolist() == [[0] * 3] * 3
    assert outputs["Two directions"].tolist() == [[0] * 4, [3] * 4, [3] * 4, [0] * 4]
    assert labs.Convolution(image="drawn", kernel="prewitt_x").output().tolist() == [[0] * 4] * 4
    assert outputs["What stride leaves over"].shape == (2, 2)
    assert outputs["Not quite a half"].shape == (3, 3)
    assert outputs["An even kernel"].shape == (7, 7)
    assert outputs["Dilation skips pixels"].tolist() == [[16]]
    assert outputs["Convolution turns the kernel"].tolist() == [[0, -4, -4, 0]] * 4
