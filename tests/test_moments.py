import pytest
import torch

from variate import moments as module
from variate.moments import log_mean, moments


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
def test_moments_do_not_depend_on_the_chunks(dtype, monkeypatch):
    rows = (50 + 20 * torch.rand(100, 2, 3)).to(dtype)
    monkeypatch.setattr(module, "ROWS_AT_A_TIME", 7)
    mean, std = moments(rows)
    torch.testing.assert_close(mean, rows.double().mean(0))
    torch.testing.assert_close(std, rows.double().std(0, correction=0))


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
    torch.testing.assert_close(log_mean(rows), torch.tensor([0.25, 4.25]).log())
