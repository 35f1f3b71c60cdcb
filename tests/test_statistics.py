import math
import subprocess
import sys

import pytest
import scipy.stats
import torch

from variate import statistics
from variate.statistics import active, bits_per_dim, estimate, log_count_mean, moments

ROWS, SIZE = 50_000, 196


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
def test_moments_do_not_depend_on_the_chunks(dtype, monkeypatch):
    rows = (50 + 20 * torch.rand(100, 2, 3)).to(dtype)
    monkeypatch.setattr(statistics, "ROWS_AT_A_TIME", 7)
    mean, std = moments(rows)
    torch.testing.assert_close(mean, rows.double().mean(0))
    torch.testing.assert_close(std, rows.double().std(0, correction=0))


def test_an_estimate_is_a_mean_and_its_standard_error():
    values = torch.randn(50, dtype=torch.float32)
    found = estimate(values)
    array = values.double().numpy()
    assert found.value == pytest.approx(array.mean(), rel=1e-12)
    assert found.stderr == pytest.approx(scipy.stats.sem(array), rel=1e-12)


def test_one_value_has_no_standard_error():
    found = estimate(torch.tensor([3.0]))
    assert found.value == 3
    assert math.isnan(found.stderr)


def test_a_fair_coin_per_dimension_is_one_bit_per_dimension():
    assert bits_per_dim(10 * math.log(2), 10) == pytest.approx(1)


def test_active_latents_are_those_whose_mean_varies_over_the_rows():
    spread = torch.tensor([0.0, 0.09, 0.11, 3.0])  # a variance above 0.01 is a standard deviation above 0.1
    means = 5 + spread * torch.tensor([[-1.0], [1.0]] * 20)
    assert active(means).tolist() == [False, False, True, True]


def test_a_large_mean_does_not_drown_the_spread():
    rows = 1e9 + torch.randn(1000, 2)
    torch.testing.assert_close(moments(rows).std, (rows - 1e9).std(0, correction=0))


def test_constant_elements_have_no_spread_at_all():
    rows = torch.tensor([[0.1, 0.0, 1e6, 5.0]] * 1001)
    rows[0, 3] = 4
    std = moments(rows).std
    assert std[:3].tolist() == [0, 0, 0]
    assert 0 < std[3] < 1


def test_log_mean_of_counts_never_seen_is_finite():
    rows = torch.tensor([[0, 3], [0, 5]])
    torch.testing.assert_close(log_count_mean(rows), torch.tensor([0.25, 4.25]).log())


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts in other units elsewhere")
def test_the_memory_they_take_is_that_of_a_few_rows():
    # In a process of its own: what others have freed before would be used again and hide what this takes.
    program = f"""
import resource, torch
from variate import statistics
from variate.statistics import moments
statistics.ROWS_AT_A_TIME = 256
torch.set_num_threads(1)
rows = torch.ones({ROWS}, {SIZE}, dtype=torch.uint8)
moments(rows[:5000])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
moments(rows)
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) < ROWS * SIZE  # the rows themselves; in float64 they are eight times that
