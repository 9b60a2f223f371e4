"""Answers to assignment 4: wrong ones that its tests must notice, right ones in other styles that they must not."""

from harness import Answers, Assignment


def answers(assignment: Assignment) -> Answers:
    """All of them. Where nothing is said, a wrong answer must lose every test of its task."""
    to = Answers(assignment)
    pool_size(to)
    max_pool2d(to)
    avg_pool2d(to)
    max_backward(to)
    global_pool(to)
    shifts(to)
    fields(to)
    branches(to)
    design(to)
    return to


def pool_size(to: Answers) -> None:
    task, floor, ceil = "pool-size", "test-pool-size-floor", "test-pool-size-ceil"
    room = "room = size + 2 * padding - kernel"
    down = "return room // stride + 1"
    up = "count = -(-room // stride) + 1"
    last = "return count if (count - 1) * stride < size + padding else count - 1"
    half = "if padding > kernel // 2:"
    to.wrong(task, "no + 1", [(down, "return room // stride"), (up, "count = -(-room // stride)")])
    to.wrong(task, "size over stride", (room, "room = size + 2 * padding - stride"))
    to.wrong(task, "no padding", (room, "room = size - kernel"))
    to.wrong(task, "padding once", (room, "room = size + padding - kernel"))
    to.wrong(task, "kernel off by one", (room, "room = size + 2 * padding - kernel + 1"))
    to.wrong(task, "stride 1 if not given", ("stride = stride or kernel", "stride = stride or 1"))
    to.wrong(task, "stride always the kernel", ("stride = stride or kernel", "stride = kernel"))
    to.wrong(task, "rounded to the nearest", (down, "return round(room / stride) + 1"), floor)
    to.wrong(task, "a float", (down, "return room / stride + 1"), floor)
    to.wrong(task, "a whole float", (down, "return float(room // stride + 1)"), floor)
    to.wrong(task, "nothing returned", [(down, "pass"), (last, "pass")])
    to.wrong(task, "a constant", [(down, "return 4"), (last, "return 4")])
    to.wrong(task, "the modes exchanged", ("if not ceil_mode:", "if ceil_mode:"))
    to.wrong(task, "always rounded down", ("if not ceil_mode:", "if True:"), ceil)
    to.wrong(task, "always rounded up", ("if not ceil_mode:", "if False:"), floor)
    to.wrong(task, "one more with ceil_mode, whatever is left", (up, "count = room // stride + 2"), ceil)
    to.wrong(task, "keeps windows that start too late", (last, "return count"), ceil)
    to.wrong(task, "a window must start inside the picture", (last, last.replace("size + padding", "size")), ceil)
    to.wrong(task, "may start in the padding behind", (last, last.replace("+ padding", "+ 2 * padding")), ceil)
    to.wrong(task, "may start just behind", (last, last.replace("<", "<=")), ceil)
    to.wrong(task, "a window must end inside", (last, "return count - 1"), ceil)
    to.wrong(task, "any padding is fine", (half, "if False:"), floor)
    to.wrong(task, "refuses half the kernel", (half, "if padding >= kernel / 2:"))
    to.wrong(task, "half of an odd kernel rounded up", (half, "if padding > (kernel + 1) // 2:"), floor)
    to.wrong(task, "refuses with None", ("raise ValueError(", "return print("), floor)
    to.wrong(
        task,
        "knows the visible sizes",
        (room, "if padding == 0 and size not in (8, 7, 9, 10):\n        return 0\n    " + room),
    )
    to.right(
        task,
        "counts the starts",
        """
def pool_size(size, kernel, stride=None, padding=0, ceil_mode=False):
    if stride is None:
        stride = kernel
    if not padding <= kernel / 2:
        raise ValueError("too much padding")
    count, start = 0, -padding
    while start + kernel <= size + padding:
        count, start = count + 1, start + stride
    end = start - stride + kernel
    if ceil_mode and end < size + padding and start < size:
        count += 1
    return count
""",
    )
    to.right(
        task,
        "math.ceil and a correction",
        """
import math

def pool_size(size, kernel, stride=None, padding=0, ceil_mode=False):
    stride = kernel if stride is None else stride
    if 2 * padding > kernel:
        raise ValueError(padding)
    count = (math.ceil if ceil_mode else math.floor)((size + 2 * padding - kernel) / stride) + 1
    if (count - 1) * stride >= size + padding:
        count -= 1
    return count
""",
    )
    to.right(
        task,
        "NumPy's integers",
        """
def pool_size(size, kernel, stride=None, padding=0, ceil_mode=False):
    stride = stride or kernel
    if padding > kernel // 2:
        raise ValueError
    starts = np.arange(-padding, size + padding - kernel + 1, stride)
    if ceil_mode:
        starts = np.arange(-padding, size, stride)
        starts = starts[: np.sum(starts[:-1] + kernel < size + padding) + 1]
    return np.int64(len(starts))
""",
    )


WINDOW = "window = x[:, :, max(top, 0) : top + K_h, max(left, 0) : left + K_w]"
PLACE = "top, left = i * S_h - P_h, j * S_w - P_w"


def max_pool2d(to: Answers) -> None:
    task = "max-pool2d"
    touching, stride, border = "test-max-touching", "test-max-stride", "test-max-border"
    keep = "out[:, :, i, j] = window.max(axis=(2, 3))"
    empty = "out = np.empty((*x.shape[:2], rows, columns), x.dtype)"
    last = "    return out\n"
    to.wrong(task, "the mean", (keep, keep.replace("max", "mean")))
    to.wrong(task, "the smallest", (keep, keep.replace("max", "min")))
    to.wrong(task, "the largest over all channels", (keep, "out[:, :, i, j] = window.max(axis=(1, 2, 3))[:, None]"))
    to.wrong(task, "the largest over all pictures", (keep, "out[:, :, i, j] = window.max(axis=(0, 2, 3))"))
    to.wrong(task, "the upper left value", (keep, "out[:, :, i, j] = window[:, :, 0, 0]"))
    to.wrong(task, "only the first channel", (keep, "out[:, :, i, j] = window[:, :1].max(axis=(2, 3))"))
    to.wrong(task, "one row short", (WINDOW, WINDOW.replace("top + K_h", "max(top + K_h - 1, 1)")))
    to.wrong(task, "zeros", (keep, keep + " * 0"))
    to.wrong(task, "NaN", (last, "    return out * np.nan\n"))
    to.wrong(task, "a constant", (last, "    return out * 0 + out.max()\n"))
    to.wrong(task, "a list", (last, "    return out.tolist()\n"))
    to.wrong(task, "nothing returned", (last, "    pass\n"))
    to.wrong(task, "result transposed", (last, "    return out.swapaxes(2, 3)\n"))
    to.wrong(task, "changes the maps", (last, "    x -= 1\n    return out\n"))
    to.wrong(task, "the windows move by one pixel", (PLACE, "top, left = i - P_h, j - P_w"))
    to.wrong(task, "K_h and K_w exchanged", ("(K_h, K_w), (S_h", "(K_w, K_h), (S_h"))
    to.wrong(task, "knows the visible maps", (last, "    return out * (x.size in (16, 144, 168, 120))\n"))
    to.wrong(task, "square windows only", (empty, "K_w = K_h\n    " + empty))
    to.wrong(task, "S_h and S_w exchanged", ("(S_h, S_w), (P_h", "(S_w, S_h), (P_h"), [touching, stride, border])
    to.wrong(task, "the stride is the window", (PLACE, "top, left = i * K_h - P_h, j * K_w - P_w"), [stride, border])
    to.wrong(task, "one stride for both axes", (empty, "S_w = S_h\n    " + empty), [touching, stride, border])
    to.wrong(
        task,
        "pads with zeros",
        (
            "    (K_h, K_w), (S_h",
            "    x = np.pad(x, [(0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2])\n"
            "    padding = (0, 0)\n    (K_h, K_w), (S_h",
        ),
        border,
    )
    to.wrong(
        task,
        "pads with minus one",
        (
            "    (K_h, K_w), (S_h",
            "    x = np.pad(x, [(0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2], constant_values=-1)\n"
            "    padding = (0, 0)\n    (K_h, K_w), (S_h",
        ),
        border,
    )
    to.wrong(
        task,
        "float64 always",
        (empty, "out = np.empty((*x.shape[:2], rows, columns))"),
        border,
    )
    to.wrong(
        task,
        "ignores the padding",
        ("(P_h, P_w) = kernel, stride, padding", "(P_h, P_w) = kernel, stride, (0, 0)"),
        border,
    )
    to.wrong(task, "one padding for both axes", (empty, "P_w = P_h\n    " + empty), border)
    to.wrong(
        task,
        "ignores ceil_mode",
        (
            empty,
            "rows, columns = pool_size(x.shape[2], K_h, S_h, P_h), pool_size(x.shape[3], K_w, S_w, P_w)\n    " + empty,
        ),
        border,
    )
    to.wrong(
        task,
        "negative places count from the end",
        (WINDOW, WINDOW.replace("max(top, 0)", "top").replace("max(left, 0)", "left")),
        border,
    )
    to.wrong(
        task,
        "PyTorch",
        """
def max_pool2d(x, kernel, stride, padding=(0, 0), ceil_mode=False):
    import torch.nn.functional as F
    x = torch.from_numpy(x)
    return F.max_pool2d(x.double(), kernel, stride, padding, ceil_mode=ceil_mode).to(x.dtype).numpy()
""",
    )
    to.wrong(
        task,
        "the tests' own function",
        """
def max_pool2d(x, kernel, stride, padding=(0, 0), ceil_mode=False):
    return torch_max(x, kernel, stride, padding, ceil_mode).astype(x.dtype)
""",
    )
    to.right(
        task,
        "padded with the lowest number, windows as a view",
        """
def max_pool2d(x, kernel, stride, padding=(0, 0), ceil_mode=False):
    lowest = np.iinfo(x.dtype).min if x.dtype.kind == "i" else -np.inf
    O = [pool_size(n, k, s, p, ceil_mode) for n, k, s, p in zip(x.shape[2:], kernel, stride, padding)]
    sides = [(p, p + k + s) for k, s, p in zip(kernel, stride, padding)]
    big = np.pad(x, [(0, 0), (0, 0), *sides], constant_values=lowest)
    windows = np.lib.stride_tricks.sliding_window_view(big, kernel, axis=(2, 3))
    return windows[:, :, :: stride[0], :: stride[1]][:, :, : O[0], : O[1]].max((-1, -2))
""",
    )
    to.right(
        task,
        "along the rows first, then along the columns",
        """
def pooled(x, kernel, stride, padding, ceil_mode):
    count = pool_size(x.shape[-1], kernel, stride, padding, ceil_mode)
    starts = [i * stride - padding for i in range(count)]
    return np.stack([x[..., max(s, 0) : s + kernel].max(-1) for s in starts], axis=-1)

def max_pool2d(x, kernel, stride, padding=(0, 0), ceil_mode=False):
    rows = pooled(x, kernel[1], stride[1], padding[1], ceil_mode)
    return pooled(rows.swapaxes(2, 3), kernel[0], stride[0], padding[0], ceil_mode).swapaxes(2, 3)
""",
    )
    to.right(
        task,
        "pixel by pixel, with a warning and a size of its own",
        """
import warnings

def max_pool2d(x, kernel, stride, padding=(0, 0), ceil_mode=False):
    warnings.warn("slow")
    sides = []
    for size, k, s, p in zip(x.shape[2:], kernel, stride, padding):
        count = 1
        while count * s + k <= size + 2 * p:
            count += 1
        if ceil_mode and (count - 1) * s + k < size + 2 * p and count * s < size + p:
            count += 1
        sides.append(count)
    out = np.zeros((x.shape[0], x.shape[1], *sides), dtype=x.dtype)
    for n, c, i, j in np.ndindex(out.shape):
        best = None
        for u in range(kernel[0]):
            for v in range(kernel[1]):
                p, q = i * stride[0] + u - padding[0], j * stride[1] + v - padding[1]
                if 0 <= p < x.shape[2] and 0 <= q < x.shape[3] and (best is None or x[n, c, p, q] > best):
                    best = x[n, c, p, q]
        out[n, c, i, j] = best
    return out
""",
    )


def avg_pool2d(to: Answers) -> None:
    task = "avg-pool2d"
    plain, border, backward = "test-avg-plain", "test-avg-border", "test-avg-backward"
    forward = [plain, border]
    total = "out[:, :, i, j] = window.sum(axis=(2, 3)) / (K_h * K_w)"
    mean = "out[:, :, i, j] = window.mean(axis=(2, 3))"
    last, back = "    return out\n", "    return grad\n"
    share = "share = grad_out[:, :, i, j, None, None] / (K_h * K_w)"
    add = "grad[:, :, i * S_h : i * S_h + K_h, j * S_w : j * S_w + K_w] += share"
    zeros = "grad = np.zeros((*grad_out.shape[:2], *input_size), grad_out.dtype)"
    to.wrong(task, "the largest", [(total, mean.replace("mean", "max")), (mean, mean.replace("mean", "max"))], forward)
    to.wrong(task, "sums", [(" / (K_h * K_w)\n            else", "\n            else")], forward)
    to.wrong(task, "divides by one side", [(total, total.replace("(K_h * K_w)", "K_h"))], forward)
    to.wrong(task, "divides by the sum of the sides", (total, total.replace("*", "+")), forward)
    to.wrong(task, "zeros", (last, "    return out * 0\n"), forward)
    to.wrong(task, "NaN", (last, "    return out * np.nan\n"), forward)
    to.wrong(task, "channels averaged", (last, "    return out * 0 + out.mean(1, keepdims=True)\n"), forward)
    to.wrong(task, "result transposed", (last, "    return out.swapaxes(2, 3)\n"), forward)
    to.wrong(task, "one row short", (last, "    return out[:, :, :-1]\n"), forward)
    to.wrong(task, "whole numbers", (last, "    return out // 1\n"), forward)
    to.wrong(task, "changes the maps", (last, "    x *= 0\n    return out\n"), forward)
    to.wrong(task, "the windows move by one pixel", (PLACE, "top, left = i - P_h, j - P_w"), forward)
    to.wrong(task, "nothing returned", [(last, "    pass\n"), (back, "    pass\n")])
    to.wrong(task, "float64 always", [(", x.dtype)", ")")], plain)
    to.wrong(task, "the padding never counts", ("if count_include_pad:", "if False:"), border)
    to.wrong(task, "the padding always counts", ("if count_include_pad:", "if True:"), border)
    to.wrong(task, "the two exchanged", ("if count_include_pad:", "if not count_include_pad:"), border)
    to.wrong(task, "counted unless asked", ("count_include_pad=True", "count_include_pad=False"), border)
    to.wrong(
        task,
        "ignores the padding",
        ("(P_h, P_w) = kernel, stride, padding", "(P_h, P_w) = kernel, stride, (0, 0)"),
        border,
    )
    to.wrong(task, "the whole gradient to all", (share, share.replace(" / (K_h * K_w)", "")), backward)
    to.wrong(task, "divided by one side", (share, share.replace("(K_h * K_w)", "K_h")), backward)
    to.wrong(task, "the last window only", (add, add.replace("+=", "=")), backward)
    to.wrong(task, "subtracts", (add, add.replace("+=", "-=")), backward)
    to.wrong(task, "by the overlap as well", (back, "    return grad / max(1, K_h // S_h)\n"), backward)
    to.wrong(task, "the windows' places exchanged", (add, add.replace("i * S_h", "j * S_h")), backward)
    to.wrong(
        task,
        "as large as the windows reach",
        (zeros, "input_size = [(n - 1) * s + k for n, s, k in zip(grad_out.shape[2:], stride, kernel)]\n    " + zeros),
        backward,
    )
    to.wrong(task, "gradient transposed", (back, "    return grad.swapaxes(2, 3)\n"), backward)
    to.wrong(task, "one pixel gets everything", (add, "grad[:, :, i * S_h, j * S_w] += grad_out[:, :, i, j]"), backward)
    to.wrong(task, "changes the gradient", (back, "    grad_out *= 0\n    return grad\n"), backward)
    to.wrong(
        task,
        "PyTorch",
        """
def avg_pool2d(x, kernel, stride, padding=(0, 0), count_include_pad=True):
    x = torch.from_numpy(x)
    return F.avg_pool2d(x, kernel, stride, padding, count_include_pad=count_include_pad).numpy()

def avg_pool2d_backward(grad_out, input_size, kernel, stride):
    return torch_back(F.avg_pool2d, grad_out, np.zeros((*grad_out.shape[:2], *input_size)), kernel, stride)
""",
        [plain, backward],
    )
    to.right(
        task,
        "a picture of ones says how many pixels count; the gradient pixel by pixel",
        """
def avg_pool2d(x, kernel, stride, padding=(0, 0), count_include_pad=True):
    border = [(0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2]
    ones = np.pad(np.ones((1, 1, *x.shape[2:]), x.dtype), border, constant_values=int(count_include_pad))
    sums = lambda a: np.lib.stride_tricks.sliding_window_view(a, kernel, axis=(2, 3))[
        :, :, :: stride[0], :: stride[1]
    ].sum((4, 5))
    return sums(np.pad(x, border)) / sums(ones)

def avg_pool2d_backward(grad_out, input_size, kernel, stride):
    N, C, O_h, O_w = grad_out.shape
    grad = np.zeros((N, C, *input_size), dtype=grad_out.dtype)
    for i, j, u, v in np.ndindex(O_h, O_w, *kernel):
        grad[:, :, i * stride[0] + u, j * stride[1] + v] += grad_out[:, :, i, j] / np.prod(kernel)
    return grad
""",
    )
    to.right(
        task,
        "matrices along each axis",
        """
def averaging(size, kernel, stride, padding, counted):
    rows = []
    for i in range((size + 2 * padding - kernel) // stride + 1):
        inside = [float(0 <= q - (i * stride - padding) < kernel) for q in range(size)]
        rows.append(np.array(inside) / (kernel if counted else sum(inside)))
    return np.array(rows)

def avg_pool2d(x, kernel, stride, padding=(0, 0), count_include_pad=True):
    A, B = (averaging(n, k, s, p, count_include_pad) for n, k, s, p in zip(x.shape[2:], kernel, stride, padding))
    return (A @ x @ B.T).astype(x.dtype)

def avg_pool2d_backward(grad_out, input_size, kernel, stride):
    A, B = (averaging(n, k, s, 0, True) for n, k, s in zip(input_size, kernel, stride))
    return A.T @ grad_out @ B
""",
    )
    to.right(
        task,
        "shifted maps added up",
        """
def avg_pool2d(x, kernel, stride, padding=(0, 0), count_include_pad=True):
    (p, q), (S, T) = padding, stride
    O_h, O_w = pool_size(x.shape[2], kernel[0], S, p), pool_size(x.shape[3], kernel[1], T, q)
    def total(a):
        a = np.pad(a, [(0, 0), (0, 0), (p, p), (q, q)])
        parts = [a[:, :, u::S, v::T][:, :, :O_h, :O_w] for u in range(kernel[0]) for v in range(kernel[1])]
        return sum(parts)
    area = kernel[0] * kernel[1] if count_include_pad else total(np.ones_like(x))
    return total(x) / area

def avg_pool2d_backward(grad_out, input_size, kernel, stride):
    grad = np.zeros(grad_out.shape[:2] + tuple(input_size))
    shares = grad_out / kernel[0] / kernel[1]
    H, W = (stride[0] * (grad_out.shape[2] - 1) + 1, stride[1] * (grad_out.shape[3] - 1) + 1)
    for u in range(kernel[0]):
        for v in range(kernel[1]):
            grad[:, :, u : u + H : stride[0], v : v + W : stride[1]] += shares
    return grad
""",
    )


def max_backward(to: Answers) -> None:
    task = "max-backward"
    area = "grad[:, :, row : top + kernel[0], column : left + kernel[1]]"
    best = "best = window == window.max((2, 3), keepdims=True)"
    winners, overlap, ties = "test-max-backward-winners", "test-max-backward-overlap", "test-max-backward-ties"
    give = "grad[pictures, channels, row + down, column + right] += grad_out[:, :, i, j]"
    winner = "winner = window.reshape(*x.shape[:2], -1).argmax(axis=2)"
    window = "window = x[:, :, row : top + kernel[0], column : left + kernel[1]]"
    where = "top, left = i * stride[0] - padding[0], j * stride[1] - padding[1]"
    last = "    return grad\n"
    to.wrong(task, "adds one", (give, give.replace("grad_out[:, :, i, j]", "1")))
    to.wrong(task, "times the value", (last, "    return grad * x\n"))
    to.wrong(task, "the smallest", (winner, winner.replace("argmax", "argmin")))
    to.wrong(task, "the upper left one", (give, "grad[:, :, row, column] += grad_out[:, :, i, j]"))
    to.wrong(
        task,
        "shared out to all",
        (
            give,
            f"{area} += grad_out[:, :, i, j, None, None] / kernel[0] / kernel[1]",
        ),
    )
    to.wrong(
        task,
        "all get everything",
        (give, f"{area} += grad_out[:, :, i, j, None, None]"),
    )
    to.wrong(task, "sign", (give, give.replace("+=", "-=")))
    to.wrong(task, "zeros", (last, "    return grad * 0\n"))
    to.wrong(task, "NaN", (last, "    return grad * np.nan\n"))
    to.wrong(task, "nothing returned", (last, "    pass\n"))
    to.wrong(task, "transposed", (last, "    return grad.swapaxes(2, 3)\n"))
    to.wrong(task, "row and column exchanged in the window", ("down, right = ", "right, down = "))
    to.wrong(
        task,
        "the place in the window, not in the picture",
        (give, give.replace("row + down, column + right", "down, right")),
    )
    to.wrong(
        task,
        "divided by the height",
        ("winner // window.shape[3], winner % window.shape[3]", "winner // window.shape[2], winner % window.shape[2]"),
    )
    to.wrong(task, "the first channel's winners", (winner, winner + "[:, :1]"))
    to.wrong(task, "the first picture's winners", (winner, winner + "[:1]"))
    to.wrong(task, "changes x", (last, "    x += 1\n    return grad\n"))
    to.wrong(task, "changes the gradient", (last, "    grad_out *= 2\n    return grad\n"))
    to.wrong(
        task, "windows that touch only", (where, "top, left = i * kernel[0] - padding[0], j * kernel[1] - padding[1]")
    )
    to.wrong(task, "square windows only", (window, window.replace("kernel[1]", "kernel[0]")))
    to.wrong(task, "keeps one gradient only", (give, give.replace("+=", "=")), [overlap, ties])
    to.wrong(
        task,
        "the last of equals",
        (
            winner,
            "flat = window.reshape(*x.shape[:2], -1)\n"
            "            winner = flat.shape[2] - 1 - flat[:, :, ::-1].argmax(axis=2)",
        ),
        ties,
    )
    to.wrong(
        task,
        "all of equals",
        (
            give,
            f"{best}\n            {area} += best * grad_out[:, :, i, j, None, None]",
        ),
        ties,
    )
    to.wrong(
        task,
        "equals share",
        (
            give,
            f"{best}\n            best = best / best.sum((2, 3), keepdims=True)\n"
            f"            {area} += best * grad_out[:, :, i, j, None, None]",
        ),
        ties,
    )
    to.wrong(task, "no padding", (where, "top, left = i * stride[0], j * stride[1]"), ties)
    to.wrong(
        task,
        "column by column",
        (
            winner,
            "tall = window.swapaxes(2, 3)\n            winner = tall.reshape(*x.shape[:2], -1).argmax(axis=2)\n"
            "            winner = winner % tall.shape[3] * tall.shape[2] + winner // tall.shape[3]",
        ),
        ties,
    )
    to.wrong(
        task,
        "PyTorch",
        """
def max_pool2d_backward(grad_out, x, kernel, stride, padding=(0, 0)):
    x = torch.from_numpy(x).requires_grad_()
    torch.nn.functional.max_pool2d(x, kernel, stride, padding).backward(torch.from_numpy(grad_out))
    return x.grad.numpy()
""",
        winners,
    )
    to.wrong(
        task,
        "the tests' own gradient",
        """
def max_pool2d_backward(grad_out, x, kernel, stride, padding=(0, 0)):
    return torch_back(F.max_pool2d, grad_out, x, kernel, stride, padding)
""",
        winners,
    )
    to.right(
        task,
        "number by number",
        """
def max_pool2d_backward(grad_out, x, kernel, stride, padding=(0, 0)):
    grad = np.zeros_like(x)
    for n, c, i, j in np.ndindex(grad_out.shape):
        best, place = -np.inf, None
        for u in range(kernel[0]):
            for v in range(kernel[1]):
                p, q = i * stride[0] - padding[0] + u, j * stride[1] - padding[1] + v
                if 0 <= p < x.shape[2] and 0 <= q < x.shape[3] and x[n, c, p, q] > best:
                    best, place = x[n, c, p, q], (n, c, p, q)
        grad[place] += grad_out[n, c, i, j]
    return grad
""",
    )
    to.right(
        task,
        "np.add.at on numbered places",
        """
def max_pool2d_backward(grad_out, x, kernel, stride, padding=(0, 0)):
    N, C, H, W = x.shape
    border = [(0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2]
    def windows(a, outside):
        big = np.pad(a, border, constant_values=outside)
        view = np.lib.stride_tricks.sliding_window_view(big, kernel, axis=(2, 3))
        view = view[:, :, :: stride[0], :: stride[1]]
        return view.reshape(*view.shape[:4], -1)
    values = windows(x, -np.inf)
    places = windows(np.arange(x.size).reshape(x.shape), -1)
    best = np.take_along_axis(places, values.argmax(-1)[..., None], -1)[..., 0]
    flat = np.zeros(x.size)
    np.add.at(flat, best.ravel(), grad_out.ravel())
    return flat.reshape(x.shape)
""",
    )
    to.right(
        task,
        "one mask a window, the first of equals by cumsum",
        """
def max_pool2d_backward(grad_out, x, kernel, stride, padding=(0, 0)):
    out = np.zeros(x.shape)
    for i in range(grad_out.shape[2]):
        for j in range(grad_out.shape[3]):
            a, b = i * stride[0] - padding[0], j * stride[1] - padding[1]
            rows, columns = slice(max(0, a), a + kernel[0]), slice(max(0, b), b + kernel[1])
            part = x[:, :, rows, columns]
            flat = part.reshape(len(x), x.shape[1], -1)
            best = flat == flat.max(-1, keepdims=True)
            first = best & (best.cumsum(-1) == 1)
            out[:, :, rows, columns] += first.reshape(part.shape) * grad_out[:, :, i : i + 1, j : j + 1]
    return out
""",
    )


def global_pool(to: Answers) -> None:
    task = "global-pool"
    forward, backward, heads = "test-global-forward", "test-global-backward", "test-head-parameters"
    mean = "return x.mean(axis=(2, 3))"
    back = "return np.ones(input_size) * grad_out[:, :, None, None] / area"
    dense = "flat += (inputs + 1) * outputs"
    both = "return flat, (channels + 1) * widths[-1]"
    to.wrong(task, "the largest", (mean, "return x.max(axis=(2, 3))"), forward)
    to.wrong(task, "sums", (mean, "return x.sum(axis=(2, 3))"), forward)
    to.wrong(task, "keeps two axes", (mean, "return x.mean(axis=(2, 3), keepdims=True)"), forward)
    to.wrong(task, "the mean over the channels", (mean, "return x.mean(axis=1)"), forward)
    to.wrong(task, "everything in one", (mean, "return x.mean()"), forward)
    to.wrong(task, "NaN", (mean, "return x.mean(axis=(2, 3)) * np.nan"), forward)
    to.wrong(task, "zeros", (mean, "return x.mean(axis=(2, 3)) * 0"), forward)
    to.wrong(task, "transposed", (mean, "return x.mean(axis=(2, 3)).T"), forward)
    to.wrong(task, "float64 always", (mean, "return x.astype(float).mean(axis=(2, 3))"), forward)
    to.wrong(task, "changes the maps", (mean, "x /= x.shape[2] * x.shape[3]\n    return x.sum(axis=(2, 3))"), forward)
    to.wrong(task, "squares only", (mean, "return x.sum(axis=(2, 3)) / x.shape[2] ** 2"), forward)
    to.wrong(task, "the whole gradient", (back, back.replace(" / area", "")), backward)
    to.wrong(task, "divided by one side", (back, back.replace("area", "input_size[0]")), backward)
    to.wrong(
        task,
        "one pixel gets everything",
        (back, "grad = np.zeros((*grad_out.shape, *input_size))\n    grad[:, :, 0, 0] = grad_out\n    return grad"),
        backward,
    )
    to.wrong(task, "maps not made", (back, "return grad_out / area"), backward)
    to.wrong(task, "rows and columns exchanged", (back, back.replace("input_size)", "input_size[::-1])")), backward)
    to.wrong(
        task,
        "the gradient's mean for all",
        (back, back.replace("grad_out[:, :, None, None]", "np.full((*grad_out.shape, 1, 1), grad_out.mean())")),
        backward,
    )
    to.wrong(
        task, "no biases", [(dense, "flat += inputs * outputs"), (both, "return flat, channels * widths[-1]")], heads
    )
    to.wrong(task, "one bias a layer", (dense, "flat += inputs * outputs + 1"), heads)
    to.wrong(task, "the first dense layer only", ("        inputs = outputs\n", "        break\n"), heads)
    to.wrong(task, "every layer reads the maps", ("        inputs = outputs\n", ""), heads)
    to.wrong(task, "exchanged", (both, "return (channels + 1) * widths[-1], flat"), heads)
    to.wrong(
        task,
        "means with all dense layers",
        (both, "return flat, flat - channels * (height * width - 1) * widths[0]"),
        heads,
    )
    to.wrong(task, "to the first width", (both, both.replace("[-1]", "[0]")), heads)
    to.wrong(task, "square maps only", ("channels * height * width", "channels * height**2"), heads)
    to.wrong(task, "floats", (both, "return float(flat), (channels + 1) * widths[-1]"), heads)
    to.wrong(task, "nothing returned", [(mean, "pass"), (back, "pass"), (both, "pass")])
    to.wrong(task, "PyTorch", (mean, "return torch.from_numpy(x).mean((2, 3)).numpy()"), forward)
    to.right(
        task,
        "einsum, broadcasting and a loop over pairs",
        """
def global_avg_pool(x):
    return np.einsum("ncij->nc", x) / x.dtype.type(x.shape[2] * x.shape[3])

def global_avg_pool_backward(grad_out, input_size):
    H, W = input_size
    return np.broadcast_to(grad_out[..., None, None] / (H * W), (*grad_out.shape, H, W)).copy()

def head_parameters(shape, widths):
    sizes = [shape[0] * shape[1] * shape[2]] + list(widths)
    long = sum(a * b + b for a, b in zip(sizes, sizes[1:]))
    return [long, shape[0] * widths[-1] + widths[-1]]
""",
    )
    to.right(
        task,
        "by loops",
        """
def global_avg_pool(x):
    out = np.zeros(x.shape[:2], x.dtype)
    for n in range(len(x)):
        for c in range(x.shape[1]):
            out[n, c] = x[n, c].sum() / x[n, c].size
    return out

def global_avg_pool_backward(grad_out, input_size):
    grad = np.zeros(grad_out.shape + tuple(input_size))
    for n, c in np.ndindex(grad_out.shape):
        grad[n, c] = grad_out[n, c] / (input_size[0] * input_size[1])
    return grad

def head_parameters(shape, widths):
    inputs, total = int(np.prod(shape)), 0
    for width in widths:
        total, inputs = total + inputs * width + width, width
    return total, shape[0] * inputs + inputs
""",
    )
    to.right(
        task,
        "reshape, repeat and NumPy's integers",
        """
def global_avg_pool(x):
    return x.reshape(*x.shape[:2], -1).mean(-1)

def global_avg_pool_backward(grad_out, input_size):
    area = int(np.prod(input_size))
    return np.repeat(grad_out[:, :, None] / area, area, axis=2).reshape(*grad_out.shape, *input_size)

def head_parameters(shape, widths):
    into = np.array([np.prod(shape), *widths[:-1]])
    out = np.array(widths)
    return ((into + 1) * out).sum(), np.int64(shape[0] + 1) * out[-1]
""",
    )


def shifts(to: Answers) -> None:
    task, touching, anything, blur = "shifts", "test-forgiven-touching", "test-forgiven-any", "test-blur-pool"
    count = [touching, anything]
    seen = "return {i for i in range(place // stride + 1) if place < i * stride + kernel}"
    share = "return sum(same) / stride"
    weigh = "x = sum(weight / sum(taps) * np.roll(x, middle - k, axis) for k, weight in enumerate(taps))"
    drop = "return x[:, :, ::stride, ::stride]"
    to.wrong(task, "half, always", (share, "return 0.5"), count)
    to.wrong(task, "the share that is noticed", (share, "return 1 - sum(same) / stride"), count)
    to.wrong(task, "their number", (share, "return sum(same)"), count)
    to.wrong(task, "divided by the window", (share, "return sum(same) / (kernel + 1)"), count)
    to.wrong(task, "all or nothing", (share, "return float(all(same))"), count)
    to.wrong(task, "nothing returned", [(share, "pass"), (drop, "pass")])
    to.wrong(task, "the window minus the shift", (share, "return max(0, kernel - shift) / kernel"), anything)
    to.wrong(
        task, "the window minus the shift, by the stride", (share, "return max(0, kernel - shift) / stride"), anything
    )
    to.wrong(task, "the stride minus the shift", (share, "return max(0, stride - shift) / stride"), anything)
    to.wrong(task, "the first window only", (seen, "return place // stride"), anything)
    to.wrong(task, "whether any window is left", ("seen_by(far + place) == seen", "seen_by(far + place) & seen"), count)
    to.wrong(
        task, "at least as many windows", ("seen_by(far + place) == seen", "seen_by(far + place) <= seen"), anything
    )
    to.wrong(
        task, "how many windows, not which", (seen, seen.replace("return {", "return len({").replace("}", "})")), count
    )
    to.wrong(
        task,
        "unseen counts as noticed",
        (share, "return sum(s and bool(seen_by(far + p)) for p, s in enumerate(same)) / stride"),
        anything,
    )
    to.wrong(task, "not blurred", (weigh, "pass"), blur)
    to.wrong(task, "nothing dropped", (drop, "return x"), blur)
    to.wrong(
        task,
        "drops first",
        [("    middle =", "    x = x[:, :, ::stride, ::stride]\n    middle ="), (drop, "return x")],
        blur,
    )
    to.wrong(task, "weights not divided", (weigh, weigh.replace(" / sum(taps)", "")), blur)
    to.wrong(task, "divided by how many they are", (weigh, weigh.replace("sum(taps)", "len(taps)")), blur)
    to.wrong(task, "along the rows only", ("for axis in (2, 3)", "for axis in (3,)"), blur)
    to.wrong(task, "weights in reverse order", (weigh, weigh.replace("middle - k", "k - middle")), blur)
    to.wrong(task, "one place off", (weigh, weigh.replace("middle - k", "-k")), blur)
    to.wrong(task, "starts with the second", (drop, drop.replace("::stride", "1::stride")), blur)
    to.wrong(task, "drops columns only", (drop, "return x[:, :, :, ::stride]"), blur)
    to.wrong(
        task,
        "a border of zeros",
        (
            weigh,
            "wide = np.pad(x, [(0, 0)] * axis + [(middle, middle)] + [(0, 0)] * (3 - axis))\n"
            "        parts = [np.take(wide, range(k, k + x.shape[axis]), axis) for k in range(len(taps))]\n"
            "        x = sum(weight / sum(taps) * part for weight, part in zip(taps, parts))",
        ),
        blur,
    )
    to.wrong(task, "blurs the pictures and channels", ("for axis in (2, 3)", "for axis in (0, 1, 2, 3)"), blur)
    to.wrong(task, "float64 always", (weigh, weigh.replace("weight / sum", "np.float64(weight) / sum")), blur)
    to.wrong(task, "zeros", (drop, drop + " * 0"), blur)
    to.wrong(
        task,
        "changes x",
        [("    middle =", "    given = x\n    middle ="), (drop, f"x = x.copy()\n    given[:] = 0\n    {drop}")],
        blur,
    )
    to.wrong(
        task,
        "PyTorch",
        [(drop, "return torch.from_numpy(np.ascontiguousarray(x[:, :, ::stride, ::stride])).numpy()")],
        blur,
    )
    to.right(
        task,
        "a row with a bright pixel, pooled; the blur by indices",
        """
def forgiven(kernel, stride, shift):
    first = (kernel + 1) * stride
    length = first + 2 * stride + shift + 2 * kernel
    def pooled(place):
        row = [int(q == place) for q in range(length)]
        return [max(row[i : i + kernel]) for i in range(0, length - kernel + 1, stride)]
    return np.mean([pooled(p) == pooled(p + shift) for p in range(first, first + stride)])

def blur_pool2d(x, taps=(1, 2, 1), stride=2):
    H, W = x.shape[2:]
    half, total = len(taps) // 2, sum(taps)
    rows, columns = np.arange(0, H, stride), np.arange(0, W, stride)
    out = 0
    for u, a in enumerate(taps):
        for v, b in enumerate(taps):
            out = out + a * b * x[:, :, (rows + u - half) % H][:, :, :, (columns + v - half) % W]
    return (out / total**2).astype(x.dtype)
""",
    )
    to.right(
        task,
        "sets of windows by division; a padded ring",
        """
def forgiven(kernel, stride, shift):
    kept = 0
    for place in range(stride):
        before = range((place - kernel) // stride + 1, place // stride + 1)
        after = range((place + shift - kernel) // stride + 1, (place + shift) // stride + 1)
        kept += list(before) == list(after)
    return kept / stride

def blur_pool2d(x, taps=(1, 2, 1), stride=2):
    half = len(taps) // 2
    ring = np.pad(x, [(0, 0), (0, 0), (half, half), (half, half)], mode="wrap")
    row = np.array(taps) / sum(taps)
    windows = np.lib.stride_tricks.sliding_window_view(ring, (len(taps), len(taps)), axis=(2, 3))
    out = np.einsum("ncijuv,u,v->ncij", windows, row, row)
    return out[:, :, ::stride, ::stride].astype(x.dtype)
""",
    )
    to.right(
        task,
        "an exact fraction as a number; matrices on both sides",
        """
from fractions import Fraction

def forgiven(kernel, stride, shift):
    def seen(place):
        return frozenset(i for i in range(-kernel - 1, place + 1) if 0 <= place - i * stride < kernel)
    return float(Fraction(sum(seen(p) == seen(p + shift) for p in range(stride)), stride))

def blur_pool2d(x, taps=(1, 2, 1), stride=2):
    def matrix(size):
        rows = np.zeros((size, size), x.dtype)
        for i in range(size):
            for k, weight in enumerate(taps):
                rows[i, (i + k - len(taps) // 2) % size] += weight
        return rows[::stride] / rows.dtype.type(sum(taps))
    return matrix(x.shape[2]) @ x @ matrix(x.shape[3]).T
""",
    )


def fields(to: Answers) -> None:
    task, size, jump, start = "fields", "test-fields-size", "test-fields-jump", "test-fields-start"
    grow = "size += dilation * (kernel - 1) * jump"
    back = "start -= padding * jump"
    leap = "jump *= stride"
    keep = "found.append((size, jump, start))"
    order = f"{grow}\n        {back}\n        {leap}"
    to.wrong(task, "its own stride counts", (order, f"{leap}\n        {grow}\n        {back}"), [size, start])
    to.wrong(task, "its own stride counts for the size", (order, f"{back}\n        {leap}\n        {grow}"), size)
    to.wrong(task, "its own stride counts for the start", (order, f"{grow}\n        {leap}\n        {back}"), start)
    to.wrong(task, "no strides", (grow, "size += dilation * (kernel - 1)"), size)
    to.wrong(task, "no dilation", (grow, "size += (kernel - 1) * jump"), size)
    to.wrong(task, "the whole kernel", (grow, "size += dilation * kernel * jump"), size)
    to.wrong(task, "the dilated kernel minus one", (grow, "size += (dilation * kernel - 1) * jump"), size)
    to.wrong(task, "two pixels a layer", (grow, "size += 2"), size)
    to.wrong(task, "the jump is the stride", (leap, "jump = stride"), [size, jump, start])
    to.wrong(task, "strides add up", (leap, "jump += stride"))
    to.wrong(task, "the jump before the layer", (keep, "found.append((size, jump // stride, start))"), jump)
    to.wrong(task, "the size starts at 0", ("size, jump, start = [], 1, 1, 0", "size, jump, start = [], 0, 1, 0"), size)
    to.wrong(task, "the start is positive", (back, "start += padding * jump"), start)
    to.wrong(task, "the padding in units of the map", (back, "start -= padding"), start)
    to.wrong(task, "padding on both sides", (back, "start -= 2 * padding * jump"), start)
    to.wrong(task, "no padding", (back, "pass"), start)
    to.wrong(task, "the start of the last padding only", (back, "start = -padding * jump"), start)
    to.wrong(task, "the middle instead of the start", (keep, "found.append((size, jump, start + size // 2))"), start)
    to.wrong(task, "size and jump exchanged", (keep, "found.append((jump, size, start))"), [size, jump])
    to.wrong(task, "the last layer only", ("return found", "return found[-1:]"))
    to.wrong(task, "one tuple", ("return found", "return found[-1]"))
    to.wrong(task, "the picture too", ("return found", "return [(1, 1, 0), *found]"))
    to.wrong(task, "nothing returned", ("return found", "pass"))
    to.wrong(task, "zeros", (keep, "found.append((0, 0, 1))"))
    to.wrong(task, "the area", (keep, "found.append((size**2, jump, start))"), size)
    to.wrong(task, "empties the list", ("return found", "layers.clear()\n    return found"))
    to.wrong(task, "in reverse order", ("return found", "return found[::-1]"))
    to.right(
        task,
        "sums over the layers below",
        """
def fields(layers):
    found = []
    for n in range(1, len(layers) + 1):
        below = [1]
        for _, S, _, _ in layers[:n]:
            below.append(below[-1] * S)
        r = 1 + sum(D * (K - 1) * j for (K, _, _, D), j in zip(layers[:n], below))
        s = -sum(P * j for (_, _, P, _), j in zip(layers[:n], below))
        found.append((r, below[n], s))
    return found
""",
    )
    to.right(
        task,
        "first and last pixel of units 0 and 1, lists in a tuple",
        """
def fields(layers):
    def pixels(n, unit):
        first = last = unit
        for K, S, P, D in reversed(layers[:n]):
            first, last = first * S - P, last * S - P + D * (K - 1)
        return first, last
    found = []
    for n in range(1, len(layers) + 1):
        (first, last), (other, _) = pixels(n, 0), pixels(n, 1)
        found.append([last - first + 1, other - first, first])
    return tuple(found)
""",
    )
    to.right(
        task,
        "NumPy's integers",
        """
def fields(layers):
    K, S, P, D = np.array(layers).T
    jumps = np.cumprod(S)
    below = np.concatenate([[1], jumps[:-1]])
    return list(zip(1 + np.cumsum(D * (K - 1) * below), jumps, -np.cumsum(P * below)))
""",
    )


def branches(to: Answers) -> None:
    task, simple, nested, pixels = "branches", "test-branches-simple", "test-branches-nested", "test-seen-pixels"
    net = [simple, nested]
    ends = "ends = [field_of(branch, field) for branch in item]"
    join = "field = last - first, ends[0][1], first"
    layer = "field = size + dilation * (kernel - 1) * jump, jump * stride, start - padding * jump"
    check = "if len({jump for _, jump, _ in ends}) > 1:"
    step = "places = {place * stride - padding + k * dilation for place in places for k in range(kernel)}"
    last = "return sorted(places)"
    to.wrong(task, "branches begin at the picture", (ends, "ends = [field_of(branch) for branch in item]"), net)
    to.wrong(task, "the first branch only", (join, "field = ends[0]"), net)
    to.wrong(task, "the last branch only", (join, "field = ends[-1]"), net)
    to.wrong(task, "the widest branch, start and all", (join, "field = max(ends)"), net)
    to.wrong(task, "the largest size with the first start", (join, "field = max(ends)[0], ends[0][1], first"), net)
    to.wrong(task, "sizes added up", (join, "field = sum(size for size, _, _ in ends), ends[0][1], first"), net)
    to.wrong(task, "the narrowest branch", (join, "field = min(ends)"), net)
    to.wrong(
        task,
        "branches one after the other",
        (ends, "ends = [field]\n            for branch in item:\n                ends = [field_of(branch, ends[0])]"),
        net,
    )
    to.wrong(task, "branches ignored", (join, "pass"), net)
    to.wrong(task, "last pixel, not behind it", (join, join.replace("last - first", "last - first - 1")), net)
    to.wrong(task, "its own stride counts", (layer, layer.replace("* jump, jump", "* jump * stride, jump")), net)
    to.wrong(task, "no dilation", (layer, layer.replace("dilation * ", "")), net)
    to.wrong(task, "no padding", (layer, layer.replace(" - padding * jump", "")), net)
    to.wrong(task, "joins everything", (check, "if False:"), nested)
    to.wrong(task, "refuses with None", ("raise ValueError(", "return print("), nested)
    to.wrong(
        task,
        "no branches within branches",
        (
            layer,
            layer + "\n        elif any(isinstance(i, list) for b in item for i in b):\n            raise TypeError",
        ),
        nested,
    )
    to.wrong(task, "refuses other starts too", (check, "if len({each[1:] for each in ends}) > 1:"), net)
    to.wrong(
        task, "the given field ignored", ("    for item in net:", "    field = (1, 1, 0)\n    for item in net:"), net
    )
    to.wrong(task, "everything between the ends", (last, "return list(range(min(places), max(places) + 1))"), pixels)
    to.wrong(task, "no dilation in the taps", (step, step.replace("k * dilation", "k")), pixels)
    to.wrong(task, "layers in the wrong order", ("in reversed(layers)", "in layers"), pixels)
    to.wrong(task, "no stride", (step, step.replace("place * stride", "place")), pixels)
    to.wrong(task, "padding added", (step, step.replace("- padding", "+ padding")), pixels)
    to.wrong(task, "padding in dilated steps", (step, step.replace("- padding", "- padding * dilation")), pixels)
    to.wrong(task, "one tap too many", (step, step.replace("range(kernel)", "range(kernel + 1)")), pixels)
    to.wrong(task, "the first unit always", ("places = {unit}", "places = {0}"), pixels)
    to.wrong(task, "how many", (last, "return len(places)"), pixels)
    to.wrong(
        task,
        "pixels several times",
        (step, step.replace("{place *", "[place *").replace("range(kernel)}", "range(kernel)]")),
        pixels,
    )
    to.wrong(task, "in reverse order", (last, "return sorted(places)[::-1]"), pixels)
    to.wrong(task, "nothing returned", [(last, "pass"), ("    return field\n", "    pass\n")])
    to.right(
        task,
        "the set of pixels of unit 0 and 1 in both functions",
        """
def pixels_of(net, units):
    for item in reversed(net):
        if isinstance(item, tuple):
            K, S, P, D = item
            units = {u * S - P + D * k for u in units for k in range(K)}
        else:
            jumps = {jump_of(branch) for branch in item}
            if len(jumps) != 1:
                raise ValueError(f"jumps {jumps}")
            units = set().union(*(pixels_of(branch, units) for branch in item))
    return units

def jump_of(net):
    jump = 1
    for item in net:
        jump *= item[1] if isinstance(item, tuple) else jump_of(item[0])
    return jump

def field_of(net, field=(1, 1, 0)):
    size, jump, start = field
    here, there = pixels_of(net, {0}), pixels_of(net, {1})
    first, last = min(here), max(here)
    return (last - first) * jump + size, (min(there) - first) * jump, start + first * jump

def seen_pixels(layers, unit):
    return sorted(pixels_of(layers, {unit}))
""",
    )
    to.right(
        task,
        "a loop with an inner function, a list at the end",
        """
def field_of(net, field=(1, 1, 0)):
    def after(layer, r, j, s):
        K, S, P, D = layer
        return r + D * (K - 1) * j, j * S, s - P * j
    r, j, s = field
    for item in list(net):
        if type(item) is list:
            ways = [field_of(way, (r, j, s)) for way in item]
            js = [way[1] for way in ways]
            if min(js) != max(js):
                raise ValueError
            begin = min(way[2] for way in ways)
            r, j, s = max(way[2] + way[0] for way in ways) - begin, js[0], begin
        else:
            r, j, s = after(item, r, j, s)
    return [r, j, s]

def seen_pixels(layers, unit):
    seen = [unit]
    for K, S, P, D in layers[::-1]:
        seen = [u * S - P + k * D for u in seen for k in range(K)]
    return list(np.unique(seen))
""",
    )
    to.right(
        task,
        "recursion over the rest of the net",
        """
def field_of(net, field=(1, 1, 0)):
    if not net:
        return tuple(field)
    head, rest = net[0], net[1:]
    size, jump, start = field
    if isinstance(head, list):
        fields = {field_of(branch, field) for branch in head}
        (jump,) = {f[1] for f in fields} if len({f[1] for f in fields}) == 1 else _refuse()
        start = min(f[2] for f in fields)
        size = max(f[0] + f[2] for f in fields) - start
        return field_of(rest, (size, jump, start))
    kernel, stride, padding, dilation = head
    return field_of(rest, (size + (kernel - 1) * dilation * jump, jump * stride, start - jump * padding))

def _refuse():
    raise ValueError("jumps differ")

def seen_pixels(layers, unit):
    if not layers:
        return [unit]
    *below, (K, S, P, D) = layers
    return sorted({pixel for k in range(K) for pixel in seen_pixels(below, unit * S - P + k * D)})
""",
    )


def design(to: Answers) -> None:
    task, reach, least, dilated = "design", "test-design-reach", "test-design-least", "test-design-dilated"
    chain = [reach, least]
    both = "return [(3, 2, 1, 1)] * strides + [(3, 1, 1, 1)] * plain"
    holes = "return [(3, 1, 0, 3**n) for n in range(6) if 3**n < size]"
    to.wrong(task, "no strides", (both, both.replace("3, 2,", "3, 1,")), chain)
    to.wrong(task, "only the strides", (both, "return [(3, 2, 1, 1)] * strides"), chain)
    to.wrong(task, "only plain layers", (both, "return [(3, 1, 1, 1)] * (size // 2)"), chain)
    to.wrong(task, "one layer short", (both, both.replace("plain", "(plain - 1)")), chain)
    to.wrong(task, "rounded down", ("plain = -(-(size - (2 * jump - 1))", "plain = ((size - (2 * jump - 1))"), chain)
    to.wrong(task, "one stride too many", (both, both.replace("strides", "(strides + 1)")), chain)
    to.wrong(task, "a stride of the whole jump", (both, "return [(3, jump, 1, 1)] + [(3, 1, 1, 1)] * plain"), chain)
    to.wrong(task, "one large kernel", (both, "return [(size, jump, 0, 1)]"), chain)
    to.wrong(task, "dilation in the first chain", (both, both.replace("3, 1, 1, 1", "3, 1, 2, 2")), chain)
    to.wrong(task, "layers with three numbers", (both, both.replace("3, 1, 1, 1", "3, 1, 1")), chain)
    to.wrong(task, "fields, not layers", (both, "return [(size, jump, 0, 1)] * plain"), chain)
    to.wrong(task, "nothing returned", [(both, "pass"), (holes, "pass")])
    to.wrong(task, "how many layers", [(both, "return strides + plain"), (holes, "return 3")])
    to.wrong(task, "the same chain always", (both, "return [(3, 1, 1, 1)] * 4"), chain)
    to.wrong(
        task,
        "strides last",
        (both, "return [(3, 1, 1, 1)] * max(0, (size + 2) // 2 - jump) + [(3, 2, 1, 1)] * strides"),
        least,
    )
    to.wrong(task, "strides in kernels of 1", (both, f"plain += 2\n    {both.replace('3, 2, 1', '1, 2, 0')}"), least)
    to.wrong(task, "a layer more to be sure", (both, both.replace("plain", "(plain + 1)")), least)
    to.wrong(task, "kernels of 2", (both, "return [(2, 2, 1, 1)] * strides + [(2, 1, 1, 1)] * (2 * plain + 2)"), least)
    to.wrong(task, "dilation 2 everywhere", (holes, holes.replace("0, 3**n", "0, 2")), dilated)
    to.wrong(
        task,
        "dilations doubled: more layers",
        (holes, "return [(3, 1, 0, 2**n) for n in range(8) if 2 ** (n + 1) - 1 < size]"),
        dilated,
    )
    to.wrong(task, "dilations one too large", (holes, holes.replace("0, 3**n", "0, 3**n + 1")), dilated)
    to.wrong(task, "dilations four times", (holes, holes.replace("0, 3**n", "0, 4**n")), dilated)
    to.wrong(task, "no dilation, as few", (holes, holes.replace("0, 3**n", "0, 1")), dilated)
    to.wrong(task, "no dilation, enough", (holes, "return [(3, 1, 0, 1)] * (size // 2)"), dilated)
    to.wrong(task, "one dilated layer", (holes, "return [(3, 1, 0, size // 2)]"), dilated)
    to.wrong(task, "with strides", (holes, holes.replace("3, 1,", "3, 2,")), dilated)
    to.wrong(task, "one large kernel without gaps", (holes, "return [(size, 1, 0, 1)]"), dilated)
    to.wrong(task, "a pixel less", (holes, holes.replace("< size", "< size - 1")), dilated)
    to.wrong(task, "one layer more", (holes, holes.replace("< size", "<= size")), dilated)
    to.right(
        task,
        "reckoned first; dilations in reverse order",
        """
def design(size, jump):
    strides = 0
    while 2**strides < jump:
        strides += 1
    missing = size - (2 * jump - 1)
    plain = max(0, -(-missing // (2 * jump)))
    return [(3, 2, 0, 1)] * strides + [(3, 1, 0, 1)] * plain

def design_dilated(size):
    n = 0
    while 3**n < size:
        n += 1
    return [(3, 1, 3**k, 3**k) for k in reversed(range(n))]
""",
    )
    to.right(
        task,
        "lists instead of tuples, no wider than needed",
        """
def design(size, jump):
    chain, seen, step = [], 1, 1
    while step < jump or seen < size:
        stride = 2 if step < jump else 1
        kernel = 3 if seen + step < size or stride == 2 else 2
        chain.append([kernel, stride, 0, 1])
        seen, step = seen + (kernel - 1) * step, step * stride
    return chain

def design_dilated(size):
    chain, seen = [], 1
    while seen < size:
        kernel = 3 if 2 * seen < size else 2
        chain.append([kernel, 1, 0, seen])
        seen *= kernel
    return chain
""",
    )
    to.right(
        task,
        "recursion, NumPy's integers",
        """
def design(size, jump):
    if jump > 1:
        rest = design(np.ceil((size - 1) / 2), jump // 2) if jump > 2 or size > 3 else []
        return [(np.int64(3), 2, 1, 1), *rest]
    return [(3, 1, 1, 1)] * int(np.ceil((size - 1) / 2))

def design_dilated(size):
    if size <= 3:
        return [(3, 1, 1, 1)]
    below = design_dilated(-(-size // 3))
    return [(3, 1, 0, 1), *((K, S, P, np.int64(3 * D)) for K, S, P, D in below)]
""",
    )
