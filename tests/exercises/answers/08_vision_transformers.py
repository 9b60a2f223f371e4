"""Answers to assignment 8: wrong ones that its tests must notice, right ones in other styles that they must not."""

from harness import Answers, Assignment


def answers(assignment: Assignment) -> Answers:
    """All of them. Where nothing is said, a wrong answer must lose every test of its task."""
    to = Answers(assignment)
    patches(to)
    embedding(to)
    attention(to)
    heads(to)
    order(to)
    block(to)
    count(to)
    work(to)
    resize(to)
    return to


def patches(to: Answers) -> None:
    task = "patches"
    grey, channels, back = "test-patchify-grey", "test-patchify-channels", "test-unpatchify"
    there = [grey, channels]
    axes, shape = "transpose(0, 2, 4, 1, 3, 5)", "return squares.reshape(n, rows * columns, channels * patch**2)"
    fills = "if height % patch or width % patch:"
    squares = "squares = x.reshape(n, channels, rows, patch, columns, patch)." + axes
    undo = "return squares.transpose(0, 3, 1, 4, 2, 5).reshape(n, channels, height, width)"
    first = "n, channels, height, width = x.shape"
    taken = "squares = tokens.reshape(n, rows, columns, channels, patch, patch)"
    to.wrong(task, "a reshape alone", (squares, "squares = x"), there)
    to.wrong(task, "patches down the columns", (axes, "transpose(0, 4, 2, 1, 3, 5)"), there)
    to.wrong(task, "every patch transposed", (axes, "transpose(0, 2, 4, 1, 5, 3)"), there)
    to.wrong(task, "channels side by side in each pixel", (axes, "transpose(0, 2, 4, 3, 5, 1)"), channels)
    to.wrong(task, "pixels P apart in one patch", (axes, "transpose(0, 3, 5, 1, 2, 4)"), there)
    to.wrong(task, "one token for each channel", (shape, "return squares.reshape(n, -1, patch**2)"), channels)
    to.wrong(task, "the numbers before the tokens", (shape, shape + ".transpose(0, 2, 1)"), there)
    to.wrong(task, "a grid of patches, not a list", (shape, "return squares.reshape(n, rows, columns, -1)"), there)
    to.wrong(task, "square pictures only", (squares, squares.replace("columns, patch)", "rows, patch)", 1)), there)
    to.wrong(task, "the first picture only", (shape, "return squares.reshape(n, rows * columns, -1)[:1]"), there)
    to.wrong(task, "without the axis of pictures", (shape, "return squares.reshape(n * rows * columns, -1)"), there)
    to.wrong(
        task,
        "left-over pixels are cut off",
        (fills, "x = x[:, :, :height // patch * patch, :width // patch * patch]\n    if False:"),
        channels,
    )
    to.wrong(
        task,
        "only rows are checked",
        (fills, "x = x[:, :, :, :width // patch * patch]\n    if height % patch:"),
        channels,
    )
    to.wrong(
        task,
        "None where patches do not fill",
        (f"{fills}\n        raise ValueError(f", f"{fills}\n        return str(f"),
        channels,
    )
    to.wrong(task, "always float64", (shape, shape + ".astype(float)"), channels)
    to.wrong(task, "the picture is changed", (first, f"x += 1\n    {first}"), there)
    to.wrong(task, "zeros", (shape, shape + " * 0"), there)
    to.wrong(task, "nothing returned", [(shape, "squares.reshape(n, -1)"), (undo, "squares.reshape(n, -1)")])
    to.wrong(
        task,
        "PyTorch's unfold",
        "def patchify(x, patch):\n"
        "    import torch\n"
        "    if x.shape[2] % patch or x.shape[3] % patch:\n"
        "        raise ValueError\n"
        "    cut = torch.nn.functional.unfold(torch.tensor(x).double(), patch, stride=patch)\n"
        "    return cut.transpose(1, 2).numpy().astype(x.dtype)\n\n"
        + to.assignment.source(task).partition("\n\n\n")[2],
        there,
    )
    to.wrong(
        task,
        "the book's patchify",
        "from kernelbook.attention import patchify\n\n\n" + to.assignment.source(task).partition("\n\n\n")[2],
        there,
    )
    to.wrong(task, "back by a reshape alone", (undo, "return tokens.reshape(n, channels, height, width)"), back)
    to.wrong(
        task, "back by the same order as there", (undo, undo.replace("0, 3, 1, 4, 2, 5", "0, 2, 4, 1, 3, 5")), back
    )
    to.wrong(task, "back, every patch transposed", (undo, undo.replace("4, 2, 5", "5, 2, 4")), back)
    to.wrong(task, "back, patches down the columns", (taken, taken.replace("rows, columns", "columns, rows")), back)
    to.wrong(
        task,
        "back, height and width exchanged",
        (
            "// patch, width // patch\n    channels =",
            "// patch, width // patch\n    rows, columns = columns, rows\n    channels =",
        ),
        back,
    )
    to.wrong(task, "back, square pictures only", (undo, undo.replace("height, width", "height, height")), back)
    to.wrong(
        task,
        "back, the channels last",
        (taken, taken.replace("channels, patch, patch)", "patch, patch, channels).transpose(0, 1, 2, 5, 3, 4)")),
        back,
    )
    to.wrong(task, "back, the tokens are changed", (undo, "tokens *= 2\n    " + undo), back)
    to.right(
        task,
        "loops",
        """
def patchify(x, patch):
    n, c, h, w = x.shape
    if h % patch != 0 or w % patch != 0:
        raise ValueError("patches do not fill the picture")
    tokens = []
    for i in range(0, h, patch):
        for j in range(0, w, patch):
            tokens.append(x[:, :, i : i + patch, j : j + patch].reshape(n, -1))
    return np.stack(tokens, axis=1)


def unpatchify(tokens, patch, height, width):
    n, t, numbers = tokens.shape
    out = np.empty((n, numbers // patch // patch, height, width), dtype=tokens.dtype)
    across = width // patch
    for k in range(t):
        i, j = divmod(k, across)
        square = tokens[:, k].reshape(n, -1, patch, patch)
        out[:, :, i * patch : (i + 1) * patch, j * patch : (j + 1) * patch] = square
    return out
""",
    )
    to.right(
        task,
        "split and stack; einsum back",
        """
def patchify(x, patch):
    h, w = x.shape[-2:]
    rows = np.split(x, h // patch, axis=2) if h % patch == 0 else None
    if rows is None or w % patch:
        raise ValueError(f"{h} x {w} and {patch}")
    squares = [square for row in rows for square in np.split(row, w // patch, axis=3)]
    return np.stack([square.reshape(len(x), -1) for square in squares], axis=1)


def unpatchify(tokens, patch, height, width):
    n, r, k = len(tokens), height // patch, width // patch
    parts = tokens.reshape(n, r, k, -1, patch, patch)
    return np.einsum("nrkcij->ncrikj", parts).reshape(n, -1, height, width)
""",
    )
    to.right(
        task,
        "windows with a stride; NumPy's own error; the way back by an index",
        """
def patchify(x, patch):
    n, c, h, w = x.shape
    x.reshape(n, c, h // patch, patch, w // patch, patch)
    windows = np.lib.stride_tricks.sliding_window_view(x, (patch, patch), axis=(2, 3))[:, :, ::patch, ::patch]
    return np.ascontiguousarray(np.moveaxis(windows, 1, 3)).reshape(n, -1, c * patch * patch)


def unpatchify(tokens, patch, height, width):
    c = tokens.shape[2] // (patch * patch)
    places = patchify(np.arange(c * height * width).reshape(1, c, height, width), patch).ravel()
    flat = np.zeros((len(tokens), c * height * width), tokens.dtype)
    flat[:, places] = tokens.reshape(len(tokens), -1)
    return flat.reshape(-1, c, height, width)
""",
    )


def embedding(to: Answers) -> None:
    task = "embedding"
    weights, outputs, matrix = (f"test-embedding-{name}" for name in ("weights", "outputs", "matrix"))
    both = [weights, outputs]
    layer = "self.project = nn.Conv2d(channels, width, patch, stride=patch)"
    last = "return self.project(x).flatten(2).transpose(1, 2)"
    laid = "return filters.reshape(len(filters), filters[0].size).T"
    to.wrong(task, "no stride", (layer, layer.replace(", stride=patch", "")), outputs)
    to.wrong(task, "padded", (layer, layer.replace("stride=patch", "stride=patch, padding=patch // 2")), outputs)
    to.wrong(task, "stride for kernel", (layer, layer.replace("patch, stride", "1, stride")), both)
    to.wrong(task, "without bias", (layer, layer.replace("stride=patch", "stride=patch, bias=False")), both)
    to.wrong(
        task,
        "depthwise",
        (layer, "self.project = nn.Conv2d(channels, width * channels, patch, patch, groups=channels)"),
        both,
    )
    to.wrong(task, "channels and width exchanged", (layer, layer.replace("channels, width", "width, channels")), both)
    to.wrong(task, "a linear layer", (layer, "self.project = nn.Linear(channels * patch**2, width)"), both)
    to.wrong(
        task,
        "another name",
        [(layer, layer.replace("project", "embed")), (last, last.replace("project", "embed"))],
        both,
    )
    to.wrong(task, "maps, not tokens", (last, "return self.project(x)"), outputs)
    to.wrong(task, "d before T", (last, "return self.project(x).flatten(2)"), outputs)
    to.wrong(
        task,
        "a reshape instead of a transpose",
        (last, "maps = self.project(x)\n        return maps.reshape(len(x), -1, maps.shape[1])"),
        outputs,
    )
    to.wrong(task, "down the columns", (last, last.replace(".flatten", ".transpose(2, 3).flatten")), outputs)
    to.wrong(task, "flat all over", (last, last.replace(".flatten(2).transpose(1, 2)", ".flatten(1)")), outputs)
    to.wrong(task, "an activation", (last, "return torch.relu(self.project(x)).flatten(2).transpose(1, 2)"), outputs)
    to.wrong(task, "pictures changed", (last, "x -= x.mean()\n        " + last), outputs)
    to.wrong(task, "an array", (last, last + ".detach().numpy()"), outputs)
    to.wrong(task, "the first picture only", (last, last.replace("(x)", "(x[:1])")), outputs)
    to.wrong(task, "matrix not transposed", (laid, laid.removesuffix(".T")), matrix)
    to.wrong(task, "matrix by a reshape alone", (laid, "return filters.reshape(-1, len(filters))"), matrix)
    to.wrong(
        task, "kernels turned", (laid, laid.replace("filters.reshape", "filters[:, :, ::-1, ::-1].reshape")), matrix
    )
    to.wrong(
        task, "kernels transposed", (laid, laid.replace("filters.reshape", "filters.swapaxes(2, 3).reshape")), matrix
    )
    to.wrong(
        task, "channels last", (laid, laid.replace("filters.reshape", "filters.transpose(0, 2, 3, 1).reshape")), matrix
    )
    to.wrong(task, "a tensor", (laid, "return torch.tensor(filters).flatten(1).T"), matrix)
    to.wrong(task, "always float64", (laid, laid + ".astype(float)"), matrix)
    to.wrong(
        task, "nothing returned", [(last, "self.project(x)"), (laid, laid.removeprefix("return "))], [outputs, matrix]
    )
    to.right(
        task,
        "named sizes and a permute; einops by hand",
        """
class PatchEmbedding(nn.Module):
    def __init__(self, channels, width, patch):
        super().__init__()
        self.patch = patch
        self.project = nn.Conv2d(in_channels=channels, out_channels=width, kernel_size=patch, stride=(patch, patch))

    def forward(self, x):
        maps = self.project(x)
        n, d, rows, columns = maps.shape
        return maps.permute(0, 2, 3, 1).reshape(n, rows * columns, d)

def as_matrix(filters):
    d, c, p, q = filters.shape
    return np.transpose(filters.reshape(d, c * p * q))
""",
    )
    to.right(
        task,
        "the weights used on unfolded patches",
        """
class PatchEmbedding(nn.Module):
    def __init__(self, channels, width, patch):
        super().__init__()
        self.project = nn.Conv2d(channels, width, patch)

    def forward(self, x):
        patch = self.project.kernel_size[0]
        tokens = nn.functional.unfold(x, patch, stride=patch).transpose(1, 2)
        return tokens @ self.project.weight.flatten(1).T + self.project.bias

def as_matrix(filters):
    return np.stack([one.ravel() for one in filters], axis=1)
""",
    )
    to.right(
        task,
        "a sequence of layers, and loops",
        """
class PatchEmbedding(nn.Sequential):
    def __init__(self, channels, width, patch):
        super().__init__()
        self.add_module("project", nn.Conv2d(channels, width, patch, patch, 0))
        self.add_module("flat", nn.Flatten(2))

    def forward(self, x):
        return super().forward(x).swapaxes(1, 2).contiguous()

def as_matrix(filters):
    d, c, p, _ = filters.shape
    matrix = np.zeros((c * p * p, d), dtype=filters.dtype)
    for f in range(d):
        for k in range(c):
            for i in range(p):
                for j in range(p):
                    matrix[(k * p + i) * p + j, f] = filters[f, k, i, j]
    return matrix
""",
    )


def attention(to: Answers) -> None:
    task = "attention"
    soft, shares, heard = "test-softmax", "test-attention-shares", "test-attention-answers"
    both = [shares, heard]
    powers = "powers = np.exp(scores - scores.max(axis=-1, keepdims=True))"
    divided = "return powers / powers.sum(axis=-1, keepdims=True)"
    asked = "shares = softmax(q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1]))"
    last = "return shares @ v, shares"
    to.wrong(task, "nothing subtracted", (powers, "powers = np.exp(scores)"), [soft, shares])
    to.wrong(task, "the largest of all subtracted", (powers, "powers = np.exp(scores - scores.max())"), [soft, shares])
    to.wrong(task, "the mean subtracted", (powers, powers.replace("max", "mean")), [soft, shares])
    to.wrong(task, "large numbers cut off", (powers, "powers = np.exp(np.clip(scores, -700, 700))"), [soft, shares])
    to.wrong(
        task,
        "a small number in the denominator",
        (divided, divided.replace("powers.sum(axis=-1, keepdims=True)", "(powers.sum(axis=-1, keepdims=True) + 1e-3)")),
    )
    to.wrong(task, "not divided", (divided, "return powers"))
    to.wrong(task, "columns add up to 1", (divided, divided.replace("-1", "-2")))
    to.wrong(task, "everything adds up to 1", (divided, "return powers / powers.sum()"))
    to.wrong(task, "the logarithm", (divided, f"return np.log({divided.removeprefix('return ')})"))
    to.wrong(task, "the sign", (powers, "powers = np.exp(scores.min(axis=-1, keepdims=True) - scores)"))
    to.wrong(task, "always float64", (powers, "scores = scores.astype(float)\n    " + powers))
    to.wrong(
        task, "in place", (powers, "scores -= scores.max(axis=-1, keepdims=True)\n    powers = np.exp(scores)"), soft
    )
    to.wrong(
        task,
        "PyTorch's softmax",
        "import torch\n\n\ndef softmax(scores):\n    return torch.softmax(torch.tensor(scores), -1).numpy()\n\n\n"
        + to.assignment.source(task).partition("\n\n\n")[2],
    )
    to.wrong(
        task,
        "the book's attention",
        to.assignment.source(task).partition("\n\n\n")[0]
        + "\n\n\ndef attention(q, k, v):\n    from kernelbook import attention as book\n\n"
        "    return tuple(book.attention(q, k, v))\n",
        both,
    )
    to.wrong(task, "not scaled", (asked, asked.replace(" / math.sqrt(q.shape[-1])", "")), both)
    to.wrong(task, "scaled by d", (asked, asked.replace("math.sqrt(q.shape[-1])", "q.shape[-1]")), both)
    to.wrong(
        task,
        "the root of the number of tokens",
        (asked, asked.replace("math.sqrt(q.shape[-1])", "math.sqrt(k.shape[-2])")),
        both,
    )
    to.wrong(task, "the root of the values' length", (asked, asked.replace("q.shape[-1]", "v.shape[-1]")), both)
    to.wrong(task, "keys not transposed", (asked, asked.replace("np.swapaxes(k, -1, -2)", "k")), both)
    to.wrong(task, ".T, which turns all axes", (asked, asked.replace("np.swapaxes(k, -1, -2)", "k.T")), both)
    to.wrong(
        task, "keys ask queries", (asked, "shares = softmax(k @ np.swapaxes(q, -1, -2) / math.sqrt(q.shape[-1]))"), both
    )
    to.wrong(
        task,
        "softmax over those who ask",
        (asked, "shares = np.swapaxes(softmax(k @ np.swapaxes(q, -1, -2) / math.sqrt(q.shape[-1])), -1, -2)"),
        both,
    )
    to.wrong(task, "no softmax", (asked, "shares = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])"), both)
    to.wrong(task, "shares first", (last, "return shares, shares @ v"), both)
    to.wrong(task, "answers only", (last, "return shares @ v"), both)
    to.wrong(task, "values averaged the other way", (last, "return np.swapaxes(shares, -1, -2) @ v, shares"), both)
    to.wrong(task, "shares transposed", (last, "return shares @ v, np.swapaxes(shares, -1, -2)"), shares)
    to.wrong(task, "keys instead of values", (last, "return shares @ k, shares"), heard)
    to.wrong(
        task,
        "queries changed",
        (asked, "q /= math.sqrt(q.shape[-1])\n    shares = softmax(q @ np.swapaxes(k, -1, -2))"),
        both,
    )
    to.right(
        task,
        "einsum",
        """
def softmax(scores):
    z = scores - np.max(scores, -1)[..., None]
    e = np.e ** z
    return (e / np.sum(e, -1)[..., None]).astype(scores.dtype)

def attention(q, k, v):
    d = q.shape[-1]
    scores = np.einsum("...td,...sd->...ts", q, k) * d**-0.5
    shares = softmax(scores)
    return np.einsum("...ts,...sv->...tv", shares, v), shares
""",
    )
    to.right(
        task,
        "by the logarithm of the sum; queries scaled first; a list",
        """
def softmax(scores):
    top = scores.max(-1, keepdims=True)
    return np.exp(scores - top - np.log(np.exp(scores - top).sum(-1, keepdims=True)))

def attention(q, k, v):
    transposed = np.moveaxis(k, -1, -2)
    shares = softmax((q / np.sqrt(q.shape[-1], dtype=q.dtype)) @ transposed)
    return [np.matmul(shares, v), shares]
""",
    )
    to.right(
        task,
        "row by row, in loops",
        """
def softmax(scores):
    rows = scores.reshape(-1, scores.shape[-1])
    out = np.empty_like(rows)
    for i, row in enumerate(rows):
        row = np.exp(row - max(row))
        out[i] = row / row.sum()
    return out.reshape(scores.shape)

def attention(q, k, v):
    if q.ndim > 2:
        pairs = [attention(a, b, c) for a, b, c in zip(q, k, v)]
        return np.stack([p[0] for p in pairs]), np.stack([p[1] for p in pairs])
    shares = np.stack([softmax(np.array([query @ key for key in k]) / math.sqrt(len(query))) for query in q])
    shares = shares.astype(q.dtype)
    return shares @ v, shares
""",
    )


def heads(to: Answers) -> None:
    task = "heads"
    weights, one, many, joined = (f"test-heads-{name}" for name in ("weights", "one", "many", "joined"))
    layers, runs = [weights, one, many], [one, many]
    refuse = "if width % heads:"
    qkv, mix = "self.qkv = nn.Linear(width, 3 * width)", "self.mix = nn.Linear(width, width)"
    three = "q, k, v = self.qkv(x).reshape(n, tokens, 3, self.heads, small).permute(2, 0, 3, 1, 4)"
    shares = "shares = torch.softmax(q @ k.transpose(2, 3) / math.sqrt(small), 3)"
    last = "return self.mix((shares @ v).transpose(1, 2).reshape(n, tokens, width))"
    cat = 'torch.cat([state[f"{name}.{kind}"] for name in ("query", "key", "value")])'
    to.wrong(task, "any number of heads", (refuse, "if False:"), weights)
    to.wrong(
        task, "an assertion instead of a ValueError", (refuse, "assert width % heads == 0\n        if False:"), weights
    )
    to.wrong(
        task,
        "without biases",
        [
            (qkv, qkv.replace("3 * width", "3 * width, bias=False")),
            (mix, mix.replace("width, width", "width, width, bias=False")),
        ],
        layers,
    )
    to.wrong(
        task, "d / h numbers for all heads", (qkv, "self.qkv = nn.Linear(width, 3 * width // heads)"), [weights, many]
    )
    to.wrong(task, "queries only", (qkv, "self.qkv = nn.Linear(width, width)"), layers)
    to.wrong(task, "no layer that mixes", [(mix, ""), (last, last.replace("self.mix(", "("))], layers)
    to.wrong(task, "another name", [("self.mix", "self.out")], layers)
    to.wrong(
        task,
        "a separate layer for each",
        [
            (qkv, "self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))"),
            ("self.qkv(x)", "torch.cat([self.q(x), self.k(x), self.v(x)], 2)"),
        ],
        layers,
    )
    to.wrong(task, "the mixing layer not used", (last, last.replace("self.mix(", "(")), runs)
    to.wrong(task, "the root of d", (shares, shares.replace("sqrt(small)", "sqrt(width)")), many)
    to.wrong(task, "not scaled", (shares, shares.replace(" / math.sqrt(small)", "")), runs)
    to.wrong(task, "the root of the number of tokens", (shares, shares.replace("sqrt(small)", "sqrt(tokens)")), runs)
    to.wrong(
        task,
        "softmax over those who ask",
        (shares, shares.replace(", 3)\n", ", 2)\n").replace("small), 3", "small), 2")),
        runs,
    )
    to.wrong(task, "softmax over the heads", (shares, shares.replace("small), 3", "small), 1")), runs)
    to.wrong(task, "no softmax", (shares, "shares = q @ k.transpose(2, 3) / math.sqrt(small)"), runs)
    to.wrong(
        task,
        "heads before tokens by a reshape",
        (three, "q, k, v = (part.reshape(n, self.heads, tokens, small) for part in self.qkv(x).chunk(3, 2))"),
        many,
    )
    to.wrong(
        task,
        "every h-th number",
        (
            three,
            three.replace(
                "3, self.heads, small).permute(2, 0, 3, 1, 4)", "3, small, self.heads).permute(2, 0, 4, 1, 3)"
            ),
        ),
        many,
    )
    to.wrong(
        task,
        "read head by head",
        (
            three,
            three.replace(
                "3, self.heads, small).permute(2, 0, 3, 1, 4)", "self.heads, 3, small).permute(3, 0, 2, 1, 4)"
            ),
        ),
        many,
    )
    to.wrong(task, "keys first", (three, three.replace("q, k, v", "k, q, v")), runs)
    to.wrong(task, "heads side by side by a reshape", (last, last.replace(".transpose(1, 2)", "")), many)
    to.wrong(task, "one head only", (three, three.replace("self.heads, small", "1, width")), many)
    to.wrong(
        task,
        "pictures mixed",
        (three, three.replace("x)", "x.transpose(0, 1))").replace("n, tokens", "tokens, n")),
        runs,
    )
    to.wrong(task, "a shortcut inside", (last, last.replace("return ", "return x + ")), runs)
    to.wrong(task, "dropout", (shares, shares + "\n        shares = nn.functional.dropout(shares, 0.5)"), runs)
    to.wrong(
        task,
        "only the past",
        (
            shares,
            shares.replace(
                "q @ k.transpose(2, 3) /",
                "torch.triu(torch.full((tokens, tokens), -torch.inf), 1) + q @ k.transpose(2, 3) /",
            ),
        ),
        runs,
    )
    to.wrong(task, "tokens changed", (three, "x -= x.mean()\n        " + three), runs)
    to.wrong(task, "zeros", (last, last + " * 0"), runs)
    to.wrong(task, "NaN", (last, last + " * torch.nan"), runs)
    to.wrong(
        task, "nothing returned", [(last, last.removeprefix("return ")), ("    return found\n", "")], [*runs, joined]
    )
    to.wrong(task, "keys in front", (cat, cat.replace('"query", "key"', '"key", "query"')), joined)
    to.wrong(task, "values before keys", (cat, cat.replace('"key", "value"', '"value", "key"')), joined)
    to.wrong(task, "side by side", (cat, cat.replace("])", "], -1)")), joined)
    to.wrong(task, "transposed", (cat, cat.replace('{kind}"]', '{kind}"].T')), joined)
    to.wrong(task, "biases forgotten", ('for kind in ("weight", "bias"):', 'for kind in ("weight",):'), joined)
    to.wrong(task, "old names kept", ("found = {}", "found = dict(state)"), joined)
    to.wrong(task, "the dict given is changed", ("    return found\n", "    state.clear()\n    return found\n"), joined)
    to.right(
        task,
        "scaled_dot_product_attention",
        """
class SelfAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        if width % heads != 0:
            raise ValueError("no")
        self.mix = nn.Linear(width, width)
        self.qkv = nn.Linear(width, width * 3, bias=True)
        self.heads, self.small = heads, width // heads

    def forward(self, x):
        parts = [p.unflatten(2, (self.heads, self.small)).transpose(1, 2) for p in self.qkv(x).split(x.shape[2], 2)]
        return self.mix(nn.functional.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2))

def joined(state):
    return {
        "mix.bias": state["out.bias"], "mix.weight": state["out.weight"],
        "qkv.weight": torch.vstack((state["query.weight"], state["key.weight"], state["value.weight"])),
        "qkv.bias": torch.hstack((state["query.bias"], state["key.bias"], state["value.bias"])),
    }
""",
    )
    to.right(
        task,
        "one head after the other",
        """
class SelfAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        if heads * (width // heads) < width:
            raise ValueError(f"{width} / {heads}")
        self.width, self.heads = width, heads
        self.qkv, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        made, size, heard = self.qkv(x), self.width // self.heads, []
        for h in range(self.heads):
            q, k, v = (made[..., i * self.width + h * size : i * self.width + (h + 1) * size] for i in range(3))
            scores = torch.matmul(q, k.mT) * size**-0.5
            heard.append(torch.matmul(scores.softmax(-1), v))
        return self.mix(torch.cat(heard, dim=-1))

def joined(state):
    new = {}
    for name in ("weight", "bias"):
        q, k, v = state["query." + name], state["key." + name], state["value." + name]
        new["qkv." + name] = torch.cat((q, k, v), dim=0)
        new["mix." + name] = state["out." + name].clone()
    return new
""",
    )
    to.right(
        task,
        "einsum, and an OrderedDict's copy",
        """
class SelfAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        small, left = divmod(width, heads)
        if left:
            raise ValueError(left)
        self.shape = (3, heads, small)
        self.qkv = nn.Linear(width, 3 * heads * small)
        self.mix = nn.Linear(heads * small, width)

    def forward(self, x):
        made = self.qkv(x).view(*x.shape[:2], *self.shape)
        q, k, v = made[:, :, 0], made[:, :, 1], made[:, :, 2]
        shares = (torch.einsum("nthd,nshd->nhts", q, k) / self.shape[2] ** 0.5).softmax(dim=-1)
        return self.mix(torch.einsum("nhts,nshd->nthd", shares, v).flatten(start_dim=2))

def joined(state):
    d = len(state["out.bias"])
    weight, bias = torch.empty(3 * d, d), torch.empty(3 * d)
    for i, name in enumerate(["query", "key", "value"]):
        weight[i * d : (i + 1) * d], bias[i * d : (i + 1) * d] = state[f"{name}.weight"], state[f"{name}.bias"]
    new = {"qkv.weight": weight, "qkv.bias": bias}
    return new | {name.replace("out", "mix"): value for name, value in state.items() if name.startswith("out")}
""",
    )


def order(to: Answers) -> None:
    task = "order"
    positions, test, kept = "test-positions", "test-order", "test-order-kept"
    both = [test, kept]
    first = "first = np.broadcast_to(class_token, (len(tokens), 1, len(class_token)))"
    row = "return np.concatenate([first, tokens], axis=1) + positions"
    places = "places = np.concatenate([np.arange(kept), kept + order])"
    last = "return np.abs(layer(tokens[:, places]) - layer(tokens)[:, places]).max()"
    to.wrong(task, "no class token", (row, "return tokens + positions[1:]"), positions)
    to.wrong(task, "no positions", (row, "return np.concatenate([first, tokens], axis=1)"), positions)
    to.wrong(task, "the class token at the end", (row, row.replace("[first, tokens]", "[tokens, first]")), positions)
    to.wrong(
        task,
        "no position for the class token",
        (row, "return np.concatenate([first, tokens + positions[1:]], axis=1)"),
        positions,
    )
    to.wrong(
        task,
        "the patches' positions one off",
        (row, "return np.concatenate([first, tokens + positions[:-1]], axis=1)"),
        positions,
    )
    to.wrong(
        task,
        "positions put beside",
        (
            row,
            "return np.concatenate([np.concatenate([first, tokens], axis=1), np.broadcast_to(positions, "
            "(len(tokens), *positions.shape))], axis=2)",
        ),
        positions,
    )
    to.wrong(task, "positions multiplied", (row, row.replace("+ positions", "* positions")), positions)
    to.wrong(task, "for one picture", (first, "first = class_token[None, None]"), positions)
    to.wrong(
        task,
        "a token for each picture's first",
        (row, "out = tokens + positions[1:]\n    out[:, 0] = class_token\n    return out"),
        positions,
    )
    to.wrong(task, "always float64", (row, row.replace("+ positions", "+ positions.astype(float)")), positions)
    to.wrong(
        task,
        "tokens changed",
        (row, "tokens += positions[1:]\n    return np.concatenate([first + positions[0], tokens], axis=1)"),
        positions,
    )
    to.wrong(
        task,
        "compared with the answers as they were",
        (last, last.replace("layer(tokens)[:, places]", "layer(tokens)")),
        both,
    )
    to.wrong(
        task,
        "shuffled back",
        (last, last.replace("layer(tokens)[:, places]", "layer(tokens)[:, np.argsort(places)]")),
        both,
    )
    to.wrong(
        task,
        "pictures shuffled",
        (places, places + "\n    places = places % len(tokens)\n    tokens = tokens.swapaxes(0, 1)"),
        both,
    )
    to.wrong(task, "mirrored whatever the order", (places, "places = np.arange(tokens.shape[1])[::-1]"), both)
    to.wrong(task, "nothing shuffled", (places, "places = np.arange(tokens.shape[1])"), both)
    to.wrong(task, "the mean", (last, last.replace("max()", "mean()")), both)
    to.wrong(task, "no absolute value", (last, last.replace("np.abs", "")), both)
    to.wrong(task, "one number for each picture", (last, last.replace("max()", "max((1, 2))")), both)
    to.wrong(
        task,
        "the first picture only",
        (last, last.replace("- layer(tokens)[:, places])", "- layer(tokens)[:, places])[0]")),
        both,
    )
    to.wrong(task, "yes or no", (last, f"return bool({last.removeprefix('return ')} < 1e-9)"), both)
    to.wrong(
        task,
        "shuffled in place",
        (
            last,
            "plain = layer(tokens)[:, places]\n    tokens[:] = tokens[:, places]\n"
            "    return np.abs(layer(tokens) - plain).max()",
        ),
        both,
    )
    to.wrong(task, "always 0", (last, "return 0.0"), both)
    to.wrong(task, "NaN", (last, "return float('nan')"), both)
    to.wrong(task, "nothing returned", [(row, row.removeprefix("return ")), (last, last.removeprefix("return "))])
    to.wrong(task, "kept ignored", (places, "places = np.asarray(order)"), kept)
    to.wrong(task, "not counted from there", (places, places.replace("kept + order", "order")), kept)
    to.wrong(task, "the kept tokens left out", (places, "tokens = tokens[:, kept:]\n    places = order"), kept)
    to.wrong(
        task,
        "the kept answers left out",
        (last, last.replace("- layer(tokens)[:, places])", "- layer(tokens)[:, places])[:, kept:]")),
        kept,
    )
    to.right(
        task,
        "repeat, and two steps",
        """
def with_positions(tokens, class_token, positions):
    n, T, d = tokens.shape
    out = np.empty((n, T + 1, d), tokens.dtype)
    out[:, 0] = class_token + positions[0]
    out[:, 1:] = tokens + positions[1:]
    return out

def shuffle_error(layer, tokens, order, kept=0):
    def shuffled(a):
        return np.concatenate([a[:, :kept], a[:, kept:][:, order]], axis=1)

    difference = layer(shuffled(tokens)) - shuffled(layer(tokens))
    return float(np.max(np.abs(difference)))
""",
    )
    to.right(
        task,
        "loops over places",
        """
def with_positions(tokens, class_token, positions):
    rows = [np.vstack([class_token[None], picture]) for picture in tokens]
    return np.array(rows) + positions[None]

def shuffle_error(layer, tokens, order, kept=0):
    places = list(range(kept)) + [kept + int(i) for i in order]
    mixed = np.zeros_like(tokens)
    for i, place in enumerate(places):
        mixed[:, i] = tokens[:, place]
    before, after, worst = layer(tokens.copy()), layer(mixed), 0
    for i, place in enumerate(places):
        worst = max(worst, abs(after[:, i] - before[:, place]).max())
    return worst
""",
    )
    to.right(
        task,
        "tile, take, the largest of both signs",
        """
def with_positions(tokens, class_token, positions):
    token = np.tile(class_token, (len(tokens), 1))[:, None, :]
    return np.add(np.hstack([token, tokens]), positions)

def shuffle_error(layer, tokens, order, kept=0):
    places = np.arange(tokens.shape[1])
    places[kept:] = places[kept:][order]
    d = np.take(layer(tokens), places, axis=1) - layer(np.take(tokens, places, axis=1))
    return max(d.max(), -d.min())
""",
    )


def block(to: Answers) -> None:
    task = "block"
    attended, outputs = "test-block-attention", "test-block-outputs"
    runs = [attended, outputs]
    norm1, norm2 = (f"self.norm{n} = nn.LayerNorm(width, eps=1e-6)" for n in (1, 2))
    layer = "self.attention = nn.MultiheadAttention(width, heads, batch_first=True)"
    mlp = "self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))"
    normed, first = "normed = self.norm1(x)", "y = x + self.attention(normed, normed, normed)[0]"
    last = "return y + self.mlp(self.norm2(y))"
    to.wrong(task, "one norm", [(norm2, ""), ("self.norm2(y)", "self.norm1(y)")])
    to.wrong(task, "batch norm", (norm1, "self.norm1 = nn.BatchNorm1d(width)"))
    to.wrong(task, "four times the width", (mlp, mlp.replace("hidden", "4 * width")))
    to.wrong(
        task,
        "no biases in the MLP",
        (mlp, mlp.replace("hidden)", "hidden, bias=False)").replace("width))", "width, bias=False))")),
    )
    to.wrong(task, "no GELU in the sequence", (mlp, mlp.replace("nn.GELU(), ", "")))
    to.wrong(task, "no biases in attention", (layer, layer.replace("heads,", "heads, bias=False,")))
    to.wrong(task, "another name", ("self.attention", "self.attend"))
    to.wrong(task, "batch_first forgotten", (layer, layer.replace(", batch_first=True", "")), runs)
    to.wrong(task, "one head", (layer, layer.replace("width, heads", "width, 1")), runs)
    to.wrong(task, "dropout in attention", (layer, layer.replace("heads,", "heads, dropout=0.3,")), outputs)
    to.wrong(task, "dropout in the MLP", (mlp, mlp.replace("width))", "width), nn.Dropout(0.3))")), outputs)
    to.wrong(task, "the default epsilon", (", eps=1e-6)", ")"), runs)
    to.wrong(task, "the default epsilon in the second norm", (norm2, norm2.replace(", eps=1e-6", "")), outputs)
    to.wrong(task, "ReLU", (mlp, mlp.replace("GELU", "ReLU")), outputs)
    to.wrong(task, "GELU by tanh", (mlp, mlp.replace("GELU()", "GELU('tanh')")), outputs)
    to.wrong(
        task,
        "post-norm",
        [
            (normed, "normed = x"),
            (first, f"y = self.norm1({first.removeprefix('y = ')})"),
            (last, "return self.norm2(y + self.mlp(y))"),
        ],
        runs,
    )
    to.wrong(
        task,
        "norm inside both sums",
        [(first, "y = x + self.norm1(self.attention(x, x, x)[0])"), (last, "return y + self.norm2(self.mlp(y))")],
        runs,
    )
    to.wrong(task, "no first norm", (normed, "normed = x"), runs)
    to.wrong(task, "no second norm", (last, "return y + self.mlp(y)"), outputs)
    to.wrong(task, "the first norm twice", (last, last.replace("norm2", "norm1")), outputs)
    to.wrong(
        task, "norms exchanged", [(normed, "normed = self.norm2(x)"), (last, last.replace("norm2", "norm1"))], runs
    )
    to.wrong(task, "no first sum", (first, first.replace("x + ", "")), runs)
    to.wrong(task, "no second sum", (last, last.replace("y + ", "")), runs)
    to.wrong(task, "the normed tokens added", (first, first.replace("x + ", "normed + ")), runs)
    to.wrong(task, "the second normed tokens added", (last, "y = self.norm2(y)\n        return y + self.mlp(y)"), runs)
    to.wrong(task, "the MLP reads x", (last, last.replace("self.norm2(y)", "self.norm2(x)")), outputs)
    to.wrong(
        task,
        "MLP before attention",
        [(normed, "x = x + self.mlp(self.norm2(x))\n        normed = self.norm1(x)"), (last, "return y")],
        outputs,
    )
    to.wrong(task, "the shares instead of the answers", (first, first.replace("[0]", "[1]")), runs)
    to.wrong(task, "both of what attention returns", (first, first.replace("[0]", "")), runs)
    to.wrong(task, "in place", (first, "x += self.attention(normed, normed, normed)[0]\n        y = x"), runs)
    to.wrong(task, "zeros", (last, "return 0 * x"), runs)
    to.wrong(task, "nothing returned", (last, "pass"), runs)
    to.right(
        task,
        "no weights asked for; F.gelu's layer declared first",
        """
class Block(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width), nn.Identity())
        self.norm2, self.norm1 = (nn.LayerNorm([width], 0.000001) for _ in range(2))
        self.attention = nn.MultiheadAttention(embed_dim=width, num_heads=heads, dropout=0.0, batch_first=True)

    def forward(self, x):
        z = self.norm1(x)
        answers, _ = self.attention(z, z, z, need_weights=False)
        x = x + answers
        x = x + self.mlp(self.norm2(x))
        return x
""",
    )
    to.right(
        task,
        "tokens first by hand",
        """
class Block(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.attention = nn.MultiheadAttention(width, heads)
        self.mlp = nn.Sequential()
        for module in (nn.Linear(width, hidden), nn.GELU(approximate="none"), nn.Linear(hidden, width)):
            self.mlp.append(module)

    def forward(self, x):
        q = k = v = self.norm1(x).transpose(0, 1)
        y = torch.add(x, self.attention(q, k, v)[0].transpose(0, 1))
        return torch.add(y, self.mlp(self.norm2(y)))
""",
    )
    to.right(
        task,
        "branches as methods",
        """
class Block(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        norm = lambda: nn.LayerNorm(width, eps=1e-06)
        self.norm1, self.attention = norm(), nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm2, self.mlp = norm(), nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def look(self, x):
        return self.attention(query=x, key=x, value=x, average_attn_weights=False)[0]

    def forward(self, x):
        for norm, branch in ((self.norm1, self.look), (self.norm2, self.mlp)):
            x = branch(norm(x)) + x
        return x
""",
    )


def count(to: Answers) -> None:
    task = "count"
    tokens, blocks, whole = (f"test-count-{name}" for name in ("tokens", "blocks", "whole"))
    patches = "patches = (size[0] // patch) * (size[1] // patch)"
    attention, mlp, norms = "4 * width * (width + 1)", "mlp = 2 * width * hidden + hidden + width", "norms = 4 * width"
    embed, places = "width * (channels * patch**2 + 1)", "width * (patches + 2 * class_token)"
    times, head = "blocks * (attention + mlp + norms)", "2 * width + classes * (width + 1)"
    end = f"{head},\n    }}"
    to.wrong(task, "square pictures only", (patches, patches.replace("size[1]", "size[0]")), [tokens])
    to.wrong(task, "pixels instead of patches", (patches, "patches = size[0] * size[1]"), [tokens, whole])
    to.wrong(task, "floats", (patches, "patches = (size[0] / patch) * (size[1] / patch)"), [tokens, whole])
    to.wrong(task, "embedding without bias", (embed, "width * channels * patch**2"), [tokens, whole])
    to.wrong(task, "grey patches", (embed, "width * (patch**2 + 1)"), [tokens, whole])
    to.wrong(task, "one side of the patch", (embed, embed.replace("patch**2", "patch")), [tokens, whole])
    to.wrong(task, "a bias for each number read", (embed, "(width + 1) * channels * patch**2"), [tokens, whole])
    to.wrong(task, "the class token itself forgotten", (places, "width * (patches + class_token)"), [tokens, whole])
    to.wrong(task, "positions of the patches only", (places, "width * patches"), [tokens, whole])
    to.wrong(task, "a class token always", (places, "width * (patches + 2)"), tokens)
    to.wrong(
        task,
        "linear layers without bias",
        [(attention, "4 * width * width"), (mlp, "mlp = 2 * width * hidden")],
        [blocks, whole],
    )
    to.wrong(task, "no biases in attention", (attention, "4 * width * width"), [blocks, whole])
    to.wrong(task, "no biases in the MLP", (mlp, "mlp = 2 * width * hidden"), [blocks, whole])
    to.wrong(task, "the mixing layer forgotten", (attention, attention.replace("4", "3")), [blocks, whole])
    to.wrong(task, "each head as wide as the tokens", (attention, "4 * heads * width * (width + 1)"), [blocks, whole])
    to.wrong(task, "heads divide the weights", (attention, "4 * width * (width + 1) // heads"), [blocks, whole])
    to.wrong(task, "an MLP of four widths", (mlp, "mlp = 8 * width**2 + 5 * width"), blocks)
    to.wrong(task, "one layer in the MLP", (mlp, "mlp = width * hidden + hidden"), [blocks, whole])
    to.wrong(task, "norms forgotten", (norms, "norms = 0"), [blocks, whole])
    to.wrong(task, "one norm a block", (norms, "norms = 2 * width"), [blocks, whole])
    to.wrong(task, "one block", (times, "attention + mlp + norms"), [blocks, whole])
    to.wrong(task, "the last norm forgotten", (end, end.replace("2 * width + ", "")), whole)
    to.wrong(task, "the head without bias", (end, end.replace("(width + 1)", "width")), whole)
    to.wrong(
        task,
        "the head reads all tokens",
        (end, end.replace("classes * (width + 1)", "classes * (width * (patches + 1) + 1)")),
        whole,
    )
    to.wrong(task, "a list of four", (end, f"{end}.values()"), [tokens, blocks, whole])
    to.wrong(task, "other keys", ('"embedding"', '"patches"'), [tokens, blocks, whole])
    to.wrong(task, "nothing returned", ("    return {", "    found = {"))
    to.right(
        task,
        "layers on the device meta",
        """
def vit_parameters(size, patch, channels, width, blocks, hidden, heads, classes, class_token=True):
    def learned(*layers):
        return sum(p.numel() for layer in layers for p in layer.parameters())

    with torch.device("meta"):
        T = size[0] * size[1] // patch**2 + int(class_token)
        norms = [nn.LayerNorm(width) for _ in range(3)]
        one = learned(*norms[:2], nn.MultiheadAttention(width, 1), nn.Linear(width, hidden), nn.Linear(hidden, width))
        return {
            "embedding": learned(nn.Conv2d(channels, width, patch)),
            "tokens": T * width + (width if class_token else 0),
            "blocks": one * blocks,
            "head": learned(norms[2], nn.Linear(width, classes)),
        }
""",
    )
    to.right(
        task,
        "linear layers by a function",
        """
def dense(a, b):
    return a * b + b

def vit_parameters(size, patch, channels, width, blocks, hidden, heads, classes, class_token=True):
    H, W = size
    positions = (H // patch) * (W // patch)
    extra = 0
    if class_token:
        positions, extra = positions + 1, width
    norm = width + width
    block = norm + dense(width, 3 * width) + dense(width, width) + norm + dense(width, hidden) + dense(hidden, width)
    return dict(
        head=norm + dense(width, classes), blocks=sum(block for _ in range(blocks)),
        tokens=positions * width + extra, embedding=dense(channels * patch * patch, width),
    )
""",
    )
    to.right(
        task,
        "NumPy's integers, key by key",
        """
def vit_parameters(size, patch, channels, width, blocks, hidden, heads, classes, class_token=True):
    found = {"embedding": width, "tokens": 0, "blocks": 0, "head": 0}
    found["embedding"] += width * channels * patch * patch
    found["tokens"] = np.prod(np.array(size) // patch) * width
    if class_token:
        found["tokens"] += 2 * width
    for _ in range(blocks):
        found["blocks"] += 4 * width**2 + 2 * width * hidden + 9 * width + hidden
    found["head"] = (2 + classes) * width + classes
    return found
""",
    )


def work(to: Answers) -> None:
    task = "work"
    linear, quadratic, crossing = (f"test-work-{name}" for name in ("linear", "quadratic", "crossing"))
    both = [linear, quadratic]
    first = "linear = tokens * (4 * width**2 + 2 * width * hidden)"
    last = "return linear, 2 * tokens**2 * width"
    equal, side = "tokens = 2 * width + hidden", "return tokens, patch * math.ceil(math.sqrt(tokens - 1))"
    to.wrong(task, "an MLP of four widths", (first, "linear = 12 * tokens * width**2"), linear)
    to.wrong(task, "the mixing layer forgotten", (first, first.replace("4 *", "3 *")), linear)
    to.wrong(task, "the MLP forgotten", (first, "linear = 4 * tokens * width**2"), linear)
    to.wrong(task, "attention's layers forgotten", (first, "linear = 2 * tokens * width * hidden"), linear)
    to.wrong(task, "for one token", (first, first.replace("tokens * ", "")), linear)
    to.wrong(task, "biases counted", (first, first.replace("hidden)", "hidden + hidden + 5 * width)")), linear)
    to.wrong(
        task,
        "FLOPs",
        [(first, first.replace("tokens *", "2 * tokens *")), (last, last.replace("2 * tokens", "4 * tokens"))],
        both,
    )
    to.wrong(task, "one of the two products", (last, last.replace("2 * tokens", "tokens")), quadratic)
    to.wrong(task, "pairs only", (last, "return linear, tokens**2"), quadratic)
    to.wrong(task, "one multiply-add for each pair", (last, "return linear, 2 * tokens**2"), quadratic)
    to.wrong(task, "the square of the width", (last, last.replace("tokens**2 * width", "tokens * width**2")), quadratic)
    to.wrong(task, "half of the pairs", (last, "return linear, tokens * (tokens + 1) * width"), quadratic)
    to.wrong(task, "exchanged", (last, "return 2 * tokens**2 * width, linear"), both)
    to.wrong(task, "the sum", (last, "return linear + 2 * tokens**2 * width"), both)
    to.wrong(
        task,
        "floats",
        [(first, first.replace("tokens *", "1.0 * tokens *")), (last, last.replace("2 *", "2.0 *"))],
        both,
    )
    to.wrong(task, "6 d", (equal, "tokens = 6 * width"), crossing)
    to.wrong(task, "one quadratic product", (equal, "tokens = 2 * (2 * width + hidden)"), crossing)
    to.wrong(task, "one token more", (equal, equal + " + 1"), crossing)
    to.wrong(task, "one token less", (equal, equal + " - 1"), crossing)
    to.wrong(task, "hard-coded", (equal, "tokens = 4608"), crossing)
    to.wrong(task, "the class token forgotten", (side, side.replace("tokens - 1", "tokens")), crossing)
    to.wrong(task, "the class token added", (side, side.replace("tokens - 1", "tokens + 1")), crossing)
    to.wrong(task, "rounded down", (side, side.replace("math.ceil", "int")), crossing)
    to.wrong(task, "rounded", (side, side.replace("math.ceil", "round")), crossing)
    to.wrong(task, "in patches", (side, side.replace("patch * ", "")), crossing)
    to.wrong(task, "between two patches", (side, "return tokens, math.ceil(patch * math.sqrt(tokens - 1))"), crossing)
    to.wrong(task, "no root", (side, "return tokens, patch * (tokens - 1)"), crossing)
    to.wrong(task, "nothing returned", [(last, "pass"), (side, "pass")])
    to.right(
        task,
        "layer by layer",
        """
def block_work(tokens, width, hidden):
    T, d = tokens, width
    qkv, mix, up, down = 3 * T * d * d, T * d * d, T * d * hidden, T * hidden * d
    fits, averages = T * T * d, T * T * d
    return qkv + mix + up + down, fits + averages

def crossing(width, hidden, patch):
    tokens = (4 * width**2 + 2 * width * hidden) // (2 * width)
    side = patch
    while (side // patch) ** 2 + 1 < tokens:
        side += patch
    return tokens, side
""",
    )
    to.right(
        task,
        "searched with the other function",
        """
def block_work(tokens, width, hidden):
    each = sum(a * b for a, b in [(width, 3 * width), (width, width), (width, hidden), (hidden, width)])
    return [tokens * each, tokens * tokens * (width + width)]

def crossing(width, hidden, patch):
    tokens = 1
    while True:
        linear, quadratic = block_work(tokens, width, hidden)
        if quadratic >= linear:
            break
        tokens += 1
    rows = 1
    while rows * rows + 1 < tokens:
        rows += 1
    return [tokens, rows * patch]
""",
    )
    to.right(
        task,
        "isqrt, and NumPy's integers",
        """
def block_work(tokens, width, hidden):
    layers = np.array([4 * width, 2 * hidden])
    return tokens * width * layers.sum(), np.int64(2 * width) * tokens**2

def crossing(width, hidden, patch):
    tokens = hidden + width + width
    rows = math.isqrt(tokens - 2) + 1
    return np.int64(tokens), np.int64(patch * rows)
""",
    )


def resize(to: Answers) -> None:
    task = "resize"
    oblong = "test-resize-oblong"
    maps = "maps = positions[1:].T.unflatten(1, old)"
    stretch = 'maps = nn.functional.interpolate(maps[None], new, mode="bilinear").squeeze(0)'
    last = "return torch.cat([positions[:1], maps.flatten(1).T])"
    to.wrong(
        task,
        "a list stretched, class token and all",
        (maps, "return nn.functional.interpolate(positions.T[None], 1 + new[0] * new[1], mode='linear')[0].T"),
    )
    to.wrong(
        task,
        "a list of patches stretched",
        (
            maps,
            "return torch.cat([positions[:1], nn.functional.interpolate(positions[1:].T[None], new[0] * new[1], "
            "mode='linear')[0].T])",
        ),
    )
    to.wrong(task, "a reshape without a transpose", (maps, "maps = positions[1:].reshape(-1, *old)"))
    to.wrong(
        task,
        "a reshape without a transpose at the end",
        (last, "return torch.cat([positions[:1], maps.reshape(-1, len(maps))])"),
    )
    to.wrong(task, "no class token", (last, "return maps.flatten(1).T"))
    to.wrong(task, "the class token at the end", (last, "return torch.cat([maps.flatten(1).T, positions[:1]])"))
    to.wrong(task, "the class token as the first patch", [(maps, maps.replace("[1:]", "[:-1]"))])
    to.wrong(task, "the nearest", (stretch, stretch.replace(', mode="bilinear"', "")))
    to.wrong(task, "bicubic", (stretch, stretch.replace("bilinear", "bicubic")))
    to.wrong(task, "corners aligned", (stretch, stretch.replace('"bilinear"', '"bilinear", align_corners=True')))
    to.wrong(task, "antialias", (stretch, stretch.replace('"bilinear"', '"bilinear", antialias=True')))
    to.wrong(task, "not stretched", (stretch, ""))
    to.wrong(
        task,
        "the first ones kept, zeros for the rest",
        (
            maps,
            "out = torch.zeros(1 + new[0] * new[1], positions.shape[1])\n    m = min(len(out), len(positions))\n"
            "    out[:m] = positions[:m]\n    return out",
        ),
    )
    to.wrong(task, "down the columns", (last, last.replace("maps.flatten", "maps.transpose(1, 2).flatten")))
    to.wrong(task, "old rows and columns exchanged", (maps, maps.replace("old", "old[::-1]")), oblong)
    to.wrong(task, "new rows and columns exchanged", (stretch, stretch.replace("new", "new[::-1]")), oblong)
    to.wrong(task, "a square assumed", (maps, maps.replace("old", "(round((len(positions) - 1) ** 0.5), -1)")), oblong)
    to.wrong(task, "new squares only", (stretch, stretch.replace("new", "(new[0], new[0])")), oblong)
    to.wrong(task, "an array", (last, last + ".numpy()"))
    to.wrong(task, "always float32", (last, last + ".float()"))
    to.wrong(task, "positions changed", (maps, maps + "\n    positions *= 2"))
    to.wrong(task, "NaN", (last, last + " * torch.nan"))
    to.wrong(task, "nothing returned", (last, last.removeprefix("return ")))
    to.right(
        task,
        "permute there and back",
        """
def resize_positions(positions, old, new):
    first, rest = positions[:1], positions[1:]
    d = positions.shape[-1]
    grid = rest.reshape(1, old[0], old[1], d).permute(0, 3, 1, 2)
    grid = nn.functional.interpolate(grid, size=tuple(new), mode="bilinear", align_corners=False)
    return torch.cat((first, grid.permute(0, 2, 3, 1).reshape(-1, d)), dim=0)
""",
    )
    to.right(
        task,
        "a module, and one number after the other",
        """
def resize_positions(positions, old, new):
    columns = [positions[:, [0]]]
    stretch = nn.Upsample(size=new, mode="bilinear")
    out = []
    for numbers in positions.T:
        maps = stretch(numbers[1:].reshape(1, 1, *old))
        out.append(torch.cat([numbers[:1], maps.flatten()]))
    return torch.stack(out, dim=1)
""",
    )
    to.right(
        task,
        "by hand: two matrices of weights",
        """
def weights(a, b, dtype):
    w = torch.zeros(b, a, dtype=dtype)
    for i in range(b):
        place = min(max((i + 0.5) * a / b - 0.5, 0), a - 1)
        low = min(int(place), a - 1)
        high = min(low + 1, a - 1)
        w[i, low] += 1 - (place - low)
        w[i, high] += place - low
    return w

def resize_positions(positions, old, new):
    grid = positions[1:].unflatten(0, old)
    rows, columns = (weights(a, b, positions.dtype) for a, b in zip(old, new))
    return torch.cat([positions[:1], torch.einsum("ia,jb,abd->ijd", rows, columns, grid).flatten(0, 1)])
""",
    )
