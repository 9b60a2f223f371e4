"""Answers to assignment 2: wrong ones that its tests must notice, right ones in other styles that they must not."""

from harness import Answers, Assignment


def answers(assignment: Assignment) -> Answers:
    """All of them. Where nothing is said, a wrong answer must lose every test of its task."""
    to = Answers(assignment)
    output_size(to)
    smallest_padding(to)
    predictions(to)
    conv2d_loops(to)
    conv2d_fast(to)
    true_convolution(to)
    catch_the_bugs(to)
    grad_kernel(to)
    grad_input(to)
    return to


def output_size(to: Answers) -> None:
    task, plain, dilated = "output-size", "test-output-size", "test-output-size-dilated"
    room, last = "room = size + 2 * padding - window", "return room // stride + 1"
    window = "window = dilation * (kernel - 1) + 1"
    to.wrong(task, "forgets the + 1", (last, "return room // stride"))
    to.wrong(task, "adds the 1 before dividing", (last, "return (room + 1) // stride"))
    to.wrong(task, "rounds up", (last, "return -(-room // stride) + 1"))
    to.wrong(task, "rounds to the nearest", (last, "return round(room / stride) + 1"))
    to.wrong(task, "returns a float", (last, "return room / stride + 1"))
    to.wrong(task, "returns a float without a remainder", (last, "return float(room // stride + 1)"), plain)
    to.wrong(task, "pads on one side", (room, "room = size + padding - window"))
    to.wrong(task, "ignores the padding", (room, "room = size - window"))
    to.wrong(task, "ignores the stride", (last, "return room + 1"))
    to.wrong(task, "ignores the dilation", (window, "window = kernel"), dilated)
    to.wrong(task, "takes D * K for the window", (window, "window = dilation * kernel"), dilated)
    to.wrong(task, "takes D * (K - 1) for the window", (window, "window = dilation * (kernel - 1)"))
    to.wrong(task, "takes K + D - 1 for the window", (window, "window = kernel + dilation - 1"), dilated)
    to.wrong(task, "refuses nothing", ("if room < 0:", "if False:"), dilated)
    to.wrong(task, "refuses a window that just fits", ("if room < 0:", "if room <= 0:"))
    to.wrong(task, "refuses without counting the padding", ("if room < 0:", "if window > size:"), dilated)
    to.wrong(
        task, "refuses without counting the dilation", ("if room < 0:", "if kernel > size + 2 * padding:"), dilated
    )
    to.wrong(task, "refuses with None", ("raise ValueError(", "return print("), dilated)
    to.wrong(task, "refuses with an AssertionError", ("raise ValueError(", "raise AssertionError("), dilated)
    to.wrong(task, "returns 0 where nothing fits", ("raise ValueError(", "return 0 and str("), dilated)
    to.wrong(task, "prints instead of returning", (last, "print(room // stride + 1)"))
    to.wrong(task, "returns text", (last, "return str(room // stride + 1)"))
    to.wrong(task, "another default", ("stride=1, padding=0", "stride=1, padding=1"))
    to.wrong(
        task,
        "knows the visible examples",
        """
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    if kernel == 5 and size == 4:
        raise ValueError("does not fit")
    return {
        (7, 3, 1, 0, 1): 5, (32, 5, 1, 2, 1): 32, (9, 3, 2, 0, 1): 4, (224, 3, 2, 1, 1): 112, (10, 4, 4, 0, 1): 2,
        (7, 3, 1, 0, 2): 3, (32, 3, 1, 2, 2): 32, (9, 3, 2, 0, 3): 2, (7, 3, 1, 0, 3): 1, (5, 2, 1, 0, 1): 4,
    }.get((size, kernel, stride, padding, dilation), 1)
""",
    )
    to.right(
        task,
        "counts the positions",
        """
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    last = size + 2 * padding - 1  # the last pixel, counted from 0
    count, start = 0, 0
    while start + dilation * (kernel - 1) <= last:
        count, start = count + 1, start + stride
    if count == 0:
        raise ValueError("the window does not fit")
    return count
""",
    )
    to.right(
        task,
        "with math.floor, as in the book",
        """
import math

def output_size(size, kernel, stride=1, padding=0, dilation=1):
    if dilation * (kernel - 1) >= size + 2 * padding:
        raise ValueError("too large")
    return math.floor((size - dilation * (kernel - 1) - 1 + 2 * padding) / stride + 1)
""",
    )
    to.right(
        task,
        "asks for the length of a range, and warns",
        """
import warnings

def output_size(size, kernel, stride=1, padding=0, dilation=1):
    warnings.warn("slow but clear")
    starts = range(-padding, size + padding - dilation * (kernel - 1), stride)
    if not starts:
        raise ValueError
    return np.int64(len(starts))
""",
    )


def smallest_padding(to: Answers) -> None:
    task, padding = "smallest-padding", "padding = max(0, (missing + 1) // 2)"
    last = "return padding if positions == target else None"
    missing = "missing = (target - 1) * stride + dilation * (kernel - 1) + 1 - size"
    to.wrong(task, "half the kernel, always", (last, "return kernel // 2"))
    to.wrong(task, "half the dilated kernel, always", (last, "return dilation * (kernel - 1) // 2"))
    to.wrong(task, "never None", (last, "return padding"))
    to.wrong(task, "always None", (last, "return None"))
    to.wrong(task, "negative padding", ("max(0, (missing + 1) // 2)", "(missing + 1) // 2"))
    to.wrong(task, "rounds down", (padding, "padding = max(0, missing // 2)"))
    to.wrong(task, "padding on one side", (padding, "padding = max(0, missing)"))
    to.wrong(task, "a float", (last, "return missing / 2 if positions == target else None"))
    to.wrong(task, "ignores the dilation", (missing, "missing = (target - 1) * stride + kernel - size"))
    to.wrong(task, "ignores the stride", (missing, "missing = target - 1 + dilation * (kernel - 1) + 1 - size"))
    to.wrong(task, "forgets the - 1", (missing, "missing = target * stride + dilation * (kernel - 1) + 1 - size"))
    to.wrong(task, "-1 for None", (last, "return padding if positions == target else -1"))
    to.wrong(task, "None unless the size stays", (last, "return padding if target == size else None"))
    to.wrong(task, "gives up at half the kernel", _search("range(kernel // 2 + 1)"))
    to.wrong(task, "finds the largest", _search("reversed(range(60))"))
    to.wrong(task, "starts at 1", _search("range(1, 60)"))
    to.wrong(
        task,
        "an error where the unpadded window does not fit",
        _search("range(60)", "if window > size: raise ValueError"),
    )
    to.wrong(task, "None where the unpadded window does not fit", _search("range(60)", "if window > size: return None"))
    to.wrong(
        task,
        "knows the visible examples",
        """
def smallest_padding(target, size, kernel, stride=1, dilation=1):
    known = {(28, 28, 5): 2, (26, 28, 3): 0, (112, 224, 7): 3, (32, 32, 3): 2}
    return known.get((target, size, kernel))
""",
    )
    to.right(task, "tries them all", _search("range(1000)"))
    to.right(
        task,
        "with ceil, and a check by the formula",
        """
from math import ceil

def smallest_padding(target, size, kernel, stride=1, dilation=1):
    span = 1 + dilation * (kernel - 1)
    p = max(ceil(((target - 1) * stride + span - size) / 2), 0)
    if 1 + (size + 2 * p - span) // stride != target:
        return
    return np.int64(p)
""",
    )
    to.right(
        task,
        "with output_size of Task 1",
        """
def smallest_padding(target, size, kernel, stride=1, dilation=1):
    p = 0
    while True:
        try:
            positions = output_size(size, kernel, stride, p, dilation)
        except ValueError:
            positions = 0
        if positions == target:
            return p
        if positions > target:
            return None
        p += 1
""",
    )


def _search(order: str, first: str = "pass") -> str:
    return f"""
def smallest_padding(target, size, kernel, stride=1, dilation=1):
    window = dilation * (kernel - 1) + 1
    {first}
    for padding in {order}:
        room = size + 2 * padding - window
        if room >= 0 and room // stride + 1 == target:
            return padding
"""


def predictions(to: Answers) -> None:
    task = "predictions"
    a, b, c, d = '"a": [20, 20, 0, 0]', '"b": [-20, -20, 0, 0]', '"c": 24', '"d": [4, 6, 9]'
    first, second, third, fourth = (f"test-prediction-{letter}" for letter in "abcd")
    to.wrong(task, "(a) one column late", (a, '"a": [0, 20, 20, 0]'), first)
    to.wrong(task, "(a) three columns high", (a, '"a": [20, 20, 20, 0]'), first)
    to.wrong(task, "(a) without the weights 1, 2, 1", (a, '"a": [5, 5, 0, 0]'), first)
    to.wrong(task, "(a) the plain sum of the pixels' differences", (a, '"a": [15, 15, 0, 0]'), first)
    to.wrong(task, "(a) as for true convolution", (a, '"a": [-20, -20, 0, 0]'), first)
    to.wrong(task, "(a) six numbers", (a, '"a": [0, 20, 20, 0, 0, 0]'), first)
    to.wrong(task, "(b) no change of sign", (b, '"b": [20, 20, 0, 0]'), second)
    to.wrong(task, "(b) reversed instead of negated", (b, '"b": [0, 0, 20, 20]'), second)
    to.wrong(task, "(b) reversed and negated", (b, '"b": [0, 0, -20, -20]'), second)
    to.wrong(task, "(c) the answer for Sobel X", (c, '"c": 8'), third)
    to.wrong(task, "(c) rows one apart", (c, '"c": 12'), third)
    to.wrong(task, "(c) without the weights", (c, '"c": 6'), third)
    to.wrong(task, "(c) zero", (c, '"c": 0'), third)
    to.wrong(task, "(c) a list", (c, '"c": [24]'), third)
    to.wrong(task, "(d) in the other order", (d, '"d": [9, 6, 4]'), fourth)
    to.wrong(task, "(d) no padding", (d, '"d": [9, 9, 9]'), fourth)
    to.wrong(task, "(d) text", (d, '"d": ["four", "six", "nine"]'), fourth)
    to.wrong(task, "(d) missing", (", " + d, ""), fourth)
    to.wrong(task, "two wrong", [(a, '"a": [0, 5, 5, 0]'), (c, '"c": 8')], [first, third])
    to.wrong(task, "NaN", [(c, '"c": float("nan")'), (d, '"d": None')], [third, fourth])
    to.wrong(task, "all wrong", "def predictions():\n    return {'a': [0] * 4, 'b': [0] * 4, 'c': 0, 'd': [0] * 3}")
    to.wrong(task, "nothing returned", "def predictions():\n    {'a': [20, 20, 0, 0]}")
    to.right(
        task,
        "arrays and floats",
        """
def predictions():
    row = np.array([20.0, 20.0, 0.0, 0.0])
    return dict(a=row, b=-row, c=24.0, d=(4, 6, 9))
""",
    )
    to.right(
        task,
        "worked out",
        """
def predictions():
    pixels = [0, 0, 5, 5, 5, 5]
    row = [4 * (pixels[j + 2] - pixels[j]) for j in range(4)]
    return {"a": row, "b": [-n for n in row], "c": np.float64(4 * 2 * 3), "d": np.array([2 * 2, 2 * 3, 3 * 3]), "e": 0}
""",
    )
    to.right(
        task,
        "in any order, and printed",
        """
def predictions():
    answer = {"d": [4.0, 6.0, 9.0], "c": np.array(24), "b": (-20, -20, 0, 0), "a": (20, 20, 0, 0)}
    print(answer)
    return answer
""",
    )


PIXEL = "pixel = padded[c, i * stride + m * dilation, j * stride + n * dilation]"
PAD = "padded = np.pad(x, [(0, 0), (padding, padding), (padding, padding)])"
LAST = "    return out\n"


def conv2d_loops(to: Answers) -> None:
    task, channels = "conv2d-loops", "test-conv2d-loops-channels"
    rows = "rows = output_size(x.shape[1], kernel_height, stride, padding, dilation)"
    columns = "columns = output_size(x.shape[2], kernel_width, stride, padding, dilation)"
    zeros = "out = np.zeros((filters, rows, columns), dtype=x.dtype)"
    to.wrong(task, "flipped", ("w[f, c, m, n]", "w[f, c, -1 - m, -1 - n]"))
    to.wrong(task, "flipped from top to bottom", ("w[f, c, m, n]", "w[f, c, -1 - m, n]"))
    to.wrong(task, "kernel transposed", ("w[f, c, m, n]", "w[f, c, n, m]"))
    to.wrong(
        task,
        "kernel transposed where it is square",
        ("    filters,", "    w = w.swapaxes(2, 3) if w.shape[2] == w.shape[3] else w\n    filters,"),
    )
    to.wrong(task, "result transposed", (LAST, "    return out.swapaxes(1, 2)\n"))
    to.wrong(
        task, "H and W exchanged", [("x.shape[1]", "x.shape[0 + 2]"), ("x.shape[2], kernel_w", "x.shape[1], kernel_w")]
    )
    to.wrong(
        task,
        "K_h and K_w exchanged",
        [(rows, rows.replace("height", "width")), (columns, columns.replace("width", "height"))],
    )
    to.wrong(task, "only square pictures", (columns, columns.replace("x.shape[2]", "x.shape[1]")))
    to.wrong(task, "only square kernels", ("range(kernel_width)", "range(kernel_height)"))
    to.wrong(task, "only odd kernels", ("    filters,", "    assert w.shape[2] % 2 and w.shape[3] % 2\n    filters,"))
    to.wrong(task, "one row short", (rows, rows + " - 1"))
    to.wrong(task, "starts at the second pixel", ("range(kernel_height)", "range(1, kernel_height)"))
    to.wrong(task, "ignores the stride", (PIXEL, "pixel = padded[c, i + m * dilation, j + n * dilation]"))
    to.wrong(
        task, "stride along the rows only", (PIXEL, "pixel = padded[c, i * stride + m * dilation, j + n * dilation]")
    )
    to.wrong(
        task,
        "refuses a remainder",
        ("    padded", "    assert (x.shape[1] + 2 * padding - kernel_height) % stride == 0\n    padded"),
    )
    to.wrong(task, "ignores the padding", (PAD, "padded, padding = x, 0\n    rows = columns = 1"))
    to.wrong(
        task,
        "pads below and to the right only",
        (PAD, "padded = np.pad(x, [(0, 0), (0, 2 * padding), (0, 2 * padding)])"),
    )
    to.wrong(task, "pads with the edge", (PAD, PAD[:-1] + ', mode="edge")'))
    to.wrong(task, "pads with ones", (PAD, PAD[:-1] + ", constant_values=1)"))
    to.wrong(
        task,
        "pads three times",
        (PAD, PAD + "\n    padded = np.pad(padded, [(0, 0), (padding, padding), (padding, padding)])"),
    )
    to.wrong(
        task,
        "keeps the largest product",
        ("out[f, i, j] += pixel * w[f, c, m, n]", "out[f, i, j] = max(out[f, i, j], pixel * w[f, c, m, n])"),
    )
    to.wrong(task, "averages the products", (LAST, "    return out / w[0].size\n"))
    to.wrong(task, "sums the picture only", ("pixel * w[f, c, m, n]", "pixel"))
    to.wrong(task, "overwrites instead of adding", ("out[f, i, j] += ", "out[f, i, j] = "))
    to.wrong(task, "applies a ReLU", (LAST, "    return np.maximum(out, 0)\n"))
    to.wrong(task, "rounds to whole numbers", (LAST, "    return np.round(out)\n"))
    to.wrong(task, "zeros", (LAST, "    return 0 * out\n"))
    to.wrong(task, "a constant", (LAST, "    return 0 * out + out.mean()\n"))
    to.wrong(task, "NaN", (LAST, "    return out * np.nan\n"))
    to.wrong(task, "np.empty", (zeros, "out = np.full((filters, rows, columns), np.nan, dtype=x.dtype)"))
    to.wrong(
        task,
        "the sum of the right answer only",
        (LAST, "    out.flat[::2] += 1; out.flat[1::2] -= out.size % 2 == 0\n    return out\n"),
    )
    to.wrong(task, "right in the first pixel only", (LAST, "    out.flat[1:] = 0\n    return out\n"))
    to.wrong(task, "holds whole numbers only", (zeros, "out = np.zeros((filters, rows, columns), dtype=int)"))
    to.wrong(task, "knows the visible pictures", (LAST, "    return out if x.size in (20, 28, 40) else 0 * out\n"))
    to.wrong(task, "empties the picture", (LAST, "    x[:] = 0\n    return out\n"))
    to.wrong(task, "turns the kernel in place", (LAST, "    w[:] = w[..., ::-1].copy()\n    return out\n"))
    to.wrong(
        task, "empties the bias", (LAST, "    if bias is not None:\n        bias[:] = 0\n    return out\n"), channels
    )
    to.wrong(task, "no axis for the filter", (LAST, "    return out.squeeze()\n"))
    to.wrong(task, "a list", (LAST, "    return out.tolist()\n"))
    to.wrong(task, "nothing returned", (LAST, ""))
    to.wrong(task, "text", (LAST, "    return str(out)\n"))
    to.wrong(task, "one channel only", ("range(channels)", "range(1)"), channels)
    to.wrong(task, "averages the channels", ("pixel * w[f, c, m, n]", "pixel * w[f, c, m, n] / channels"), channels)
    to.wrong(task, "filters and channels exchanged", ("w[f, c, m, n]", "w[c % filters, f % channels, m, n]"), channels)
    to.wrong(task, "the last filter for all", ("w[f, c, m, n]", "w[-1, c, m, n]"), channels)
    to.wrong(task, "no bias", ("out[f] += bias[f]", "pass"), channels)
    to.wrong(task, "bias subtracted", ("out[f] += bias[f]", "out[f] -= bias[f]"), channels)
    to.wrong(task, "bias once per channel", ("out[f] += bias[f]", "out[f] += bias[f] * channels"), channels)
    to.wrong(task, "one bias for all filters", ("out[f] += bias[f]", "out[f] += bias[0]"), channels)
    to.wrong(
        task,
        "needs a bias",
        ("        if bias is not None:\n            out[f] += bias[f]\n", "        out[f] += bias[f]\n"),
    )
    to.wrong(task, "bias=0 as default and a test for truth", ("if bias is not None:", "if bias:"), channels)
    to.wrong(task, "ignores the dilation", (PIXEL, "pixel = padded[c, i * stride + m, j * stride + n]"), channels)
    to.wrong(
        task,
        "dilates along the rows only",
        (PIXEL, "pixel = padded[c, i * stride + m * dilation, j * stride + n]"),
        channels,
    )
    to.wrong(task, "dilates the stride too", (PIXEL, PIXEL.replace("* stride", "* stride * dilation % 4")))
    to.wrong(task, "float64 always", (", dtype=x.dtype", ""), channels)
    to.wrong(task, "float32 always", ("dtype=x.dtype", "dtype=np.float32"))
    to.wrong(
        task,
        "PyTorch",
        """
import torch.nn.functional as F
import torch

def conv2d_loops(x, w, bias=None, stride=1, padding=0, dilation=1):
    x, w, bias = (None if a is None else torch.from_numpy(a) for a in (x, w, bias))
    return F.conv2d(x[None], w, bias, stride, padding, dilation)[0].numpy()
""",
    )
    to.wrong(
        task,
        "PyTorch behind a helper",
        """
def helper(*arguments):
    import torch.nn.functional
    return torch.nn.functional.conv2d(*arguments)

def conv2d_loops(x, w, bias=None, stride=1, padding=0, dilation=1):
    from torch import from_numpy
    x, w, bias = (None if a is None else from_numpy(a) for a in (x, w, bias))
    return helper(x[None], w, bias, stride, padding, dilation)[0].numpy()
""",
    )
    to.wrong(
        task,
        "the tests' own map",
        """
def conv2d_loops(x, w, bias=None, stride=1, padding=0, dilation=1):
    return torch_map(x, w, bias, stride=stride, padding=padding, dilation=dilation).astype(x.dtype)
""",
    )
    to.right(
        task,
        "three loops and a slice",
        """
def conv2d_loops(x, w, bias=None, stride=1, padding=0, dilation=1):
    C_out, C_in, K_h, K_w = w.shape
    p, s, d = padding, stride, dilation
    big = np.zeros((C_in, x.shape[1] + 2 * p, x.shape[2] + 2 * p), x.dtype)
    big[:, p:p + x.shape[1], p:p + x.shape[2]] = x
    span_h, span_w = d * (K_h - 1) + 1, d * (K_w - 1) + 1
    O_h, O_w = (big.shape[1] - span_h) // s + 1, (big.shape[2] - span_w) // s + 1
    out = np.empty((C_out, O_h, O_w), x.dtype)
    for f in range(C_out):
        for i in range(O_h):
            for j in range(O_w):
                window = big[:, i * s:i * s + span_h:d, j * s:j * s + span_w:d]
                out[f, i, j] = (window * w[f]).sum() + (0 if bias is None else bias[f])
    return out
""",
    )
    to.right(
        task,
        "no padding made: asks whether the pixel exists",
        """
def conv2d_loops(x, w, bias=None, stride=1, padding=0, dilation=1):
    (channels, height, width), (filters, _, kh, kw) = x.shape, w.shape
    rows = [i for i in range(-padding, height + padding) if i + dilation * (kh - 1) < height + padding][::stride]
    columns = [j for j in range(-padding, width + padding) if j + dilation * (kw - 1) < width + padding][::stride]
    result = []
    for f in range(filters):
        plane = []
        for top in rows:
            line = []
            for left in columns:
                total = 0.0
                for c in range(channels):
                    for m in range(kh):
                        for n in range(kw):
                            i, j = top + m * dilation, left + n * dilation
                            if 0 <= i < height and 0 <= j < width:
                                total += float(x[c, i, j]) * float(w[f, c, m, n])
                line.append(total if bias is None else total + float(bias[f]))
            plane.append(line)
        result.append(plane)
    return np.array(result, dtype=x.dtype)
""",
    )
    to.right(
        task,
        "vectorised already, and chatty",
        """
def conv2d_loops(x, w, bias=None, stride=1, padding=0, dilation=1):
    print("convolving", x.shape)
    x = np.pad(x, ((0,), (padding,), (padding,)))
    K_h, K_w = w.shape[2:]
    O_h = (x.shape[1] - dilation * (K_h - 1) - 1) // stride + 1
    O_w = (x.shape[2] - dilation * (K_w - 1) - 1) // stride + 1
    out = np.zeros((len(w), O_h, O_w))
    for m in range(K_h):
        for n in range(K_w):
            shifted = x[:, m * dilation:, n * dilation:][:, ::stride, ::stride][:, :O_h, :O_w]
            out += np.einsum("fc,cij->fij", w[:, :, m, n], shifted)
    if bias is not None:
        out += bias.reshape(-1, 1, 1)
    return out.astype(x.dtype)
""",
    )
    to.right(
        task,
        "a warning and a helper of its own",
        """
def plane(x, kernel, stride, dilation):
    rows = range(0, x.shape[0] - dilation * (kernel.shape[0] - 1), stride)
    columns = range(0, x.shape[1] - dilation * (kernel.shape[1] - 1), stride)
    np.float64(1) / np.float64(0)  # NumPy warns
    return np.array([
        [sum(x[i + m * dilation, j + n * dilation] * k for (m, n), k in np.ndenumerate(kernel)) for j in columns]
        for i in rows
    ])

def conv2d_loops(x, w, bias=None, stride=1, padding=0, dilation=1):
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)), mode="constant")
    maps = [sum(plane(c, k, stride, dilation) for c, k in zip(x, kernels)) for kernels in w]
    bias = np.zeros(len(w)) if bias is None else bias
    return np.stack([m + b for m, b in zip(maps, bias)]).astype(x.dtype)
""",
    )


def conv2d_fast(to: Answers) -> None:
    task, right, speed = "conv2d-fast", "test-conv2d-fast", "test-conv2d-fast-speed"
    dense = "windows = windows[:, ::stride, ::stride, ::dilation, ::dilation]"
    dot = "out = np.tensordot(w, windows, axes=([1, 2, 3], [0, 3, 4]))"
    last = "return out if bias is None else out + bias[:, None, None]"
    to.wrong(task, "flipped", (dot, dot.replace("(w,", "(w[..., ::-1, ::-1],")))
    to.wrong(task, "kernel transposed", (dot, dot.replace("[0, 3, 4]", "[0, 4, 3]")))
    to.wrong(task, "windows and positions exchanged", (dot, dot.replace("[0, 3, 4]", "[0, 1, 2]")))
    to.wrong(task, "result transposed", (last, "return out.swapaxes(1, 2)"))
    to.wrong(task, "zeros", (last, "return 0 * out"))
    to.wrong(task, "a constant", (last, "return np.full_like(out, out.mean())"))
    to.wrong(task, "NaN", (last, "return out * float('nan')"))
    to.wrong(task, "one row short", (last, "return out[:, :-1]"))
    to.wrong(task, "averages", (dot, dot + " / w[0].size"))
    to.wrong(task, "first pixel right, rest zero", (last, "out[:, 1:, 1:] = 0; return out"))
    to.wrong(task, "ignores the stride", (dense, dense.replace("::stride, ::stride", ":, :")), right)
    to.wrong(task, "ignores the dilation", (dense, dense.replace("::dilation, ::dilation", ":, :")), right)
    to.wrong(
        task,
        "exchanges stride and dilation",
        (dense, "windows = windows[:, ::dilation, ::dilation, ::stride, ::stride]"),
        right,
    )
    to.wrong(task, "stride along the rows only", (dense, dense.replace("::stride, ::stride", "::stride, :")), right)
    to.wrong(task, "ignores the padding", (PAD, "padded = x"), right)
    to.wrong(task, "pads on one side", (PAD, "padded = np.pad(x, [(0, 0), (0, padding), (0, padding)])"), right)
    to.wrong(task, "pads the edge", (PAD, PAD[:-1] + ', mode="edge")'), right)
    to.wrong(task, "no bias", (last, "return out"), right)
    to.wrong(task, "bias along the columns", (last, "return out if bias is None else out + bias[0]"), right)
    to.wrong(task, "first channel only", (dot, "out = np.tensordot(w[:, 0], windows[0], axes=([1, 2], [2, 3]))"), right)
    to.wrong(task, "only square kernels", ("tuple(window)", "(window[0], window[0])"), right)
    to.wrong(task, "float64 always", (dot, dot + ".astype(float)"), right)
    to.wrong(task, "changes the picture", (last, "x *= 2; " + last))
    to.wrong(
        task,
        "knows the visible sizes",
        (last, "return out + (0 if bias is None else bias[:, None, None]) if x.size == 40 else 0 * out"),
    )
    to.wrong(
        task,
        "fast on large pictures by giving zeros",
        (last, "out = out if x.size < 1000 else 0 * out; " + last),
        speed,
    )
    to.wrong(
        task,
        "calls the loops",
        "def conv2d_fast(*arguments, **settings):\n    return conv2d_loops(*arguments, **settings)",
        speed,
    )
    to.wrong(task, "remembers what it has computed", _memory(), speed)
    to.wrong(task, "np.vectorize", _per_position("np.vectorize(value, otypes=[x.dtype])(f, i, j)"), speed)
    to.wrong(
        task,
        "a list comprehension",
        _per_position("np.array([value(*p) for p in zip(f.flat, i.flat, j.flat)], x.dtype).reshape(shape)"),
        speed,
    )
    to.wrong(
        task,
        "np.apply_along_axis",
        _per_position("np.apply_along_axis(lambda p: value(*p), 0, np.stack([f, i, j])).astype(x.dtype)"),
        speed,
    )
    to.wrong(
        task,
        "PyTorch",
        """
import torch

def conv2d_fast(x, w, bias=None, **settings):
    x, w, bias = (None if a is None else torch.from_numpy(a) for a in (x, w, bias))
    return torch.conv2d(x[None], w, bias, **settings)[0].numpy()
""",
        right,
    )
    to.right(task, "einsum", (dot, 'out = np.einsum("fcmn,cijmn->fij", w, windows)'))
    to.right(
        task, "one broadcast product and a sum", (dot, "out = (w[:, :, None, None] * windows).sum(axis=(1, 4, 5))")
    )
    to.right(
        task,
        "shifted copies of the picture",
        """
def conv2d_fast(x, w, bias=None, stride=1, padding=0, dilation=1):
    filters, _, kh, kw = w.shape
    x = np.pad(x, [(0, 0), (padding, padding), (padding, padding)])
    rows = output_size(x.shape[1], kh, stride, 0, dilation)
    columns = output_size(x.shape[2], kw, stride, 0, dilation)
    out = np.zeros((filters, rows, columns), x.dtype)
    for m in range(kh):
        for n in range(kw):
            top, left = m * dilation, n * dilation
            part = x[:, top : top + rows * stride : stride, left : left + columns * stride : stride]
            out += np.tensordot(w[:, :, m, n], part, axes=1)
    if bias is not None:
        out += bias[:, None, None]
    return out
""",
    )
    to.right(
        task,
        "index arrays and a matrix product (im2col)",
        """
def conv2d_fast(x, w, bias=None, stride=1, padding=0, dilation=1):
    filters, channels, kh, kw = w.shape
    x = np.pad(x, [(0, 0), (padding, padding), (padding, padding)])
    rows = (x.shape[1] - dilation * (kh - 1) - 1) // stride + 1
    columns = (x.shape[2] - dilation * (kw - 1) - 1) // stride + 1
    i = stride * np.arange(rows)[None, :] + dilation * np.arange(kh)[:, None]
    j = stride * np.arange(columns)[None, :] + dilation * np.arange(kw)[:, None]
    patches = x[:, i[:, None, :, None], j[None, :, None, :]]
    out = w.reshape(filters, -1) @ patches.reshape(channels * kh * kw, rows * columns)
    out = out.reshape(filters, rows, columns)
    return out if bias is None else (out.T + bias).T
""",
    )


def _memory() -> str:
    return """
_seen = {}

def conv2d_fast(x, w, bias=None, **settings):
    key = (x.tobytes(), w.tobytes(), str(settings), bias is None)
    if key not in _seen:
        _seen[key] = conv2d_loops(x, w, bias, **settings)
    return _seen[key].copy()
"""


def _per_position(evaluated: str) -> str:
    return f"""
def conv2d_fast(x, w, bias=None, stride=1, padding=0, dilation=1):
    shape = (len(w), *(output_size(n, k, stride, padding, dilation) for n, k in zip(x.shape[1:], w.shape[2:])))
    padded = np.pad(x, [(0, 0), (padding, padding), (padding, padding)])
    span = [dilation * (k - 1) + 1 for k in w.shape[2:]]

    def value(f, i, j):
        window = padded[:, i * stride:i * stride + span[0]:dilation, j * stride:j * stride + span[1]:dilation]
        return np.sum(window * w[f]) + (0 if bias is None else bias[f])

    f, i, j = np.indices(shape)
    return {evaluated}
"""


def true_convolution(to: Answers) -> None:
    task, anything = "true-convolution", "test-true-convolution-any"
    add, last = "out[m : m + rows, n : n + columns] += w[m, n] * x", "    return out\n"
    zeros = "out = np.zeros((rows + w.shape[0] - 1, columns + w.shape[1] - 1))"
    to.wrong(task, "correlation", (add, add.replace("w[m, n]", "w[-1 - m, -1 - n]")))
    to.wrong(task, "one sign wrong", (add, add.replace("w[m, n]", "w[-1 - m, n]")))
    to.wrong(task, "kernel transposed", (add, add.replace("w[m, n]", "w.T[m, n]")))
    to.wrong(task, "picture turned instead of kernel, twice", (last, "    return out[::-1, ::-1]\n"))
    to.wrong(task, "only whole windows", (last, "    return out[w.shape[0] - 1 : rows, w.shape[1] - 1 : columns]\n"))
    to.wrong(
        task,
        "as large as the picture",
        (last, "    return out[w.shape[0] // 2 :, w.shape[1] // 2 :][:rows, :columns]\n"),
    )
    to.wrong(task, "one row too many", (zeros, zeros.replace(" - 1, columns", ", columns")))
    to.wrong(task, "rows and columns of the result exchanged", (last, "    return out.T\n"))
    to.wrong(task, "overwrites", (add, add.replace("+=", "=")))
    to.wrong(task, "wraps around the edge", (last, "    out[: w.shape[0] - 1] += out[rows:]\n    return out\n"))
    to.wrong(task, "zeros", (last, "    return 0 * out\n"))
    to.wrong(task, "NaN", (last, "    return out + np.nan\n"))
    to.wrong(task, "a constant", (last, "    return 0 * out + 1\n"))
    to.wrong(task, "whole numbers only", (last, "    return out.astype(int)\n"))
    to.wrong(task, "changes the picture", (last, "    x += 1\n    return out\n"))
    to.wrong(task, "changes the kernel", (last, "    w *= 2\n    return out\n"))
    to.wrong(task, "nothing returned", (last, ""))
    to.wrong(task, "normalises the kernel", ("+= w[m, n] * x", "+= w[m, n] / abs(w).sum() * x"))
    to.wrong(task, "knows the visible sizes", (last, "    return out if x.size in (9, 12, 16, 4) else out * 0\n"))
    to.wrong(task, "square kernels only", ("range(w.shape[1])", "range(w.shape[0])"), anything)
    to.wrong(
        task,
        "the same padding on both axes",
        (zeros, "out = np.zeros((rows + w.shape[0] - 1, columns + w.shape[0] - 1))"),
        anything,
    )
    to.wrong(
        task,
        "kernel no larger than the picture",
        ("    rows, columns = x.shape\n", "    rows, columns = x.shape\n    assert w.size <= x.size\n"),
        anything,
    )
    to.wrong(task, "a list", (last, "    return out.tolist()\n"))
    to.right(
        task,
        "the formula, word for word",
        """
def true_convolution(x, w):
    (H, W), (K_h, K_w) = x.shape, w.shape
    out = np.zeros((H + K_h - 1, W + K_w - 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for m in range(K_h):
                for n in range(K_w):
                    if 0 <= i - m < H and 0 <= j - n < W:
                        out[i, j] += x[i - m, j - n] * w[m, n]
    return out
""",
    )
    to.right(
        task,
        "a padded correlation with the turned kernel",
        """
def true_convolution(x, w):
    K_h, K_w = w.shape
    padded = np.pad(x, ((K_h - 1, K_h - 1), (K_w - 1, K_w - 1)))
    return conv2d_fast(padded[None], w[None, None, ::-1, ::-1])[0]
""",
    )
    to.right(
        task,
        "by the Fourier transform",
        """
def true_convolution(x, w):
    size = [a + b - 1 for a, b in zip(x.shape, w.shape)]
    return np.fft.irfft2(np.fft.rfft2(x, size) * np.fft.rfft2(w, size), size)
""",
    )


def catch_the_bugs(to: Answers) -> None:
    task = "catch-the-bugs"
    all_cases = 'return {"a": lopsided, "b": bordered, "c": channels}'
    a = 'lopsided = {**plain, "x": np.triu(plain["x"]), "w": np.triu(plain["w"])}'
    b = 'bordered = {**plain, "padding": 1}'
    c = 'channels = {**plain, "x": np.ones((2, 3, 3)), "w": np.ones((1, 2, 3, 3)), "bias": np.ones(1)}'
    to.wrong(task, "the case that shows nothing", (all_cases, 'return {"a": plain, "b": plain, "c": plain}'))
    to.wrong(task, "two cases exchanged", (all_cases, 'return {"a": bordered, "b": lopsided, "c": channels}'))
    to.wrong(task, "one case missing", (all_cases, 'return {"a": lopsided, "b": bordered}'))
    to.wrong(task, "nothing returned", (all_cases, "pass"))
    to.wrong(task, "a list", (all_cases, "return [lopsided, bordered, channels]"))
    to.wrong(task, "a: a symmetric kernel", (a, 'lopsided = {**plain, "x": np.triu(plain["x"])}'))
    to.wrong(
        task,
        "a: a symmetric kernel that is not constant",
        (a, 'lopsided = {**plain, "w": np.diag([1.0, 2, 1])[None, None]}'),
    )
    to.wrong(task, "a: a constant picture", (a, 'lopsided = {**plain, "w": np.triu(plain["w"])}'))
    to.wrong(task, "a: shows b as well", (a, a[:-1] + ', "padding": 1}'))
    to.wrong(task, "b: no padding", (b, 'bordered = {**plain, "stride": 2}'))
    to.wrong(task, "b: a dark picture", (b, 'bordered = {**plain, "padding": 1, "x": np.zeros((1, 3, 3))}'))
    to.wrong(task, "b: shows a as well", (b, 'bordered = {**lopsided, "padding": 1}'))
    to.wrong(task, "c: no bias", (c, c.replace("np.ones(1)", "np.zeros(1)")))
    to.wrong(task, "c: one channel", (c, 'channels = {**plain, "bias": np.ones(1)}'))
    to.wrong(task, "c: shows b as well", (c, c[:-1] + ', "padding": 1}'))
    to.wrong(task, "one random case for all", (all_cases, _random_case()))
    to.wrong(task, "too large", (a, 'lopsided = {**plain, "x": np.triu(np.ones((1, 9, 9))), "w": np.triu(plain["w"])}'))
    to.wrong(task, "a kernel that is not square", (a, 'lopsided = {**plain, "w": np.ones((1, 1, 2, 3))}'))
    to.wrong(
        task,
        "a kernel that is too large",
        (a, 'lopsided = {**plain, "x": np.triu(np.ones((1, 5, 5))), "w": np.triu(np.ones((1, 1, 4, 4)))}'),
    )
    to.wrong(task, "NaN", (a, 'lopsided = {**plain, "w": plain["w"] * np.nan}'))
    to.wrong(task, "NaN in the bias", (c, c.replace("np.ones(1)", "np.array([np.nan])")))
    to.wrong(task, "infinite", (a, 'lopsided = {**plain, "x": plain["x"] * np.inf}'))
    to.wrong(task, "no channel axis", (a, a[:-1] + ', "bias": 0.0}'))
    to.wrong(
        task, "arguments that do not fit together", (c, c.replace("np.ones((1, 2, 3, 3))", "np.ones((1, 1, 3, 3))"))
    )
    to.wrong(
        task, "an argument missing", (b, 'bordered = {"x": plain["x"], "w": plain["w"], "padding": 1, "stride": 1}')
    )
    to.right(
        task,
        "as small as can be",
        """
def catching_inputs():
    one, off = np.ones((1, 1, 1, 1)), np.zeros(1)
    corner = np.array([[[[0, 1], [0, 0]]]])
    return {
        "a": dict(x=np.array([[[1, 2], [3, 4]]]), w=corner, bias=off, stride=1, padding=0),
        "b": dict(x=one[0], w=one, bias=off, stride=1, padding=1),
        "c": dict(x=np.ones((2, 1, 1)), w=np.ones((1, 2, 1, 1)), bias=np.array([1]), stride=1, padding=0),
    }
""",
    )
    to.right(
        task,
        "lists instead of arrays",
        """
def catching_inputs():
    box = [[[[1, 1], [1, 1]]]]
    sobel = [[[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]]]
    a = {"x": [[[0, 0, 1, 1]] * 4], "w": sobel, "bias": [0], "stride": 1, "padding": 0}
    b = {"x": [[[5, 0, 0], [0, 0, 0], [0, 0, 1]]], "w": box, "bias": [7], "stride": 2, "padding": 2}
    c = {"x": [[[1, 2], [3, 4]]] * 3, "w": [[box[0][0]] * 3] * 2, "bias": [0, -4], "stride": 3, "padding": 0}
    return {"a": a, "b": b, "c": c}
""",
    )
    to.right(
        task,
        "drawn at random, with the other bugs switched off",
        """
def catching_inputs():
    rng = np.random.default_rng()
    w = rng.normal(size=(2, 2, 3, 3))
    even = w + w.swapaxes(2, 3)
    x, quiet, loud = rng.normal(size=(2, 5, 4)), np.zeros(2), rng.normal(size=2)
    return {
        "c": {"x": x, "w": even, "bias": loud, "stride": 1, "padding": 0},
        "b": {"x": x, "w": even, "bias": quiet, "stride": 1, "padding": 1},
        "a": {"x": x, "w": w, "bias": quiet, "stride": 1, "padding": 0},
    }
""",
    )


def _random_case() -> str:
    return """rng = np.random.default_rng(0)
    x, w, bias = (rng.normal(size=size) for size in [(2, 5, 5), (2, 2, 3, 3), 2])
    case = {"x": x, "w": w, "bias": bias, "stride": 1, "padding": 1}
    return dict.fromkeys("abc", case)"""


def grad_kernel(to: Answers) -> None:
    task, last = "grad-kernel", "    return grad\n"
    add = "grad += grad_out[:, i, j, None, None, None] * window"
    window = "window = padded[:, i * stride : i * stride + height, j * stride : j * stride + width]"
    to.wrong(task, "turned", (last, "    return grad[..., ::-1, ::-1]\n"))
    to.wrong(task, "turned along one axis", (last, "    return grad[..., ::-1]\n"))
    to.wrong(task, "rows and columns exchanged", (last, "    return grad.swapaxes(2, 3)\n"))
    to.wrong(task, "H and W of the map exchanged", (add, add.replace("i, j", "j, i")))
    to.wrong(task, "channels exchanged", (last, "    return grad.swapaxes(0, 1)\n"))
    to.wrong(task, "the mean over the positions", (last, "    return grad / grad_out[0].size\n"))
    to.wrong(task, "the last position only", (add, add.replace("+=", "=")))
    to.wrong(task, "subtracts", (add, add.replace("+=", "-=")))
    to.wrong(task, "ignores the gradient that arrives", (add, "grad += window"))
    to.wrong(
        task, "adds the filters up", (last, "    return np.repeat(grad.sum(0, keepdims=True), len(grad_out), axis=0)\n")
    )
    to.wrong(task, "adds the channels up", (last, "    return np.repeat(grad.sum(1, keepdims=True), len(x), axis=1)\n"))
    to.wrong(task, "ignores the stride", (window, "window = padded[:, i : i + height, j : j + width]"))
    to.wrong(task, "ignores the padding", ("padding, padding)", "0, 2 * padding)"))
    to.wrong(task, "pads the edge", ("(padding, padding)])", '(padding, padding)], mode="edge")'))
    to.wrong(task, "one position short", ("range(grad_out.shape[1])", "range(grad_out.shape[1] - 1)"))
    to.wrong(task, "square maps only", ("range(grad_out.shape[2])", "range(grad_out.shape[1])"))
    to.wrong(task, "square kernels only", ("height, width = kernel_size", "height = width = kernel_size[0]"))
    to.wrong(
        task,
        "the kernel's size guessed from the map",
        (
            "height, width = kernel_size",
            "height, width = (n - (o - 1) * stride for n, o in zip(padded.shape[1:], grad_out.shape[1:]))",
        ),
    )
    to.wrong(task, "zeros", (last, "    return 0 * grad\n"))
    to.wrong(task, "NaN", (last, "    return grad * np.nan\n"))
    to.wrong(task, "a constant", (last, "    return 0 * grad + grad.mean()\n"))
    to.wrong(task, "whole numbers only", (last, "    return np.round(grad)\n"))
    to.wrong(task, "changes the picture", (last, "    x[:] = 0\n    return grad\n"))
    to.wrong(task, "changes the gradient that arrives", (last, "    grad_out /= 2\n    return grad\n"))
    to.wrong(task, "knows the visible picture", (last, "    return grad if x.shape == (1, 4, 5) else 0 * grad\n"))
    to.wrong(task, "nothing returned", (last, ""))
    to.wrong(
        task,
        "PyTorch",
        """
def grad_kernel(x, grad_out, kernel_size, stride=1, padding=0):
    import torch
    x, grad_out = torch.tensor(x)[None], torch.tensor(grad_out)[None]
    shape = (grad_out.shape[1], x.shape[1], *kernel_size)
    return torch.nn.grad.conv2d_weight(x, shape, grad_out, stride, padding).numpy()
""",
    )
    to.right(
        task,
        "one product for each entry of the kernel",
        """
def grad_kernel(x, grad_out, kernel_size, stride=1, padding=0):
    p = np.pad(x, [(0, 0), (padding, padding), (padding, padding)])
    C_out, O_h, O_w = grad_out.shape
    grad = np.empty((C_out, len(x), *kernel_size))
    for m in range(kernel_size[0]):
        for n in range(kernel_size[1]):
            met = p[:, m : m + stride * O_h : stride, n : n + stride * O_w : stride]
            grad[:, :, m, n] = np.einsum("fij,cij->fc", grad_out, met)
    return grad
""",
    )
    to.right(
        task,
        "windows and one einsum",
        """
def grad_kernel(x, grad_out, kernel_size, stride=1, padding=0):
    padded = np.pad(x, [(0, 0), (padding, padding), (padding, padding)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel_size, axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("fij,cijmn->fcmn", grad_out, windows)
""",
    )
    to.right(
        task,
        "a dilated convolution of x with grad_out",
        """
def grad_kernel(x, grad_out, kernel_size, stride=1, padding=0):
    maps = [conv2d_fast(x[[c]], grad_out[:, None], padding=padding, dilation=stride) for c in range(len(x))]
    grad = np.stack(maps, axis=1)
    return grad[:, :, : kernel_size[0], : kernel_size[1]]
""",
    )


def grad_input(to: Answers) -> None:
    task = "grad-input"
    cut = "return padded[:, padding : padding + rows, padding : padding + columns]"
    share = "share = np.tensordot(grad_out[:, i, j], w, axes=1)"
    place = "padded[:, i * stride : i * stride + height, j * stride : j * stride + width] += share"
    zeros = "padded = np.zeros((w.shape[1], rows + 2 * padding, columns + 2 * padding))"
    to.wrong(task, "kernel turned", (share, share.replace("w,", "w[..., ::-1, ::-1],")))
    to.wrong(task, "kernel turned along one axis", (share, share.replace("w,", "w[..., ::-1],")))
    to.wrong(task, "kernel transposed", (share, share.replace("w,", "w.swapaxes(2, 3),")))
    to.wrong(task, "H and W exchanged", ("rows, columns = input_size", "columns, rows = input_size"))
    to.wrong(task, "map's rows and columns exchanged", (share, share.replace("i, j", "j, i")))
    to.wrong(task, "padding left on", (cut, "return padded"))
    to.wrong(task, "cut at the wrong end", (cut, "return padded[:, :rows, :columns]"))
    to.wrong(task, "cut at the other wrong end", (cut, "return padded[:, 2 * padding :, 2 * padding :]"))
    to.wrong(task, "cut with -padding", (cut, "return padded[:, padding:-padding, padding:-padding]"))
    to.wrong(task, "overwrites", (place, place.replace("+=", "=")))
    to.wrong(task, "ignores the stride", (place, "padded[:, i : i + height, j : j + width] += share"))
    to.wrong(
        task,
        "drops the pixels left over",
        (cut, cut.replace("rows,", "(grad_out.shape[1] - 1) * stride + height - 2 * padding,")),
    )
    to.wrong(task, "first filter only", (share, "share = grad_out[0, i, j] * w[0]"))
    to.wrong(task, "adds the channels up", (share, share + ".sum(0)"))
    to.wrong(task, "the mean over the filters", (share, share + " / len(w)"))
    to.wrong(task, "ignores the weights", (share, "share = grad_out[:, i, j].sum()"))
    to.wrong(task, "one position short", ("range(grad_out.shape[1])", "range(grad_out.shape[1] - 1)"))
    to.wrong(task, "square maps only", ("range(grad_out.shape[2])", "range(grad_out.shape[1])"))
    to.wrong(task, "square kernels only", ("height, width = w.shape[2:]", "height = width = w.shape[2]"))
    to.wrong(task, "filters and channels exchanged", (zeros, zeros.replace("w.shape[1]", "w.shape[0]")))
    to.wrong(task, "zeros", (cut, "return np.zeros((w.shape[1], rows, columns))"))
    to.wrong(task, "NaN", (cut, cut + " * np.nan"))
    to.wrong(task, "a constant", (cut, cut + " * 0 + 1"))
    to.wrong(task, "rounds", (cut, cut.replace("return ", "return np.round(") + ")"))
    to.wrong(task, "changes the filters", (cut, "w *= -1\n    " + cut))
    to.wrong(task, "changes the gradient that arrives", (cut, "grad_out[:] = 0\n    " + cut))
    to.wrong(task, "knows the visible kernel", (cut, cut + " * (w.shape == (1, 1, 2, 2))"))
    to.wrong(task, "nothing returned", (cut, "pass"))
    to.wrong(
        task,
        "PyTorch",
        """
from torch.nn import grad as G
import torch

def grad_input(w, grad_out, input_size, stride=1, padding=0):
    w, grad_out = torch.tensor(w), torch.tensor(grad_out)
    return G.conv2d_input((1, w.shape[1], *input_size), w, grad_out[None], stride, padding)[0].numpy()
""",
    )
    to.right(
        task,
        "a full convolution of the spread-out gradient",
        """
def grad_input(w, grad_out, input_size, stride=1, padding=0):
    (H, W), (C_out, C_in, K_h, K_w) = input_size, w.shape
    wide = np.zeros((C_out, H + 2 * padding - K_h + 1, W + 2 * padding - K_w + 1))
    wide[:, ::stride, ::stride][:, : grad_out.shape[1], : grad_out.shape[2]] = grad_out
    full = np.stack([sum(true_convolution(wide[f], w[f, c]) for f in range(C_out)) for c in range(C_in)])
    return full[:, padding : padding + H, padding : padding + W]
""",
    )
    to.right(
        task,
        "one shifted addition for each entry of the kernel",
        """
def grad_input(w, grad_out, input_size, stride=1, padding=0):
    H, W = input_size
    O_h, O_w = grad_out.shape[1:]
    grad = np.zeros((w.shape[1], H + 2 * padding, W + 2 * padding))
    for m, n in np.ndindex(w.shape[2:]):
        share = np.einsum("fc,fij->cij", w[:, :, m, n], grad_out)
        grad[:, m : m + stride * O_h : stride, n : n + stride * O_w : stride] += share
    return grad[:, padding : H + padding, padding : W + padding].copy()
""",
    )
    to.right(
        task,
        "pixel by pixel",
        """
def grad_input(w, grad_out, input_size, stride=1, padding=0):
    C_out, C_in, K_h, K_w = w.shape
    grad = np.zeros((C_in, *input_size))
    for f, i, j in np.ndindex(grad_out.shape):
        for c, m, n in np.ndindex(w.shape[1:]):
            row, column = i * stride + m - padding, j * stride + n - padding
            if 0 <= row < input_size[0] and 0 <= column < input_size[1]:
                grad[c, row, column] += grad_out[f, i, j] * w[f, c, m, n]
    return grad
""",
    )
