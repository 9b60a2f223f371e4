"""Answers to assignment 5: wrong ones that its tests must notice, right ones in other styles that they must not."""

from harness import Answers, Assignment


def answers(assignment: Assignment) -> Answers:
    """All of them. Where nothing is said, a wrong answer must lose every test of its task."""
    to = Answers(assignment)
    batch_norm(to)
    batch_norm_backward(to)
    fold(to)
    head(to)
    turned(to)
    safe(to)
    mixing(to)
    stopping(to)
    judging(to)
    classifier(to)
    return to


def batch_norm(to: Answers) -> None:
    task = "batch-norm"
    training, affine, running, evaluation = (f"test-norm-{n}" for n in ("training", "affine", "running", "evaluation"))
    stats = "mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3))"
    mean = 'after["mean"] = (1 - momentum) * state["mean"] + momentum * mean'
    var = 'after["var"] = (1 - momentum) * state["var"] + momentum * var * count / (count - 1)'
    scale = 'scale = state["gamma"] / np.sqrt(var + epsilon)'
    out = 'out = (x - mean[:, None, None]) * scale[:, None, None] + state["beta"][:, None, None]'
    last = "return out, after"
    either = [training, affine]
    picture = "    mean, var = x.mean((2, 3)), x.var((2, 3))\n    out = (x - mean[:, :, None, None]) / np.sqrt(var + epsilon)[:, :, None, None]"
    to.wrong(
        task,
        "every picture by itself",
        (
            out,
            f"if training:\n        out = {out[6:]}\n{picture.replace('    ', '        ')}\n    else:\n        {out}",
        ),
        either,
    )
    to.wrong(
        task,
        "every pixel by itself",
        (out, f"{out}\n    if training:\n        out = (x - x.mean(0)) / np.sqrt(x.var(0) + epsilon)"),
        either,
    )
    to.wrong(
        task,
        "one mean for everything",
        (out, f"{out}\n    if training:\n        out = (x - x.mean()) / np.sqrt(x.var() + epsilon)"),
        either,
    )
    to.wrong(
        task,
        "sample variance for the batch",
        (stats, stats.replace("x.var((0, 2, 3))", "x.var((0, 2, 3), ddof=1)")),
        [training, affine, running],
    )
    to.wrong(
        task,
        "running statistics in training",
        (stats, "mean, var = state['mean'], state['var']"),
        [training, affine, running],
    )
    to.wrong(
        task,
        "the batch's own in evaluation",
        ("    scale =", "    mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3))\n    scale ="),
        evaluation,
    )
    to.wrong(task, "always training", ("if training:", "if True:"), evaluation)
    to.wrong(task, "always evaluation", ("if training:", "if False:"), [training, affine, running])
    to.wrong(task, "training and evaluation exchanged", ("if training:", "if not training:"))
    to.wrong(task, "mean not subtracted", ("(x - mean[:, None, None])", "x"), [training, affine, evaluation])
    to.wrong(
        task, "divides by the variance", ("np.sqrt(var + epsilon)", "(var + epsilon)"), [training, affine, evaluation]
    )
    to.wrong(
        task,
        "epsilon outside the root",
        ("np.sqrt(var + epsilon)", "(np.sqrt(var) + epsilon)"),
        [training, affine, evaluation],
    )
    to.wrong(task, "no epsilon", ("np.sqrt(var + epsilon)", "np.sqrt(var)"), [training, affine, evaluation])
    to.wrong(task, "epsilon fixed", ("np.sqrt(var + epsilon)", "np.sqrt(var + 1e-5)"), [training, evaluation])
    to.wrong(task, "no gamma", ('state["gamma"] / ', "1 / "), [affine, evaluation])
    to.wrong(task, "no beta", (' + state["beta"][:, None, None]', ""), [affine, evaluation])
    to.wrong(
        task,
        "beta scaled as well",
        (
            out,
            'out = (x - mean[:, None, None]) / np.sqrt(var + epsilon)[:, None, None] + state["beta"][:, None, None]\n    out = out * state["gamma"][:, None, None]',
        ),
        [affine, evaluation],
    )
    to.wrong(
        task,
        "gamma along the columns",
        (out, out.replace("scale[:, None, None]", "np.resize(scale, x.shape[3])")),
        [training, affine, evaluation],
    )
    to.wrong(
        task,
        "momentum the wrong way round",
        [
            (mean, 'after["mean"] = momentum * state["mean"] + (1 - momentum) * mean'),
            (var, 'after["var"] = momentum * state["var"] + (1 - momentum) * var * count / (count - 1)'),
        ],
        running,
    )
    to.wrong(task, "running variance by n", (var, var.replace(" * count / (count - 1)", "")), running)
    to.wrong(task, "running variance by the number of pictures", ("x.size / x.shape[1]", "len(x) + 1e-9"), running)
    to.wrong(
        task,
        "follows standard deviations",
        (var, 'after["var"] = (1 - momentum) * state["var"] + momentum * np.sqrt(var)'),
        running,
    )
    to.wrong(
        task,
        "keeps only the last batch",
        [(mean, 'after["mean"] = mean'), (var, 'after["var"] = var * count / (count - 1)')],
        running,
    )
    to.wrong(task, "adds without fading", (mean, 'after["mean"] = state["mean"] + momentum * mean'), running)
    to.wrong(task, "momentum fixed", (mean, 'after["mean"] = 0.9 * state["mean"] + 0.1 * mean'), running)
    to.wrong(task, "changes the state in place", ("after = dict(state)", "after = state"), [training, affine, running])
    to.wrong(
        task,
        "changes the arrays of the state in place",
        (mean, 'after["mean"] *= 1 - momentum\n        after["mean"] += momentum * mean'),
        [training, affine, running],
    )
    to.wrong(
        task,
        "centres the batch in place",
        (out, 'x -= mean[:, None, None]\n    out = x * scale[:, None, None] + state["beta"][:, None, None]'),
    )
    to.wrong(task, "the state is not returned", (last, "return out"))
    to.wrong(
        task,
        "the state without gamma and beta",
        (last, 'return out, {"mean": after["mean"], "var": after["var"]}'),
        [running, evaluation],
    )
    to.wrong(task, "zeros", (last, "return 0 * out, after"), [training, affine, evaluation])
    to.wrong(task, "NaN", (last, "return np.nan * out, after"), [training, affine, evaluation])
    to.wrong(task, "float64 always", (last, "return out.astype(float), after"), [training, evaluation])
    to.wrong(task, "a list", (last, "return out.tolist(), after"), [training, affine, evaluation])
    to.wrong(task, "nothing returned", (last, ""))
    to.wrong(
        task,
        "PyTorch",
        """
import torch

def batch_norm(x, state, training, momentum=0.1, epsilon=1e-5):
    t = {name: torch.tensor(a) for name, a in state.items()}
    out = torch.nn.functional.batch_norm(
        torch.tensor(x), t["mean"], t["var"], t["gamma"], t["beta"], training, momentum, epsilon)
    return out.numpy(), {name: a.numpy() for name, a in t.items()}
""",
        training,
    )
    to.right(
        task,
        "channel by channel",
        """
def batch_norm(x, state, training, momentum=0.1, epsilon=1e-5):
    out, new = np.zeros_like(x), {name: a.copy() for name, a in state.items()}
    for c in range(x.shape[1]):
        values = x[:, c]
        if training:
            m, v = np.mean(values), np.var(values)
            new["mean"][c] += momentum * (m - state["mean"][c])
            new["var"][c] += momentum * (np.var(values, ddof=1) - state["var"][c])
        else:
            m, v = state["mean"][c], state["var"][c]
        out[:, c] = state["gamma"][c] * (values - m) / (v + epsilon) ** 0.5 + state["beta"][c]
    return out, new
""",
    )
    to.right(
        task,
        "with keepdims, and a warning",
        """
import warnings

def batch_norm(x, state, training, momentum=0.1, epsilon=1e-5):
    warnings.warn("normalising")
    g, b, m, v = (state[k].reshape(1, -1, 1, 1) for k in ("gamma", "beta", "mean", "var"))
    new = {**state}
    if training:
        m, v = x.mean(axis=(0, 2, 3), keepdims=True), x.var(axis=(0, 2, 3), keepdims=True)
        n = x.shape[0] * x.shape[2] * x.shape[3]
        new["mean"] = state["mean"] * (1 - momentum) + m.ravel() * momentum
        new["var"] = state["var"] * (1 - momentum) + v.ravel() * momentum * n / (n - 1)
    return ((x - m) / np.sqrt(v + epsilon) * g + b).astype(x.dtype), new
""",
    )
    to.right(
        task,
        "channels last",
        """
def batch_norm(x, state, training, momentum=0.1, epsilon=1e-5):
    flat = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
    mean, var, after = state["mean"], state["var"], state.copy()
    if training:
        print("training")
        mean, var = flat.sum(0) / len(flat), ((flat - flat.mean(0)) ** 2).mean(0)
        after.update(mean=after["mean"] + momentum * (mean - after["mean"]))
        after.update(var=after["var"] + momentum * (np.cov(flat, rowvar=False).reshape(x.shape[1], -1).diagonal() - after["var"]))
    flat = (flat - mean) * (state["gamma"] / np.sqrt(var + epsilon)) + state["beta"]
    return [np.moveaxis(flat.reshape(x.shape[0], *x.shape[2:], x.shape[1]), -1, 1), after]
""",
    )


def batch_norm_backward(to: Answers) -> None:
    task, affine, inside = "batch-norm-backward", "test-backward-affine", "test-backward-input"
    scale = "scale = 1 / np.sqrt(x.var(axes, keepdims=True) + epsilon)"
    beta, gamma = "grad_beta = grad_out.sum(axes)", "grad_gamma = (grad_out * normed).sum(axes)"
    through = "through = grad_beta[:, None, None] + normed * grad_gamma[:, None, None]"
    last = "return gamma[:, None, None] * scale * (grad_out - through / count), grad_gamma, grad_beta"
    first = "gamma[:, None, None] * scale * (grad_out - through / count)"
    to.wrong(task, "statistics as constants", (first, "gamma[:, None, None] * scale * grad_out"), inside)
    to.wrong(task, "no path through the mean", (through, "through = normed * grad_gamma[:, None, None]"), inside)
    to.wrong(task, "no path through the variance", (through, "through = grad_beta[:, None, None]"), inside)
    to.wrong(task, "paths added", ("grad_out - through", "grad_out + through"), inside)
    to.wrong(task, "sums instead of means", ("through / count", "through"), inside)
    to.wrong(task, "n without the pictures", ("x.size / x.shape[1]", "x.shape[2] * x.shape[3]"), inside)
    to.wrong(task, "n with the channels", ("x.size / x.shape[1]", "x.size"), inside)
    to.wrong(task, "n - 1", ("x.size / x.shape[1]", "x.size / x.shape[1] - 1"), inside)
    to.wrong(task, "no gamma", (first, first.replace("gamma[:, None, None] * ", "")), inside)
    to.wrong(task, "no scale", (first, first.replace("scale * ", "")), inside)
    to.wrong(
        task,
        "gamma along the columns",
        (first, first.replace("gamma[:, None, None]", "np.resize(gamma, x.shape[3])")),
        inside,
    )
    to.wrong(task, "beta's gradient by its mean", (last, last.replace("grad_beta", "grad_out.mean(axes)")), affine)
    to.wrong(task, "gamma's gradient by its mean", (last, last.replace("grad_gamma", "grad_gamma / count")), affine)
    to.wrong(task, "gamma's gradient with x", (last, last.replace("grad_gamma", "(grad_out * x).sum(axes)")), affine)
    to.wrong(task, "gamma in its own gradient", (last, last.replace("grad_gamma", "gamma * grad_gamma")), affine)
    to.wrong(task, "the two exchanged", (last, last.replace("grad_gamma, grad_beta", "grad_beta, grad_gamma")), affine)
    to.wrong(task, "another order", ("return gamma", "return grad_beta, grad_gamma, gamma"), [affine, inside])
    to.wrong(task, "sample variance", ("x.var(axes, keepdims=True)", "x.var(axes, keepdims=True, ddof=1)"))
    to.wrong(task, "epsilon outside the root", (scale, "scale = 1 / (np.sqrt(x.var(axes, keepdims=True)) + epsilon)"))
    to.wrong(task, "epsilon fixed", ("+ epsilon)", "+ 1e-5)"))
    to.wrong(task, "per picture", ("axes = (0, 2, 3)", "axes = (2, 3)"))
    to.wrong(task, "zeros", (last, "return 0 * x, 0 * gamma, 0 * gamma"))
    to.wrong(task, "NaN", (last, "return np.nan * x, np.nan * gamma, np.nan * gamma"))
    to.wrong(task, "nothing returned", (last, ""))
    to.wrong(task, "the input's gradient only", (last, f"return {first}"))
    to.wrong(task, "centres the batch in place", (last, "x -= x.mean(axes, keepdims=True)\n    " + last))
    to.wrong(
        task,
        "PyTorch",
        """
def batch_norm_backward(grad_out, x, gamma, epsilon=1e-5):
    return torch_backward(grad_out, x, gamma, epsilon)
""",
        affine,
    )
    to.right(
        task,
        "step by step, as the chain rule says",
        """
def batch_norm_backward(grad_out, x, gamma, epsilon=1e-5):
    n = x.shape[0] * x.shape[2] * x.shape[3]
    g, axes = gamma[:, None, None], (0, 2, 3)
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    d_hat = grad_out * g
    d_var = (d_hat * (x - mean)).sum(axes, keepdims=True) * -0.5 * (var + epsilon) ** -1.5
    d_mean = (-d_hat / np.sqrt(var + epsilon)).sum(axes, keepdims=True) + d_var * (-2 * (x - mean)).sum(axes, keepdims=True) / n
    d_x = d_hat / np.sqrt(var + epsilon) + d_var * 2 * (x - mean) / n + d_mean / n
    return d_x, (grad_out * (x - mean) / np.sqrt(var + epsilon)).sum(axes), grad_out.sum(axes)
""",
    )
    to.right(
        task,
        "channel by channel, with a Jacobian",
        """
def batch_norm_backward(grad_out, x, gamma, epsilon=1e-5):
    grads = np.empty_like(x), np.empty_like(gamma), np.empty_like(gamma)
    for c, scale in enumerate(gamma):
        v, g = x[:, c].ravel(), grad_out[:, c].ravel()
        s = np.sqrt(v.var() + epsilon)
        h = (v - v.mean()) / s
        jacobian = (np.eye(v.size) - 1 / v.size - np.outer(h, h) / v.size) / s
        grads[0][:, c] = (scale * g @ jacobian).reshape(x[:, c].shape)
        grads[1][c], grads[2][c] = g @ h, g.sum()
    return grads
""",
    )
    to.right(
        task,
        "with einsum, as a list",
        """
def batch_norm_backward(grad_out, x, gamma, epsilon=1e-5):
    print("backwards")
    centred = x - np.einsum("nchw->c", x)[:, None, None] / x[:, 0].size
    var = np.einsum("nchw,nchw->c", centred, centred) / x[:, 0].size
    hat = centred / np.sqrt(var + epsilon)[:, None, None]
    b, g = np.einsum("nchw->c", grad_out), np.einsum("nchw,nchw->c", grad_out, hat)
    mixed = (b[:, None, None] + hat * g[:, None, None]) / x[:, 0].size
    return [(gamma / np.sqrt(var + epsilon))[:, None, None] * (grad_out - mixed), g, b]
""",
    )


def fold(to: Answers) -> None:
    task, plain, biased = "fold", "test-fold", "test-fold-bias"
    scale, before = 'scale = state["gamma"] / np.sqrt(state["var"] + epsilon)', "before = 0 if bias is None else bias"
    weights, own = "w * scale[:, None, None, None]", '(before - state["mean"]) * scale + state["beta"]'
    to.wrong(task, "weights unchanged", (weights, "w"))
    to.wrong(task, "gamma only", (scale, 'scale = state["gamma"]'))
    to.wrong(task, "no gamma", (scale, 'scale = 1 / np.sqrt(state["var"] + epsilon)'))
    to.wrong(task, "divides by the variance", (scale, 'scale = state["gamma"] / (state["var"] + epsilon)'))
    to.wrong(task, "no epsilon", (scale, 'scale = state["gamma"] / np.sqrt(state["var"])'))
    to.wrong(task, "epsilon outside the root", (scale, 'scale = state["gamma"] / (np.sqrt(state["var"]) + epsilon)'))
    to.wrong(task, "epsilon fixed", ("+ epsilon)", "+ 1e-5)"))
    to.wrong(task, "scale along the channels", (weights, "w * np.resize(scale, w.shape[1])[:, None, None]"))
    to.wrong(task, "scale along the columns", (weights, "w * np.resize(scale, w.shape[3])"))
    to.wrong(task, "own bias forgotten", (before, "before = 0"), biased)
    to.wrong(task, "own bias not scaled", (own, 'before - state["mean"] * scale + state["beta"]'), biased)
    to.wrong(task, "own bias subtracted", (own, '(-before - state["mean"]) * scale + state["beta"]'), biased)
    to.wrong(task, "needs a bias", (before, "before = bias"), plain)
    to.wrong(task, "a bias tested for truth", (before, "before = bias if bias else 0"), biased)
    to.wrong(task, "mean added", (own, '(before + state["mean"]) * scale + state["beta"]'))
    to.wrong(task, "mean forgotten", (own, 'before * scale + state["beta"]'))
    to.wrong(task, "mean not scaled", (own, 'before * scale - state["mean"] + state["beta"]'))
    to.wrong(task, "beta forgotten", (own, '(before - state["mean"]) * scale'))
    to.wrong(task, "beta scaled", (own, '(before - state["mean"] + state["beta"]) * scale'))
    to.wrong(task, "zeros", [(weights, "0 * w"), (own, "0 * scale")])
    to.wrong(task, "NaN", (own, "np.nan * scale"))
    to.wrong(task, "float64 always", [(weights, f"({weights}).astype(float)")], plain)
    to.wrong(task, "the weights only", (", " + own, ""))
    to.wrong(
        task,
        "scales the weights in place",
        ("    return w *", "    w *= scale[:, None, None, None]\n    return w * 1 + 0 *"),
    )
    to.wrong(task, "changes the state", ("    return w", '    state["mean"] *= 1.5\n    return w'))
    to.wrong(task, "the bias as a column", (own, f"({own})[:, None]"))
    to.wrong(task, "nothing returned", ("    return w", "    w"))
    to.wrong(
        task,
        "the tests' own",
        """
def fold(w, bias, state, epsilon=1e-5):
    return torch_folded(w, bias, state, epsilon)
""",
        plain,
    )
    to.right(
        task,
        "filter by filter",
        """
def fold(w, bias, state, epsilon=1e-5):
    new, shift = np.zeros_like(w), np.zeros(len(w), w.dtype)
    for f in range(len(w)):
        by = state["gamma"][f] / (state["var"][f] + epsilon) ** 0.5
        new[f] = w[f] * by
        shift[f] = state["beta"][f] - state["mean"][f] * by
        if bias is not None:
            shift[f] += bias[f] * by
    return new, shift
""",
    )
    to.right(
        task,
        "as a matrix",
        """
def fold(w, bias, state, epsilon=1e-5):
    print("folding")
    if bias is None:
        bias = np.zeros_like(w[:, 0, 0, 0])
    s = np.diag(state["gamma"] * (state["var"] + epsilon) ** -0.5).astype(w.dtype)
    return [np.tensordot(s, w, 1), s @ (bias - state["mean"]) + state["beta"]]
""",
    )
    to.right(
        task,
        "with einsum",
        """
def fold(w, bias, state, epsilon=1e-5):
    g, b, m, v = (state[name] for name in ("gamma", "beta", "mean", "var"))
    scale = np.divide(g, np.sqrt(np.add(v, epsilon)))
    shift = b - scale * m
    return np.einsum("f,fcij->fcij", scale, w), shift if bias is None else shift + scale * bias
""",
    )


def head(to: Answers) -> None:
    task, pool, drop, edges = "head", "test-pool", "test-dropout", "test-dropout-evaluation"
    gap, out = "return x.mean((2, 3))", "return (x * (noise >= p) / (1 - p)).astype(x.dtype)"
    guard = "    if not training:\n        return x\n"
    to.wrong(task, "maximum", (gap, "return x.max((2, 3))"), pool)
    to.wrong(task, "sum", (gap, "return x.sum((2, 3))"), pool)
    to.wrong(task, "keeps the axes", (gap, "return x.mean((2, 3), keepdims=True)"), pool)
    to.wrong(task, "mean over the channels", (gap, "return x.mean(1)"), pool)
    to.wrong(task, "mean over the batch too", (gap, "return x.mean((0, 2, 3))"), pool)
    to.wrong(task, "one axis only", (gap, "return x.mean(3)"), pool)
    to.wrong(task, "flattens", (gap, "return x.reshape(len(x), -1)"), pool)
    to.wrong(task, "pictures and channels exchanged", (gap, "return x.mean((2, 3)).T"), pool)
    to.wrong(task, "float64 always", (gap, "return x.astype(float).mean((2, 3))"), pool)
    to.wrong(task, "divides by 8", (gap, "return x.sum((2, 3)) / 8"), pool)
    to.wrong(task, "nothing pooled and returned", (gap, "x.mean((2, 3))"), pool)
    to.wrong(task, "PyTorch", (gap, "return torch.tensor(x).mean((2, 3)).numpy()"), pool)
    to.wrong(task, "no scaling", (out, "return x * (noise >= p)"), [drop, edges])
    to.wrong(task, "the wrong ones", (out, out.replace(">=", "<")), [drop, edges])
    to.wrong(task, "noise equal to p is dropped", (out, out.replace(">=", ">")), [drop, edges])
    to.wrong(task, "divides by p", (out, out.replace("(1 - p))", "(p + 1e-300))")), [drop, edges])
    to.wrong(task, "multiplies by 1 - p", (out, out.replace("/ (1 - p)", "* (1 - p)")), [drop, edges])
    to.wrong(
        task,
        "scaling in evaluation",
        [(out, "return x * (noise >= p)"), (guard, guard.replace("return x", "return x * (1 - p)"))],
        [drop, edges],
    )
    to.wrong(task, "drops in evaluation", (guard, ""), edges)
    to.wrong(task, "drops in evaluation only", ("if not training", "if training"), [drop, edges])
    to.wrong(task, "never drops", (out, "return x"), [drop, edges])
    to.wrong(task, "its own dice", (out, out.replace("noise", "np.random.random(x.shape)")), [drop, edges])
    to.wrong(task, "float64 out of dropout", (out, out.replace(".astype(x.dtype)", ".astype(float)")), drop)
    to.wrong(task, "zeros where evaluation is", (guard, guard.replace("return x", "return 0 * x")), edges)
    to.wrong(task, "drops in place", (out, "x[noise < p] = 0\n    return x / (1 - p)"), [drop, edges])
    to.wrong(task, "NaN for what is dropped", (out, "return np.where(noise >= p, x / (1 - p), np.nan)"), [drop, edges])
    to.wrong(task, "nothing returned", [(gap, "pass"), (out, "pass"), (guard, "")])
    to.wrong(
        task,
        "pools rows only, drops rows",
        [(gap, "return x.mean(2)[:, :, 0]"), (out, "return x * (noise[..., :1] >= p) / (1 - p)")],
        [pool, drop, edges],
    )
    to.right(
        task,
        "loops and where",
        """
def global_average_pool(x):
    out = np.empty(x.shape[:2], x.dtype)
    for n in range(len(x)):
        for c in range(x.shape[1]):
            out[n, c] = x[n, c].sum() / x[n, c].size
    return out

def dropout(x, noise, p, training):
    if training and p > 0:
        return np.where(noise < p, 0, x / (1 - p)).astype(x.dtype)
    return x.copy()
""",
    )
    to.right(
        task,
        "flattened, and masked by multiplication",
        """
def global_average_pool(x):
    return x.reshape(*x.shape[:2], -1).mean(-1)

def dropout(x, noise, p, training):
    mask = np.ones_like(x)
    if training:
        mask[noise < p] = 0
        mask /= 1 - p
    return x * mask
""",
    )
    to.right(
        task,
        "einsum, and a copy",
        """
def global_average_pool(x):
    return np.einsum("nchw->nc", x) / np.prod(x.shape[2:]).astype(x.dtype)

def dropout(x, noise, p, training):
    out = x.copy()
    if not training:
        return out
    out[noise < p] = 0
    out *= 1 / (1 - p)
    return out
""",
    )


def turned(to: Answers) -> None:
    task, turns, mirrors = "turned", "test-turned", "test-mirrored"
    flip, turn = "picture = x[n, :, :, ::-1] if mirrored[n] else x[n]", "out[n] = np.rot90(picture, turns[n], (1, 2))"
    last = "    return out"
    to.wrong(task, "clockwise", (turn, turn.replace("(1, 2)", "(2, 1)")))
    to.wrong(task, "negative turns lost", (turn, turn.replace("turns[n]", "abs(turns[n])")))
    to.wrong(
        task,
        "turns the channels",
        (
            turn,
            turn.replace("(1, 2)", "(0, 1)").replace("picture,", "picture[[0] * picture.shape[1]],") + "[: x.shape[1]]",
        ),
    )
    to.wrong(task, "half turns only", (turn, turn.replace("turns[n]", "turns[n] // 2 * 2")))
    to.wrong(task, "one turn at most", (turn, turn.replace("turns[n]", "turns[n] % 2")))
    to.wrong(task, "transposes", (turn, "out[n] = picture.swapaxes(1, 2) if turns[n] % 2 else picture"))
    to.wrong(task, "the first map's turn for all", (turn, turn.replace("turns[n]", "turns[0]")))
    to.wrong(task, "not turned", (turn, "out[n] = picture"))
    to.wrong(task, "not mirrored", (flip, "picture = x[n]"), mirrors)
    to.wrong(task, "mirrored from top to bottom", (flip, flip.replace(":, :, ::-1", ":, ::-1")), mirrors)
    to.wrong(task, "all mirrored", (flip, "picture = x[n, :, :, ::-1]"))
    to.wrong(task, "mirrored where it should not", (flip, flip.replace("if mirrored", "if not mirrored")))
    to.wrong(task, "the first map's mirror for all", (flip, flip.replace("mirrored[n]", "mirrored[0]")), mirrors)
    to.wrong(
        task,
        "mirrored after the turn",
        [
            (flip, "picture = x[n]"),
            (turn, turn + "\n        if mirrored[n]:\n            out[n] = out[n, :, :, ::-1].copy()"),
        ],
        mirrors,
    )
    to.wrong(task, "channels in reverse order as well", (flip, flip.replace(":, :, ::-1", "::-1, :, ::-1")), mirrors)
    to.wrong(task, "channels mirrored", (flip, flip.replace(":, :, ::-1", "::-1")), mirrors)
    to.wrong(task, "the batch in reverse order", (last, "    return out[::-1]"))
    to.wrong(task, "in place", (last, "    x[:] = out\n    return x"))
    to.wrong(task, "float64 always", (last, "    return out.astype(float)"), turns)
    to.wrong(task, "zeros", (last, "    return 0 * out"))
    to.wrong(task, "NaN", (last, "    return np.nan * out"))
    to.wrong(task, "a list of maps", (last, "    return list(out)"))
    to.wrong(task, "nothing returned", (last, ""))
    to.wrong(task, "3 × 3 only", ("range(len(x))", "range(len(x) if x.shape[2] == 3 else 0)"))
    to.wrong(
        task,
        "PyTorch",
        """
import torch

def turned(x, turns, mirrored):
    maps = [torch.tensor(x[n]).flip(2) if mirrored[n] else torch.tensor(x[n]) for n in range(len(x))]
    return torch.stack([torch.rot90(m, int(t), (1, 2)) for m, t in zip(maps, turns)]).numpy()
""",
        turns,
    )
    to.right(
        task,
        "turn after turn",
        """
def turned(x, turns, mirrored):
    out = x.copy()
    for n, (k, m) in enumerate(zip(turns, mirrored)):
        if m:
            out[n] = np.flip(out[n], -1)
        for _ in range(k % 4):
            out[n] = np.flip(out[n].swapaxes(1, 2), 1)
    return out
""",
    )
    to.right(
        task,
        "a stack",
        """
def turned(x, turns, mirrored):
    print(len(x), "maps")
    return np.stack([np.rot90(np.fliplr(p.transpose(1, 2, 0)) if m else p.transpose(1, 2, 0), k).transpose(2, 0, 1)
                     for p, k, m in zip(x, turns, mirrored)])
""",
    )
    to.right(
        task,
        "all eight, then a choice",
        """
def turned(x, turns, mirrored):
    every = [np.rot90(y, k, (2, 3)) for y in (x, x[..., ::-1]) for k in range(4)]
    return np.array(every)[4 * mirrored + turns % 4, np.arange(len(x))]
""",
    )


def safe(to: Answers) -> None:
    task = "safe"
    wafers, arrows, stripes = '"wafers": every', '"arrows": every[1:2]', '"stripes": every[:3]'
    spirals, digits = '"spirals": every[2:]', '"digits": []'
    to.wrong(task, "no quarter turns for wafers", (wafers, '"wafers": every[:3]'))
    to.wrong(task, "nothing for wafers", (wafers, '"wafers": []'))
    to.wrong(task, "arrows mirrored from left to right", (arrows, '"arrows": every[:1]'))
    to.wrong(task, "arrows turned by a half", (arrows, '"arrows": every[1:3]'))
    to.wrong(task, "everything for arrows", (arrows, '"arrows": every'))
    to.wrong(task, "stripes turned by a quarter", (stripes, '"stripes": every'))
    to.wrong(task, "stripes not turned at all", (stripes, '"stripes": every[:2]'))
    to.wrong(task, "spirals mirrored", (spirals, '"spirals": every'))
    to.wrong(task, "spirals not turned by a quarter", (spirals, '"spirals": every[2:3]'))
    to.wrong(task, "a 6 mirrored from top to bottom is a 9", (digits, '"digits": every[1:2]'))
    to.wrong(task, "a 6 turned by a half stays", (digits, '"digits": every[2:3]'))
    to.wrong(
        task,
        "everything everywhere",
        [
            (arrows, '"arrows": every'),
            (stripes, '"stripes": every'),
            (spirals, '"spirals": every'),
            (digits, '"digits": every'),
        ],
    )
    to.wrong(
        task,
        "nothing anywhere",
        "def safe_moves():\n    return dict.fromkeys(['wafers', 'arrows', 'stripes', 'spirals', 'digits'], [])",
    )
    to.wrong(task, "a data set missing", (digits, '"numbers": []'))
    to.wrong(task, "other words", (wafers, '"wafers": ["flip"]'))
    to.wrong(task, "text", (arrows, '"arrows": "up-down"'))
    to.wrong(task, "nothing returned", "def safe_moves():\n    pass")
    to.wrong(task, "a list", "def safe_moves():\n    return [[], [], [], [], []]")
    to.right(
        task,
        "sets",
        """
def safe_moves():
    mirrors, turns = {"left-right", "up-down"}, {"half turn", "quarter turn"}
    return {"wafers": mirrors | turns, "arrows": {"up-down"}, "stripes": mirrors | {"half turn"},
            "spirals": turns, "digits": set()}
""",
    )
    to.right(
        task,
        "tuples in another order",
        """
def safe_moves():
    return dict(digits=(), spirals=("quarter turn", "half turn"), arrows=("up-down",),
                stripes=("half turn", "up-down", "left-right"),
                wafers=("quarter turn", "half turn", "up-down", "left-right"))
""",
    )
    to.right(
        task,
        "written out, and printed",
        """
def safe_moves():
    safe = {"wafers": ["left-right", "up-down", "half turn", "quarter turn"], "arrows": ["up-down"],
            "stripes": ["left-right", "up-down", "half turn"], "spirals": ["half turn", "quarter turn"],
            "digits": [], "letters": ["none"]}
    print(safe)
    return safe
""",
    )


def mixing(to: Answers) -> None:
    task, mix, pictures, labels = "mixing", "test-mixup", "test-cutmix-pictures", "test-cutmix-labels"
    blend = "return tuple((share * a + (1 - share) * a[partner]).astype(a.dtype) for a in (x, y))"
    inside = "inside = (top <= rows) & (rows < top + height) & (left <= columns) & (columns < left + width)"
    area, paste = "area = inside.mean()", "np.where(inside, x[partner], x)"
    follow = "(y + area * (y[partner] - y)).astype(y.dtype)"
    cut = [pictures, labels]
    to.wrong(task, "labels not blended", (blend, "return share * x + (1 - share) * x[partner], y"), mix)
    to.wrong(task, "pictures not blended", (blend, "return x, share * y + (1 - share) * y[partner]"), mix)
    to.wrong(
        task,
        "the wrong way round",
        (blend, blend.replace("share * a + (1 - share) * a[partner]", "(1 - share) * a + share * a[partner]")),
        mix,
    )
    to.wrong(task, "half and half", (blend, blend.replace("(1 - share)", "0.5").replace("(share *", "(0.5 *")), mix)
    to.wrong(task, "weights that do not sum to 1", (blend, blend.replace("(1 - share) * ", "")), mix)
    to.wrong(task, "the batch in reverse order", (blend, blend.replace("a[partner]", "a[::-1]")), mix)
    to.wrong(task, "partner the other way round", (blend, blend.replace("a[partner]", "a[np.argsort(partner)]")), mix)
    to.wrong(
        task,
        "blended in place",
        (
            blend,
            "x *= share\n    x += (1 - share) * x[partner] / max(share, 1e-9)\n    return x, share * y + (1 - share) * y[partner]",
        ),
        mix,
    )
    to.wrong(task, "float64 always", (blend, blend.replace("a.dtype", "float")), mix)
    to.wrong(task, "the pictures only", (blend, "return share * x + (1 - share) * x[partner]"), mix)
    to.wrong(task, "zeros for MixUp", (blend, "return 0 * x, 0 * y"), mix)
    to.wrong(
        task,
        "PyTorch",
        (blend, "return tuple(torch.lerp(torch.tensor(a[partner]), torch.tensor(a), share).numpy() for a in (x, y))"),
        mix,
    )
    to.wrong(task, "labels do not follow", (follow, "y.copy()"), labels)
    to.wrong(
        task, "labels the wrong way round", (follow, "(y[partner] + area * (y - y[partner])).astype(y.dtype)"), labels
    )
    to.wrong(task, "the whole box counts", (area, "area = height * width / inside.size"), labels)
    to.wrong(task, "half and half for labels", (area, "area = 0.5"), labels)
    to.wrong(task, "the partner's label", (follow, "y[partner]"), labels)
    to.wrong(task, "the root of the area", (area, "area = np.sqrt(inside.mean())"), labels)
    to.wrong(task, "pixels instead of a share", (area, "area = inside.sum()"), labels)
    to.wrong(task, "labels in float64", (follow, follow.replace("y.dtype", "float")), labels)
    to.wrong(task, "the surroundings pasted", (paste, "np.where(inside, x, x[partner])"), pictures)
    to.wrong(task, "the box emptied", (paste, "np.where(inside, 0, x).astype(x.dtype)"), pictures)
    to.wrong(
        task,
        "rows and columns of the box exchanged",
        (inside, inside.replace("height", "wide").replace("width", "height").replace("wide", "width")),
        cut,
    )
    to.wrong(
        task,
        "top and left exchanged",
        (inside, inside.replace("top", "first").replace("left", "top").replace("first", "left")),
        cut,
    )
    to.wrong(
        task, "the far corner", (inside, inside.replace("top + height", "height").replace("left + width", "width")), cut
    )
    to.wrong(
        task,
        "one row and column too many",
        (inside, inside.replace("rows <", "rows <=").replace("columns <", "columns <=").replace("<== ", "<= ")),
        cut,
    )
    to.wrong(task, "a box moved inside", (inside, "top, left = max(top, 0), max(left, 0)\n    " + inside), cut)
    to.wrong(
        task,
        "slices that wrap around",
        (
            paste,
            "None\n    out = x.copy()\n    out[:, :, top:top + height, left:left + width] = x[partner][:, :, top:top + height, left:left + width]\n    return out",
        ),
        cut,
    )
    to.wrong(task, "pasted in place", ("    area", "    x[:] = np.where(inside, x[partner], x)\n    area"), cut)
    to.wrong(task, "pasted from the batch in reverse order", (paste, "np.where(inside, x[::-1], x)"), pictures)
    to.wrong(task, "nothing pasted", (paste, "x.copy()"), pictures)
    to.wrong(task, "nothing returned", [(blend, "pass"), ("    return np.where", "    np.where")])
    to.right(
        task,
        "slices, clipped",
        """
def mixup(x, y, partner, share):
    a = x * share + x[partner] * (1 - share)
    b = y * share + y[partner] * (1 - share)
    return a.astype(x.dtype), b.astype(y.dtype)

def cutmix(x, y, partner, box):
    t, l, h, w = box
    H, W = x.shape[-2:]
    t0, t1 = np.clip([t, t + h], 0, H)
    l0, l1 = np.clip([l, l + w], 0, W)
    out = x.copy()
    out[:, :, t0:t1, l0:l1] = x[partner][:, :, t0:t1, l0:l1]
    lam = 1 - (t1 - t0) * (l1 - l0) / (H * W)
    return out, (lam * y + (1 - lam) * y[partner]).astype(y.dtype)
""",
    )
    to.right(
        task,
        "pixel by pixel",
        """
def mixup(x, y, partner, share):
    other = 1 - share
    return [np.array([share * a[n] + other * a[partner[n]] for n in range(len(a))], a.dtype) for a in (x, y)]

def cutmix(x, y, partner, box):
    top, left, height, width = box
    new, count = x.copy(), 0
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            if 0 <= i - top < height and 0 <= j - left < width:
                new[:, :, i, j] = x[partner, :, i, j]
                count += 1
    part = count / (x.shape[2] * x.shape[3])
    return new, y * y.dtype.type(1 - part) + y[partner] * y.dtype.type(part)
""",
    )
    to.right(
        task,
        "a mask as weights",
        """
def mixup(x, y, partner, share):
    print("mixing")
    x2, y2 = x[partner], y[partner]
    return (x2 + share * (x - x2)).astype(x.dtype), (y2 + share * (y - y2)).astype(y.dtype)

def cutmix(x, y, partner, box):
    top, left, height, width = box
    mask = np.zeros(x.shape[2:], x.dtype)
    mask[max(top, 0):max(top + height, 0), max(left, 0):max(left + width, 0)] = 1
    share = 1 - mask.mean(dtype=float)
    return x * (1 - mask) + x[partner] * mask, mixup(x, y, partner, share)[1]
""",
    )


def stopping(to: Answers) -> None:
    task, when, weights, odd = "stopping", "test-stops", "test-weights", "test-stops-oddly"
    loop, lower = "while len(losses) < most and waited < patience:", "if losses[-1] < lowest:"
    reset, last = "lowest, waited = losses[-1], 0", "    restore()\n    return losses"
    to.wrong(task, "never stops early", (loop, "while len(losses) < most:"), [when, weights, odd])
    to.wrong(task, "one epoch too many", (loop, loop.replace("waited < patience", "waited <= patience")))
    to.wrong(task, "one epoch too few", (loop, loop.replace("waited < patience", "waited < patience - 1")))
    to.wrong(task, "no upper end", (loop, "while waited < patience:"))
    to.wrong(task, "one more than most", (loop, loop.replace("len(losses) < most", "len(losses) <= most")))
    to.wrong(task, "stops at the first rise", (loop, "while len(losses) < most and waited < 1:"))
    to.wrong(task, "counts rises from one epoch to the next", (lower, "if len(losses) < 2 or losses[-1] < losses[-2]:"))
    to.wrong(task, "counts all bad epochs, not those in a row", (reset, "lowest = losses[-1]\n            waited -= 1"))
    to.wrong(task, "an equal loss counts as better", (lower, "if losses[-1] <= lowest:"), odd)
    to.wrong(task, "NaN counts as better", (lower, "if not losses[-1] >= lowest:"), odd)
    to.wrong(
        task,
        "max instead of min",
        ('float("inf")', '-float("inf")') if False else (lower, "if losses[-1] > lowest or len(losses) == 1:"),
    )
    to.wrong(task, "never restores", (last, "    return losses"), [weights, odd])
    to.wrong(task, "never saves", ("            save()\n", ""), [weights, odd])
    to.wrong(
        task,
        "saves every epoch",
        [("            save()\n", ""), ("        waited += 1\n", "        waited += 1\n        save()\n")],
        [weights, odd],
    )
    to.wrong(
        task,
        "saves before the epoch",
        [("            save()\n", ""), ("        losses.append", "        save()\n        losses.append")],
        [weights, odd],
    )
    to.wrong(
        task,
        "restores before every epoch",
        ("        losses.append", "        restore()\n        losses.append"),
        [weights, odd],
    )
    to.wrong(
        task,
        "restores only when it stopped early",
        (last, "    if len(losses) < most:\n        restore()\n    return losses"),
        [weights, odd],
    )
    to.wrong(
        task, "saves only at the end", [("            save()\n", ""), (last, "    save()\n" + last)], [weights, odd]
    )
    to.wrong(task, "restores, then trains on", (last, "    restore()\n    run_epoch()\n    return losses"))
    to.wrong(task, "returns the lowest loss", ("return losses", "return lowest"), [when, odd])
    to.wrong(
        task,
        "returns the losses up to the best",
        ("return losses", "return losses[: len(losses) - waited]"),
        [when, odd],
    )
    to.wrong(task, "returns the number of epochs", ("return losses", "return len(losses)"), [when, odd])
    to.wrong(task, "nothing returned", ("    return losses", ""), [when, odd])
    to.wrong(
        task,
        "a lowest loss of 100 to begin with, and NaN forgotten",
        [('float("inf")', "100"), (lower, "if not losses[-1] > lowest:")],
        odd,
    )
    to.wrong(task, "a lowest loss of 0 to begin with", ('float("inf")', "0"))
    to.wrong(task, "patience counted over the whole run", (reset, "lowest = losses[-1]"))
    to.right(
        task,
        "a for loop with a break",
        """
def train_until(run_epoch, save, restore, patience, most):
    history, best = [], None
    for epoch in range(most):
        loss = run_epoch()
        history.append(loss)
        if best is None or loss < history[best]:
            best = epoch
            save()
        elif epoch - best >= patience:
            break
    restore()
    return history
""",
    )
    to.right(
        task,
        "NumPy, and a tuple",
        """
def train_until(run_epoch, save, restore, patience, most):
    losses = []
    while True:
        losses.append(run_epoch())
        best = int(np.nanargmin(losses))
        if best == len(losses) - 1:
            save()
        if len(losses) == most or len(losses) - 1 - best >= patience:
            break
    restore()
    return tuple(losses)
""",
    )
    to.right(
        task,
        "by recursion",
        """
def train_until(run_epoch, save, restore, patience, most):
    def go(losses, lowest, left):
        if len(losses) == most or left == 0:
            return losses
        loss = run_epoch()
        if loss < lowest:
            save()
            return go(losses + [loss], loss, patience)
        return go(losses + [loss], lowest, left - 1)

    losses = go([], np.inf, patience)
    restore()
    print(min(losses))
    return losses
""",
    )


def judging(to: Answers) -> None:
    task, matrix, error, bins = "judging", "test-confusion", "test-calibration", "test-calibration-bins"
    count, both = "np.add.at(counts, (labels, predictions), 1)", [error, bins]
    excess = "excess = confidence - (probabilities.argmax(1) == labels)"
    last = "return np.abs(np.bincount(number, excess)).sum() / len(labels)"
    number = "number = np.ceil(confidence * bins).astype(int)"
    to.wrong(task, "rows and columns exchanged", (count, "np.add.at(counts, (predictions, labels), 1)"), matrix)
    to.wrong(task, "repeats lost", (count, "counts[labels, predictions] += 1"), matrix)
    to.wrong(task, "right ones only", (count, "np.add.at(counts, (labels, labels), labels == predictions)"), matrix)
    to.wrong(task, "mistakes only", (count, "np.add.at(counts, (labels, predictions), labels != predictions)"), matrix)
    to.wrong(task, "shares", ("    return counts", "    return counts / len(labels)"), matrix)
    to.wrong(
        task,
        "shares of the rows",
        ("    return counts", "    return counts / np.maximum(counts.sum(1, keepdims=True), 1)"),
        matrix,
    )
    to.wrong(task, "floats", ("(classes, classes), int)", "(classes, classes))"), matrix)
    to.wrong(
        task,
        "as many classes as came up",
        (
            "    counts = np.zeros((classes, classes), int)",
            "    classes = max(labels.max(), predictions.max()) + 1\n    counts = np.zeros((classes, classes), int)",
        ),
        matrix,
    )
    to.wrong(task, "a list of lists", ("    return counts", "    return counts.tolist()"), matrix)
    to.wrong(task, "sorts the labels in place", (count, "labels.sort()\n    " + count), matrix)
    to.wrong(
        task,
        "scikit-learn",
        (
            count,
            "from sklearn.metrics import confusion_matrix\n    counts = confusion_matrix(labels, predictions, labels=range(classes))",
        ),
        matrix,
    )
    to.wrong(
        task,
        "no absolute value",
        (last, last.replace("np.abs(np.bincount(number, excess))", "np.bincount(number, excess)")),
        both,
    )
    to.wrong(task, "one gap over all pictures", (last, "return abs(excess.mean())"), both)
    to.wrong(task, "gaps picture by picture", (last, "return np.abs(excess).mean()"), both)
    to.wrong(
        task,
        "squares",
        (
            last,
            "n = np.maximum(np.bincount(number), 1)\n    return (np.bincount(number, excess) ** 2 / n).sum() / len(labels)",
        ),
        both,
    )
    to.wrong(
        task,
        "bins weigh the same",
        (last, "n = np.bincount(number)\n    return np.mean(np.abs(np.bincount(number, excess)[n > 0] / n[n > 0]))"),
        both,
    )
    to.wrong(
        task,
        "the largest gap",
        (last, "n = np.bincount(number)\n    return np.max(np.abs(np.bincount(number, excess)[n > 0] / n[n > 0]))"),
        both,
    )
    to.wrong(
        task,
        "NaN for empty bins",
        (
            last,
            "n = np.bincount(number, minlength=bins + 1)\n    return (np.abs(np.bincount(number, excess, minlength=bins + 1) / n) * n).sum() / len(labels)",
        ),
        both,
    )
    to.wrong(
        task,
        "the true class's probability",
        ("probabilities.max(1)", "probabilities[np.arange(len(labels)), labels]"),
        both,
    )
    to.wrong(task, "the first class's probability", ("probabilities.max(1)", "probabilities[:, 0]"), both)
    to.wrong(task, "edges belong to the bin above", (number, "number = np.floor(confidence * bins).astype(int)"), bins)
    to.wrong(task, "always ten bins", (number, "number = np.ceil(confidence * 10).astype(int)"), bins)
    to.wrong(task, "one bin too few", (number, "number = np.ceil(confidence * (bins - 1)).astype(int)"), both)
    to.wrong(task, "rounded to the nearest bin", (number, "number = np.rint(confidence * bins).astype(int)"), both)
    to.wrong(task, "the accuracy", (last, "return (probabilities.argmax(1) == labels).mean()"), both)
    to.wrong(task, "in percent", (last, last.replace("/ len(labels)", "/ len(labels) * 100")), both)
    to.wrong(
        task,
        "sorts the probabilities in place",
        (
            "    confidence = probabilities.max(1)",
            "    right = probabilities.argmax(1) == labels\n    probabilities.sort(1)\n    confidence = probabilities.max(1)",
        ),
        both,
    )
    to.wrong(task, "nothing returned", [("    return counts", "    counts"), ("    return np.abs", "    np.abs")])
    to.right(
        task,
        "loops",
        """
def confusion(labels, predictions, classes):
    table = np.zeros((classes, classes), dtype=np.int64)
    for t, p in zip(labels, predictions):
        table[t, p] += 1
    return table

def calibration_error(probabilities, labels, bins=10):
    total = 0.0
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    for b in range(bins):
        mask = (confidence > b / bins) & (confidence <= (b + 1) / bins)
        if mask.any():
            total += mask.mean() * abs(right[mask].mean() - confidence[mask].mean())
    return total
""",
    )
    to.right(
        task,
        "one-hot rows, and digitize",
        """
def confusion(labels, predictions, classes):
    eye = np.eye(classes, dtype=int)
    return eye[labels].T @ eye[predictions]

def calibration_error(probabilities, labels, bins=10):
    top, which = np.max(probabilities, 1), np.argmax(probabilities, 1)
    box = np.digitize(top, np.linspace(0, 1, bins + 1), right=True)
    return float(sum(abs(np.sum((which == labels)[box == b] - top[box == b])) for b in set(box)) / len(top))
""",
    )
    to.right(
        task,
        "a histogram",
        """
def confusion(labels, predictions, classes):
    print(len(labels))
    return np.bincount(classes * labels + predictions, minlength=classes * classes).reshape(classes, classes)

def calibration_error(probabilities, labels, bins=10):
    c = probabilities.max(1)
    hit = (probabilities.argmax(1) == labels).astype(float)
    order = np.searchsorted(np.arange(1, bins) / bins, c, side="left")
    gaps = np.zeros(bins)
    np.add.at(gaps, order, hit - c)
    return np.array(np.abs(gaps).sum() / len(c))
""",
    )


def classifier(to: Answers) -> None:
    task = "classifier"
    net, loop, guess, bar = "test-net", "test-train", "test-predict", "test-accuracy"
    conv = 'nn.Conv2d(before, after, 3, padding="same", bias=False)'
    relu, head = (
        "blocks += [nn.ReLU(), nn.MaxPool2d(2)]",
        "self.head = nn.Sequential(nn.Dropout(p), nn.Linear(2 * width, classes))",
    )
    forward = "return self.head(self.features(x).mean((2, 3)))"
    schedule = "schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1, 0, epochs * len(batches))"
    shape = [net, loop]
    to.wrong(task, "a bias before the normalisation", (conv, conv.replace("bias=False", "bias=True")), shape)
    to.wrong(task, "no padding", (conv, conv.replace('"same"', "0")), [net, loop, guess])
    to.wrong(task, "5 × 5", (conv, conv.replace("after, 3", "after, 5")), shape)
    to.wrong(task, "no ReLU", (relu, "blocks += [nn.MaxPool2d(2)]"), shape)
    to.wrong(task, "average pooling", (relu, relu.replace("MaxPool2d", "AvgPool2d")), shape)
    to.wrong(task, "no pooling", (relu, "blocks += [nn.ReLU()]"), shape)
    to.wrong(task, "global maximum", (forward, "return self.head(self.features(x).amax((2, 3)))"), shape)
    to.wrong(task, "softmax in the network", (forward, f"{forward}.softmax(1)"), shape)
    to.wrong(task, "no dropout", (head, "self.head = nn.Linear(2 * width, classes)"), net)
    to.wrong(task, "normalisation without weights", ("BatchNorm2d(after)", "BatchNorm2d(after, affine=False)"), shape)
    to.wrong(task, "width and 4 width", ("(width, 2 * width)", "(width, 4 * width)"), [net, loop, guess, bar])
    to.wrong(task, "mode not set", ("    model.train()\n", ""), loop)
    to.wrong(task, "no momentum", (", momentum=0.9", ""), loop)
    to.wrong(task, "a constant rate", ("            schedule.step()\n", ""), loop)
    to.wrong(
        task,
        "the rate falls once an epoch",
        [
            ("            schedule.step()\n", ""),
            (schedule, schedule.replace("epochs * len(batches)", "epochs")),
            ("        losses.append", "        schedule.step()\n        losses.append"),
        ],
        loop,
    )
    to.wrong(
        task,
        "gradients zeroed after the backward pass",
        (
            "            optimiser.zero_grad()\n            loss.backward()\n",
            "            loss.backward()\n            optimiser.zero_grad()\n",
        ),
        [loop, bar],
    )
    to.wrong(task, "no step", ("            optimiser.step()\n", ""), [loop, bar])
    to.wrong(
        task,
        "a new optimiser every epoch",
        (
            "    for _ in range(epochs):\n",
            "    for _ in range(epochs):\n        optimiser = torch.optim.SGD(model.parameters(), learning_rate, momentum=0.9)\n",
        ),
        loop,
    )
    to.wrong(task, "means of batches", ("loss.item() * len(x), pictures + len(x)", "loss.item(), pictures + 1"), loop)
    to.wrong(
        task,
        "losses never reset",
        [("        total, pictures = 0, 0\n", ""), ("    losses = []", "    losses, total, pictures = [], 0, 0")],
        loop,
    )
    to.wrong(task, "losses as tensors", ("loss.item()", "loss.detach()"), loop)
    to.wrong(task, "no losses returned", ("    return losses", ""), loop)
    to.wrong(task, "predicts in training mode", ("    model.eval()\n    with", "    with"), guess)
    to.wrong(task, "mode not put back", ("    model.train(was_training)\n", ""), guess)
    to.wrong(task, "always back to training", ("model.train(was_training)", "model.train()"), guess)
    to.wrong(task, "scores instead of classes", (".argmax(1)", ".amax(1)"), [guess, bar])
    to.wrong(task, "the lowest score", (".argmax(1)", ".argmin(1)"), [guess, bar])
    to.wrong(task, "constant predictions", (".argmax(1)", ".argmax(1) * 0"), [guess, bar])
    to.right(
        task,
        "written out, with a rate set by hand",
        """
class WaferNet(nn.Module):
    def __init__(self, classes, width=8, p=0.1):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, (3, 3), padding=(1, 1), bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, 2 * width, (3, 3), padding=(1, 1), bias=False)
        self.bn2 = nn.BatchNorm2d(2 * width)
        self.pool = nn.MaxPool2d(2, 2)
        self.gap = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2 * width, classes)
        self.drop = nn.Dropout(p)

    def forward(self, x):
        x = self.pool(torch.relu(self.bn1(self.conv1(x))))
        x = self.pool(torch.relu(self.bn2(self.conv2(x))))
        return self.fc(self.drop(torch.flatten(self.gap(x), 1)))

def train(model, batches, epochs, learning_rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9)
    criterion = nn.CrossEntropyLoss()
    history, k, T = [], 0, epochs * len(batches)
    for epoch in range(epochs):
        model.train()
        running, seen = 0.0, 0
        for inputs, targets in batches:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * (1 - k / T)
            optimizer.zero_grad(set_to_none=False)
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
            running += float(loss) * targets.numel()
            seen += targets.numel()
            k += 1
        history.append(running / seen)
        print(f"epoch {epoch}: {history[-1]:.3f}")
    return history

def predict(model, x):
    mode = model.training
    try:
        model.train(False)
        return torch.max(model(x).detach(), dim=1).indices
    finally:
        model.train(mode)
""",
    )
    to.right(
        task,
        "one Sequential, and momentum by hand",
        """
class WaferNet(nn.Module):
    def __init__(self, classes, width=8, p=0.1):
        super().__init__()
        def block(i, o):
            return nn.Conv2d(i, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True), nn.MaxPool2d(2)
        self.net = nn.Sequential(*block(1, width), *block(width, width * 2), nn.AdaptiveAvgPool2d((1, 1)),
                                 nn.Dropout(p), nn.Flatten(), nn.Linear(width * 2, classes))

    def forward(self, x):
        return self.net(x)

def train(model, batches, epochs, learning_rate):
    model.train()
    parameters = list(model.parameters())
    speed = [torch.zeros_like(p) for p in parameters]
    steps, step, losses = epochs * len(batches), 0, []
    for _ in range(epochs):
        sums = []
        for x, y in batches:
            scores = model(x)
            loss = nn.functional.nll_loss(scores.log_softmax(1), y)
            gradients = torch.autograd.grad(loss, parameters)
            rate = learning_rate * (steps - step) / steps
            with torch.no_grad():
                for p, v, g in zip(parameters, speed, gradients):
                    v.mul_(0.9).add_(g)
                    p.sub_(rate * v)
            step += 1
            sums.append((loss.item() * len(y), len(y)))
        losses.append(sum(a for a, _ in sums) / sum(b for _, b in sums))
    return losses

@torch.inference_mode()
def predict(model, x):
    mode = model.training
    scores = model.eval()(x)
    model.train(mode)
    return scores.softmax(1).argmax(dim=1).clone()
""",
    )
    to.right(
        task,
        "a LambdaLR, dropout on the maps' means by function",
        """
class WaferNet(nn.Module):
    def __init__(self, classes, width=8, p=0.1):
        super().__init__()
        self.p = p
        self.convs = nn.ModuleList([nn.Conv2d(1, width, 3, padding=1, bias=False),
                                    nn.Conv2d(width, 2 * width, 3, padding=1, bias=False)])
        self.norms = nn.ModuleList([nn.BatchNorm2d(width), nn.BatchNorm2d(2 * width)])
        self.last = nn.Linear(2 * width, classes)

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms):
            x = nn.functional.max_pool2d(norm(conv(x)).relu(), 2)
        return self.last(nn.functional.dropout(x.mean(dim=(-2, -1)), self.p, self.training))

def train(model, batches, epochs, learning_rate):
    optimiser = torch.optim.SGD(model.parameters(), learning_rate, 0.9)
    total = epochs * len(batches)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda k: 1 - k / total)
    model.train(True)
    means = []
    for _ in range(epochs):
        kept = []
        for x, y in batches:
            losses = nn.functional.cross_entropy(model(x), y, reduction="none")
            optimiser.zero_grad()
            losses.mean().backward()
            optimiser.step()
            schedule.step()
            kept.append(losses.detach())
        means.append(torch.cat(kept).mean().item())
    return means

def predict(model, x):
    before = model.training
    with torch.no_grad():
        answer = model.eval().forward(x).topk(1, dim=1).indices[:, 0]
    model.train(before)
    return answer
""",
    )
