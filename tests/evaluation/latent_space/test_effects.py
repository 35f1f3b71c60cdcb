"""What a move does to the columns of a table."""

import numpy as np
import torch

from examples import table
from small_models import make
from variate.evaluation.latent_space.effects import column_moves
from variate.evaluation.latent_space.positions import decoded_rows


def test_columns_move_by_shares_of_rows_and_by_total_variation():
    model, _ = make("columns")
    data, schema = table(), model.recipe.schema
    before, after = torch.randn(4, 2), 3 * torch.randn(4, 2)
    moves = {move.place: move for move in column_moves(model, schema, data, before, after)}
    x = data.x.all()
    start, end = (decoded_rows(model, places).numpy() for places in (before, after))
    for place in (0, 2):

        def rank(value, column=x[:, place]):
            return ((column < value).mean() + (column <= value).mean()) / 2

        shares = [abs(rank(b) - rank(a)) for a, b in zip(start[:, place], end[:, place], strict=True)]
        assert np.isclose(moves[place].share, np.mean(shares))
        assert moves[place].before == np.median(start[:, place])
        assert moves[place].after == np.median(end[:, place])
        assert moves[place].probability is None
    for place, codes in ((1, 3), (3, 2)):
        each = torch.arange(codes).double()[:, None, None, None].expand(codes, 1, 4, 4)
        masses = [
            model.decode([places[None]]).log_prob_elements(each)[:, 0, :, place].exp() for places in (before, after)
        ]
        p, q = (mass.mean(1).detach().numpy() for mass in masses)
        assert np.isclose(moves[place].share, np.abs(p - q).sum() / 2)
        assert moves[place].before == (q - p).argmin()
        assert moves[place].after == (q - p).argmax()
        np.testing.assert_allclose(moves[place].probability, [p[(q - p).argmax()], q[(q - p).argmax()]])


def test_the_column_that_moves_most_is_first_and_no_move_is_none():
    model, _ = make("quantile-logistic")
    data, schema = table(), model.recipe.schema
    places = torch.randn(3, 2)
    found = column_moves(model, schema, data, places, places + 2)
    assert [move.share for move in found] == sorted((move.share for move in found), reverse=True)
    assert sorted(move.place for move in found) == [0, 1, 2, 3]
    assert {move.share for move in column_moves(model, schema, data, places, places)} == {0.0}


def test_missing_cells_are_no_numbers_that_a_column_moves_over():
    model, _ = make("columns")
    data, schema = table(), model.recipe.schema
    seen = np.ones((30, 4), bool)
    seen[:10, 0] = False
    x = data.x.all().copy()
    x[:10, 0] = 1e6
    masked = data.replace(x=type(data.x)(x), mask=type(data.x)(seen))
    places = torch.randn(2, 2)
    some = data.select(np.arange(10, 30))
    one, other = (
        {move.place: move.share for move in column_moves(model, schema, rows, places, places + 1)}
        for rows in (masked, some)
    )
    assert one[0] == other[0]
