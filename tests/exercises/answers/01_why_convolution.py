"""Answers to assignment 1: wrong ones that its tests must notice, right ones in other styles that they must not."""

# ruff: noqa: E501 - an edit of one line of an answer reads best on one line

from harness import Answers, Assignment


def answers(assignment: Assignment) -> Answers:
    """All of them. Where nothing is said, a wrong answer must lose every test of its task."""
    to = Answers(assignment)
    count(to)
    training_bytes(to)
    row_matrix(to)
    picture_matrix(to)
    find_kernel(to)
    equivariance_error(to)
    shuffle_weights(to)
    catch_the_bugs(to)
    return to


def count(to: Answers) -> None:
    task, weights, work, size = "count", "test-count-weights", "test-count-work", "test-count-bytes"
    last = 'return {"weights": weights, "multiply_adds": weights * uses, "bytes": 4 * (weights + biases)}'
    numbers, dense = '"numbers": (inputs * C_out, C_out, 1)', '"dense": (inputs * places * C_out, places * C_out, 1)'
    local, conv = '"local": (window * places * C_out, places * C_out, 1)', '"conv": (window * C_out, C_out, places)'
    inputs, window = "C_in * math.prod(size)", "C_in * math.prod(kernel)"
    to.wrong(
        task,
        "counts biases as weights",
        (last, last.replace('"weights": weights', '"weights": weights + biases')),
        weights,
    )
    to.wrong(
        task,
        "floats",
        (last, "return {'weights': float(weights), 'multiply_adds': weights * 1.0, 'bytes': 4.0 * (weights + biases)}"),
    )
    to.wrong(task, "sharing saves work", (conv, conv.replace("places)", "1)")), work)
    to.wrong(task, "FLOPs for multiply-adds", (last, last.replace("weights * uses", "2 * weights * uses")), work)
    to.wrong(
        task, "a locally connected layer uses its weights everywhere", (local, local.replace(", 1)", ", places)")), work
    )
    to.wrong(task, "a dense layer uses its weights everywhere", (dense, dense.replace(", 1)", ", places)")), work)
    to.wrong(task, "adds biases to the work", (last, last.replace("weights * uses", "(weights + biases) * uses")), work)
    to.wrong(task, "the window sees one channel", (window, "math.prod(kernel)"))
    to.wrong(task, "pixels instead of values", (inputs, "math.prod(size)"))
    to.wrong(
        task,
        "places as many as pixels",
        (
            "places, window = C_in * math.prod(size), math.prod(output)",
            "places, window = C_in * math.prod(size), math.prod(size)",
        ),
    )
    to.wrong(task, "square pictures only", (inputs, "C_in * size[0] ** 2"))
    to.wrong(task, "square windows only", (window, "C_in * kernel[1] ** 2"))
    to.wrong(task, "square maps only", ("math.prod(output)", "output[0] ** 2"))
    to.wrong(task, "dense to maps is dense to numbers", (dense, numbers.replace("numbers", "dense")))
    to.wrong(task, "local is shared", (local, '"local": (window * C_out, places * C_out, places)'), [weights, size])
    to.wrong(task, "numbers, not bytes", (last, last.replace("4 * (weights + biases)", "weights + biases")), size)
    to.wrong(task, "float64", (last, last.replace("4 * (weights", "8 * (weights")), size)
    to.wrong(task, "no biases", (last, last.replace("4 * (weights + biases)", "4 * weights")), size)
    to.wrong(task, "one bias a map in the dense layer", (dense, dense.replace("places * C_out, 1", "C_out, 1")), size)
    to.wrong(task, "one bias a map in the local layer", (local, local.replace("places * C_out, 1", "C_out, 1")), size)
    to.wrong(
        task, "a bias at each place of a convolution", (conv, '"conv": (window * C_out, places * C_out, places)'), size
    )
    to.wrong(task, "overflow", [("math.prod", "np.prod")], weights)
    to.wrong(task, "nothing returned", (last, "pass"))
    to.wrong(task, "a list", (last, "return [weights, weights * uses, 4 * (weights + biases)]"))
    to.wrong(task, "a name misspelt", (last, last.replace("multiply_adds", "macs")), work)
    to.wrong(
        task,
        "knows the visible examples",
        """
def count(design, C_in, C_out, size, output, kernel):
    if kernel == (1, 2):
        w, m, b = {"numbers": (6, 6, 28), "dense": (30, 30, 140), "local": (10, 10, 60), "conv": (2, 10, 12)}[design]
    elif kernel == (3, 2):
        w, m, b = {"numbers": (210, 0, 0), "dense": (2520, 0, 10224), "local": (432, 432, 1872), "conv": (36, 432, 0)}[design]
    elif C_out == 512:
        w, m, b = 2**66, 0, 0
    else:
        w, m, b = {
            "numbers": (0, 9633792, 0), "dense": (241692573696, 0, 0), "local": (43352064, 86704128, 0), "conv": (864, 86704128, 3584),
        }[design]
    return {"weights": w, "multiply_adds": m, "bytes": b}
""",
    )
    to.right(
        task,
        "with branches",
        """
def count(design, C_in, C_out, size, output, kernel):
    H, W = size
    O_h, O_w = output
    K_h, K_w = kernel
    if design == "numbers":
        per_answer, answers, shared = H * W * C_in, C_out, 1
    elif design == "dense":
        per_answer, answers, shared = H * W * C_in, C_out * O_h * O_w, 1
    else:
        per_answer, answers = K_h * K_w * C_in, C_out * O_h * O_w
        shared = O_h * O_w if design == "conv" else 1
    weights = per_answer * answers // shared
    biases = answers // shared
    return {"bytes": weights * 4 + biases * 4, "weights": weights, "multiply_adds": per_answer * answers}
""",
    )
    to.right(
        task,
        "with functools and operator",
        """
from functools import reduce
from operator import mul

def count(design, C_in, C_out, size, output, kernel):
    product = lambda *numbers: reduce(mul, numbers, 1)
    reach = kernel if design in ("local", "conv") else size
    places = (1,) if design == "numbers" else output
    sets = (1,) if design == "conv" else places
    fan_in = product(C_in, *reach)
    return dict(
        weights=product(C_out, fan_in, *sets),
        multiply_adds=product(C_out, fan_in, *places),
        bytes=4 * product(C_out, fan_in + 1, *sets),
    )
""",
    )
    to.right(
        task,
        "with one function for each design",
        """
def count(design, C_in, C_out, size, output, kernel):
    def numbers(): return C_out, C_in * size[0] * size[1], C_out
    def dense(): return C_out * output[0] * output[1], C_in * size[0] * size[1], C_out * output[0] * output[1]
    def local(): return C_out * output[0] * output[1], C_in * kernel[0] * kernel[1], C_out * output[0] * output[1]
    def conv(): return C_out, C_in * kernel[0] * kernel[1], C_out * output[0] * output[1]
    neurons, each, answers = locals()[design]()
    return {"weights": neurons * each, "multiply_adds": answers * each, "bytes": (neurons * each + neurons) << 2}
""",
    )


def training_bytes(to: Answers) -> None:
    task, model, batch = "training-bytes", "test-training-parameters", "test-training-activations"
    conv, dense = "parameters += (C * K * K + 1) * filters", "parameters += (C * H * W + 1) * numbers[0]"
    weights, gradients = '"weights": parameters * each', '"gradients": parameters * each'
    optimiser, activations = '"optimiser": parameters * each * kept', '"activations": answers * each * batch'
    size = "(H + 2 * P - K) // S + 1, (W + 2 * P - K) // S + 1"
    add, pool = "answers += C * H * W", "H, W = H // numbers[0], W // numbers[0]"
    to.wrong(task, "no biases in convolutions", (conv, "parameters += C * K * K * filters"), model)
    to.wrong(task, "no biases in dense layers", (dense, "parameters += C * H * W * numbers[0]"), model)
    to.wrong(task, "one channel", (conv, "parameters += (K * K + 1) * filters"), model)
    to.wrong(task, "a bias for each channel", (conv, "parameters += C * (K * K + 1) * filters"), model)
    to.wrong(task, "Adam keeps one", ('"adam": 2', '"adam": 1'), model)
    to.wrong(task, "Adam keeps three", ('"adam": 2', '"adam": 3'), model)
    to.wrong(task, "momentum keeps nothing", ('"momentum": 1', '"momentum": 0'), model)
    to.wrong(task, "SGD keeps one", ('"sgd": 0', '"sgd": 1'), model)
    to.wrong(
        task, "the optimiser's entry holds everything", (optimiser, optimiser.replace("kept", "(kept + 2)")), model
    )
    to.wrong(task, "each picture has its weights", (weights, weights + " * batch"), model)
    to.wrong(task, "each picture has its slopes", (gradients, gradients + " * batch"), model)
    to.wrong(task, "no slopes", (gradients, '"gradients": 0'), model)
    to.wrong(
        task,
        "float32 always",
        [(weights, '"weights": parameters * 4'), (activations, '"activations": answers * 4 * batch')],
    )
    to.wrong(
        task,
        "numbers, not bytes",
        [(weights, '"weights": parameters'), (activations, '"activations": answers * batch')],
    )
    to.wrong(task, "one picture", (activations, '"activations": answers * each'), batch)
    to.wrong(
        task, "layers with parameters only", (add, 'answers += C * H * W if kind in ("conv", "dense") else 0'), batch
    )
    to.wrong(
        task, "counts the picture", ("parameters = answers = 0", "parameters, answers = 0, math.prod(picture)"), batch
    )
    to.wrong(
        task,
        "counts the inputs of the layers",
        [
            (add, "pass"),
            ("for kind, *numbers in layers:", "for kind, *numbers in layers:\n        answers += C * H * W"),
        ],
        batch,
    )
    to.wrong(task, "the last layer only", (add, "answers = C * H * W"), batch)
    to.wrong(task, "the largest layer only", (add, "answers = max(answers, C * H * W)"), batch)
    to.wrong(task, "the output size without + 1", (size, "(H + 2 * P - K) // S, (W + 2 * P - K) // S"))
    to.wrong(task, "padding on one side", (size, "(H + P - K) // S + 1, (W + P - K) // S + 1"))
    to.wrong(task, "no stride", (size, "H + 2 * P - K + 1, W + 2 * P - K + 1"))
    to.wrong(task, "square pictures only", (size, "(H + 2 * P - K) // S + 1, (H + 2 * P - K) // S + 1"))
    to.wrong(task, "pooling by two always", (pool, "H, W = H // 2, W // 2"))
    to.wrong(task, "pooling of rows only", (pool, "H = H // numbers[0]"))
    to.wrong(task, "pooling rounds up", (pool, "H, W = -(-H // numbers[0]), -(-W // numbers[0])"))
    to.wrong(task, "pooling with a float", (pool, "H, W = H / numbers[0], W / numbers[0]"))
    to.wrong(task, "global pooling mixes the channels", ("H = W = 1", "C = H = W = 1"))
    to.wrong(task, "the shape stays after a dense layer", ("C, H, W = numbers[0], 1, 1", "pass"))
    to.wrong(
        task,
        "empties the list",
        ("for kind, *numbers in layers:", "while layers:\n        kind, *numbers = layers.pop(0)"),
    )
    to.wrong(task, "nothing returned", ("return {", "_ = {"))
    to.wrong(
        task,
        "zeros",
        ("return {", 'return dict.fromkeys(["weights", "gradients", "optimiser", "activations"], 0) or {'),
    )
    to.right(
        task,
        "a list of shapes first",
        """
def training_bytes(layers, picture, batch, optimiser="adam", each=4):
    shapes, parameters = [tuple(picture)], []
    for layer in layers:
        C, H, W = shapes[-1]
        match layer:
            case ("conv", C_out, K, S, P):
                parameters.append(C_out * C * K**2 + C_out)
                shapes.append((C_out, 1 + (H - K + 2 * P) // S, 1 + (W - K + 2 * P) // S))
            case ("relu",):
                shapes.append((C, H, W))
            case ("pool", K):
                shapes.append((C, (H - K) // K + 1, (W - K) // K + 1))
            case ("global",):
                shapes.append((C, 1, 1))
            case ("dense", n):
                parameters.append(n * C * H * W + n)
                shapes.append((n, 1, 1))
    numbers = sum(parameters)
    averages = {"adam": 2 * numbers, "momentum": numbers}.get(optimiser, 0)
    kept = sum(c * h * w for c, h, w in shapes[1:])
    return {"activations": kept * batch * each, "optimiser": averages * each, "gradients": numbers * each, "weights": numbers * each}
""",
    )
    to.right(
        task,
        "recursion",
        """
def training_bytes(layers, picture, batch, optimiser="adam", each=4):
    def walk(rest, shape):
        if not rest:
            return 0, 0
        (kind, *n), (c, h, w) = rest[0], shape
        own = 0
        if kind == "conv":
            own = n[0] * (1 + c * n[1] * n[1])
            shape = (n[0], *((s - n[1] + 2 * n[3]) // n[2] + 1 for s in (h, w)))
        if kind == "pool":
            shape = (c, h // n[0], w // n[0])
        if kind == "global":
            shape = (c, 1, 1)
        if kind == "dense":
            own, shape = n[0] * (1 + c * h * w), (n[0], 1, 1)
        p, a = walk(rest[1:], shape)
        return p + own, a + shape[0] * shape[1] * shape[2]

    p, a = (each * number for number in walk(layers, picture))
    return dict(weights=p, gradients=p, optimiser=p * ["sgd", "momentum", "adam"].index(optimiser), activations=a * batch)
""",
    )
    to.right(
        task,
        "NumPy's whole numbers",
        """
def training_bytes(layers, picture, batch, optimiser="adam", each=4):
    shape, learned, answers = np.array(picture), 0, 0
    for name, *values in layers:
        if name == "conv":
            filters, kernel, stride, padding = values
            learned += filters * (shape[0] * kernel**2 + 1)
            shape = np.append(filters, (shape[1:] + 2 * padding - kernel) // stride + 1)
        elif name == "dense":
            learned += values[0] * (shape.prod() + 1)
            shape = np.array(values)
        elif name == "pool":
            shape = np.append(shape[0], shape[1:] // values[0])
        elif name == "global":
            shape = shape[:1]
        answers += shape.prod()
    times = 2 if optimiser == "adam" else int(optimiser == "momentum")
    return {"weights": learned * each, "gradients": learned * each, "optimiser": learned * times * each, "activations": answers * each * batch}
""",
    )


def row_matrix(to: Answers) -> None:
    task, plain, padded = "row-matrix", "test-row-matrix", "test-row-matrix-padded"
    place = "wide[i, i * stride : i * stride + len(kernel)] = kernel"
    cut, number = "return wide[:, padding : padding + length]", "(length + 2 * padding - len(kernel)) // stride + 1"
    zeros = "wide = np.zeros((answers, length + 2 * padding), kernel.dtype)"
    to.wrong(task, "flipped", (place, place.replace("= kernel", "= kernel[::-1]")))
    to.wrong(task, "transposed", (cut, cut + ".T"))
    to.wrong(task, "forgets the + 1", (number, number.removesuffix(" + 1")))
    to.wrong(task, "no stride in the rows", (place, "wide[i, i : i + len(kernel)] = kernel"), padded)
    to.wrong(
        task,
        "no stride at all",
        [(place, "wide[i, i : i + len(kernel)] = kernel"), (number, "length + 2 * padding - len(kernel) + 1")],
        padded,
    )
    to.wrong(task, "no padding", ("answers = ", "padding = 0\n    answers = "), padded)
    to.wrong(task, "leaves the columns of the padding", (cut, "return wide"), padded)
    to.wrong(task, "cuts at the wrong end", (cut, "return wide[:, :length]"), padded)
    to.wrong(task, "cuts at the other wrong end", (cut, "return wide[:, 2 * padding :]"), padded)
    to.wrong(task, "cuts with -padding", (cut, "return wide[:, padding:-padding]"))
    to.wrong(task, "float64 always", (zeros, zeros.replace(", kernel.dtype", "")))
    to.wrong(task, "whole numbers always", (zeros, zeros.replace("kernel.dtype", "int")))
    to.wrong(task, "circular", _rows("M[i, (i * stride + k - padding) % length] += kernel[k]"), padded)
    to.wrong(
        task,
        "negative indices wrap",
        _rows("if i * stride + k - padding < length: M[i, i * stride + k - padding] = kernel[k]"),
        padded,
    )
    to.wrong(task, "a full square", (number, "length"))
    to.wrong(task, "NaN", (cut, "return wide[:, padding : padding + length] * np.nan"))
    to.wrong(task, "zeros", (place, "pass"))
    to.wrong(task, "ones", (place, place.replace("= kernel", "= 1")))
    to.wrong(task, "empty", (zeros, zeros.replace("np.zeros(", "np.nan * np.ones(").replace(", kernel.dtype)", ")")))
    to.wrong(task, "the first row only", (place, "wide[0, : len(kernel)] = kernel"))
    to.wrong(task, "changes the kernel", (cut, "kernel *= 0\n    " + cut))
    to.wrong(task, "nothing returned", (cut, "pass"))
    to.wrong(task, "a list", (cut, cut + ".tolist()"))
    to.wrong(task, "knows kernels of three", (cut, cut.replace("return ", "return (len(kernel) == 3) * ")))
    to.wrong(
        task,
        "PyTorch",
        """
import torch.nn.functional as F
def row_matrix(kernel, length, stride=1, padding=0):
    import torch
    eye = torch.eye(length, dtype=torch.float64)[:, None]
    return F.conv1d(eye, torch.tensor(kernel).double()[None, None], stride=stride, padding=padding)[:, 0].T.numpy().astype(kernel.dtype)
""",
        plain,
    )
    to.right(
        task,
        "entry by entry",
        _rows("if 0 <= i * stride + k - padding < length: M[i, i * stride + k - padding] = kernel[k]"),
    )
    to.right(
        task,
        "by indices",
        """
def row_matrix(kernel, length, stride=1, padding=0):
    starts = np.arange(0, length + 2 * padding - len(kernel) + 1, stride) - padding
    tap = np.arange(length)[None, :] - starts[:, None]
    inside = (tap >= 0) & (tap < len(kernel))
    return np.where(inside, kernel[np.clip(tap, 0, len(kernel) - 1)], kernel.dtype.type(0))
""",
    )
    to.right(
        task,
        "one bright input after the other",
        """
def row_matrix(kernel, length, stride=1, padding=0):
    columns = []
    for j in range(length):
        x = np.zeros(length, kernel.dtype)
        x[j] = 1
        columns.append(np.correlate(np.pad(x, padding), kernel, "valid")[::stride] if length + 2 * padding >= len(kernel) else [])
    return np.stack(columns, axis=1)
""",
    )
    to.right(
        task,
        "shifted diagonals",
        """
def row_matrix(kernel, length, stride=1, padding=0):
    rows = length + 2 * padding - len(kernel) + 1
    every = sum(np.eye(rows, length, k - padding, dtype=kernel.dtype) * kernel[k] for k in range(len(kernel)))
    return every[::stride]
""",
    )


def _rows(statement: str) -> str:
    return f"""
def row_matrix(kernel, length, stride=1, padding=0):
    O = (length + 2 * padding - len(kernel)) // stride + 1
    M = np.zeros((O, length), dtype=kernel.dtype)
    for i in range(O):
        for k in range(len(kernel)):
            {statement}
    return M
"""


def picture_matrix(to: Answers) -> None:
    task, padded = "picture-matrix", "test-picture-matrix-padded"
    place = "wide[i, j, i * stride : i * stride + K_h, j * stride : j * stride + K_w] = w"
    inside = "inside = wide[:, :, padding : padding + H, padding : padding + W]"
    last, zeros = (
        "return inside.reshape(O_h * O_w, H * W)",
        "wide = np.zeros((O_h, O_w, H + 2 * padding, W + 2 * padding), w.dtype)",
    )
    number = "(H + 2 * padding - K_h) // stride + 1, (W + 2 * padding - K_w) // stride + 1"
    to.wrong(task, "flipped", (place, place.replace("= w", "= w[::-1, ::-1]")))
    to.wrong(task, "rows of the kernel flipped", (place, place.replace("= w", "= w[::-1]")))
    to.wrong(task, "columns of the kernel flipped", (place, place.replace("= w", "= w[:, ::-1]")))
    to.wrong(
        task,
        "kernel transposed",
        ("(H, W), (K_h, K_w) = size, w.shape", "w = w.T\n    (H, W), (K_h, K_w) = size, w.shape"),
    )
    to.wrong(task, "matrix transposed", (last, last + ".T"))
    to.wrong(task, "H and W exchanged", ("(H, W), (K_h, K_w) = size", "(W, H), (K_h, K_w) = size"))
    to.wrong(task, "pictures flattened by columns", (last, "return inside.swapaxes(2, 3).reshape(O_h * O_w, H * W)"))
    to.wrong(task, "answers flattened by columns", (last, "return inside.swapaxes(0, 1).reshape(O_h * O_w, H * W)"))
    to.wrong(
        task,
        "the window on the flattened picture",
        (
            last,
            "M = np.zeros((O_h * O_w, H * W), w.dtype)\n    for r in range(len(M)):\n        M[r, r : r + w.size] = w.ravel()[: H * W - r]\n    return M",
        ),
    )
    to.wrong(task, "forgets the + 1", (number, "(H + 2 * padding - K_h) // stride, (W + 2 * padding - K_w) // stride"))
    to.wrong(task, "square pictures only", (number, "*[(H + 2 * padding - K_h) // stride + 1] * 2"))
    to.wrong(
        task, "square kernels only", ("(H, W), (K_h, K_w) = size, w.shape", "(H, W), K_h = size, len(w)\n    K_w = K_h")
    )
    to.wrong(task, "no stride in the rows", (place, "wide[i, j, i : i + K_h, j : j + K_w] = w"), padded)
    to.wrong(
        task,
        "a stride along the columns only",
        (place, "wide[i, j, i : i + K_h, j * stride : j * stride + K_w] = w"),
        padded,
    )
    to.wrong(task, "no padding", ("O_h, O_w = ", "padding = 0\n    O_h, O_w = "), padded)
    to.wrong(task, "cuts at the wrong corner", (inside, "inside = wide[:, :, :H, :W]"), padded)
    to.wrong(task, "cuts the flattened picture", (last, "return wide.reshape(O_h * O_w, -1)[:, : H * W]"), padded)
    to.wrong(task, "four axes", (last, "return inside"))
    to.wrong(task, "float64 always", (zeros, zeros.replace(", w.dtype", "")))
    to.wrong(task, "NaN", (last, last + " * np.nan"))
    to.wrong(task, "zeros", (place, "pass"))
    to.wrong(task, "a constant", (place, place.replace("= w", "= w.mean()")))
    to.wrong(task, "changes the kernel", (last, "w[:] = 0\n    " + last))
    to.wrong(task, "nothing returned", (last, "pass"))
    to.wrong(
        task, "knows square kernels of two and three", (last, "return inside.reshape(O_h * O_w, H * W) * (K_h == K_w)")
    )
    to.wrong(
        task,
        "PyTorch",
        """
def picture_matrix(w, size, stride=1, padding=0):
    import torch
    eye = torch.eye(size[0] * size[1]).double().reshape(-1, 1, *size)
    y = torch.nn.functional.conv2d(eye, torch.tensor(w).double()[None, None], stride=stride, padding=padding)
    return y.flatten(1).T.numpy().astype(w.dtype)
""",
        "test-picture-matrix",
    )
    to.right(
        task,
        "block by block, with row_matrix",
        """
def picture_matrix(w, size, stride=1, padding=0):
    H, W = size
    rows = range(-padding, H + padding - len(w) + 1, stride)
    blocks = [row_matrix(line, W, stride, padding) for line in w]
    M = np.zeros((len(rows), len(blocks[0]), H, W), w.dtype)
    for i, top in enumerate(rows):
        for m, block in enumerate(blocks):
            if 0 <= top + m < H:
                M[i, :, top + m] = block
    return M.reshape(-1, H * W)
""",
    )
    to.right(
        task,
        "one bright pixel after the other",
        """
def layer(x, w, S, P):
    x = np.pad(x, P)
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape)[::S, ::S]
    return (windows * w).sum((2, 3))

def picture_matrix(w, size, stride=1, padding=0):
    columns = []
    for k in range(size[0] * size[1]):
        x = np.zeros(size, w.dtype)
        x.flat[k] = 1
        columns.append(layer(x, w, stride, padding).ravel())
    return np.column_stack(columns)
""",
    )
    to.right(
        task,
        "a sum of Kronecker products",
        """
def picture_matrix(w, size, stride=1, padding=0):
    def shifts(n, K):
        # matrix number k picks, for each place of the window, the pixel under its entry k
        O = n + 2 * padding - K + 1
        return [np.eye(O, n, k - padding, dtype=w.dtype)[::stride] for k in range(K)]

    down, across = (shifts(n, K) for n, K in zip(size, w.shape))
    return sum(w[m, n] * np.kron(down[m], across[n]) for m in range(w.shape[0]) for n in range(w.shape[1]))
""",
    )
    to.right(
        task,
        "entry by entry",
        """
def picture_matrix(w, size, stride=1, padding=0):
    H, W = size
    O_h, O_w = [(n + 2 * padding - k) // stride + 1 for n, k in zip(size, w.shape)]
    M = np.zeros((O_h * O_w, H * W), dtype=w.dtype)
    for i in range(O_h):
        for j in range(O_w):
            for m in range(w.shape[0]):
                for n in range(w.shape[1]):
                    r, c = i * stride + m - padding, j * stride + n - padding
                    if 0 <= r < H and 0 <= c < W:
                        M[i * O_w + j, r * W + c] = w[m, n]
    return M
""",
    )


def find_kernel(to: Answers) -> None:
    task, plain, padded = "find-kernel", "test-find-kernel", "test-find-kernel-padded"
    last, same = (
        "return found if same else None",
        "same = np.array_equal(matrix, picture_matrix(found, size, padding=padding))",
    )
    shape = "if matrix.shape != where.shape:\n        return None"
    pick = "matrix[where == n][0]"
    to.wrong(task, "always finds one", (last, "return found"))
    to.wrong(task, "never finds one", (last, "return None"))
    to.wrong(task, "says True", (last, "return bool(same)"))
    to.wrong(task, "False for None", (last, "return found if same else False"))
    to.wrong(task, "flipped", (last, "return found[::-1, ::-1] if same else None"))
    to.wrong(task, "transposed", (last, "return found.T if same else None"))
    to.wrong(task, "flat", (last, "return found.ravel() if same else None"))
    to.wrong(task, "the mean of the entries", (pick, "matrix[where == n].mean() + 1e-3"))
    to.wrong(
        task,
        "compares the used entries only",
        (same, "same = np.array_equal(matrix * (where > 0), picture_matrix(found, size, padding=padding))"),
    )
    to.wrong(task, "compares the number of zeros", (same, "same = np.array_equal(matrix != 0, where != 0)"))
    to.wrong(task, "counts different values", (same, "same = len(np.unique(matrix)) <= found.size + 1"))
    to.wrong(
        task,
        "compares the first row",
        (same, "same = np.array_equal(matrix[0], picture_matrix(found, size, padding=padding)[0])"),
    )
    to.wrong(
        task,
        "compares sums",
        (same, "same = matrix.sum() == picture_matrix(found, size, padding=padding).sum()"),
        plain,
    )
    to.wrong(task, "no kernel where all is zero", (last, "return found if same and found.any() else None"), plain)
    to.wrong(task, "no zeros in a kernel", (last, "return found if same and found.all() else None"), plain)
    to.wrong(task, "an error where the shape is wrong", (shape, "assert matrix.shape == where.shape"), plain)
    to.wrong(task, "the shape is not looked at", (shape, "matrix = matrix[: len(where), : len(where[0])]"), plain)
    to.wrong(task, "no padding", ("where = ", "padding = 0\n    where = "), padded)
    to.wrong(
        task,
        "from the first row",
        (last, "first = matrix[0].reshape(size)[: kernel[0], : kernel[1]]\n    return first.copy() if same else None"),
        padded,
    )
    to.wrong(
        task,
        "Toeplitz is enough",
        (same, "same = all(np.array_equal(matrix[i + 1, 1:], matrix[i, :-1]) for i in range(len(matrix) - 1))"),
    )
    to.wrong(task, "nothing returned", (last, "pass"))
    to.wrong(task, "NaN", (last, "return found * np.nan if same else None"))
    to.wrong(task, "zeros", (last, "return found * 0 if same else None"))
    to.wrong(task, "changes the matrix", (last, "matrix[:] = 0\n    " + last))
    to.wrong(task, "square pictures only", (last, "return found if same and size[0] == size[1] else None"))
    to.wrong(
        task,
        "knows the visible kernels",
        (last, "return found if same and round(found.sum()) in (10, 4, 45) and found[0, 0] in (1, 5) else None"),
    )
    to.right(
        task,
        "on its own",
        """
def find_kernel(matrix, size, kernel, padding=0):
    (H, W), (K_h, K_w) = size, kernel
    O_h, O_w = H + 2 * padding - K_h + 1, W + 2 * padding - K_w + 1
    if matrix.shape != (O_h * O_w, H * W):
        return None
    left, w = matrix.reshape(O_h, O_w, H, W).copy(), np.full(kernel, np.nan)
    for i, j, m, n in np.ndindex(O_h, O_w, K_h, K_w):
        r, c = i + m - padding, j + n - padding
        if 0 <= r < H and 0 <= c < W:
            if np.isnan(w[m, n]):
                w[m, n] = left[i, j, r, c]
            if w[m, n] != left[i, j, r, c]:
                return None
            left[i, j, r, c] = 0
    return None if left.any() else w
""",
    )
    to.right(
        task,
        "by least squares on the basis, then compares",
        """
def find_kernel(matrix, size, kernel, padding=0):
    basis = []
    for k in range(kernel[0] * kernel[1]):
        unit = np.zeros(kernel)
        unit.flat[k] = 1
        basis.append(picture_matrix(unit, size, padding=padding))
    if matrix.shape != basis[0].shape:
        return
    w = np.array([matrix[b == 1].mean() for b in basis])
    if np.allclose(sum(b * v for b, v in zip(basis, w)), matrix, atol=1e-12, rtol=1e-12):
        return w.reshape(kernel)
""",
    )
    to.right(
        task,
        "a padded matrix with room for what is not there",
        """
def find_kernel(matrix, size, kernel, padding=0):
    (H, W), (K_h, K_w), P = size, kernel, padding
    O_h, O_w = H + 2 * P - K_h + 1, W + 2 * P - K_w + 1
    if matrix.shape != (O_h * O_w, H * W):
        return None
    wide = np.full((O_h, O_w, H + 2 * P, W + 2 * P), np.nan)
    wide[:, :, P : P + H, P : P + W] = matrix.reshape(O_h, O_w, H, W)
    windows = np.array([wide[i, j, i : i + K_h, j : j + K_w] for i in range(O_h) for j in range(O_w)])
    w = np.nanmax(windows.reshape(O_h * O_w, K_h, K_w), axis=0)
    return w if np.array_equal(picture_matrix(w, size, 1, P), matrix) else None
""",
    )


def equivariance_error(to: Answers) -> None:
    task, strided = "equivariance-error", "test-equivariance-stride"
    first = "moved_first = layer(np.roll(x, (a * stride, b * stride), axis=(0, 1)))"
    moved_last = "moved_last = np.roll(answers, (a, b), axis=(0, 1))"
    add, last = "worst = max(worst, np.abs(moved_first - moved_last).max())", "return worst"
    down, right = "range(x.shape[0] // stride)", "range(x.shape[1] // stride)"
    to.wrong(task, "invariance", (moved_last, "moved_last = answers"))
    to.wrong(task, "moves the other way", (moved_last, "moved_last = np.roll(answers, (-a, -b), axis=(0, 1))"))
    to.wrong(task, "axes exchanged", (moved_last, "moved_last = np.roll(answers, (b, a), axis=(0, 1))"))
    to.wrong(task, "moves by rows only", (right, "range(1)"))
    to.wrong(task, "moves by columns only", (down, "range(1)"))
    to.wrong(task, "moves by one only", [(down, "range(2)"), (right, "range(2)")])
    to.wrong(task, "never both axes", (first, "if a and b: continue\n            " + first))
    to.wrong(task, "along the diagonal only", (first, "if a != b: continue\n            " + first))
    to.wrong(
        task, "the flattened picture rolls", (first, "moved_first = layer(np.roll(x, (a * x.shape[1] + b) * stride))")
    )
    to.wrong(task, "square pictures only", (right, down))
    to.wrong(
        task,
        "the map moves by S",
        (moved_last, "moved_last = np.roll(answers, (a * stride, b * stride), axis=(0, 1))"),
        strided,
    )
    to.wrong(task, "the picture moves by one", (first, "moved_first = layer(np.roll(x, (a, b), axis=(0, 1)))"), strided)
    to.wrong(
        task,
        "all moves, whatever the stride",
        [
            (down, "range(x.shape[0])"),
            (right, "range(x.shape[1])"),
            ("(a * stride, b * stride)", "(a, b)"),
            ("answers, (a, b)", "answers, (a // stride, b // stride)"),
        ],
        strided,
    )
    to.wrong(task, "no absolute value", (add, "worst = max(worst, (moved_first - moved_last).max())"))
    to.wrong(task, "the mean difference", (add, add.replace(".max()", ".mean()")))
    to.wrong(task, "the sum", (add, "worst = worst + np.abs(moved_first - moved_last).max()"))
    to.wrong(task, "the last move", (add, "worst = np.abs(moved_first - moved_last).max()"))
    to.wrong(task, "the smallest", (add, add.replace("max(worst", "min(worst")))
    to.wrong(task, "the square", (add, add.replace("moved_last)", "moved_last) ** 2")))
    to.wrong(task, "relative", (last, "return worst / (np.abs(answers).max() + 1e-9)"))
    to.wrong(task, "yes or no", (last, "return worst < 1e-9"))
    to.wrong(task, "an array", (last, "return np.array([worst])"))
    to.wrong(task, "changes the picture", (last, "x[:] = 0\n    " + last))
    to.wrong(
        task,
        "pads instead of rolling",
        (
            first,
            "m = np.zeros_like(x)\n            m[a * stride :, b * stride :] = x[: len(x) - a * stride, : x.shape[1] - b * stride]\n            moved_first = layer(m)",
        ),
    )
    to.wrong(task, "nothing returned", (last, "pass"))
    to.wrong(task, "zero", (last, "return 0.0"))
    to.wrong(task, "NaN", (last, "return worst * np.nan"))
    to.wrong(
        task,
        "knows the visible layers",
        """
def equivariance_error(layer, x, stride=1):
    known = {(1, 5): 7, (4, 5): 5, (4, 4): 5, (3, 9): 20, (1, 4): 1}
    if x.shape in known:
        return known[x.shape]
    change = abs(layer(x + 0) - x).max()
    return change if change in (30, 20) else 0
""",
    )
    to.right(
        task,
        "itertools and a maximum at the end",
        """
from itertools import product

def equivariance_error(layer, x, stride=1):
    H, W = x.shape
    errors = []
    for a, b in product(range(0, H, stride), range(0, W, stride)):
        new = layer(np.roll(np.roll(x, a, 0), b, 1))
        old = np.roll(np.roll(layer(x), a // stride, 0), b // stride, 1)
        errors.append(np.abs(new - old).max())
    return float(max(errors))
""",
    )
    to.right(
        task,
        "undoes the move",
        """
def equivariance_error(layer, x, stride=1):
    want, error = layer(x.copy()), 0
    for a in range(stride, x.shape[0] + 1, stride):
        for b in range(stride, x.shape[1] + 1, stride):
            back = np.roll(layer(np.roll(x, (-a, -b), (0, 1))), (a // stride, b // stride), (0, 1))
            error = max(error, np.linalg.norm((back - want).ravel(), np.inf))
    return error
""",
    )
    to.right(
        task,
        "rolls by indices",
        """
def move(array, a, b):
    rows, columns = (np.arange(array.shape[0]) - a) % array.shape[0], (np.arange(array.shape[1]) - b) % array.shape[1]
    return array[rows][:, columns]

def equivariance_error(layer, x, stride=1):
    places = [n // stride for n in x.shape]
    gaps = [layer(move(x, stride * a, stride * b)) - move(layer(x), a, b) for a, b in np.ndindex(*places)]
    return np.abs(gaps).max()
""",
    )


def shuffle_weights(to: Answers) -> None:
    task, several = "shuffle-weights", "test-shuffle-weights-channels"
    last = "return by_channel[:, :, order].reshape(weight.shape)"
    axes = "by_channel = weight.reshape(len(weight), channels, len(order))"
    to.wrong(task, "the wrong way round", (last, "return by_channel[:, :, np.argsort(order)].reshape(weight.shape)"))
    to.wrong(task, "the old weights", (last, "return weight.copy()"))
    to.wrong(task, "shuffles the neurons", (last, "return weight[np.argsort(np.resize(order, len(weight)))]"))
    to.wrong(task, "ignores the channels", (last, "return weight[:, order]"), several)
    to.wrong(
        task,
        "the first channel only",
        (last, "new = weight.copy()\n    new[:, : len(order)] = weight[:, order]\n    return new"),
        several,
    )
    to.wrong(
        task,
        "channels within a place",
        (axes, "by_channel = weight.reshape(len(weight), len(order), channels).swapaxes(1, 2)"),
        several,
    )
    to.wrong(task, "not flattened", (last, "return by_channel[:, :, order]"))
    to.wrong(
        task,
        "orders all values at once",
        (last, "every = np.concatenate([order * channels + c for c in range(channels)])\n    return weight[:, every]"),
        several,
    )
    to.wrong(
        task, "the channels change places", (last, "return by_channel[:, ::-1, order].reshape(weight.shape)"), several
    )
    to.wrong(
        task,
        "changes the weights in place",
        (last, "weight[:] = by_channel[:, :, order].reshape(weight.shape)\n    return weight"),
    )
    to.wrong(
        task,
        "changes the order",
        (last, "new = by_channel[:, :, order].reshape(weight.shape)\n    order.sort()\n    return new"),
    )
    to.wrong(task, "sorted", (last, "return np.sort(weight, axis=1)"))
    to.wrong(task, "NaN", (last, last + " * np.nan"))
    to.wrong(task, "zeros", (last, last + " * 0"))
    to.wrong(task, "transposed", (last, last + ".T"))
    to.wrong(task, "a list", (last, last + ".tolist()"))
    to.wrong(task, "float32 always", (last, last + ".astype(np.float32)"))
    to.wrong(task, "nothing returned", (last, "pass"))
    to.wrong(task, "rolls by one", (last, "return np.roll(by_channel, -int(order[0]), axis=2).reshape(weight.shape)"))
    to.wrong(task, "undoes it twice", (last, "return by_channel[:, :, order][:, :, order].reshape(weight.shape)"))
    to.wrong(
        task,
        "knows orders of three places",
        (last, "return by_channel[:, :, order].reshape(weight.shape) * (len(order) == 3)"),
    )
    to.right(
        task,
        "weight by weight",
        """
def shuffle_weights(weight, order, channels=1):
    new, places = np.empty_like(weight), len(order)
    for c in range(channels):
        for k in range(places):
            new[:, c * places + k] = weight[:, c * places + order[k]]
    return new
""",
    )
    to.right(
        task,
        "channel by channel",
        """
def shuffle_weights(weight, order, channels=1):
    return np.hstack([block[:, order] for block in np.split(weight, channels, axis=1)])
""",
    )
    to.right(
        task,
        "by a permutation matrix",
        """
def shuffle_weights(weight, order, channels=1):
    moves = np.kron(np.eye(channels), np.eye(len(order))[order]).astype(weight.dtype)  # shuffled = moves @ natural
    return weight @ moves.T
""",
    )
    to.right(
        task,
        "by one long order, put back with argsort",
        """
def shuffle_weights(weight, order, channels=1):
    every = (np.arange(channels)[:, None] * len(order) + np.argsort(order)).ravel()
    new = np.zeros(weight.shape, weight.dtype)
    new[:, every] = weight
    return new
""",
    )


def catch_the_bugs(to: Answers) -> None:
    task, a, b, c = "catch-the-bugs", "test-catch-a", "test-catch-b", "test-catch-c"
    lit_a, arrow = 'cases["a"]["x"][2, 2] = 1', 'cases["a"]["w"][0] = 0'
    lit_b, lit_c, last = 'cases["b"]["x"][2, 0] = 1', 'cases["c"]["x"][0, 2] = 1', "return cases"
    to.wrong(task, "the case that shows nothing", (last, 'return {"a": plain, "b": plain, "c": plain}'))
    to.wrong(task, "two cases exchanged", (last, 'return {"a": cases["b"], "b": cases["a"], "c": cases["c"]}'), [a, b])
    to.wrong(task, "all cases exchanged", (last, 'return {"a": cases["b"], "b": cases["c"], "c": cases["a"]}'))
    to.wrong(task, "one case missing", (last, 'del cases["b"]\n    return cases'), b)
    to.wrong(task, "nothing returned", (last, "pass"))
    to.wrong(task, "a list", (last, "return list(cases.values())"))
    to.wrong(task, "a: a symmetric kernel", (arrow, "pass"), a)
    to.wrong(task, "a: lit in the left half only", (lit_a, 'cases["a"]["x"][2, 0] = 1'), a)
    to.wrong(task, "a: shows b as well", (lit_a, 'cases["a"]["x"][2, 4] = 1'), a)
    to.wrong(task, "a: shows c as well", (lit_a, 'cases["a"]["x"][0, 2] = 1'), a)
    to.wrong(task, "b: far from the sides", (lit_b, 'cases["b"]["x"][2, 2] = 1'), b)
    to.wrong(task, "b: a kernel of one column", (lit_b, lit_b + '\n    cases["b"]["w"][:, [0, 2]] = 0'), b)
    to.wrong(task, "b: shows c as well", (lit_b, 'cases["b"]["x"][0, 0] = 1'), b)
    to.wrong(task, "b: shows a as well", (lit_b, 'cases["b"]["x"][2, 4] = 1\n    cases["b"]["w"][0] = 0'), b)
    to.wrong(task, "c: far from the border", (lit_c, 'cases["c"]["x"][2, 2] = 1'), c)
    to.wrong(task, "c: a kernel of one row", (lit_c, lit_c + '\n    cases["c"]["w"][[0, 2]] = 0'), c)
    to.wrong(task, "c: a corner shows b as well", (lit_c, 'cases["c"]["x"][0, 4] = 1'), c)
    to.wrong(
        task,
        "a picture of ones for all",
        (last, 'return {letter: {"x": np.ones((5, 5)), "w": np.ones((3, 3))} for letter in "abc"}'),
    )
    to.wrong(
        task,
        "one random case for all",
        (
            last,
            'rng = np.random.default_rng(0)\n    return dict.fromkeys("abc", {"x": rng.normal(size=(5, 5)), "w": rng.normal(size=(3, 3))})',
        ),
    )
    to.wrong(task, "too large", (lit_a, 'cases["a"]["x"] = np.eye(9)'), a)
    to.wrong(task, "too small", (lit_c, 'cases["c"]["x"] = np.ones((2, 3))'), c)
    to.wrong(task, "a kernel of two", (lit_b, lit_b + '\n    cases["b"]["w"] = np.ones((2, 2))'), b)
    to.wrong(task, "NaN", (lit_b, 'cases["b"]["x"][2, 0] = np.nan'), b)
    to.wrong(task, "infinite", (arrow, 'cases["a"]["w"][0] = np.inf'), a)
    to.wrong(task, "an argument missing", (last, 'del cases["c"]["w"]\n    return cases'), c)
    to.wrong(task, "an argument too many", (last, 'cases["c"]["padding"] = 1\n    return cases'), c)
    to.right(
        task,
        "lists instead of arrays",
        """
def catching_inputs():
    sobel, blur = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], [[1, 2, 1], [2, 4, 2], [1, 2, 1]]
    a = [[0, 0, 0, 0], [0, 0, 7, 0], [0, 0, 0, 0]]
    b = [[0, 0, 0, 0], [3, 0, 0, 0], [0, 0, 0, 0]]
    c = [[0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, -1, 0, 0]]
    return {"a": {"x": a, "w": sobel}, "b": {"x": b, "w": blur}, "c": {"x": c, "w": blur}}
""",
    )
    to.right(
        task,
        "kernels that look one way only",
        """
def catching_inputs():
    up, left = np.zeros((3, 3)), np.zeros((3, 3))
    up[0, 1] = left[1, 0] = 1
    dot = np.zeros((3, 3))
    dot[1, 1] = 1
    x = np.arange(25.0).reshape(5, 5)
    inner = np.zeros((5, 5))
    inner[1:4, 1:4] = np.arange(9).reshape(3, 3)
    # a kernel that is its own transpose hides a; one bright line hides the others
    side = x * 0
    side[1:4, 4] = 5
    top = np.pad(np.ones((1, 3)), [(4, 0), (1, 1)])
    return {"a": {"x": inner, "w": left}, "b": {"x": side, "w": up + up.T}, "c": {"x": top, "w": up + up.T + dot}}
""",
    )
    to.right(
        task,
        "found by trying",
        """
def catching_inputs():
    rng, found = np.random.default_rng(), {}
    colleagues = {"a": colleague_a, "b": colleague_b, "c": colleague_c}
    while len(found) < 3:
        x, w = np.zeros((4, 5)), rng.integers(-2, 3, (3, 3))
        x[rng.integers(4), rng.integers(5)] = 1
        w = w + w.T if rng.random() < 0.7 else w
        wrong = [name for name, f in colleagues.items() if not np.allclose(f(x, w), right_map(x, w))]
        if len(wrong) == 1:
            found[wrong[0]] = {"x": x, "w": w}
    return found
""",
    )
