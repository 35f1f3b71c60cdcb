import torch

from variate.rng import reseed, seeded


def test_seeded_draws_are_those_of_manual_seed_and_leave_the_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(5)
    torch.manual_seed(7)
    undisturbed = torch.rand(4)
    torch.manual_seed(7)
    with seeded(3):
        assert torch.equal(torch.rand(5), expected)
    assert torch.equal(torch.rand(4), undisturbed)


def test_generator_is_put_back_after_an_exception():
    state = torch.get_rng_state()
    try:
        with seeded(3):
            torch.rand(5)
            raise KeyError
    except KeyError:
        pass
    assert torch.equal(torch.get_rng_state(), state)


def test_without_a_seed_the_generator_goes_on():
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    with seeded(None):
        first = torch.rand(1)
    assert torch.equal(torch.cat([first, torch.rand(1)]), expected)


def test_reseed_is_manual_seed():
    torch.manual_seed(11)
    expected = torch.rand(3)
    reseed(11)
    assert torch.equal(torch.rand(3), expected)
