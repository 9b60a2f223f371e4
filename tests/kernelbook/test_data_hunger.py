"""The experiment on data hunger: a part of its results comes out again, and what is compared is comparable."""

import json

import pytest
import torch

from kernelbook.experiments import data_hunger as hunger


def test_every_run_of_the_plan_is_in_the_file():
    stored = json.loads(hunger.RESULTS.read_text())
    assert stored["seeds"] == list(hunger.SEEDS)
    assert (stored["steps"], stored["batch"], stored["test_wafers"]) == (hunger.STEPS, hunger.BATCH, hunger.TEST)
    for name, numbers in hunger.PLAN.items():
        assert sorted(stored["runs"][name], key=int) == [str(number) for number in sorted(numbers)]
        for runs in stored["runs"][name].values():
            assert sorted(runs) == [str(seed) for seed in hunger.SEEDS]
            assert all(0 < run[which] <= 1 for run in runs.values() for which in ("train", "test"))
    for name in ("cnn", "vit"):
        assert set(stored["rates"][name]) == {str(rate) for rate in hunger.CANDIDATES}


@pytest.mark.slow
def test_a_run_is_reproduced():
    torch.set_num_threads(1)
    again = hunger.run("cnn", 300, 0, hunger.best_rate(hunger.read(), "cnn"), hunger.unseen())
    # Another processor may sum in another order, and training magnifies that.
    assert again.test == pytest.approx(hunger.table()["cnn"][300][0], abs=0.05)


def test_the_designs_are_of_equal_size():
    sizes = {name: sum(p.numel() for p in hunger.network(name).parameters() if p.requires_grad) for name in hunger.PLAN}
    assert max(sizes.values()) / min(sizes[name] for name in ("cnn", "vit", "hybrid")) < 1.07
    assert sizes["vit"] - sizes["unplaced"] == 37 * hunger.WIDTH
    with pytest.raises(ValueError, match="unknown design 'mlp': choose from cnn, vit, hybrid, placed, unplaced"):
        hunger.network("mlp")


def test_places_are_rows_and_columns_before_the_channels():
    x = torch.rand(2, 3, 4, 5, dtype=torch.float64)
    placed = hunger.Places()(x)
    assert torch.equal(placed[:, 2:], x)
    rows, columns = placed[1, 0], placed[1, 1]
    assert rows[:, 2].tolist() == pytest.approx([-1, -1 / 3, 1 / 3, 1])
    assert columns[3].tolist() == pytest.approx([-1, -0.5, 0, 0.5, 1])
    assert rows.std(1).max() == 0 == columns.std(0).max()


def test_only_the_unplaced_network_takes_no_notice_of_the_order_of_patches():
    torch.manual_seed(0)
    x = torch.rand(4, 1, hunger.SIDE, hunger.SIDE, dtype=torch.float64)
    half = hunger.SIDE // 2  # a whole number of patches
    swapped = torch.cat([x[..., half:], x[..., :half]], dim=-1)
    for name in ("vit", "unplaced"):
        model = hunger.network(name).double().eval()
        assert torch.allclose(model(x), model(swapped)) == (name == "unplaced")


def test_fewer_wafers_are_part_of_more_and_none_is_a_test_wafer(monkeypatch):
    monkeypatch.setattr(hunger, "NUMBERS", (20, 300))
    hunger._pool.cache_clear()
    few, labels = hunger.training_wafers(20, 3)
    more, _ = hunger.training_wafers(300, 3)
    hunger._pool.cache_clear()
    assert len(labels) == 20
    assert torch.equal(few, more[:20])
    unseen = {wafer.numpy().tobytes() for wafer in hunger.unseen()[0]}
    assert not unseen & {wafer.numpy().tobytes() for wafer in more}


def test_the_rate_rises_over_a_tenth_and_falls_to_nothing():
    rates = [hunger.scale(step) for step in range(hunger.STEPS)]
    top = rates.index(max(rates))
    assert top == pytest.approx(hunger.STEPS / 10, abs=1)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert 0 <= rates[-1] < 1e-4 < rates[0]


def test_a_run_in_the_file_is_not_run_again(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(hunger, "RESULTS", tmp_path / "found.json")
    monkeypatch.setattr(hunger, "unseen", lambda seed=0: seed)
    monkeypatch.setattr(
        hunger, "run", lambda name, number, seed, rate, test: calls.append((name, rate)) or hunger.Accuracies(1.0, rate)
    )
    for _ in range(2):
        hunger.choose("vit")
        hunger.measure("vit", 300, 0)
        hunger.measure("unplaced", 300, 0)
    best = max(hunger.CANDIDATES)  # as the false run has it
    assert calls == [("vit", rate) for rate in hunger.CANDIDATES] + [("vit", best), ("unplaced", best)]
    assert hunger.read()["runs"]["vit"]["300"]["0"] == {"train": 1.0, "test": best}
    assert [path.name for path in tmp_path.iterdir()] == ["found.json"]
