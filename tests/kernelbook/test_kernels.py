"""The hand-designed kernels do what their docstrings say."""

import numpy as np
import pytest

from kernelbook import kernels, ops

RAMP = np.arange(1, 26).reshape(1, 1, 5, 5)
STEP = np.repeat([[0, 0, 0, 1, 1, 1]], 6, axis=0)[None, None]


def response(kernel, x):
    return ops.conv2d(x, kernels.filters(kernel))[0, 0]


def test_sobel_by_hand():
    assert (response(kernels.SOBEL_X, RAMP) == 8).all()
    assert (response(kernels.SOBEL_Y, RAMP) == 40).all()
    assert response(kernels.SOBEL_X, STEP).tolist() == [[0, 4, 4, 0]] * 4
    assert not response(kernels.SOBEL_Y, STEP).any()


def test_prewitt_marks_two_rows_with_three():
    step = STEP.swapaxes(2, 3)
    assert response(kernels.PREWITT_Y, step).tolist() == [[0] * 4, [3] * 4, [3] * 4, [0] * 4]
    assert not response(kernels.PREWITT_Y, STEP).any()
    assert (kernels.PREWITT_X == kernels.PREWITT_Y.T).all()


def test_sobel_is_an_outer_product_of_smoothing_and_slope():
    assert (np.outer([1, 2, 1], [-1, 0, 1]) == kernels.SOBEL_X).all()
    assert (kernels.SOBEL_Y == kernels.SOBEL_X.T).all()


@pytest.mark.parametrize("name", kernels.NAMED)
def test_on_a_flat_picture_averages_keep_it_and_differences_find_nothing(name):
    flat = np.full((1, 1, 3, 3), 7)
    keeps = name in {"identity", "box_blur", "sharpen"}
    assert response(kernels.NAMED[name], flat).item() == pytest.approx(7 if keeps else 0)


def test_identity_blur_laplacian_and_sharpen_are_related():
    x = np.random.default_rng(0).integers(0, 9, (1, 1, 6, 7))
    inside = x[0, 0, 1:-1, 1:-1]
    assert (response(kernels.IDENTITY, x) == inside).all()
    assert (response(kernels.SHARPEN, x) == inside - response(kernels.LAPLACIAN, x)).all()
    assert response(kernels.BOX_BLUR, x)[0, 0] == pytest.approx(x[0, 0, :3, :3].mean())
    assert not response(kernels.LAPLACIAN, RAMP).any()


@pytest.mark.parametrize("name", kernels.NAMED)
def test_nobody_can_change_a_shared_kernel(name):
    with pytest.raises(ValueError, match="read-only"):
        kernels.NAMED[name][0, 0] = 5


def test_filters_stack_kernels_and_repeat_them_over_channels():
    bank = kernels.filters(kernels.SOBEL_X, kernels.SOBEL_Y, channels=3)
    assert bank.shape == (2, 3, 3, 3)
    assert (bank[1] == kernels.SOBEL_Y).all()
    for wrong in [(), (kernels.SOBEL_X, np.ones((2, 2))), (np.ones(3),)]:
        with pytest.raises(ValueError, match="one size, got shapes"):
            kernels.filters(*wrong)
