import numpy as np
import pytest
import torch

from refusals import refused
from variate import Column
from variate.networks import ColumnInputs, Standardize

TABLE = (
    Column("height", "real"),
    Column("color", "categorical", ("red", "green", "blue")),
    Column("visits", "counts"),
    Column("smokes", "binary"),
    Column("town", "categorical", ("A", "B")),
)


def table(n, seed=0):
    rng = np.random.default_rng(seed)
    columns = [
        rng.normal(170, 10, n),
        rng.integers(0, 3, n),
        rng.poisson(4, n),
        rng.integers(0, 2, n),
        rng.integers(0, 2, n),
    ]
    return torch.as_tensor(np.stack(columns, 1).astype(np.float64))


@pytest.mark.parametrize("shape", [(3,), (2, 4, 5)])
def test_features_of_the_training_rows_have_mean_zero_and_spread_one(shape):
    rows = 5 + 3 * torch.randn(200, *shape)
    inputs = Standardize(shape)
    inputs.fit_scaling(rows)
    features = inputs(rows)
    torch.testing.assert_close(features.mean(0), torch.zeros(shape), atol=1e-12, rtol=0)
    torch.testing.assert_close(features.std(0, correction=0), torch.ones(shape))
    assert inputs.shape == shape


def test_a_new_scaling_is_the_identity():
    x = torch.randn(4, 3)
    torch.testing.assert_close(Standardize((3,))(x), x)


def test_constants_keep_their_unit():
    rows = torch.randn(50, 3)
    rows[:, 1] = 7.25
    inputs = Standardize((3,))
    inputs.fit_scaling(rows)
    assert inputs.unit[1] == 1
    assert (inputs(rows)[:, 1] == 0).all()


def test_floor_is_a_part_of_the_spread_of_all_numbers():
    rows = torch.randn(500, 4) * torch.tensor([10.0, 1.0, 0.0, 0.1]) + torch.tensor([0.0, 3.0, -5.0, 1.0])
    inputs = Standardize((4,), floor=0.2)
    inputs.fit_scaling(rows)
    expected = rows.std(0, correction=0) + 0.2 * rows.flatten().std(correction=0)
    torch.testing.assert_close(inputs.unit, expected)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32, torch.float64])
@pytest.mark.parametrize("model", [torch.float32, torch.float64])
def test_features_have_the_dtype_of_the_model(dtype, model):
    rows = (10 * torch.rand(20, 3)).to(dtype)
    inputs = Standardize((3,)).to(model)
    inputs.fit_scaling(rows)
    assert inputs(rows).dtype == model
    double = rows.double()
    expected = (double - double.mean(0)) / double.std(0, correction=0)
    torch.testing.assert_close(inputs(rows).double(), expected, atol=1e-5, rtol=1e-5)


def test_large_offsets_in_float64_survive_a_float32_model():
    # 1e9 + noise: float32 has no room for the noise, so the difference must be taken before rounding.
    rows = 1e9 + torch.randn(500, 1)
    inputs = Standardize((1,)).float()
    inputs.fit_scaling(rows)
    noise = (rows - rows.mean()).flatten()
    features = inputs(rows).flatten().double()
    assert torch.corrcoef(torch.stack([noise, features]))[0, 1] > 0.999999


def test_a_spread_too_small_for_the_type_is_refused():
    rows = 1e-60 * torch.randn(30, 2)
    Standardize((2,)).fit_scaling(rows)  # in float64
    assert refused(Standardize((2,)).float().fit_scaling, rows).argument == "data"
    Standardize((2,)).float().fit_scaling(torch.full((30, 2), 1e-60))  # constant


def test_scaling_is_saved_with_the_model():
    inputs = Standardize((3,))
    inputs.fit_scaling(torch.randn(30, 3))
    other = Standardize((3,))
    other.load_state_dict(inputs.state_dict())
    x = torch.randn(4, 3)
    assert torch.equal(other(x), inputs(x))


def test_quantities_are_normal_scores_bits_standardized_and_categories_one_hot():
    rows = table(60)
    inputs = ColumnInputs(TABLE)
    inputs.fit_scaling(rows)
    features = inputs(rows)
    assert inputs.shape == (3 + 3 + 2,)
    assert features.shape == (60, 8)
    torch.testing.assert_close(features[:, 2], (rows[:, 3] - rows[:, 3].mean()) / rows[:, 3].std(correction=0))
    for feature, column in ((0, 0), (1, 2)):
        x, y = rows[:, column], features[:, feature]
        assert (y[x.argsort()].diff() >= 0).all()
        shares = ((x[:, None] > x).double() + 0.5 * (x[:, None] == x)).mean(1)
        assert (torch.special.ndtr(y) - shares).abs().max() < 1 / 16  # quantiles of 60 rows
    torch.testing.assert_close(features[:, 3:6], torch.eye(3)[rows[:, 1].long()])
    torch.testing.assert_close(features[:, 6:], torch.eye(2)[rows[:, 4].long()])


def test_columns_leave_the_rows_as_they_were():
    rows = table(20)
    before = rows.clone()
    inputs = ColumnInputs(TABLE)
    inputs.fit_scaling(rows)
    inputs(rows)
    assert torch.equal(rows, before)


@pytest.mark.parametrize("columns", [TABLE[1:2], TABLE[:1], TABLE[2:3]], ids=["categorical", "real", "counts"])
def test_tables_of_one_kind(columns):
    rows = table(20)[:, [TABLE.index(columns[0])]]
    inputs = ColumnInputs(columns)
    inputs.fit_scaling(rows)
    assert inputs(rows).shape == (20, *inputs.shape)
    assert inputs(rows).isfinite().all()


def test_a_missing_cell_has_zeros_for_features_and_columns_of_numbers_say_so():
    columns = [column if column.name != "height" else Column("height", "real", gaps=True) for column in TABLE]
    inputs, rows = ColumnInputs(columns), table(50)
    inputs.fit_scaling(rows)
    mask = torch.ones_like(rows, dtype=torch.bool)
    full = inputs(rows)
    assert torch.equal(inputs(rows, mask), full)
    assert (full[:, 3] == 1).all()  # after the three columns of numbers
    mask[0] = False
    assert (inputs(rows, mask)[0] == 0).all()
    assert torch.equal(inputs(rows, mask)[1:], full[1:])


def test_a_category_that_was_never_seen_has_zeros_for_features():
    inputs, rows = ColumnInputs(TABLE), table(50)
    inputs.fit_scaling(rows)
    new = rows.clone()
    new[:, 1] = 3
    assert (inputs(new)[:, 3:6] == 0).all()
    assert torch.equal(inputs(new)[:, 6:], inputs(rows)[:, 6:])
