"""What can be wrong in `python -m benchmarks` without a clock: arithmetic, workers, and whether all sides agree."""

import argparse
import ast
import importlib.util
import itertools
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks import report, two_checkouts
from benchmarks.__main__ import FASHION, SECTIONS, main, parser, settings_of
from benchmarks.case import Case, batches, bits
from benchmarks.measure import Spread, alternate, crossing, decide, inverse, ratios, spread, steps_for
from benchmarks.sections import floor, noise, same_numbers, serving, throughput, time_to_quality
from benchmarks.settings import SIDES, Settings, Table, seconds_per_step, set_up
from benchmarks.sides import floor_side, networks, serving_side, variate_side
from benchmarks.sides.variate_side import model_options
from benchmarks.worker import AbsentError, Worker, WorkerError, workers

import variate
from variate.training.cost import multiplications

ROOT = Path(__file__).parent.parent


def test_a_spread_is_the_median_within_its_range():
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert spread([4.0, 1.0]) == Spread(2.5, 1.0, 4.0)
    with pytest.raises(ValueError, match="at least one value"):
        spread([])


def test_ratios_are_taken_round_by_round():
    slowing = [1.0, 2.0, 30.0]
    assert ratios([3 * v for v in slowing], slowing) == Spread(3.0, 3.0, 3.0)
    assert ratios([1.0, 8.0, 2.0], [2.0, 2.0, 2.0]) == Spread(1.0, 0.5, 4.0)
    with pytest.raises(ValueError, match="argument 2"):
        ratios([1.0, 2.0], [1.0])


def test_what_is_slowest_in_seconds_is_least_a_second():
    assert inverse(Spread(0.5, 0.25, 1.0), 128) == Spread(256.0, 128.0, 512.0)


def test_sides_take_turns_and_who_begins_changes():
    calls, clock = [], iter(range(100))
    found = alternate({name: lambda n=name: calls.append(n) or float(next(clock)) for name in "abc"}, 4)
    assert "".join(calls) == "abcbcacababc"
    assert found == {"a": [0, 5, 7, 9], "b": [1, 3, 8, 10], "c": [2, 4, 6, 11]}


def test_one_slow_moment_does_not_decide_for_a_rival():
    fast, slow = iter([9.0, 1.0, 1.2]), iter([2.0, 2.1, 2.0])
    assert decide({"fast": lambda: next(fast), "slow": lambda: next(slow)}) == "fast"


def test_blocks_of_steps():
    assert steps_for(2.0, trial_seconds=0.5, trial_steps=10) == 40
    assert steps_for(0.1, trial_seconds=9.0, trial_steps=2) == 1
    assert batches(60_000, 128, 1000) == [468, 468, 64]
    assert batches(60_000, 128, 468) == [468]
    assert batches(10, 128, 2) == [1, 1]


@pytest.mark.parametrize(("goal", "when"), [(0.0, 1.0), (1.0, 1.0), (1.5, 1.5), (2.0, 2.0), (4.0, 6.0), (6.6, None)])
def test_a_goal_is_crossed_on_the_line_between_two_points(goal, when):
    assert crossing([1.0, 2.0, 4.0, 8.0], [1.0, 2.0, 1.5, 6.5], goal) == when


def test_rows_are_bits_of_grey_levels_or_of_chance(monkeypatch):
    grey = np.array([[0, 127], [128, 255]], np.uint8).reshape(2, 1, 1, 2)
    monkeypatch.setattr("benchmarks.case.grey", lambda: (grey, grey[:1]))
    assert bits(Case()).tolist() == [[[[0, 0]]], [[[1, 1]]]]
    assert bits(Case(), "test").tolist() == [[[[0, 0]]]]
    synthetic = bits(Case(rows=50, synthetic=True))
    assert synthetic.shape == (50, 1, 28, 28)
    assert np.unique(synthetic).tolist() == [0, 1]


SIDE = """
import os, subprocess, sys
from benchmarks.worker import AbsentError

class Side:
    def add(self, a, b):
        return {"sum": a + b}
    def chatter(self):
        print("chatter")
        os.write(1, b"and more\\n")
        os.system("echo from a child")
        return os.getpid()
    def fail(self):
        raise ZeroDivisionError("a reason")
    def need(self):
        import no_such_library
    def lack(self):
        raise AbsentError("no such device")
    def die(self):
        print("last words", file=sys.stderr)
        os._exit(3)
    def beget(self):
        return subprocess.Popen(["sleep", "1000"]).pid
    def environment(self, name):
        return os.environ.get(name)
"""


@pytest.fixture
def side(tmp_path, monkeypatch):
    """The name of a module with a side of no library."""
    (tmp_path / "a_side.py").write_text(SIDE)
    path = [str(tmp_path), str(ROOT), os.environ.get("PYTHONPATH")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, path)))
    return "a_side"


def gone(pid):
    for _ in range(100):
        status = Path(f"/proc/{pid}/status")
        if not status.exists() or "\nState:\tZ" in status.read_text():
            return True
        time.sleep(0.05)
    return False


def test_a_worker_answers_whatever_its_libraries_print(side):
    with Worker(side, 1, {"COLOUR": "green"}) as worker:
        assert worker.call("add", a=1, b=2.5) == {"sum": 3.5}
        assert worker.call("chatter") == worker.process.pid
        assert worker.call("environment", name="COLOUR") == "green"
        assert worker.call("environment", name="OMP_NUM_THREADS") == "1"


def test_a_worker_survives_failures_and_says_what_is_absent(side):
    with Worker(side, 1) as worker:
        with pytest.raises(WorkerError, match="ZeroDivisionError: a reason") as failure:
            worker.call("fail")
        assert not isinstance(failure.value, AbsentError)
        for name, words in (("need", "no_such_library"), ("lack", "no such device")):
            with pytest.raises(AbsentError, match=words):
                worker.call(name)
        with pytest.raises(WorkerError, match="no attribute 'nonsense'"):
            worker.call("nonsense")
        with pytest.raises(WorkerError, match="nothing to ask for"):
            worker.call("__init__")
        assert worker.call("add", a=1, b=1) == {"sum": 2}


def test_a_side_whose_library_is_not_installed_is_absent(side, tmp_path):
    (tmp_path / "b_side.py").write_text("import no_such_library")
    table = Table("", ())
    with workers(1, {"one": side, "other": "b_side"}) as running:
        with pytest.raises(AbsentError, match="no_such_library"):
            running["other"].call("setup")
        running["one"].call("add", a=1, b=1)
        found = set_up({"other": running["other"]}, {"other": {}}, table)
    assert found == {}
    assert table.notes == ["other is not here: No module named 'no_such_library'"]


def test_a_worker_that_dies_is_an_error_with_its_last_words(side):
    with Worker(side, 1) as worker:
        with pytest.raises(WorkerError, match=r"ended during 'die'(.|\n)*last words"):
            worker.call("die")
        with pytest.raises(WorkerError, match="ended during 'add'"):
            worker.call("add", a=1, b=1)


def test_no_worker_outlives_the_block_nor_does_what_it_started(side):
    pids = []

    def fail():
        with workers(1, {"a": side, "b": side}) as running:
            pids.extend(worker.process.pid for worker in running.values())
            pids.append(running["a"].call("beget"))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert len(pids) == 3
    assert all(gone(pid) for pid in pids)


def test_seconds_a_step_are_those_that_the_sides_say():
    class Fake:
        def __init__(self, pace, whole):
            self.pace, self.whole, self.asked = pace, whole, []

        def call(self, _name, steps):
            self.asked.append(steps)
            steps = math.ceil(steps / self.whole) * self.whole
            return {"seconds": steps * self.pace, "steps": steps}

    quick, slow = Fake(0.01, 8), Fake(0.5, 1)
    found = seconds_per_step({"quick": quick, "slow": slow}, Settings(rounds=3, block=2.0), {"slow": {"turn": 9}})
    assert found == {"quick": pytest.approx([0.01] * 3), "slow": pytest.approx([0.5] * 3)}
    assert quick.asked == [1, 2, 200, 200, 200]
    assert slow.asked == [1, 2, 9, 9, 9], "its own turn is longer than a block"


def parameters(case):
    """Of the MLP, by hand."""
    sizes = [784, *[case.width] * case.depth]
    ends = [[*sizes, 2 * case.latent], [case.latent, *sizes[:0:-1], 784]]
    return sum((i + 1) * o for e in ends for i, o in itertools.pairwise(e))


def given(path):
    """Weights, rows and draws for the sides to score, and the loss and a part of its gradient in float64."""
    generator = np.random.default_rng(1)
    arrays = {}
    for name, sizes in {"encoder": [784, 16, 16, 6], "decoder": [3, 16, 16, 784]}.items():
        for i, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
            arrays[f"{name}.{i}.weight"] = generator.normal(0, inputs**-0.5, (outputs, inputs)).astype(np.float32)
            arrays[f"{name}.{i}.bias"] = generator.normal(0, 0.3, outputs).astype(np.float32)
    for part in ("weight", "bias"):
        arrays[f"encoder.2.{part}"][3:] *= 0.05  # near 0, where variate's bound on log-scales is the identity
    torch.manual_seed(5)
    eps = torch.randn(12, 3, dtype=torch.float32)
    rows = generator.integers(0, 2, (12, 784), dtype=np.uint8)
    np.savez(path, rows=rows, eps=eps.numpy(), seed=5, **arrays)
    weights = {name: torch.from_numpy(value).double().requires_grad_() for name, value in arrays.items()}
    log_px, q_z, _ = passed(weights, torch.from_numpy(rows).double(), eps.double())
    rate = torch.distributions.kl_divergence(q_z, torch.distributions.Normal(0.0, 1.0)).sum(-1)
    loss = (rate - log_px).mean()
    loss.backward()
    return weights, {"loss": loss.item(), "gradient": weights["encoder.2.weight"].grad[:3].norm().item()}


def passed(weights, x, eps):
    """Log p(x|z), q(z|x) and z, from torch's own distributions."""

    def network(name, h):
        for i in range(3):
            h = h @ weights[f"{name}.{i}.weight"].T + weights[f"{name}.{i}.bias"]
            h = h.relu() if i < 2 else h
        return h

    mean, log_variance = network("encoder", x).chunk(2, -1)
    q_z = torch.distributions.Normal(mean, (log_variance / 2).exp())
    z = mean + q_z.scale * eps
    return torch.distributions.Bernoulli(logits=network("decoder", z)).log_prob(x).sum(-1), q_z, z


def bound(weights, x, draws):
    """The importance-weighted bound of each row, (N,)."""
    log_px, q_z, z = passed(weights, x, torch.randn(draws, len(x), 3))
    log_w = log_px + (torch.distributions.Normal(0.0, 1.0).log_prob(z) - q_z.log_prob(z)).sum(-1)
    return log_w.logsumexp(0) - math.log(draws)


RIVALS = {"torch_side": "torch", "pythae_side": "pythae", "jax_side": "jax"}
TINY = Case(width=16, depth=2, latent=3, batch_size=20, rows=200, synthetic=True)


@pytest.mark.ci
@pytest.mark.parametrize("module", ["variate_side", *RIVALS])
def test_every_side_trains_the_same_model_with_the_same_loss(module, tmp_path):
    library = RIVALS.get(module, "variate")
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"NOT CHECKED: {library} is not installed: pip install -e '.[bench]'")
    weights, expected = given(tmp_path / "given.npz")
    with Worker(SIDES + module, 1) as worker:
        assert worker.call("setup", case=TINY.asdict())["parameters"] == parameters(TINY)
        done = worker.call("run", steps=3)
        assert done["steps"] >= 3
        assert done["seconds"] > 0
        assert worker.call("check", file=str(tmp_path / "given.npz")) == pytest.approx(expected, rel=2e-5)
        if module != "jax_side":
            test = torch.from_numpy(bits(TINY, "test")[:8]).double().flatten(1)
            with torch.no_grad():
                several = torch.stack([bound(weights, test, 1000).mean() for _ in range(20)])
            noise = 5 * several.std().item() * math.sqrt(1 + 1 / 20)
            found = worker.call("evidence", rows=8, draws=1000)["value"]
            assert found == pytest.approx(several.mean().item(), abs=noise)


def test_the_networks_of_all_sides_have_the_parameters_of_variates():
    torch.set_default_dtype(torch.float32)
    for case in (TINY, TINY.replace(network="conv", width=8, depth=1)):
        vae = variate.build(bits(case), model_options(case))
        assert networks.count(*networks.networks(case)) == networks.count(vae)
        assert sum(p.numel() for p in vae.parameters()) == networks.count(vae)
    assert parameters(TINY) == networks.count(*networks.networks(TINY))


@pytest.mark.parametrize("case", [TINY, TINY.replace(network="conv", width=8, depth=1, batch_size=4)], ids=str)
def test_the_floor_counts_every_product_of_a_step_once(case):
    torch.set_default_dtype(torch.float32)
    vae = variate.build(bits(case), model_options(case))
    forward = multiplications(vae, vae.dataset(bits(case)[:1]))
    first = 784 * case.width if case.network == "mlp" else 14 * 14 * 9 * case.width  # its input gradient is not needed
    found = floor_side.products(case)
    assert sum(p.flops for p in found) == 2 * case.batch_size * (3 * forward - first)
    for product in found:
        assert len(product.ways) > 1
        shapes = {str([tuple(o.shape) for o in made if o is not None]) for made in map(computed, product.ways)}
        assert len(shapes) == 1


def computed(way):
    """The outputs of one way to compute a product."""
    out = way()
    return out if isinstance(out, tuple) else (out,)


def test_serving_takes_the_encoders_products_and_the_decoders_once_a_draw():
    side = serving_side.Side()
    side.setup(threads=1, synthetic=True, rows=8)
    weights = {
        part: sum(
            m.weight.numel()
            for m in getattr(side.model, part).network.modules()
            if hasattr(m, "weight") and m.weight.dim() > 1
        )
        for part in ("encoder", "decoder")
    }
    flops = [sum(product.flops for product in part) for part in (side.encoding, side.decoding)]
    assert flops == [2.0 * serving_side.ROWS * weights[part] for part in ("encoder", "decoder")]
    floors = side.floors()
    assert 0 < floors["embed"] < floors["score"]
    assert side.embed() > 0 < side.score()


def test_the_memory_of_a_command_is_its_own_and_its_failure_is_told():
    assert 10 < serving.peak_memory(["--version"]) < 1_000
    with pytest.raises(RuntimeError, match="nowhere"):
        serving.peak_memory(["score", "nowhere"])


def test_the_floor_is_a_part_of_the_step_of_its_round():
    floors = [
        {"seconds": 0.01, "products": 0.008, "optimizer": 0.002},
        {"seconds": 0.03, "products": 0.02, "optimizer": 0.01},
    ]
    row = floor.row([0.02, 0.04], floors, flops=4e9)
    assert row["floor/step %"] == pytest.approx(Spread(62.5, 50.0, 75.0))
    assert row["floor ms"] == pytest.approx(Spread(20.0, 10.0, 30.0))
    assert row["GFLOP/s"] == pytest.approx(Spread(150.0, 100.0, 200.0))
    assert row["bare GFLOP/s"] == pytest.approx(Spread(350.0, 200.0, 500.0))


def test_every_case_has_its_sides_and_quick_ones_are_fewer():
    settings = Settings(devices=("cpu", "cuda"))
    cases = throughput.cases(settings)
    assert len({str(case) for case in cases}) == 12
    for case in cases:
        sides = throughput.sides(case, settings)
        assert next(iter(sides)) == "variate"
        assert ("JAX" in sides) == (case.network == "mlp")
        for module, arguments in sides.values():
            assert importlib.util.find_spec(SIDES + module)
            assert Case(**arguments["case"]) == case
    assert len(throughput.cases(Settings(quick=True))) < 3


class Curve:
    """A worker whose ELBO rises by 1 a step, two seconds each."""

    def __init__(self):
        self.steps = 0

    def call(self, name, steps=0):
        self.steps += steps
        return float(self.steps) if name == "score" else {"steps": steps, "seconds": 2.0 * steps}


def test_time_to_quality_compares_with_the_best_rate_of_the_rival(monkeypatch):
    monkeypatch.setattr(time_to_quality, "PAUSE", 0.0)
    ready = {"seconds": 5.0, "note": ""}
    runs = [time_to_quality.Run(n, Curve(), ready, 4, e, p) for n, e, p in (("a", 1, 1), ("b", 3, 1), ("c", 5, 4))]
    while any(run.going for run in runs):
        [run.advance() for run in runs if run.going]
    table = Table("", time_to_quality.COLUMNS)
    time_to_quality.fill(table, runs, 2)
    a, b, c = table.rows
    assert b["best ELBO"] == 11.0  # of 12 steps the first was taken with the setup
    assert (a["seconds to goal"], b["seconds to goal"], c["seconds to goal"]) == (None, 27.0, 27.0)
    assert (b["epochs to goal"], c["pythae takes x times as long"]) == (3.0, 1.0)
    assert c["seconds in all"] == 5.0 + 2.0 * 19
    assert len(table.curves["c"]) == 19


def test_a_shift_of_the_numbers_is_measured_in_standard_errors_of_the_reference():
    table = Table("", same_numbers.COLUMNS)
    same_numbers.fill(table, {same_numbers.REFERENCE: [1.0, 2.0, 3.0], "other": [2.0, 2.0, 5.0]})
    first, other = table.rows
    assert first["standard error"] == pytest.approx(3**-0.5)
    assert (first["beyond float32's"], other["beyond float32's"]) == (None, pytest.approx(1.0))
    assert other["in its standard errors"] == pytest.approx(3**0.5)
    assert other["of each seed"] == "2.00, 2.00, 5.00"


def test_all_ways_to_tell_the_noise_agree_where_tails_are_light():
    torch.set_default_dtype(torch.float32)
    log_w = noise.log_weights(0.05, 2, 400, 100, seed=1)
    weights = noise.statistics_of(log_w)
    told = {way: of(log_w, weights).square().mean().sqrt().item() for way, of in noise.WAYS.items()}
    exact = 0.05 / math.sqrt(1 - 2 * 0.05) / 20  # e^(k E) has the mean 1 / (1 - k) and the mean square 1 / (1 - 2 k)
    assert told == {way: pytest.approx(exact, rel=0.1) for way in noise.WAYS}


def test_noise_that_was_reported_is_held_against_what_happened():
    error = torch.tensor([[0.3, 9.0], [-0.3, -0.4]]).repeat(10, 1)
    khat = torch.tensor([[0.1, 0.9], [0.1, 0.1]]).repeat(10, 1)
    told = {way: torch.full_like(error, 0.1) for way in noise.WAYS}
    found = noise.Repeats(error, khat, told, torch.where(khat > 0.7, 0.2, 0.0))
    assert noise.ratio(error[found.unflagged], told["delta"][found.unflagged]) == f"{math.sqrt(0.34 / 3) / 0.1:.2f}"
    assert noise.ratio(error[:5].flatten(), error[:5].flatten()) == "-"
    of_mean, unchosen, own = noise.of_means(found)
    assert of_mean[:2].tolist() == pytest.approx([0.3, -0.35])
    assert unchosen[:2].tolist() == pytest.approx([0.1, 0.1 / math.sqrt(2)])
    assert own[:2].tolist() == pytest.approx([math.hypot(0.1, 0.2), 0.1 / math.sqrt(2)])
    assert noise.line(found)["flagged"] == "25%"


def test_tables_are_shown_and_written_with_all_their_numbers(tmp_path):
    table = Table("A title", ("side", "x", "n", "none"), notes=["a note"])
    table.rows.append({"side": "one", "x": Spread(1.23456, 1.0, 2345.6), "n": 60_000, "none": None})
    shown = "\n".join(report.lines(table))
    assert "| one  | 1.235 (1 - 2,346) | 60,000 | -    |" in shown
    assert "- a note" in shown
    settings = Settings(quick=True)
    report.write(tmp_path / "found.json", report.document(settings, {"cpu": "c"}, {"floor": [table]}))
    found = json.loads((tmp_path / "found.json").read_text())
    assert set(found) == {"machine", "settings", "sections"}
    assert found["settings"]["quick"] is True
    (written,) = found["sections"]["floor"]
    assert set(written) == {"title", "columns", "rows", "notes", "curves"}
    assert written["rows"] == [
        {"side": "one", "x": {"median": 1.23456, "least": 1.0, "most": 2345.6}} | {"n": 60_000, "none": None}
    ]
    assert [p.name for p in tmp_path.iterdir()] == ["found.json"]


def test_the_machine_is_described():
    found = report.machine()
    assert set(found) == {"cpu", "cores", "memory_gib", "gpu", "system", "python", "versions", "date"}
    assert found["versions"]["torch"] == torch.__version__
    assert found["versions"]["variate"] == variate.__version__
    assert found["cores"] >= 1
    assert report.version("no-such-package") is None


def test_the_command_prints_and_writes_each_table(monkeypatch, capsys, tmp_path):
    import benchmarks.sections.evaluation as section

    def measure(settings):
        yield Table(f"{settings.threads} threads", ("a",), [{"a": 1}])
        assert json.loads((tmp_path / "found.json").read_text())["sections"]["evaluation"][0]["rows"] == [{"a": 1}]
        yield Table("Second", ("b",), [{"b": 2}])

    monkeypatch.setattr(section, "measure", measure)
    monkeypatch.setattr(report, "gpu", lambda: None)
    monkeypatch.setattr("benchmarks.__main__.grey", lambda: None)
    main(["evaluation", "--quick", "--threads", "1", "--json", str(tmp_path / "found.json")])
    shown = capsys.readouterr().out
    assert "### 1 threads" in shown
    assert "### Second" in shown
    assert len(json.loads((tmp_path / "found.json").read_text())["sections"]["evaluation"]) == 2


@pytest.fixture
def without_fashion(monkeypatch):
    """No copy of Fashion-MNIST, no network and no GPU; how often it was looked for."""
    looked = []

    def grey():
        looked.append(1)
        raise variate.InputError("fashion-mnist", "a copy", "no copy", "set VARIATE_DATA")

    monkeypatch.setattr("benchmarks.__main__.grey", grey)
    monkeypatch.setattr(report, "gpu", lambda: None)
    return looked


def ended(capsys, *arguments):
    """Exit code, and the lines of standard output and of standard error without the progress."""
    try:
        main([*arguments, "--quick", "--threads", "1"])
        code = 0
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    return code, out.splitlines(), [line for line in err.splitlines() if not line.startswith("[")]


@pytest.mark.parametrize("name", [name for name, section in SECTIONS.items() if section.rows == FASHION])
def test_a_section_of_fashion_mnist_without_it_is_one_sentence(without_fashion, capsys, name):
    expected = f"error: {name} left out: fashion-mnist: expected a copy, got no copy; set VARIATE_DATA"
    assert ended(capsys, name) == (2, [], [expected])


def test_sections_that_take_times_go_on_with_random_rows(without_fashion, monkeypatch, capsys):
    import benchmarks.sections.processes as section

    given = []
    monkeypatch.setattr(section, "measure", lambda settings: given.append(settings) or iter(()))
    assert ended(capsys, "processes")[::2] == (0, [])
    code, _, said = ended(capsys, "same-numbers", "processes", "quality")
    assert (code, len(said), said[0].split(": ")[1]) == (2, 1, "same-numbers, quality left out")
    assert [settings.synthetic for settings in given] == [True, True]
    assert len(given[0].about_rows) == 1
    for module in (throughput, section):
        assert all(case.synthetic for case in module.cases(Settings(quick=True, synthetic=True)))
        assert not any(case.synthetic for case in module.cases(Settings()))


def test_grey_levels_have_a_stand_in_too(monkeypatch):
    monkeypatch.setattr("benchmarks.sides.variate_side.SYNTHETIC_ROWS", 300)
    side = variate_side.Side()
    validation, test = side._read_grey(TINY.replace(rows=100).asdict())
    assert (len(side.rows), side.rows.schema.levels, side.rows.shape) == (100, 256, (1, 28, 28))
    assert len(validation) <= 100
    assert len(test) <= 100


def test_a_section_with_rows_of_its_own_does_not_look_for_fashion_mnist(without_fashion, monkeypatch, capsys):
    import benchmarks.sections.feeding as section

    monkeypatch.setattr(section, "measure", lambda settings: iter(()))
    assert ended(capsys, "feeding")[::2] == (0, [])
    assert without_fashion == []


def test_a_section_whose_rival_is_not_installed_is_left_out_and_the_others_go_on(monkeypatch, capsys):
    import benchmarks.sections.feeding as other

    def measure(_settings):
        raise AbsentError("No module named 'pythae'\nmore")

    monkeypatch.setattr("benchmarks.__main__.grey", lambda: None)
    monkeypatch.setattr(report, "gpu", lambda: None)
    monkeypatch.setattr(time_to_quality, "measure", measure)
    monkeypatch.setattr(other, "measure", lambda _settings: iter([Table("Feeds", ("a",))]))
    code, shown, said = ended(capsys, "time-to-quality", "feeding")
    assert (code, len(said)) == (2, 1)
    assert said[0].startswith("error: time-to-quality left out: No module named 'pythae'; `pip install")
    assert "### Feeds" in shown


@pytest.mark.parametrize("arguments", [["--json", "nowhere/found.json"], ["--device", "cuda"]])
def test_what_cannot_be_done_at_all_is_said_before_anything_is_measured(without_fashion, capsys, arguments):
    code, out, said = ended(capsys, "feeding", *arguments)
    assert (code, out, len(said)) == (2, [], 1)
    assert said[0].startswith(f"error: {arguments[0]}: expected")


def test_two_checkouts_are_folders_with_workers(tmp_path):
    assert two_checkouts.checkout(str(ROOT)) == ROOT
    with pytest.raises(argparse.ArgumentTypeError, match="must be a checkout"):
        two_checkouts.checkout(str(tmp_path))


def test_the_command_says_what_it_is_and_has_every_section():
    shown = subprocess.run([sys.executable, "-m", "benchmarks", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert shown.stdout.startswith("usage: python -m benchmarks")
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    for name in SECTIONS:
        assert name in shown.stdout
        assert f"`{name}`" in text
        assert importlib.util.find_spec(f"benchmarks.sections.{name.replace('-', '_')}")


def test_what_is_asked_for_becomes_settings(capsys):
    asked = parser().parse_args(["all", "--threads", "3", "--seconds", "5", "--rounds", "4"])
    settings = settings_of(asked, gpu=False)
    assert settings == Settings(threads=3, devices=("cpu",), rounds=4, seconds=(5.0,))
    assert settings_of(asked, gpu=True).devices == ("cpu", "cuda")
    quick = settings_of(parser().parse_args(["all", "--quick"]), gpu=False)
    assert (quick.rounds, quick.block, quick.epochs) == (2, 0.1, 2)
    with pytest.raises(variate.InputError) as refusal:
        settings_of(parser().parse_args(["all", "--device", "cuda"]), gpu=False)
    assert (refusal.value.argument, refusal.value.got) == ("--device", "cuda")
    for wrong in (["nonsense"], ["all", "--rounds", "0"], ["quality", "--likelihoods", "nonsense"]):
        with pytest.raises(SystemExit):
            parser().parse_args(wrong)
    assert "must be at least 1, got 0" in capsys.readouterr().err


def test_the_suite_is_of_the_house():
    for path in (ROOT / "benchmarks").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 350, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                said = node.body[0].end_lineno - node.body[0].lineno + 1 if ast.get_docstring(node) else 0
                assert node.end_lineno - node.lineno + 1 - said <= 40, (path, node.name)
