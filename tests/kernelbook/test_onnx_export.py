"""An exported network says what PyTorch's says; in 8 bits nearly; and the rounding is what it should be."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kernelbook import checkpoints, export
from kernelbook.data import wafers


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The wafer network as ONNX and in 8 bits, with maps, labels and what PyTorch says."""
    folder = tmp_path_factory.mktemp("onnx")
    maps, labels = wafers(1500, 32, seed=1000)
    model = checkpoints.load("wafer_cnn").train()
    whole = export.to_onnx(model, torch.tensor(maps), folder / "wafer.onnx")
    assert model.training, "the model's mode is left as it was"
    small = export.to_int8(whole, wafers(300, 32, seed=7)[0], folder / "wafer-int8.onnx")
    with torch.no_grad():
        said = model.eval()(torch.tensor(maps)).numpy()
    return whole, small, maps, labels, said


def test_the_exported_network_equals_pytorch(files):
    whole, _, maps, _, said = files
    for number in (1500, 1, 7):
        theirs = export.scores(whole, maps[:number], batch_size=400)
        assert theirs.shape == (number, 9)
        assert np.abs(theirs - said[:number]).max() <= 1e-5 * np.abs(said).max()


def test_eight_bits_cost_little_accuracy_and_a_quarter_of_the_weights(files):
    whole, small, maps, labels, said = files
    before = (said.argmax(1) == labels).mean()
    after = (export.scores(small, maps).argmax(1) == labels).mean()
    assert abs(before - after) < 0.02
    assert after < 1
    weights = sum(p.numel() for p in checkpoints.load("wafer_cnn").parameters())
    assert export.stored_bytes(whole)["weights"] == pytest.approx(4 * weights, rel=0.02)
    assert export.stored_bytes(small)["weights"] < 0.4 * export.stored_bytes(whole)["weights"]
    assert sum(export.stored_bytes(small).values()) == small.stat().st_size


def test_a_file_says_nothing_of_the_machine_and_is_the_same_bytes_again(files, tmp_path):
    whole, _, maps, *_ = files
    again = export.to_onnx(checkpoints.load("wafer_cnn"), torch.tensor(maps), tmp_path / "again.onnx")
    assert again.read_bytes() == whole.read_bytes()
    assert b"kernelbook" not in whole.read_bytes()
    assert b".py" not in whole.read_bytes()


def test_export_is_silent(capfd, tmp_path):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    export.to_onnx(model, torch.zeros(1, 1, 4, 4), tmp_path / "small.onnx")
    export.to_int8(tmp_path / "small.onnx", np.zeros((4, 1, 4, 4)), tmp_path / "small8.onnx")
    assert capfd.readouterr().out == ""


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.integers(2, 10), st.integers(0, 2**32 - 1), st.sampled_from([None, 0, 1, -1]))
def test_rounding_is_pytorchs_and_within_half_a_step(bits, seed, axis):
    values = np.random.default_rng(seed).standard_normal((3, 4, 5))
    values[0] *= 100
    found, most = export.quantise(values, bits, axis), 2 ** (bits - 1) - 1
    assert np.abs(found.whole).max() == most
    assert (np.abs(found.values - values) <= found.scale / 2 + 1e-12).all()
    if axis is None:
        theirs = torch.fake_quantize_per_tensor_affine(torch.tensor(values), float(found.scale.item()), 0, -most, most)
    else:
        scale, zero = torch.tensor(found.scale.ravel(), dtype=torch.float32), torch.zeros(values.shape[axis]).int()
        theirs = torch.fake_quantize_per_channel_affine(
            torch.tensor(values).float(), scale, zero, axis % 3, -most, most
        )
    steps = np.abs(theirs.numpy() - found.values) / found.scale
    near_a_half = np.abs(np.abs(values / found.scale % 1) - 0.5) < 1e-4
    assert (steps[~near_a_half] < 1e-3).all()


def test_zeros_stay_and_bad_bits_are_refused():
    assert export.quantise(np.zeros((2, 3)), 8, 0).values.tolist() == [[0] * 3] * 2
    for bits in (1, 17):
        with pytest.raises(ValueError, match=f"bits must be 2 to 16, got {bits}"):
            export.quantise(np.ones(3), bits)


def test_rounded_weights_leave_biases_alone():
    model = nn.Conv2d(2, 3, 3)
    bias, weight = model.bias.clone(), model.weight.clone()
    export.with_rounded_weights(model, 3)
    assert torch.equal(model.bias, bias)
    for before, after in zip(weight, model.weight, strict=True):
        assert len(after.unique()) <= 7
        assert torch.isclose(before.abs().max(), after.abs().max())


def test_times_takes_the_least_of_each():
    assert set(export.times({"a": lambda: None, "b": lambda: sum(range(1000))}, 3)) == {"a", "b"}
