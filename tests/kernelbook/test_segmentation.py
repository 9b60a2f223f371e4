"""A class for every die: masks that fit the wafers, a segmenter of the right shapes, measures as in torchvision."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import ops as torchvision_ops

from kernelbook import checkpoints, data
from kernelbook.checkpoints.texture_cnn import StagedCNN
from kernelbook.experiments import segmentation as experiment
from kernelbook.segmentation import Segmenter, box_iou, fault_masks, iou, suppress

# Masks


@pytest.mark.parametrize("size", [32, (20, 27)])
def test_masks_lie_on_the_wafer_and_failures_in_them(size):
    images, labels = data.wafers(300, size, seed=1)
    masks = fault_masks(data.faults(300, size, seed=1)[0])
    assert masks.shape == images.shape
    assert set(np.unique(masks)) == {0, 1}
    assert masks.dtype == np.float32
    assert not masks[images == 0].any(), "no die, no fault"
    failed = images == 1
    for label, name in enumerate(data.CLASSES):
        marked, on = masks[labels == label] == 1, images[labels == label] > 0
        if name == "none":
            assert not marked.any()
        elif name in ("near-full", "random"):
            assert np.array_equal(marked, on), "the whole wafer"
        else:
            inside, outside = failed[labels == label][marked].mean(), failed[labels == label][on & ~marked].mean()
            assert inside > 0.4 > 0.2 > outside, name


def test_a_mask_begins_at_half_the_worst_probability_of_its_own_wafer():
    struck = np.zeros((2, 1, 2, 3), np.float32)
    struck[0, 0] = [[0.8, 0.4, 0.39], [0, 0.41, 0.1]]
    assert fault_masks(struck)[:, 0].astype(int).tolist() == [[[1, 1, 0], [0, 1, 0]], [[0, 0, 0], [0, 0, 0]]]


# The segmenter


@pytest.mark.parametrize("skips", [True, False])
@pytest.mark.parametrize("size", [(32, 32), (20, 27)])
def test_one_score_for_every_die_and_a_gradient_for_every_weight(skips, size):
    model = Segmenter(StagedCNN(9).stages, skips)
    scores = model(torch.randn(2, 1, *size))
    assert scores.shape == (2, 1, *size)
    scores.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_without_skips_a_die_is_seen_through_the_coarse_maps_alone():
    """Double every value on the way into the second stage: without skips the answer changes only through it."""
    torch.manual_seed(0)
    x = torch.rand(1, 1, 32, 32)
    for skips in (True, False):
        model = Segmenter(StagedCNN(9).stages, skips).eval()
        model.stages[1].register_forward_hook(lambda *given: torch.zeros_like(given[2]))
        model.stages[2].register_forward_hook(lambda *given: torch.zeros_like(given[2]))
        model.stages[3].register_forward_hook(lambda *given: torch.zeros_like(given[2]))
        one, other = model(x), model(1 - x)
        assert torch.equal(one, other) == (not skips)


def test_a_pretrained_encoder_is_carried_over():
    model, source = experiment.build(experiment.NEAR, True, 0), checkpoints.load(experiment.NEAR)
    for mine, theirs in zip(model.stages.state_dict().values(), source.stages.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)


# Measures

boxes = st.tuples(*[st.integers(0, 12)] * 4).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]) + 1, max(b[1], b[3]) + 1)
)


@given(boxes, boxes)
def test_box_iou_equals_torchvision(one, other):
    theirs = torchvision_ops.box_iou(torch.tensor([one]).double(), torch.tensor([other]).double()).item()
    assert box_iou(one, other) == pytest.approx(theirs)


@settings(max_examples=50, deadline=None)
@given(st.lists(boxes, min_size=1, max_size=12), st.sampled_from([0.1, 0.3, 0.5, 0.7]), st.integers(0, 99))
def test_suppression_equals_torchvision(given_boxes, limit, seed):
    scores = np.random.default_rng(seed).permutation(len(given_boxes)) / 10 + 0.05
    theirs = torchvision_ops.nms(torch.tensor(given_boxes).double(), torch.tensor(scores), limit)
    assert suppress(given_boxes, list(scores), limit) == theirs.tolist()


@given(boxes, boxes)
def test_iou_of_filled_boxes_is_that_of_the_boxes(one, other):
    masks = torch.zeros(2, 14, 14)
    for mask, (left, top, right, bottom) in zip(masks, (one, other), strict=True):
        mask[top:bottom, left:right] = 1
    assert iou(masks[0], masks[1] > 0) == pytest.approx(box_iou(one, other))


def test_measures_refuse_what_makes_no_sense():
    assert iou(torch.zeros(3, 3), torch.zeros(3, 3)) == 1
    assert box_iou((0, 0, 0, 0), (0, 0, 0, 0)) == 0
    with pytest.raises(ValueError, match=r"\(3, 3\) and \(3, 4\)"):
        iou(torch.zeros(3, 3), torch.zeros(3, 4))
    with pytest.raises(ValueError, match="left, top, right, bottom"):
        box_iou((2, 0, 1, 1), (0, 0, 1, 1))
    with pytest.raises(ValueError, match="1 for 2"):
        suppress([(0, 0, 1, 1)] * 2, [0.5])


def test_counting_neighbours_equals_counting_by_hand():
    x = torch.from_numpy(data.wafers(3, 12, seed=2)[0])
    failed = np.pad(x.numpy()[:, 0] == 1, ((0, 0), (1, 1), (1, 1)))
    for n in range(3):
        for row, column in ((0, 5), (5, 5), (6, 0), (11, 6)):
            count = failed[n, row : row + 3, column : column + 3].sum()
            expected = bool(count >= 3 and x[n, 0, row, column] > 0)
            assert experiment.neighbours(x, 3)[n, 0, row, column].item() == expected


def test_the_results_are_complete():
    results = json.loads(experiment.RESULTS.read_text())["results"]
    assert len(results) == 4
    for case in results:
        for name in ("mean", *experiment.FAULTS):
            assert len(case[name]) == 5
        means = np.mean([case[name] for name in experiment.FAULTS], axis=0)
        assert np.allclose(means, case["mean"], atol=1e-3)
