"""Answers to assignment 3: wrong ones that its tests must notice, right ones in other styles that they must not."""

from harness import Answers, Assignment


def answers(assignment: Assignment) -> Answers:
    """All of them. Where nothing is said, a wrong answer must lose every test of its task."""
    to = Answers(assignment)
    conv2d(to)
    pointwise(to)
    grouped_conv2d(to)
    ungroup(to)
    costs(to)
    separable(to)
    block(to)
    layout(to)
    transposed(to)
    catch_the_bugs(to)
    return to


LAST = "return out if bias is None else out + bias[:, None, None]"


def conv2d(to: Answers) -> None:
    task = "conv2d"
    channels, filters, settings = "test-conv2d-channels", "test-conv2d-filters", "test-conv2d-settings"
    rest = [filters, settings]
    dot = 'out = np.einsum("ncijuv,fcuv->nfij", windows[:, :, ::stride, ::stride], w)'
    pad = "padded = np.pad(x, [(0, 0), (0, 0), border, border])"
    to.wrong(task, "flipped", (dot, dot.replace(" w)", " w[..., ::-1, ::-1])")))
    to.wrong(task, "kernel transposed", (dot, dot.replace("fcuv", "fcvu")))
    to.wrong(
        task,
        "kernel transposed where it is square",
        (pad, "w = w.swapaxes(2, 3) if w.shape[2] == w.shape[3] else w\n    " + pad),
        [channels, filters, settings],
    )
    to.wrong(task, "result transposed", (LAST, LAST.replace("out ", "out.swapaxes(2, 3) ")))
    to.wrong(task, "windows and positions exchanged", (dot, dot.replace("ncijuv", "ncuvij")))
    to.wrong(task, "one row short", (LAST, "out = out[:, :, :-1]\n    " + LAST))
    to.wrong(
        task, "first channel only", (dot, dot.replace("windows[:, :,", "windows[:, :1,").replace("w)", "w[:, :1])"))
    )
    to.wrong(task, "channels in reverse order", (dot, dot.replace(" w)", " w[:, ::-1])")))
    to.wrong(task, "channels averaged", (dot, dot + " / x.shape[1]"))
    to.wrong(task, "a map for each channel", (dot, dot.replace("->nfij", "->ncij")))
    to.wrong(task, "zeros", (LAST, "return 0 * out"))
    to.wrong(task, "NaN", (LAST, "return out * np.nan"))
    to.wrong(task, "a constant", (LAST, "return 0 * out + out.mean()"))
    to.wrong(task, "rounded to whole numbers", (LAST, "out = np.round(out)\n    " + LAST))
    to.wrong(task, "a list", (LAST, "return out.tolist()"))
    to.wrong(task, "nothing returned", (LAST, "pass"))
    to.wrong(task, "one picture only", (LAST, "return out[0]"))
    to.wrong(task, "changes the pictures", (LAST, "x *= 0\n    " + LAST))
    to.wrong(task, "turns the kernels in place", (LAST, "w[:] = w[..., ::-1, ::-1].copy()\n    " + LAST))
    to.wrong(task, "only square kernels", ("w.shape[2:], axis", "(w.shape[2], w.shape[2]), axis"))
    to.wrong(task, "knows the visible pictures", (LAST, "return out * (x.size in (18, 60))"))
    to.wrong(
        task,
        "filters and channels exchanged where it is possible",
        (dot, "w = w.swapaxes(0, 1) if len(w) == w.shape[1] else w\n    " + dot),
        rest,
    )
    to.wrong(task, "no bias", (LAST, "return out"), rest)
    to.wrong(task, "bias subtracted", (LAST, LAST.replace("+ bias", "- bias")), rest)
    to.wrong(task, "bias once per channel", (LAST, LAST + " * x.shape[1]"), rest)
    to.wrong(task, "one bias for all filters", (LAST, LAST.replace("bias[:, None, None]", "bias[0]")), rest)
    to.wrong(task, "bias along the columns", (LAST, LAST.replace("bias[:, None, None]", "bias")), rest)
    to.wrong(task, "the first picture for all", (dot, dot + "[:1].repeat(len(x), 0)"), rest)
    to.wrong(task, "only the first filter", (dot, dot + "[:, :1].repeat(len(w), 1)"), rest)
    to.wrong(task, "float64 always", (LAST, "out = out.astype(float)\n    " + LAST), filters)
    to.wrong(task, "ignores the stride", (dot, dot.replace("::stride, ::stride", ":, :")), settings)
    to.wrong(task, "stride along the rows only", (dot, dot.replace("::stride, ::stride", "::stride, :")), settings)
    to.wrong(task, "ignores the padding", (pad, "padded = x"), settings)
    to.wrong(task, "pads on one side", ("border = (padding, padding)", "border = (0, padding)"), settings)
    to.wrong(task, "all padding below", ("border = (padding, padding)", "border = (0, 2 * padding)"), settings)
    to.wrong(task, "pads with the edge", (pad, pad[:-1] + ', mode="edge")'), settings)
    to.wrong(
        task,
        "PyTorch",
        """
def conv2d(x, w, bias=None, stride=1, padding=0):
    import torch.nn.functional as F
    x, w, bias = (None if a is None else torch.from_numpy(a) for a in (x, w, bias))
    return F.conv2d(x, w, bias, stride, padding).numpy()
""",
        channels,
    )
    to.wrong(
        task,
        "the tests' own layer",
        """
def conv2d(x, w, bias=None, stride=1, padding=0):
    return torch_layer(x, w, bias, stride=stride, padding=padding).astype(x.dtype)
""",
        channels,
    )
    to.right(
        task,
        "by loops",
        """
def conv2d(x, w, bias=None, stride=1, padding=0):
    p = padding
    N, C_in, H, W = x.shape
    C_out, _, K_h, K_w = w.shape
    big = np.zeros((N, C_in, H + 2 * p, W + 2 * p), x.dtype)
    big[:, :, p : p + H, p : p + W] = x
    O_h, O_w = (H + 2 * p - K_h) // stride + 1, (W + 2 * p - K_w) // stride + 1
    out = np.zeros((N, C_out, O_h, O_w), x.dtype)
    for n in range(N):
        for f in range(C_out):
            for i in range(O_h):
                for j in range(O_w):
                    window = big[n, :, i * stride : i * stride + K_h, j * stride : j * stride + K_w]
                    out[n, f, i, j] = (window * w[f]).sum() + (0 if bias is None else bias[f])
    return out
""",
    )
    to.right(
        task,
        "shifted pictures added up",
        """
def conv2d(x, w, bias=None, stride=1, padding=0):
    x = np.pad(x, ((0,), (0,), (padding,), (padding,)))
    K_h, K_w = w.shape[2:]
    O_h, O_w = (x.shape[2] - K_h) // stride + 1, (x.shape[3] - K_w) // stride + 1
    total = 0
    for u in range(K_h):
        for v in range(K_w):
            part = x[:, :, u::stride, v::stride][:, :, :O_h, :O_w]
            total = total + np.tensordot(w[:, :, u, v], part, axes=(1, 1)).swapaxes(0, 1)
    return total if bias is None else total + bias.reshape(1, -1, 1, 1)
""",
    )
    to.right(
        task,
        "a table of windows and one matrix product, with a warning",
        """
import warnings

def conv2d(x, w, bias=None, stride=1, padding=0):
    warnings.warn("large table")
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    N, C, O_h, O_w = windows.shape[:4]
    table = windows.transpose(0, 2, 3, 1, 4, 5).reshape(N * O_h * O_w, -1)
    out = table @ w.reshape(len(w), -1).T
    out = out if bias is None else out + bias
    return out.reshape(N, O_h, O_w, len(w)).transpose(0, 3, 1, 2)
""",
    )


def pointwise(to: Answers) -> None:
    task, right, speed = "pointwise", "test-pointwise", "test-pointwise-speed"
    dot = 'out = np.einsum("fc,ncij->nfij", w, x)'
    to.wrong(task, "channels last", (dot, 'out = np.einsum("fc,ncij->nijf", w, x)'))
    to.wrong(
        task,
        "reshape instead of transpose",
        (dot, "out = (x.transpose(0, 2, 3, 1) @ w.T).reshape(len(x), -1, *x.shape[2:])"),
    )
    to.wrong(
        task,
        "reads the channels by reshape",
        (dot, "out = (x.reshape(len(x), *x.shape[2:], -1) @ w.T).transpose(0, 3, 1, 2)"),
    )
    to.wrong(task, "rows and columns exchanged", (dot, dot.replace("->nfij", "->nfji")))
    to.wrong(task, "filters in reverse order", (dot, dot.replace("w,", "w[::-1],")))
    to.wrong(task, "channels in reverse order", (dot, dot.replace("w,", "w[:, ::-1],")))
    to.wrong(task, "the mean over the channels", (dot, dot + " / x.shape[1]"))
    to.wrong(task, "first channel only", (dot, 'out = np.einsum("f,nij->nfij", w[:, 0], x[:, 0])'))
    to.wrong(
        task, "a ReLU after it", (LAST, "return np.maximum(out if bias is None else out + bias[:, None, None], 0)")
    )
    to.wrong(task, "zeros", (LAST, "return 0 * out"))
    to.wrong(task, "NaN", (LAST, "return out * np.nan"))
    to.wrong(task, "a constant", (LAST, "return 0 * out + out.mean()"))
    to.wrong(task, "a list", (LAST, "return out.tolist()"))
    to.wrong(task, "nothing returned", (LAST, "pass"))
    to.wrong(task, "changes the input", (LAST, "x += 1\n    " + LAST))
    to.wrong(task, "changes the weights", (LAST, "w *= 2\n    " + LAST))
    to.wrong(task, "transposed where it is square", (dot, "w = w.T if len(w) == w.shape[1] else w\n    " + dot), right)
    to.wrong(task, "no bias", (LAST, "return out"), right)
    to.wrong(task, "bias subtracted", (LAST, LAST.replace("+ bias", "- bias")), right)
    to.wrong(task, "one bias for all", (LAST, LAST.replace("bias[:, None, None]", "bias[0]")), right)
    to.wrong(task, "bias once per channel", (LAST, LAST + " * x.shape[1]"), right)
    to.wrong(task, "the first picture for all", (dot, dot + "[:1].repeat(len(x), 0)"), right)
    to.wrong(task, "float64 always", (LAST, "out = out.astype(float)\n    " + LAST), right)
    to.wrong(task, "knows the visible sizes", (LAST, LAST.replace("out + bias", "out * (x.size == 48) + bias")), right)
    to.wrong(task, "fast on large pictures by giving zeros", (LAST, "out = out * (x.size < 1000)\n    " + LAST), speed)
    to.wrong(
        task,
        "a loop over the pixels",
        """
def pointwise(x, w, bias=None):
    out = np.zeros((len(x), len(w), *x.shape[2:]), x.dtype)
    for n in range(len(x)):
        for i in range(x.shape[2]):
            for j in range(x.shape[3]):
                out[n, :, i, j] = w @ x[n, :, i, j]
    return out if bias is None else out + bias[:, None, None]
""",
        speed,
    )
    to.wrong(
        task,
        "np.apply_along_axis",
        """
def pointwise(x, w, bias=None):
    out = np.apply_along_axis(lambda pixel: w @ pixel, 1, x)
    return out if bias is None else out + bias[:, None, None]
""",
        speed,
    )
    to.wrong(
        task,
        "PyTorch's dense layer",
        """
def pointwise(x, w, bias=None):
    x, w, bias = (None if a is None else torch.from_numpy(a) for a in (x, w, bias))
    return nn.functional.linear(x.permute(0, 2, 3, 1), w, bias).permute(0, 3, 1, 2).numpy()
""",
        right,
    )
    to.right(
        task,
        "a dense layer with the channels last",
        """
def pointwise(x, w, bias=None):
    pixels = x.transpose(0, 2, 3, 1) @ w.T
    if bias is not None:
        pixels = pixels + bias
    return pixels.transpose(0, 3, 1, 2)
""",
    )
    to.right(
        task,
        "one matrix product on flat maps",
        """
def pointwise(x, w, bias=None):
    N, C, H, W = x.shape
    out = (w @ x.reshape(N, C, H * W)).reshape(N, len(w), H, W)
    return out + (0 if bias is None else bias.reshape(-1, 1, 1))
""",
    )
    to.right(
        task,
        "conv2d with 1 × 1 kernels",
        """
def pointwise(x, w, bias=None):
    return conv2d(x, w[:, :, None, None], bias)
""",
    )
    to.right(
        task,
        "tensordot",
        """
def pointwise(x, w, bias=None):
    out = np.moveaxis(np.tensordot(w, x, axes=([1], [1])), 0, 1)
    return out if bias is None else out + np.expand_dims(bias, (0, 2, 3))
""",
    )


def grouped_conv2d(to: Answers) -> None:
    task, depthwise, blocks = "grouped-conv2d", "test-grouped-depthwise", "test-grouped-blocks"
    split, cut = "blocks = np.split(x, groups, axis=1)", "filters = np.split(w, groups)"
    join = "out = np.concatenate([conv2d(blocks[g], filters[g]) for g in range(groups)], axis=1)"
    check = "if x.shape[1] % groups or len(w) % groups:"
    to.wrong(task, "flipped", (cut, cut.replace("(w,", "(w[..., ::-1, ::-1],")))
    to.wrong(task, "kernels transposed", (cut, cut.replace("(w,", "(w.swapaxes(2, 3),")))
    to.wrong(task, "groups in reverse order", (join, join.replace("blocks[g]", "blocks[-1 - g]")))
    to.wrong(task, "every group reads the first channels", (join, join.replace("blocks[g]", "blocks[0]")))
    to.wrong(task, "every group uses the first filters", (join, join.replace("filters[g]", "filters[0]")))
    to.wrong(task, "one group short", (join, join.replace("range(groups)", "range(groups - 1)")))
    to.wrong(task, "groups added up", (join, "out = sum(conv2d(blocks[g], filters[g]) for g in range(groups))"))
    to.wrong(task, "joined along the pictures", (join, join.replace("axis=1", "axis=0")))
    to.wrong(task, "result transposed", (LAST, "out = out.swapaxes(2, 3)\n    " + LAST))
    to.wrong(task, "averages", (LAST, "out = out / groups\n    " + LAST))
    to.wrong(task, "zeros", (LAST, "return 0 * out"))
    to.wrong(task, "NaN", (LAST, "return out * np.nan"))
    to.wrong(task, "a constant", (LAST, "return 0 * out + out.mean()"))
    to.wrong(task, "nothing returned", (LAST, "pass"))
    to.wrong(task, "changes the input", (LAST, "x[:] = 0\n    " + LAST))
    to.wrong(task, "knows the visible sizes", (LAST, "out = out * (x.size in (24, 36, 72))\n    " + LAST))
    dealt = "blocks = [x[:, g::groups] for g in range(groups)]"
    to.wrong(task, "channels dealt out like cards", (split, dealt), blocks)
    to.wrong(task, "filters dealt out like cards", (cut, "filters = [w[g::groups] for g in range(groups)]"), blocks)
    mixed = "out = out[:, [g * len(w) // groups + k for k in range(len(w) // groups) for g in range(groups)]]"
    to.wrong(task, "maps in another order", (LAST, f"{mixed}\n    {LAST}"), blocks)
    to.wrong(task, "no bias", (LAST, "return out"), blocks)
    to.wrong(task, "bias subtracted", (LAST, LAST.replace("+ bias", "- bias")), blocks)
    to.wrong(
        task,
        "the first group's biases for all",
        (LAST, LAST.replace("bias[:, None, None]", "np.tile(bias[: len(w) // groups], groups)[:, None, None]")),
        blocks,
    )
    to.wrong(task, "depthwise only", (check, "if len(w) != groups:"), blocks)
    to.wrong(task, "refuses nothing", [(check, "if False:"), (split, dealt)], blocks)
    to.wrong(task, "refuses with None", ("raise ValueError(", "return print("), blocks)
    to.wrong(task, "refuses with an AssertionError", ("raise ValueError(", "raise AssertionError("), blocks)
    to.wrong(task, "float64 always", (LAST, "out = out.astype(float)\n    " + LAST), blocks)
    to.wrong(
        task,
        "PyTorch",
        """
def grouped_conv2d(x, w, bias=None, groups=1):
    x, w, bias = (None if a is None else torch.from_numpy(a) for a in (x, w, bias))
    if x.shape[1] % groups or len(w) % groups:
        raise ValueError
    return nn.functional.conv2d(x, w, bias, groups=groups).numpy()
""",
        depthwise,
    )
    to.right(
        task,
        "a standard layer with zeros",
        """
def grouped_conv2d(x, w, bias=None, groups=1):
    C_in, C_out = x.shape[1], len(w)
    if C_in % groups != 0 or C_out % groups != 0:
        raise ValueError("does not divide")
    full = np.zeros((C_out, C_in, *w.shape[2:]), w.dtype)
    for f in range(C_out):
        start = f // (C_out // groups) * (C_in // groups)
        full[f, start : start + C_in // groups] = w[f]
    return conv2d(x, full, bias)
""",
    )
    to.right(
        task,
        "slices, and a bias for each group",
        """
def grouped_conv2d(x, w, bias=None, groups=1):
    a, rest_a = divmod(x.shape[1], groups)
    b, rest_b = divmod(w.shape[0], groups)
    if rest_a or rest_b:
        raise ValueError(groups)
    maps = []
    for g in range(groups):
        own = slice(g * b, g * b + b)
        maps.append(conv2d(x[:, g * a : g * a + a], w[own], None if bias is None else bias[own]))
    return np.hstack(maps)
""",
    )
    to.right(
        task,
        "an axis for the groups and one einsum, without conv2d",
        """
def grouped_conv2d(x, w, bias=None, groups=1):
    if any(n % groups for n in (x.shape[1], len(w))):
        raise ValueError
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
    windows = windows.reshape(len(x), groups, -1, *windows.shape[2:])
    out = np.einsum("ngcijuv,gfcuv->ngfij", windows, w.reshape(groups, -1, *w.shape[1:]))
    out = out.reshape(len(x), len(w), *out.shape[3:])
    return out if bias is None else out + bias[None, :, None, None]
""",
    )


def ungroup(to: Answers) -> None:
    task, last = "ungroup", "return full.reshape(filters, -1, *w.shape[2:])"
    place = "full[f, f * groups // filters] = w[f]"
    to.wrong(task, "repeats the kernels", (last, "return np.tile(w, (1, groups, 1, 1))"))
    to.wrong(task, "still grouped", (last, "return w.copy()"))
    to.wrong(task, "filters dealt out", (place, "full[f, f % groups] = w[f]"))
    to.wrong(task, "blocks in reverse order", (place, "full[f, -1 - f * groups // filters] = w[f]"))
    to.wrong(task, "always the first block", (place, "full[f, 0] = w[f]"))
    to.wrong(task, "the first filter for all", (place, place.replace("w[f]", "w[0]")))
    to.wrong(task, "ones outside the group", ("np.zeros(", "np.ones("))
    to.wrong(task, "kernels flipped", (place, place.replace("w[f]", "w[f, :, ::-1, ::-1]")))
    to.wrong(task, "filters and channels exchanged", (last, last + ".swapaxes(0, 1)"))
    to.wrong(task, "channels dealt out", (last, "return full.swapaxes(1, 2).reshape(filters, -1, *w.shape[2:])"))
    to.wrong(task, "zeros", (last, last + " * 0"))
    to.wrong(
        task,
        "NaN outside the group",
        (
            "np.zeros((filters, groups, members, *w.shape[2:]), w.dtype)",
            "np.full((filters, groups, members, *w.shape[2:]), np.nan)",
        ),
    )
    to.wrong(task, "a constant", (last, last + " * 0 + w.mean()"))
    to.wrong(task, "divided by the groups", (last, last + " / groups"))
    to.wrong(task, "an axis too many", (last, "return full"))
    to.wrong(task, "float64 always", (", w.dtype", ""))
    to.wrong(task, "empties the filters", (last, "w[:] = 0\n    " + last))
    to.wrong(task, "depthwise only", (place, "full[f, f % groups] = w[f, :1]"))
    to.wrong(task, "knows the visible kernels", (last, last + " * (w.shape[2:] == (1, 2))"))
    to.wrong(task, "nothing returned", (last, "pass"))
    to.wrong(
        task,
        "PyTorch",
        """
def ungroup(w, groups):
    full = torch.zeros(len(w), groups * w.shape[1], *w.shape[2:]).numpy().astype(w.dtype)
    for f in range(len(w)):
        first = f // (len(w) // groups) * w.shape[1]
        full[f, first : first + w.shape[1]] = w[f]
    return full
""",
    )
    to.right(
        task,
        "slices",
        """
def ungroup(w, groups):
    C_out, members, K_h, K_w = w.shape
    full = np.zeros((C_out, members * groups, K_h, K_w), dtype=w.dtype)
    each = C_out // groups
    for g in range(groups):
        full[g * each : (g + 1) * each, g * members : (g + 1) * members] = w[g * each : (g + 1) * each]
    return full
""",
    )
    to.right(
        task,
        "a mask by Kronecker's product",
        """
def ungroup(w, groups):
    mask = np.kron(np.eye(groups, dtype=w.dtype), np.ones((len(w) // groups, w.shape[1]), w.dtype))
    return np.concatenate([w] * groups, axis=1) * mask[:, :, None, None]
""",
    )
    to.right(
        task,
        "filter by filter, joined",
        """
def ungroup(w, groups):
    rows = []
    for f, kernels in enumerate(w):
        g = f // (len(w) // groups)
        before, after = g * len(kernels), (groups - 1 - g) * len(kernels)
        rows.append(np.pad(kernels, [(before, after), (0, 0), (0, 0)]))
    return np.array(rows)
""",
    )


def costs(to: Answers) -> None:
    task = "costs"
    standard, groups, split, saving = "test-cost-standard", "test-cost-groups", "test-cost-separable", "test-saving"
    both = [standard, groups]
    weights = "weights = c_in // groups * c_out * kernel[0] * kernel[1]"
    two = "return weights + c_out * bias, weights * output[0] * output[1]"
    steps = "weights = c_in * (kernel[0] * kernel[1] + c_out)"
    result = "return weights, weights * output[0] * output[1]"
    top, last = "top, bottom = area * c_out, area + c_out", "return top // common, bottom // common"
    to.wrong(task, "one kernel for each filter", (weights, "weights = c_out * kernel[0] * kernel[1]"), both)
    to.wrong(task, "no biases", (two, two.replace(" + c_out * bias", "")), both)
    to.wrong(task, "one bias", (two, two.replace("c_out * bias", "bias")), both)
    to.wrong(task, "biases counted as work", (two, two.replace(", weights *", ", (weights + c_out * bias) *")), both)
    to.wrong(task, "FLOPs", (two, two.replace(", weights", ", 2 * weights")), both)
    to.wrong(task, "each weight used once", (two, "return weights + c_out * bias, weights"), both)
    to.wrong(task, "square kernels only", (weights, weights.replace("kernel[1]", "kernel[0]")), both)
    to.wrong(task, "square maps only", (two, two.replace("output[1]", "output[0]")), both)
    to.wrong(task, "pairs exchanged", (two, "return weights * output[0] * output[1], weights + c_out * bias"), both)
    to.wrong(task, "one number", (two, "return weights + c_out * bias"), both)
    to.wrong(task, "floats", (weights, weights.replace("//", "/")), both)
    to.wrong(task, "text", (two, "return 'many', 'more'"), both)
    to.wrong(task, "groups ignored", (weights, weights.replace("c_in // groups", "c_in")), groups)
    to.wrong(task, "groups divide twice", (weights, weights.replace("c_out", "(c_out // groups)")), groups)
    to.wrong(
        task, "groups divide the filters only", (two, two.replace("c_out * bias", "c_out * bias // groups")), groups
    )
    to.wrong(task, "groups save no work", (two, two.replace(", weights", ", weights * groups")), groups)
    to.wrong(task, "depthwise step alone", (steps, "weights = c_in * kernel[0] * kernel[1]"), split)
    to.wrong(task, "pointwise step alone", (steps, "weights = c_in * c_out"), split)
    to.wrong(task, "the steps multiplied", (steps, "weights = c_in * kernel[0] * kernel[1] * c_out"), split)
    to.wrong(task, "depthwise with C_out kernels", (steps, "weights = c_out * (kernel[0] * kernel[1] + c_in)"), split)
    to.wrong(task, "with biases", (result, "return weights + c_in + c_out, weights * output[0] * output[1]"), split)
    to.wrong(task, "what is left", (last, "return bottom // common, top // common"), saving)
    to.wrong(task, "not in lowest terms", (last, "return top, bottom"), saving)
    to.wrong(task, "the limit", (top, "top, bottom = area, 1"), saving)
    to.wrong(task, "a float", (last, "return top / bottom"), saving)
    to.wrong(task, "a rounded fraction", (last, "return round(10 * top / bottom), 10"), saving)
    to.wrong(task, "K² for a square kernel", ("area = kernel[0] * kernel[1]", "area = kernel[0] ** 2"), saving)
    to.wrong(task, "floats in lowest terms", (last, "return top / common, bottom / common"), saving)
    to.wrong(
        task,
        "knows the visible savings",
        (last, "return (1152, 137) if c_out == 128 else (8, 1) if c_out == 72 else (6, 1) if c_out == 18 else (9, 10)"),
        saving,
    )
    to.wrong(task, "nothing returned", [(two, "pass"), (result, "pass"), (last, "pass")])
    to.wrong(task, "zeros", [(two, "return 0, 0"), (result, "return 0, 0"), (last, "return 0, 1")])
    to.right(
        task,
        "one from the other, with Fraction",
        """
from fractions import Fraction

def layer_cost(c_in, c_out, kernel, output, groups=1, bias=False):
    weights = kernel[0] * kernel[1] * c_in * c_out // groups
    return weights + (c_out if bias else 0), weights * output[0] * output[1]

def separable_cost(c_in, c_out, kernel, output):
    depth = layer_cost(c_in, c_in, kernel, output, groups=c_in)
    point = layer_cost(c_in, c_out, (1, 1), output)
    return tuple(a + b for a, b in zip(depth, point))

def saving(c_out, kernel):
    full, split = layer_cost(1, c_out, kernel, (1, 1)), separable_cost(1, c_out, kernel, (1, 1))
    return Fraction(full[1], split[1]).as_integer_ratio()
""",
    )
    to.right(
        task,
        "lists of NumPy's numbers",
        """
def layer_cost(c_in, c_out, kernel, output, groups=1, bias=False):
    weights = np.prod([c_in // groups, c_out, *kernel])
    return [weights + c_out * int(bias), weights * np.prod(output)]

def separable_cost(c_in, c_out, kernel, output):
    weights = c_in * np.prod(kernel) + c_in * c_out
    return [weights, weights * np.prod(output)]

def saving(c_out, kernel):
    area = np.prod(kernel)
    return [area * c_out // np.gcd(area * c_out, area + c_out), (area + c_out) // np.gcd(area * c_out, area + c_out)]
""",
    )
    to.right(
        task,
        "the inverse of the sum of two fractions",
        """
from fractions import Fraction as Part

def layer_cost(c_in, c_out, kernel, output, groups=1, bias=False):
    K_h, K_w = kernel
    O_h, O_w = output
    one_filter = c_in // groups * K_h * K_w
    parameters = c_out * (one_filter + 1) if bias else c_out * one_filter
    return parameters, c_out * one_filter * O_h * O_w

def separable_cost(c_in, c_out, kernel, output):
    K_h, K_w = kernel
    O_h, O_w = output
    depth, point = K_h * K_w * c_in, c_in * c_out
    return depth + point, O_h * O_w * depth + O_h * O_w * point

def saving(c_out, kernel):
    left = Part(1, c_out) + Part(1, kernel[0] * kernel[1])
    return left.denominator, left.numerator
""",
    )


def separable(to: Answers) -> None:
    task, steps, one, several = "separable", "test-separable", "test-merge", "test-multiplier"
    forward, either = [steps, several], [one, several]
    run = "return pointwise(grouped_conv2d(x, depth, groups=x.shape[1]), point)"
    kernels = "kernels = depth.reshape(-1, multiplier, *depth.shape[2:])"
    mixture = "mixture = point.reshape(len(point), -1, multiplier)"
    dot = 'return np.einsum("fcm,cmuv->fcuv", mixture, kernels)'
    to.wrong(task, "depthwise step alone", (run, "return grouped_conv2d(x, depth, groups=x.shape[1])"), forward)
    to.wrong(
        task,
        "a ReLU between the steps",
        (run, "return pointwise(np.maximum(grouped_conv2d(x, depth, groups=x.shape[1]), 0), point)"),
        forward,
    )
    to.wrong(task, "a ReLU at the end", (run, run.replace("return ", "return np.maximum(0, ") + ")"), forward)
    to.wrong(task, "flipped", (run, run.replace("depth,", "depth[..., ::-1, ::-1],")), forward)
    to.wrong(task, "kernels transposed", (run, run.replace("depth,", "depth.swapaxes(2, 3),")), forward)
    to.wrong(
        task, "the first kernel for all", (run, run.replace("depth,", "depth[:1].repeat(len(depth), 0),")), forward
    )
    to.wrong(task, "the mixture in reverse order", (run, run.replace("point)", "point[:, ::-1])")), forward)
    to.wrong(task, "zeros", [(run, run + " * 0"), (dot, dot + " * 0")])
    to.wrong(task, "NaN", [(run, run + " * np.nan"), (dot, dot + " * np.nan")])
    to.wrong(task, "nothing returned", [(run, "pass"), (dot, "pass")])
    to.wrong(
        task,
        "changes the depthwise kernels",
        [
            (run, "out = " + run[7:] + "\n    depth[:] = 0\n    return out"),
            (dot, "out = " + dot[7:] + "\n    depth[:] = 0\n    return out"),
        ],
    )
    to.wrong(task, "float64 always", [(run, run + ".astype(float)"), (dot, dot + ".astype(float)")], [steps, one])
    to.wrong(
        task,
        "one kernel a channel only",
        (run, run.replace("depth,", "depth[: x.shape[1]],").replace("point)", "point[:, : x.shape[1]])")),
        several,
    )
    to.wrong(
        task,
        "kernels dealt out",
        (
            run,
            "M = len(depth) // x.shape[1]\n"
            "    order = [c * M + m for m in range(M) for c in range(x.shape[1])]\n"
            "    return pointwise(grouped_conv2d(x, depth, groups=x.shape[1]), point[:, order])",
        ),
        several,
    )
    to.wrong(
        task, "merged and flipped", (dot, dot.replace("mixture, kernels", "mixture, kernels[..., ::-1, ::-1]")), either
    )
    to.wrong(task, "merged and transposed", (dot, dot.replace("->fcuv", "->fcvu")), either)
    to.wrong(task, "filters and channels exchanged", (dot, dot.replace("->fcuv", "->cfuv")), either)
    to.wrong(task, "channels added up", (dot, 'return np.einsum("fcm,cmuv->fuv", mixture, kernels)[:, None]'), either)
    to.wrong(
        task,
        "the first channel's kernel for all",
        (dot, dot.replace("kernels)", "kernels[:1].repeat(len(kernels), 0))")),
        either,
    )
    to.wrong(task, "the mixture ignored", (mixture, mixture + " * 0 + 1"), either)
    to.wrong(
        task,
        "merged as matrices",
        (dot, "return (point @ depth.reshape(len(depth), -1)).reshape(len(point), 1, *depth.shape[2:])"),
        either,
    )
    to.wrong(
        task,
        "the multiplier ignored",
        [(kernels, "kernels = depth"), (mixture, "mixture = point[:, :, None]")],
        several,
    )
    to.wrong(
        task,
        "merged in the other order",
        [(kernels, "kernels = depth.reshape(multiplier, -1, *depth.shape[2:]).swapaxes(0, 1)")],
        several,
    )
    to.wrong(
        task,
        "both in the other order",
        [
            (kernels, "kernels = depth.reshape(multiplier, -1, *depth.shape[2:]).swapaxes(0, 1)"),
            (mixture, "mixture = point.reshape(len(point), multiplier, -1).swapaxes(1, 2)"),
        ],
        several,
    )
    to.wrong(task, "averages the kernels of a channel", (dot, dot + " / multiplier"), several)
    to.wrong(task, "the first kernel of each channel only", (mixture, mixture + "[:, :, :1]"), several)
    to.wrong(
        task,
        "PyTorch",
        """
def separable(x, depth, point):
    x, depth, point = (torch.from_numpy(a) for a in (x, depth, point))
    between = nn.functional.conv2d(x, depth, groups=x.shape[1])
    return nn.functional.conv2d(between, point[:, :, None, None]).numpy()

def merge(depth, point, multiplier=1):
    kernels = torch.from_numpy(depth).unflatten(0, (-1, multiplier))[:, :, 0]
    return torch.einsum("fcm,cmuv->fcuv", torch.from_numpy(point).unflatten(1, (-1, multiplier)), kernels).numpy()
""",
        [steps, one],
    )
    to.right(
        task,
        "channel by channel",
        """
def separable(x, depth, point):
    C = x.shape[1]
    M = len(depth) // C
    maps = [conv2d(x[:, [c // M]], depth[[c]]) for c in range(C * M)]
    return np.einsum("fk,nkij->nfij", point, np.concatenate(maps, axis=1))

def merge(depth, point, multiplier=1):
    C = len(depth) // multiplier
    full = np.zeros((len(point), C, *depth.shape[2:]), depth.dtype)
    for f in range(len(point)):
        for k in range(len(depth)):
            full[f, k // multiplier] += point[f, k] * depth[k, 0]
    return full
""",
    )
    to.right(
        task,
        "merged first, then one standard layer",
        """
def merge(depth, point, multiplier=1):
    every = point[:, :, None, None] * depth[None, :, 0]  # (C_out, C_in M, K_h, K_w)
    return np.add.reduceat(every, np.arange(0, len(depth), multiplier), axis=1)

def separable(x, depth, point):
    return conv2d(x, merge(depth, point, len(depth) // x.shape[1]))
""",
    )
    to.right(
        task,
        "the ungrouped layer, mixed",
        """
def separable(x, depth, point):
    print("two steps")
    between = conv2d(x, ungroup(depth, x.shape[1]))
    return (between.transpose(0, 2, 3, 1) @ point.T).transpose(0, 3, 1, 2)

def merge(depth, point, multiplier=1):
    return np.tensordot(point, ungroup(depth, len(depth) // multiplier), axes=1)
""",
    )


def block(to: Answers) -> None:
    task, sizes, weights, outputs = "block", "test-block-sizes", "test-block-weights", "test-block-outputs"
    padding = "padding = dilation * (kernel_size - 1) // 2"
    depth = "self.depth = nn.Conv2d(c_in, c_in, kernel_size, stride, padding, dilation, groups=c_in, bias=False)"
    point = "self.point = nn.Conv2d(c_in, c_out, 1, bias=False)"
    between = "between = torch.relu(self.first(self.depth(x)))"
    last = "return torch.relu(self.second(self.point(between)))"
    to.wrong(task, "padding 1, as printed", (padding, "padding = 1"), [sizes, outputs])
    to.wrong(task, "no padding", (padding, "padding = 0"), [sizes, outputs])
    to.wrong(task, "padding ignores the dilation", (padding, "padding = (kernel_size - 1) // 2"), [sizes, outputs])
    to.wrong(task, "the whole span as padding", (padding, "padding = dilation * (kernel_size - 1)"), [sizes, outputs])
    to.wrong(
        task, "half the kernel, rounded up", (padding, "padding = dilation * (kernel_size + 1) // 2"), [sizes, outputs]
    )
    to.wrong(task, "no stride", (depth, depth.replace("stride,", "1,")), [sizes, outputs])
    to.wrong(task, "the stride twice", (point, point.replace("c_out, 1,", "c_out, 1, stride,")), [sizes, outputs])
    to.wrong(task, "no dilation", (depth, depth.replace("dilation, groups", "groups")), [sizes, outputs])
    to.wrong(
        task,
        "always 3 × 3",
        [(depth, depth.replace("kernel_size,", "3,")), (padding, "padding = dilation")],
        [weights, outputs],
    )
    to.wrong(
        task,
        "as many maps as channels",
        [
            (point, point.replace("c_out", "c_in")),
            ("self.second = nn.BatchNorm2d(c_out)", "self.second = nn.BatchNorm2d(c_in)"),
        ],
    )
    to.wrong(task, "not depthwise", (depth, depth.replace("groups=c_in, ", "")), [weights, outputs])
    to.wrong(task, "with biases", (depth, depth.replace(", bias=False", "")), [weights, outputs])
    to.wrong(task, "a bias in the second step", (point, point.replace(", bias=False", "")), [weights, outputs])
    to.wrong(task, "normalisation made but not used", (last, "return torch.relu(self.point(between))"), outputs)
    to.wrong(
        task,
        "no normalisation",
        [
            (between, "between = torch.relu(self.depth(x))"),
            (last, "return torch.relu(self.point(between))"),
            ("self.first = nn.BatchNorm2d(c_in)", ""),
            ("self.second = nn.BatchNorm2d(c_out)", ""),
        ],
        [weights, outputs],
    )
    to.wrong(
        task,
        "normalisation without weights",
        ("BatchNorm2d(c_in)", "BatchNorm2d(c_in, affine=False)"),
        [weights, outputs],
    )
    to.wrong(task, "no ReLU between", (between, "between = self.first(self.depth(x))"), outputs)
    to.wrong(task, "no ReLU at the end", (last, "return self.second(self.point(between))"), outputs)
    to.wrong(
        task,
        "no ReLU",
        [(between, "between = self.first(self.depth(x))"), (last, "return self.second(self.point(between))")],
        outputs,
    )
    to.wrong(
        task, "ReLU before the normalisation", (between, "between = self.first(torch.relu(self.depth(x)))"), outputs
    )
    to.wrong(task, "ReLU6", (last, "return nn.functional.relu6(self.second(self.point(between)))"), outputs)
    to.wrong(task, "sigmoid", (last, last.replace("torch.relu", "torch.sigmoid")), outputs)
    to.wrong(
        task,
        "a standard layer beside it",
        (last, "return torch.relu(self.second(self.point(x + between)))"),
        [sizes, outputs],
    )
    to.wrong(task, "zeros", (last, last + " * 0"), outputs)
    to.wrong(task, "nothing returned", (last, "pass"), [sizes, outputs])
    to.wrong(
        task,
        "pointwise first",
        [
            (between, "between = torch.relu(self.first(self.point(x)))"),
            (last, "return torch.relu(self.second(self.depth(between)))"),
        ],
        [sizes, outputs],
    )
    to.right(
        task,
        "Sequential",
        """
class DepthwiseSeparable(nn.Module):
    def __init__(self, c_in, c_out, kernel_size=3, stride=1, dilation=1):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(
                c_in, c_in, kernel_size, stride=stride, padding=(kernel_size // 2) * dilation,
                dilation=dilation, groups=c_in, bias=False,
            ),
            nn.BatchNorm2d(c_in),
            nn.ReLU(inplace=True),
            nn.Conv2d(c_in, c_out, kernel_size=1, bias=False),
            nn.BatchNorm2d(c_out),
            nn.ReLU(),
        )

    def forward(self, x):
        return self.layers(x)
""",
    )
    to.right(
        task,
        "the later layers made first, and clamp for ReLU",
        """
import torch.nn.functional as F

class DepthwiseSeparable(nn.Module):
    def __init__(self, c_in, c_out, kernel_size=3, stride=1, dilation=1):
        super().__init__()
        self.norm_out = nn.BatchNorm2d(c_out)
        self.mix = nn.Conv2d(c_in, c_out, (1, 1), bias=False)
        self.norm_in = nn.BatchNorm2d(c_in)
        half = (dilation * (kernel_size - 1) + 1) // 2
        self.look = nn.Conv2d(c_in, c_in, (kernel_size,) * 2, (stride,) * 2, (half, half), dilation, c_in, False)

    def forward(self, x):
        x = F.relu(self.norm_in(self.look(x)))
        return self.norm_out(self.mix(x)).clamp(min=0)
""",
    )
    to.right(
        task,
        "a subclass of Sequential, padding from PyTorch where it can",
        """
class DepthwiseSeparable(nn.Sequential):
    def __init__(self, c_in, c_out, kernel_size=3, stride=1, dilation=1):
        padding = "same" if stride == 1 else dilation * (kernel_size // 2)
        step = nn.Conv2d(c_in, c_in, kernel_size, stride, padding, dilation, groups=c_in, bias=False)
        super().__init__(
            nn.Sequential(step, nn.BatchNorm2d(c_in), nn.ReLU()),
            nn.Sequential(nn.Conv2d(c_in, c_out, 1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU()),
        )
""",
    )


def layout(to: Answers) -> None:
    task, line, test = "layout", "test-to-nchw", "test-is-nchw-of"
    right, check = "return x.transpose(0, 3, 1, 2)\n", "return np.array_equal(y, x.transpose(0, 3, 1, 2))"
    to.wrong(task, "reshape", (right, "return x.reshape(len(x), x.shape[3], *x.shape[1:3])\n"), line)
    to.wrong(task, "rows and columns exchanged", (right, "return x.swapaxes(1, 3)\n"), line)
    to.wrong(task, "rows and columns only", (right, "return x.swapaxes(1, 2)\n"), line)
    to.wrong(task, "nothing done", (right, "return x\n"), line)
    to.wrong(task, "channels first, pictures second", (right, "return x.transpose(3, 0, 1, 2)\n"), line)
    to.wrong(task, "T", (right, "return x.T\n"), line)
    to.wrong(task, "channels in reverse order", (right, "return x.transpose(0, 3, 1, 2)[:, ::-1]\n"), line)
    to.wrong(task, "the other direction", (right, "return x.transpose(0, 2, 3, 1)\n"), line)
    to.wrong(task, "float64 always", (right, "return x.transpose(0, 3, 1, 2).astype(float)\n"), line)
    to.wrong(task, "whole numbers", (right, "return x.transpose(0, 3, 1, 2).astype(int)\n"), line)
    to.wrong(
        task,
        "changes the shape in place",
        (right, "x.shape = (len(x), x.shape[3], x.shape[1], x.shape[2])\n    return x\n"),
        line,
    )
    to.wrong(task, "zeros", (right, "return 0 * x.transpose(0, 3, 1, 2)\n"), line)
    to.wrong(task, "nothing returned", (right, "x.transpose(0, 3, 1, 2)\n"), line)
    to.wrong(task, "PyTorch", (right, "return torch.from_numpy(x).permute(0, 3, 1, 2).numpy()\n"), line)
    to.wrong(task, "compares shapes", (check, "return y.shape == x.transpose(0, 3, 1, 2).shape"), test)
    to.wrong(task, "always True", (check, "return True"), test)
    to.wrong(task, "always False", (check, "return False"), test)
    to.wrong(task, "compares sums", (check, "return y.size == x.size and bool(np.isclose(y.sum(), x.sum()))"), test)
    to.wrong(
        task, "compares sorted numbers", (check, "return np.array_equal(np.sort(y, None), np.sort(x, None))"), test
    )
    to.wrong(
        task,
        "compares one number",
        (check, "return y.shape == (len(x), x.shape[3], *x.shape[1:3]) and y[0, -1, 0, 1] == x[0, 0, 1, -1]"),
        test,
    )
    to.wrong(task, "compares the first picture", (check, check.replace("y,", "y[:1],").replace("2))", "2)[:1])")), test)
    to.wrong(
        task, "compares the first channel", (check, "return y.ndim == 4 and np.array_equal(y[:, 0], x[..., 0])"), test
    )
    to.wrong(
        task, "compares with reshape", (check, "return np.array_equal(y, x.reshape(len(x), -1, *x.shape[1:3]))"), test
    )
    to.wrong(task, "an array of verdicts", (check, "return y == x.transpose(0, 3, 1, 2)"), test)
    to.wrong(task, "raises where the shapes differ", (check, "return bool((y == x.transpose(0, 3, 1, 2)).all())"), test)
    to.wrong(task, "text", (check, "return str(np.array_equal(y, x.transpose(0, 3, 1, 2)))"), test)
    to.wrong(task, "says whether it is wrong", (check, check.replace("return ", "return not ")), test)
    to.wrong(
        task,
        "channel means",
        (
            check,
            "return y.shape == x.transpose(0, 3, 1, 2).shape and np.allclose(y.mean((0, 2, 3)), x.mean((0, 1, 2)))",
        ),
        test,
    )
    to.wrong(task, "True or nothing", (check, f"if {check[7:]}:\n        return True"), test)
    to.wrong(task, "changes y", (check, f"verdict = {check[7:]}\n    y *= 0\n    return verdict"), test)
    to.right(
        task,
        "moveaxis",
        """
def to_nchw(x):
    return np.moveaxis(x, -1, 1)

def is_nchw_of(y, x):
    want = to_nchw(x)
    return y.shape == want.shape and bool((y == want).all())
""",
    )
    to.right(
        task,
        "channel by channel, a copy",
        """
def to_nchw(x):
    return np.stack([x[..., c] for c in range(x.shape[-1])], axis=1)

def is_nchw_of(y, x):
    if y.shape != (x.shape[0], x.shape[3], x.shape[1], x.shape[2]):
        return False
    return np.all([np.array_equal(y[:, c], x[:, :, :, c]) for c in range(x.shape[3])])
""",
    )
    to.right(
        task,
        "number by number",
        """
def to_nchw(x):
    return np.einsum("nijc->ncij", x)

def is_nchw_of(y, x):
    try:
        same = all(y[n, c, i, j] == value for (n, i, j, c), value in np.ndenumerate(x))
        return bool(same) and y.size == x.size and y.ndim == 4
    except IndexError:
        return False
""",
    )


def transposed(to: Answers) -> None:
    task = "transposed"
    size, stamps, layer = "test-transposed-size", "test-transposed-stamps", "test-transposed-layer"
    values = [stamps, layer]
    formula = "return (size - 1) * stride + kernel - 2 * padding + output_padding"
    check = "if output_padding >= stride:"
    stamp = 'stamp = np.einsum("nc,cfuv->nfuv", x[:, :, i, j], w)'
    place = "out[:, :, i * stride : i * stride + height, j * stride : j * stride + width] += stamp"
    cut = "return out[:, :, padding : size[0] - padding, padding : size[1] - padding]"
    to.wrong(task, "the size of a convolution", (formula, "return (size + 2 * padding - kernel) // stride + 1"), size)
    to.wrong(task, "size times stride", (formula, "return size * stride - 2 * padding + output_padding"), size)
    to.wrong(task, "size, not size - 1", (formula, formula.replace("(size - 1)", "size")), size)
    to.wrong(task, "kernel - 1", (formula, formula.replace("kernel", "kernel - 1")), size)
    to.wrong(task, "padding on one side", (formula, formula.replace("2 * padding", "padding")), size)
    to.wrong(task, "padding added", (formula, formula.replace("- 2", "+ 2")), size)
    to.wrong(task, "no output_padding", (formula, formula.replace(" + output_padding", "")), size)
    to.wrong(task, "output_padding twice", (formula, formula + " * 2"), size)
    to.wrong(task, "refuses nothing", (check, "if False:"), size)
    to.wrong(task, "allows as much as the stride", (check, "if output_padding > stride:"), size)
    to.wrong(task, "refuses with None", ("raise ValueError(", "return print("), size)
    to.wrong(task, "a float", (formula, formula + " / 1"), size)
    to.wrong(task, "refuses any output_padding", (check, "if output_padding:"), size)
    to.wrong(
        task,
        "knows the visible sizes",
        (
            formula,
            "return {(3, 2): 4, (3, 3): 7 - output_padding - padding + 1 - (not padding), (7, 4): 14}[size, kernel]",
        ),
        size,
    )
    to.wrong(task, "flipped", (stamp, stamp.replace(" w)", " w[..., ::-1, ::-1])")), values)
    to.wrong(task, "kernel transposed", (stamp, stamp.replace("cfuv-", "cfvu-")), values)
    to.wrong(task, "overwrites", (place, place.replace("+=", "=")), values)
    to.wrong(
        task, "ignores the stride", ("rows, columns = x.shape[2:]", "stride, (rows, columns) = 1, x.shape[2:]"), values
    )
    to.wrong(task, "rows and columns exchanged", (stamp, stamp.replace("i, j]", "j % rows, i % columns]")), values)
    to.wrong(task, "one position short", ("range(rows)", "range(rows - 1)"), values)
    to.wrong(task, "square maps only", ("range(columns)", "range(rows)"), values)
    to.wrong(task, "square kernels only", ("height, width = w.shape[2:]", "height = width = w.shape[2]"), values)
    to.wrong(
        task,
        "averages where stamps overlap",
        (cut, "out = out / max(1, height * width // stride**2)\n    " + cut),
        values,
    )
    to.wrong(task, "subtracts", (place, place.replace("+=", "-=")), values)
    to.wrong(task, "zeros", (cut, cut + " * 0"), values)
    to.wrong(task, "NaN", (cut, cut + " * np.nan"), values)
    to.wrong(task, "a constant", (cut, cut + " * 0 + 1"), values)
    to.wrong(task, "nothing returned", [(cut, "pass"), (formula, "pass")])
    to.wrong(task, "changes the maps", (cut, "x[:] = 0\n    " + cut), values)
    to.wrong(task, "changes the filters", (cut, "w *= 2\n    " + cut), values)
    to.wrong(task, "knows the visible stamp", (cut, cut + " * (w.size == 6)"), values)
    to.wrong(task, "padding ignored", (cut, "return out"), layer)
    to.wrong(task, "padding added", (cut, "return np.pad(out, ((0,), (0,), (padding,), (padding,)))"), layer)
    to.wrong(task, "cut with -padding", (cut, "return out[:, :, padding:-padding, padding:-padding]"), values)
    to.wrong(
        task,
        "cut at one end",
        (cut, cut.replace("padding : size", "0 : size").replace("- padding", "- 2 * padding")),
        layer,
    )
    to.wrong(task, "first channel only", (stamp, stamp.replace("x[:, :, i, j], w", "x[:, :1, i, j], w[:1]")), layer)
    to.wrong(task, "channels averaged", (stamp, stamp + " / len(w)"), layer)
    to.wrong(task, "channels in reverse order", (stamp, stamp.replace(" w)", " w[::-1])")), layer)
    to.wrong(task, "outputs added up", (stamp, stamp + ".sum(1, keepdims=True)"), layer)
    to.wrong(task, "the first picture for all", (stamp, stamp + "[:1]"), layer)
    to.wrong(
        task,
        "filters as in a convolution",
        (stamp, "w = w if len(w) != w.shape[1] else w.swapaxes(0, 1)\n            " + stamp),
        layer,
    )
    to.wrong(task, "float64 always", (", x.dtype", ""), layer)
    to.wrong(
        task,
        "PyTorch",
        """
def transposed_size(size, kernel, stride=1, padding=0, output_padding=0):
    if output_padding >= stride:
        raise ValueError
    return (size - 1) * stride - 2 * padding + kernel + output_padding

def conv_transpose2d(x, w, stride=1, padding=0):
    x, w = torch.from_numpy(x), torch.from_numpy(w)
    return nn.functional.conv_transpose2d(x, w, stride=stride, padding=padding).numpy()
""",
        stamps,
    )
    to.right(
        task,
        "one shifted addition for each kernel entry",
        """
def transposed_size(size, kernel, stride=1, padding=0, output_padding=0):
    if not output_padding < stride:
        raise ValueError("output_padding")
    return stride * (size - 1) - 2 * padding + (kernel - 1) + 1 + output_padding

def conv_transpose2d(x, w, stride=1, padding=0):
    N, _, H, W = x.shape
    K_h, K_w = w.shape[2:]
    out = np.zeros((N, w.shape[1], (H - 1) * stride + K_h, (W - 1) * stride + K_w), x.dtype)
    for u, v in np.ndindex(K_h, K_w):
        share = np.einsum("ncij,cf->nfij", x, w[:, :, u, v])
        out[:, :, u : u + stride * H : stride, v : v + stride * W : stride][:, :, :H, :W] += share
    h, w = out.shape[2:]
    return out[:, :, padding : h - padding, padding : w - padding].copy()
""",
    )
    to.right(
        task,
        "zeros between the values, then a convolution with turned kernels",
        """
def transposed_size(size, kernel, stride=1, padding=0, output_padding=0):
    if output_padding > stride - 1:
        raise ValueError
    return np.int64((size - 1) * stride + 1 + 2 * (kernel - 1 - padding) - kernel + 1 + output_padding)

def conv_transpose2d(x, w, stride=1, padding=0):
    N, C, H, W = x.shape
    K_h, K_w = w.shape[2:]
    spread = np.zeros((N, C, (H - 1) * stride + 1, (W - 1) * stride + 1), x.dtype)
    spread[:, :, ::stride, ::stride] = x
    spread = np.pad(spread, [(0, 0), (0, 0), (K_h - 1, K_h - 1), (K_w - 1, K_w - 1)])
    full = conv2d(spread, w.swapaxes(0, 1)[:, :, ::-1, ::-1])
    return full[:, :, padding : full.shape[2] - padding, padding : full.shape[3] - padding]
""",
    )
    to.right(
        task,
        "pixel by pixel, the cut ones never written",
        """
def transposed_size(size, kernel, stride=1, padding=0, output_padding=0):
    if output_padding in range(stride):
        return (size - 1) * stride + kernel + output_padding - padding - padding
    raise ValueError(f"{output_padding}")

def conv_transpose2d(x, w, stride=1, padding=0):
    O_h, O_w = (transposed_size(n, k, stride, padding) for n, k in zip(x.shape[2:], w.shape[2:]))
    out = np.zeros((x.shape[0], w.shape[1], O_h, O_w))
    for i, j in np.ndindex(x.shape[2:]):
        for u, v in np.ndindex(w.shape[2:]):
            row, column = i * stride + u - padding, j * stride + v - padding
            if 0 <= row < O_h and 0 <= column < O_w:
                out[:, :, row, column] += x[:, :, i, j] @ w[:, :, u, v]
    return out.astype(x.dtype)
""",
    )


def catch_the_bugs(to: Answers) -> None:
    task = "catch-the-bugs"
    a, b, c, d = (f"test-catch-{letter}" for letter in "abcd")
    dealt = 'dealt = {**plain, "x": x, "w": np.ones((2, 2, 1, 1))}'
    ordered = 'ordered = {**plain, "x": x[:, :2], "w": np.ones((4, 1, 1, 1)), "bias": np.ones(4)}'
    biased = 'biased = {**plain, "bias": np.arange(2.0)}'
    stacked = 'stacked = {"x": x[:, :2], "w": x[:, 2:], "bias": np.ones(1), "groups": 1}'
    every = 'return {"a": dealt, "b": ordered, "c": biased, "d": stacked}'
    to.wrong(task, "the case that shows nothing", (every, 'return dict.fromkeys("abcd", plain)'))
    to.wrong(task, "nothing returned", (every, "pass"))
    to.wrong(task, "a list", (every, "return [dealt, ordered, biased, stacked]"))
    to.wrong(
        task, "two cases exchanged", (every, 'return {"a": ordered, "b": dealt, "c": biased, "d": stacked}'), [a, b]
    )
    to.wrong(task, "one case missing", (every, 'return {"a": dealt, "b": ordered, "c": biased}'), d)
    to.wrong(
        task,
        "one random case for all",
        (every, _random_case()),
    )
    to.wrong(task, "a: channels all alike", (dealt, 'dealt = {**plain, "x": x * 0 + 1, "w": np.ones((2, 2, 1, 1))}'), a)
    to.wrong(task, "a: one channel in each group", (dealt, 'dealt = {**plain, "x": x[:, :2]}'), a)
    to.wrong(
        task, "a: one group", (dealt, 'dealt = {**plain, "x": x[:, :2], "w": np.ones((2, 2, 1, 1)), "groups": 1}'), a
    )
    to.wrong(task, "a: shows d as well", (dealt, 'dealt = {**plain, "x": x, "w": x.reshape(2, 2, 1, 1)}'), a)
    to.wrong(
        task,
        "a: shows b as well",
        (dealt, 'dealt = {**plain, "x": x, "w": np.ones((4, 2, 1, 1)), "bias": np.ones(4)}'),
        a,
    )
    to.wrong(
        task, "b: maps all alike", (ordered, 'ordered = {**plain, "w": np.ones((4, 1, 1, 1)), "bias": np.ones(4)}'), b
    )
    to.wrong(task, "b: one map in each group", (ordered, 'ordered = {**plain, "x": x[:, :2]}'), b)
    to.wrong(task, "b: shows c as well", (ordered, ordered.replace("np.ones(4)", "np.arange(4.0)")), b)
    to.wrong(task, "c: the same bias everywhere", (biased, 'biased = {**plain, "bias": np.zeros(2)}'), c)
    to.wrong(
        task,
        "c: one group",
        (biased, 'biased = {**plain, "w": np.ones((2, 2, 1, 1)), "bias": np.arange(2.0), "groups": 1}'),
        c,
    )
    to.wrong(task, "c: shows a as well", (biased, 'biased = {**dealt, "bias": np.arange(2.0)}'), c)
    to.wrong(task, "d: kernels alike", (stacked, stacked.replace('"w": x[:, 2:]', '"w": np.ones((1, 2, 1, 1))')), d)
    to.wrong(task, "d: channels alike", (stacked, stacked.replace('"x": x[:, :2]', '"x": np.ones((1, 2, 1, 1))')), d)
    to.wrong(
        task, "d: one channel", (stacked, stacked.replace("x[:, :2]", "x[:, :1]").replace("x[:, 2:]", "x[:, 2:3]")), d
    )
    to.wrong(
        task, "too large", (dealt, 'dealt = {**plain, "x": np.tile(x, (1, 1, 9, 9)), "w": np.ones((2, 2, 1, 1))}'), a
    )
    to.wrong(task, "NaN", (stacked, stacked.replace("x[:, 2:]", "x[:, 2:] * np.nan")), d)
    to.wrong(task, "arrays that do not fit together", (ordered, ordered.replace("np.ones(4)", "np.ones(3)")), b)
    to.wrong(task, "groups that do not divide", (biased, biased[:-1] + ', "groups": 3}'), c)
    to.wrong(task, "an argument missing", (stacked, stacked.replace(', "groups": 1', "")), d)
    to.wrong(task, "no axis for the pictures", (stacked, stacked.replace("x[:, :2]", "x[0, :2]")), d)
    to.right(
        task,
        "lists instead of arrays",
        """
def catching_inputs():
    pixel = lambda *values: [[[[v]] for v in values]]
    kernels = lambda *rows: [[[[v]] for v in row] for row in rows]
    return {
        "a": {"x": pixel(1, 2, 3, 4), "w": kernels([1, 1], [1, 1]), "bias": [0, 0], "groups": 2},
        "b": {"x": pixel(1, 1), "w": kernels([1], [2], [3], [4]), "bias": [0, 0, 0, 0], "groups": 2},
        "c": {"x": pixel(0, 0), "w": kernels([1], [1]), "bias": [1, 2], "groups": 2},
        "d": {"x": pixel(5, 0), "w": kernels([1, 2]), "bias": [7], "groups": 1},
    }
""",
    )
    to.right(
        task,
        "larger ones, drawn at random, with the other bugs switched off",
        """
def catching_inputs():
    rng = np.random.default_rng()
    x, quiet = rng.normal(size=(1, 4, 3, 3)), np.zeros(2)
    alike = rng.normal(size=(2, 1, 2, 2)).repeat(2, axis=1)
    return {
        "d": dict(x=x, w=rng.normal(size=(3, 4, 2, 2)), bias=rng.normal(size=3), groups=1),
        "c": dict(x=x[:, :2], w=rng.normal(size=(2, 1, 2, 2)), bias=rng.normal(size=2), groups=2),
        "b": dict(x=x[:, :2], w=rng.normal(size=(6, 1, 3, 2)), bias=np.ones(6), groups=2),
        "a": dict(x=x, w=alike, bias=quiet, groups=2),
    }
""",
    )
    to.right(
        task,
        "several pictures",
        """
def catching_inputs():
    x = np.array([[1, 2, 4, 8], [3, 0, 0, 1]])[:, :, None, None]
    ones = lambda *shape: np.ones((*shape, 1, 1), int)
    a = {"x": x, "w": ones(2, 2), "bias": np.array([3, 3]), "groups": 2}
    b = {"x": x, "w": ones(8, 1), "bias": np.zeros(8), "groups": 4}
    c = {"x": x, "w": ones(4, 1), "bias": np.array([0, 0, 0, 1]), "groups": 4}
    d = {"x": x, "w": x[:1], "bias": np.array([0.5]), "groups": 1}
    return {"a": a, "b": b, "c": c, "d": d}
""",
    )


def _random_case() -> str:
    return """rng = np.random.default_rng(0)
    x, w, bias = (rng.normal(size=size) for size in [(1, 4, 2, 2), (4, 2, 2, 2), 4])
    case = {"x": x, "w": w, "bias": bias, "groups": 2}
    return dict.fromkeys("abcd", case)"""
