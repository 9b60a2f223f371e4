"""The layers that the labs' networks are made of equal PyTorch's: cases are written by torch and read in Node."""

import json
import random
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

HERE = Path(__file__).parent
CASES = 13_000
MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


def normal(generator, *shape, scale=1.0):
    return torch.randn(shape, generator=generator, dtype=torch.double) * scale


def conv_case(rng, generator):
    """One convolution and the gradient of a weighted sum of its outputs; None where torch refuses the geometry."""
    groups = rng.choice([1, 1, 2, 3])
    shape = [rng.choice([1, 2]), groups * rng.randint(1, 2), rng.randint(2, 9), rng.randint(2, 9)]
    kernel = [groups * rng.randint(1, 2), shape[1] // groups, rng.randint(1, 4), rng.randint(1, 4)]
    mode = rng.choice(list(MODES))
    pair = [[rng.randint(*limits), rng.randint(*limits)] for limits in ((1, 3), (0, 2), (1, 3))]
    options = {"stride": pair[0], "padding": pair[1], "dilation": pair[2], "mode": mode, "groups": groups}
    x = normal(generator, *shape).requires_grad_()
    w = normal(generator, *kernel)
    try:
        padded = F.pad(x, (pair[1][1], pair[1][1], pair[1][0], pair[1][0]), MODES[mode])
        y = F.conv2d(padded, w, None, pair[0], 0, pair[2], groups)
    except RuntimeError:
        return None
    g = normal(generator, *y.shape)
    (y * g).sum().backward()
    return options, [x, w, g], [y, x.grad]


def small_case(kind, rng, generator):
    rows, width = rng.randint(1, 6), rng.randint(1, 12)
    scale = 10 ** rng.uniform(-2, 1.5)
    x = normal(generator, rows, width, scale=scale)
    if kind == "relu":
        x.requires_grad_()
        g = normal(generator, rows, width)
        (torch.relu(x) * g).sum().backward()
        return {}, [x, g], [torch.relu(x), x.grad]
    if kind == "mean":
        x = normal(generator, rng.randint(1, 3), rng.randint(1, 4), rng.randint(1, 6), rng.randint(1, 6))
        return {}, [x], [x.mean((2, 3))]
    if kind == "linear":
        w, b = normal(generator, rng.randint(1, 9), width), None
        b = normal(generator, len(w))
        return {}, [x, w, b], [F.linear(x, w, b)]
    if kind == "softmax":
        return {}, [x], [torch.softmax(x, -1)]
    if kind == "norm":
        w, b = normal(generator, width), normal(generator, width)
        epsilon = rng.choice([1e-5, 1e-6])
        return {"epsilon": epsilon}, [x, w, b], [F.layer_norm(x, (width,), w, b, epsilon)]
    if kind == "gelu":
        return {}, [x], [F.gelu(x)]
    heads = rng.randint(1, 3)
    width = heads * rng.randint(1, 4)
    x = normal(generator, rows, width)
    layer = torch.nn.MultiheadAttention(width, heads, batch_first=True).double()
    weights = [normal(generator, *p.shape) for p in layer.parameters()]
    with torch.no_grad():
        for parameter, value in zip(layer.parameters(), weights, strict=True):
            parameter.copy_(value)
        output, attention = layer(x[None], x[None], x[None], average_attn_weights=False)
    names = [name for name, _ in layer.named_parameters()]
    assert names == ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]
    return {"heads": heads}, [x, *weights], [output[0], attention[0]]


@pytest.fixture(scope="module")
def fixtures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layers")
    rng, generator = random.Random(5), torch.Generator().manual_seed(5)
    cases, numbers = [], []
    kinds = ["relu", "mean", "linear", "softmax", "norm", "gelu", "attention"]
    for index in range(CASES):
        kind = "conv" if index % 2 else kinds[index // 2 % len(kinds)]
        case = conv_case(rng, generator) if kind == "conv" else small_case(kind, rng, generator)
        if case is None:
            continue
        options, inputs, outputs = case
        shapes = [[list(part.shape) for part in parts] for parts in (inputs, outputs)]
        cases.append({"kind": kind, "options": options, "inputs": shapes[0], "outputs": shapes[1]})
        numbers += [part.detach().numpy().ravel() for part in (*inputs, *outputs)]
    np.concatenate(numbers).tofile(folder / "data.bin")
    (folder / "cases.json").write_text(json.dumps(cases))
    return folder, cases


@pytest.mark.slow
@pytest.mark.xdist_group("labs-layers")
def test_every_layer_equals_pytorch_on_every_case(fixtures):
    folder, cases = fixtures
    done = subprocess.run(
        ["node", HERE / "layers_truth.mjs", folder], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["wrong"] == 0, report["examples"]
    assert report["count"] == Counter(case["kind"] for case in cases)
    assert sum(report["count"].values()) >= 10_000
    assert min(report["count"].values()) >= 500
    convolutions = [case for case in cases if case["kind"] == "conv"]
    for wanted in (
        lambda c: c["inputs"][0][2] != c["inputs"][0][3],
        lambda c: c["inputs"][1][2] % 2 == 0,
        lambda c: max(c["options"]["dilation"]) > 1,
        lambda c: c["options"]["groups"] > 1,
        lambda c: max(c["options"]["stride"]) > 1,
        *(lambda c, mode=mode: c["options"]["mode"] == mode for mode in MODES),
    ):
        assert sum(map(wanted, convolutions)) >= 400


def test_the_error_function_is_exact_to_the_last_digits():
    points = torch.cat([torch.linspace(-7, 7, 20_001), torch.tensor([2.5, -2.5, 1e-9, 0.0])]).double()
    script = (
        "const { erf } = await import(process.argv[1]);"
        "console.log(JSON.stringify(JSON.parse(process.argv[2]).map(erf)))"
    )
    module = (HERE.parents[1] / "kernelbook/labs/lib/layers.js").as_uri()
    for part in points.split(2_000):
        done = subprocess.run(
            ["node", "--input-type=module", "-e", script, module, json.dumps(part.tolist())],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        np.testing.assert_allclose(json.loads(done.stdout), torch.erf(part).numpy(), rtol=1e-14, atol=1e-15)
