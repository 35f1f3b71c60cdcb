import torch

from variate.distributions.support import insert_axis, is_bit, is_count, is_level, sum_event

NAN, INF = float("nan"), float("inf")


def test_counts_are_whole_finite_and_not_negative():
    x = torch.tensor([0.0, 3.0, 1e6, -1.0, 0.5, NAN, INF, -INF])
    assert is_count(x).tolist() == [True] * 3 + [False] * 5
    assert is_count(torch.tensor([-1, 0, 7])).tolist() == [False, True, True]


def test_levels_are_counts_below_a_number_in_every_dtype():
    x = torch.tensor([0.0, 255.0, 256.0, -1.0, 0.5, NAN, INF])
    assert is_level(x, 256).tolist() == [True, True] + [False] * 5
    for dtype in (torch.uint8, torch.int8, torch.int64):  # 256 does not fit in the first two
        assert is_level(torch.tensor([0, 15, 16, 127], dtype=dtype), 256).all()
        assert is_level(torch.tensor([0, 15, 16, 127], dtype=dtype), 16).tolist() == [True, True, False, False]


def test_an_event_with_an_element_outside_has_probability_zero():
    log_p = -torch.ones(2, 3, 4)
    inside = torch.ones(3, 4, dtype=torch.bool)
    inside[1, 2] = False
    assert torch.equal(sum_event(log_p, inside, 1), torch.tensor([[-4.0, -INF, -4.0]] * 2))
    assert torch.equal(sum_event(log_p, inside, 2), torch.tensor([-INF, -INF]))
    assert sum_event(log_p, inside, 0)[0, 1].tolist() == [-1.0, -1.0, -INF, -1.0]
    assert torch.equal(sum_event(log_p, None, 1), sum_event(log_p, torch.ones(3, 4, dtype=torch.bool), 1))


def test_bits_are_0_and_1_in_every_dtype():
    assert is_bit(torch.tensor([0.0, 1.0, 0.5, -1.0, 2.0, NAN, INF])).tolist() == [True, True] + [False] * 5
    assert is_bit(torch.tensor([0, 1, 2], dtype=torch.uint8)).tolist() == [True, True, False]


def test_an_axis_is_inserted_from_the_end():
    assert insert_axis(torch.zeros(2, 5, 3), -2).shape == (2, 5, 1, 3)
    assert insert_axis(torch.zeros(3), -2).shape == (1, 3)
    assert insert_axis(torch.zeros(()), -3).shape == (1, 1, 1)
