"""Dropout and the mixing of pictures equal PyTorch's and torchvision's; augmentation keeps what it promises to keep."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import v2

from kernelbook import regularise

CASES = settings(max_examples=50, deadline=None, derandomize=True)
sizes = st.tuples(st.integers(2, 5), st.integers(1, 3), st.integers(3, 9), st.integers(3, 8))


def batch(size, seed):
    torch.manual_seed(seed)
    return torch.randn(size, dtype=torch.float64), torch.randint(4, (size[0],))


@CASES
@given(sizes, st.floats(0, 0.9), st.integers(0, 999))
def test_dropout_equals_pytorch_forward_and_backward(size, p, seed):
    x, _ = batch(size, seed)
    x.requires_grad_()
    theirs = F.dropout(x, p)
    kept = (theirs != 0).detach().numpy()
    assert regularise.dropout(x.detach().numpy(), kept, p) == pytest.approx(theirs.detach().numpy())
    slopes = torch.randn(size, dtype=torch.float64)
    theirs.backward(slopes)
    assert regularise.dropout(slopes.numpy(), kept, p) == pytest.approx(x.grad.numpy())


@CASES
@given(sizes, st.integers(0, 999))
def test_mixup_and_cutmix_equal_torchvision(size, seed):
    x, labels = batch(size, seed)
    shares = F.one_hot(labels, 4).double()
    order = torch.arange(len(x)).roll(1)  # torchvision's partners
    for theirs in (v2.MixUp(num_classes=4), v2.CutMix(num_classes=4)):
        torch.manual_seed(seed)
        expected = theirs(x, labels)
        torch.manual_seed(seed)
        made = theirs.make_params([x])
        if "box" in made:
            left, top, right, bottom = made["box"]
            box = regularise.Box(top, left, bottom, right)
            ours = regularise.cutmix(x, shares, box, order)
            assert box.area / (size[2] * size[3]) == pytest.approx(1 - made["lam_adjusted"])
        else:
            ours = regularise.mixup(x, shares, made["lam"], order)
        torch.testing.assert_close(ours[0], expected[0])
        torch.testing.assert_close(ours[1], expected[1].double(), rtol=1e-6, atol=1e-6)
        in_numpy = regularise.mixup(x.numpy(), shares.numpy(), 0.3, order.numpy())[0]
        assert in_numpy == pytest.approx(regularise.mixup(x, shares, 0.3, order)[0].numpy())


def test_the_box_is_that_of_the_paper_and_stays_inside():
    assert regularise.cut_box(20, 10, 0.75, 10, 5) == (5, 3, 15, 7), "sides times sqrt(1 - weight), in proportion"
    assert regularise.cut_box(20, 10, 0.0, 0, 9) == (0, 4, 10, 10), "what lies outside is lost"
    assert regularise.cut_box(20, 10, 1.0, 4, 4).area == 0


@CASES
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 7))
def test_a_symmetry_moves_whole_pixels_alike_in_both_libraries(height, width, which):
    x = np.arange(2.0 * height * width).reshape(1, 2, height, width)
    ours = regularise.symmetry(x, which)
    assert sorted(ours.ravel()) == sorted(x.ravel())
    assert (regularise.symmetry(torch.tensor(x), which).numpy() == ours).all()


def test_there_are_eight_symmetries_and_turning_four_times_is_none():
    x = np.arange(9).reshape(3, 3)
    assert len({regularise.symmetry(x, which).tobytes() for which in range(8)}) == 8
    assert (regularise.symmetry(x, 1) == [[2, 5, 8], [1, 4, 7], [0, 3, 6]]).all(), "against the clock"
    assert (regularise.symmetry(x, 4) == x[:, ::-1]).all()


def test_a_shift_fills_what_comes_in():
    x = np.arange(1, 7).reshape(2, 3)
    assert regularise.shift(x, 1, 0).tolist() == [[0, 0, 0], [1, 2, 3]]
    assert regularise.shift(x, -1, -1, fill=9).tolist() == [[5, 6, 9], [9, 9, 9]]
    assert regularise.shift(x, 5, 0).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert (regularise.shift(torch.tensor(x), 0, 2).numpy() == regularise.shift(x, 0, 2)).all()


def test_random_versions_keep_shares_whole_and_arguments_as_they_were():
    x, labels = batch((6, 1, 8, 8), 0)
    before, seen = x.clone(), set()
    mixes = regularise.random_mixup(4), regularise.random_cutmix(4)
    steps = [*mixes, regularise.together(regularise.random_symmetries, regularise.random_shifts(2), *mixes)]
    for step in steps:
        torch.manual_seed(1)
        mixed, shares = step(x, labels)
        assert mixed.shape == x.shape
        assert shares.sum(1) == pytest.approx(torch.ones(6))
        assert not torch.equal(mixed, x)
        torch.manual_seed(1)
        assert torch.equal(step(x, labels)[0], mixed), "the same seed mixes alike"
    for _ in range(20):
        turned, same = regularise.random_symmetries(x, labels)
        assert same is labels
        for one, other in zip(turned, x, strict=True):
            (which,) = [w for w in range(8) if torch.equal(regularise.symmetry(other, w), one)]
            seen.add(which)
    assert seen == set(range(8))
    assert torch.equal(x, before)


def test_weights_follow_the_beta_distribution():
    torch.manual_seed(0)
    for alpha in (0.4, 1.0):
        draws = np.array([regularise._beta(alpha) for _ in range(4000)])
        assert draws.mean() == pytest.approx(0.5, abs=0.02)
        assert draws.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.08)


def test_bad_arguments_are_named():
    x, shares = np.zeros((3, 1, 4, 4)), np.eye(3)
    with pytest.raises(ValueError, match="p, the chance to be switched off"):
        regularise.dropout(x, x, 1.0)
    with pytest.raises(ValueError, match=r"kept must have the shape of x, \(3, 1, 4, 4\), got \(3,\)"):
        regularise.dropout(x, np.ones(3), 0.5)
    with pytest.raises(ValueError, match="which must be 0 to 7, got 8"):
        regularise.symmetry(x, 8)
    with pytest.raises(ValueError, match="as many shares and partners as inputs, 3, got 3, 2"):
        regularise.mixup(x, shares, 0.5, [0, 1])
    with pytest.raises(ValueError, match=r"shares must be \(N, classes\), got shape \(3,\)"):
        regularise.cutmix(x, np.arange(3), regularise.Box(0, 0, 1, 1), [0, 1, 2])
    with pytest.raises(ValueError, match=r"weight must be between 0 and 1, got 1\.5"):
        regularise.mixup(x, shares, 1.5, [0, 1, 2])
    with pytest.raises(ValueError, match="not inside a picture of 4 x 4"):
        regularise.cutmix(x, shares, regularise.Box(0, 0, 5, 1), [0, 1, 2])
