"""The training loop learns, repeats itself under a seed, and reports no more digits than it has."""

import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from kernelbook import training


def separable(number=200, seed=0):
    """Two classes of (number, 1, 2, 2) images that a line separates."""
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(number, 1, 2, 2, generator=random)
    return x, (x.sum((1, 2, 3)) > 0).long()


def net():
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.1), nn.Linear(4, 2))


def run(seed, **options):
    torch.manual_seed(seed)
    model = net()
    return training.fit(
        model, separable(), separable(seed=1), epochs=8, learning_rate=0.05, seed=seed, **options
    ), model


def test_it_learns():
    history, model = run(0)
    assert history.test_accuracy[-1] > 0.9 > history.test_accuracy[0] - 0.2
    assert history.train_loss[-1] < history.train_loss[0]
    assert len(history.train_loss) == len(history.train_accuracy) == 8
    assert len(history.test_loss) == len(history.test_accuracy) == 8
    assert history.test_loss[-1] < history.test_loss[0]
    assert history.seconds > 0
    assert (training.predict(model, separable(seed=1)[0]) == separable(seed=1)[1]).float().mean() == pytest.approx(
        history.test_accuracy[-1]
    )


def test_a_seed_repeats_a_run_exactly_and_another_seed_does_not():
    assert run(3)[0].train_loss == run(3)[0].train_loss
    assert run(3)[0].train_loss != run(4)[0].train_loss


def test_the_last_batch_may_be_smaller_and_still_counts_by_its_size():
    history, _ = run(0, batch_size=77)
    assert 0 <= history.train_accuracy[-1] <= 1


def test_measuring_is_optional_and_does_not_change_the_training():
    torch.manual_seed(3)
    unmeasured = training.fit(net(), separable(), None, epochs=8, learning_rate=0.05, seed=3)
    assert unmeasured.test_accuracy == []
    assert unmeasured.train_loss == run(3)[0].train_loss


def test_weight_decay_shrinks_the_weights():
    _, plain = run(0)
    _, decayed = run(0, weight_decay=1.0)
    assert decayed[2].weight.norm() < plain[2].weight.norm()


def test_inputs_and_labels_must_agree():
    x, y = separable()
    with pytest.raises(ValueError, match="test has 200 inputs but 199 labels"):
        training.fit(net(), (x, y), (x, y[:-1]), epochs=1)


def test_augmentation_sees_every_batch_and_may_answer_with_shares():
    seen = []

    def augment(x, y):
        seen.append(len(x))
        return x, nn.functional.one_hot(y, 2).float()

    plain, _ = run(3)
    shared, _ = run(3, augment=augment)
    assert sum(seen) == 8 * 200
    assert shared.train_loss == pytest.approx(plain.train_loss, rel=1e-4)
    assert shared.train_accuracy == plain.train_accuracy
    flipped, _ = run(3, augment=lambda x, y: (x, 1 - y))
    assert flipped.test_accuracy[-1] < 0.2, "what it answers is what is learned"


def test_keep_best_leaves_the_weights_of_the_best_epoch():
    train, validation = separable(), separable(seed=1)
    for rate in (3e-3, 30.0):  # 30 wrecks the network after the first steps
        torch.manual_seed(0)
        model = net()
        history = training.fit(model, train, validation, epochs=5, learning_rate=rate, keep_best=True)
        assert training.evaluate(model, validation)[0] == pytest.approx(min(history.test_loss), rel=1e-5)
    with pytest.raises(ValueError, match="keep_best needs a validation set"):
        training.fit(net(), train, None, epochs=1, keep_best=True)


def test_predict_is_in_evaluation_mode():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(4, 2)).train()
    x = separable()[0]
    assert torch.equal(training.predict(model, x), training.predict(model, x, batch_size=7))


def test_evaluate_measures_loss_and_accuracy_without_dropout():
    history, model = run(0)
    x, y = separable(seed=1)
    loss, accuracy = training.evaluate(model.train(), (x, y), batch_size=64)
    said = model.eval()(x)
    assert loss == pytest.approx(nn.functional.cross_entropy(said, y).item())
    assert accuracy == (said.argmax(1) == y).float().mean().item()
    assert (loss, accuracy) == (pytest.approx(history.test_loss[-1]), history.test_accuracy[-1])
    assert torch.equal(training.scores(model, x, batch_size=7), training.scores(model, x, batch_size=200))


def test_a_bar_shows_only_if_asked_for_and_can_be_silenced_from_outside(capsys):
    run(0)
    assert capsys.readouterr().err == ""
    run(0, progress=True)
    assert "0/8" in capsys.readouterr().err
    code = (
        "import torch; from torch import nn; from kernelbook import training;"
        "training.fit(nn.Sequential(nn.Flatten(), nn.Linear(1, 2)), (torch.zeros(4, 1, 1, 1), torch.zeros(4).long()),"
        "None, epochs=3, progress=True)"
    )
    silent = {**os.environ, "TQDM_DISABLE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=silent, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_a_spread_prints_whole_percents_and_never_claims_zero_deviation():
    assert str(training.Spread((0.9412, 0.9388, 0.9430))) == "94 ± 1 %"
    assert str(training.Spread((0.5, 0.6, 0.7))) == "60 ± 10 %"


def test_over_seeds_seeds_torch_before_each_run():
    spread = training.over_seeds(lambda seed: torch.rand(1).item(), seeds=(1, 2))
    torch.manual_seed(2)
    assert spread.values[1] == torch.rand(1).item()
    assert spread.values[0] != spread.values[1]
