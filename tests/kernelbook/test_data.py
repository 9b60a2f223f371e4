"""The wafers look like what their labels say, and every picture is what its docstring says."""

import numpy as np
import pytest

from kernelbook import data


def maps(name, number=200, size=32):
    return data.wafers(number, size, seed=3, classes=(name,))[0][:, 0]


def failures(name, size=32):
    """Share of failed dies inside five rings of equal width, centre first, averaged over many maps."""
    y, x = (2 * np.indices((size, size)) + 1) / size - 1
    ring = np.minimum((np.hypot(y, x) * 5).astype(int), 5)
    failed = (maps(name, size=size) == 1).mean(0)
    return np.array([failed[ring == index].mean() for index in range(5)])


def test_a_seed_fixes_the_maps_and_another_seed_changes_them():
    first, again, other = data.wafers(50, seed=1), data.wafers(50, seed=1), data.wafers(50, seed=2)
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("size", [8, 33, (24, 40)])
def test_shapes_types_and_levels(size):
    images, labels = data.wafers(90, size, seed=0)
    height, width = (size, size) if isinstance(size, int) else size
    assert images.shape == (90, 1, height, width)
    assert images.dtype == np.float32
    assert labels.dtype == np.int64
    assert set(np.unique(images)) == {0.0, 0.5, 1.0}
    assert images[:, 0, 0, 0].max() == 0, "there is no die in the corner of a round wafer"


def test_every_class_comes_equally_often():
    labels = data.wafers(9000, 8, seed=4)[1]
    counts = np.bincount(labels, minlength=len(data.CLASSES))
    assert counts.min() > 850
    assert counts.max() < 1150


def test_failed_dies_lie_where_the_class_says():
    background = failures("none").max()
    assert failures("center")[0] > 4 * background
    assert failures("center")[4] < 1.5 * background
    donut = failures("donut")
    assert donut[2] > 2 * donut[0]
    assert donut[2] > 2 * donut[4]
    ring = failures("edge-ring")
    assert ring[4] > 4 * ring[:3].max()
    assert failures("near-full").min() > 0.75
    flat = failures("random")
    assert 0.2 < flat.min() < flat.max() < 0.45


def test_an_edge_patch_is_one_sided_and_an_edge_ring_is_not():
    def one_sidedness(name):
        y, x = (2 * np.indices((32, 32)) + 1) / 32 - 1
        rim = (np.hypot(y, x) > 0.8) & (np.hypot(y, x) <= 1)
        failed = (maps(name) == 1) * rim
        pull = np.hypot((failed * x).sum((1, 2)), (failed * y).sum((1, 2)))
        return (pull / failed.sum((1, 2)).clip(1)).mean()

    assert one_sidedness("edge-loc") > 3 * one_sidedness("edge-ring")


def test_a_scratch_is_thin_and_connected():
    """Among its failed dies, far more have exactly one or two failed neighbours in line than dust has."""

    def neighbours(name):
        failed = (maps(name) == 1).astype(int)
        near = sum(np.roll(failed, (dy, dx), (1, 2)) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx)
        return (failed * near).sum() / failed.sum()

    assert 1.2 * neighbours("none") < neighbours("scratch") < neighbours("center")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"number": 1, "classes": ("ring",)}, "unknown wafer class 'ring'"),
        ({"number": 1, "size": 7}, "at least 8 x 8 dies, got 7 x 7"),
        ({"number": -1}, "must not be negative, got -1"),
        ({"number": 1, "classes": ()}, "classes is empty"),
    ],
)
def test_impossible_wafers_are_refused_with_the_reason(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.wafers(**arguments)


@pytest.mark.parametrize("name", data.IMAGE_NAMES)
def test_pictures_hold_whole_numbers(name):
    picture = data.image(name)
    assert picture.shape[0] == picture.shape[1]
    assert np.array_equal(picture, np.round(picture))
    assert picture.max() > picture.min()


def test_ramp_and_step_are_the_books_own_examples():
    assert np.array_equal(data.image("ramp")[0], [1, 2, 3, 4, 5])
    assert data.image("ramp")[-1, -1] == 25
    assert np.array_equal(data.image("step"), np.tile([0, 0, 0, 1, 1, 1], (6, 1)))
    with pytest.raises(ValueError, match="unknown image 'cat'"):
        data.image("cat")
    with pytest.raises(ValueError, match="at least 2 x 2"):
        data.image("ramp", 1)


def test_digits_are_ink_on_paper():
    images, labels = data.digits()
    assert images.shape == (1797, 1, 8, 8)
    assert (images.min(), images.max()) == (0, 1)
    assert set(labels) == set(range(10))
