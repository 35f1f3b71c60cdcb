"""Filled values and draws against what is exactly known of the gaps."""

import numpy as np
import pyarrow as pa
import pytest
import torch

import variate
from conditional_linear import ConditionalLinear
from frames import N, arrow
from gaussian_gaps import Hopeless, Misled, conditional, linear, rows_with_gaps
from ladder import Ladder
from refusals import refused
from small_models import make
from variate import Column, ModelOptions, Schema, from_arrays, impute, read
from variate.data.storage.in_memory import InMemory

MANY = 1000


def gaps_of(x, mask):
    return np.ma.array(x.numpy(), mask=~mask.numpy())


@pytest.mark.parametrize("kind", [ConditionalLinear, Misled, Hopeless])
def test_means_and_standard_deviations_are_those_of_the_joint_gaussian(kind):
    model = linear(kind)
    x, mask = rows_with_gaps(model, 12)
    mean, covariance = conditional(model, x, mask)
    std, gap = covariance.diagonal(dim1=1, dim2=2).sqrt(), ~mask
    for fill in ("mean", "median"):
        found = impute(model, gaps_of(x, mask), fill=fill, std=True, num_samples=20_000, num_steps=20)
        error = ((found.rows - mean) / std)[gap]  # with a standard error of at most 1.25 / sqrt(100)
        assert error.abs().max() < 5 * 0.125
        assert error.square().mean() < 2 * 0.125**2
        assert ((found.std / std)[gap] - 1).abs().max() < 5 / (2 * 100) ** 0.5  # of 100 independent parts
        assert torch.equal(found.rows[mask], x[mask])
        assert (found.std[mask] == 0).all()
        assert torch.equal(found.missing, gap)
        assert torch.equal(found.is_empty, ~mask.any(1))
        assert torch.equal(found.ess.isnan(), mask.all(1))


@pytest.mark.parametrize("kind", [ConditionalLinear, Misled])
def test_draws_have_the_joint_law_of_the_gaps(kind):
    model = linear(kind)
    x, mask = rows_with_gaps(model, 6)
    mean, covariance = conditional(model, x, mask)
    found = impute(model, gaps_of(x, mask), draws=MANY, num_samples=20_000, num_steps=0)
    assert found.draws.shape == (MANY, 6, 5)
    assert torch.equal(found.rows, found.draws[0])
    assert (found.draws[:, mask] == x[mask]).all()
    centred = found.draws - mean
    scale = covariance.diagonal(dim1=1, dim2=2).clamp(min=1e-12).sqrt()
    product = torch.einsum("sni,snj->nij", centred, centred) / MANY
    off = (product - covariance) / scale.unsqueeze(1) / scale.unsqueeze(2)
    both = ~mask.unsqueeze(1) & ~mask.unsqueeze(2)
    assert off[both].abs().max() < 5 * (2 / MANY) ** 0.5
    assert (centred.mean(0) / scale)[~mask].abs().max() < 5 / MANY**0.5


def test_groups_of_latents_and_an_encoder_that_reads_no_mask():
    model = Ladder().make_exact()
    with torch.no_grad():
        M = model.B @ model.A + model.C
        covariance = M @ M.T + model.s2**2 * model.B @ model.B.T + model.sigma**2 * torch.eye(6)
    x = torch.distributions.MultivariateNormal(torch.zeros(6), covariance).sample((8,))
    mask = torch.arange(6) < 4
    gain = covariance[4:, :4] @ torch.linalg.inv(covariance[:4, :4])
    std = (covariance[4:, 4:] - gain @ covariance[:4, 4:]).diagonal().sqrt()
    found = impute(model, gaps_of(x, mask.expand(8, 6)), fill="mean", num_samples=20_000)
    assert ((found.rows[:, 4:] - x[:, :4] @ gain.T) / std).abs().max() < 5 / 100**0.5


def test_rows_are_filled_given_their_context():
    model = ConditionalLinear(5, 2, context=1)
    x, context = torch.zeros(40, 5), torch.linspace(-3, 3, 40).unsqueeze(1)
    mask = torch.zeros(40, 5, dtype=torch.bool)
    observed = mask.numpy() | (np.arange(5) == 0)
    data = from_arrays(x, mask=observed, context=context, schema=Schema("real", (5,)))
    mean = context @ (model.V + model.W @ model.U).T
    C = (model.W @ model.W.T + model.sigma**2 * torch.eye(5)).detach()
    gain = C[1:, :1] / C[0, 0]
    expected = mean[:, 1:] - mean[:, :1] @ gain.T
    found = impute(model, data, fill="mean")
    std = (C[1:, 1:] - gain @ C[:1, 1:]).diagonal().sqrt()
    assert ((found.rows[:, 1:] - expected) / std).abs().max() < 5 / 100**0.5


def by_quadrature(model, x, mask):
    """P(z | x_o) on a grid of one latent, (cells, N), and the distributions of the elements there."""
    grid = torch.linspace(-6, 6, 2401)
    z = grid.reshape(-1, 1, 1).expand(-1, len(x), 1)
    with torch.no_grad():
        p_x = model.likelihood(model.outputs_at((z,))).factor(0)
        log_p = model.likelihood.log_prob(model.outputs_at((z,)), x, mask) - grid.unsqueeze(1) ** 2 / 2
    return log_p.softmax(0).unsqueeze(-1), p_x


def test_columns_of_every_kind_are_filled_as_quadrature_says():
    model, x = make("columns", latent=1)  # a real column, a category, a count and a bit
    with torch.no_grad():
        for parameter in model.decoder.network.parameters():
            parameter.mul_(3)
    mask = torch.rand(x.shape) > 0.5
    p_z, p_x = by_quadrature(model, x, mask)
    probs = torch.stack([(p_z * p_x.log_prob_or_minus_inf(torch.full_like(x, k)).exp()).sum(0) for k in range(40)])
    gap = ~mask
    data = from_arrays(x.numpy(), mask=mask.numpy(), schema=model.recipe.schema)
    mode = impute(model, data, fill="mode", std=True, num_samples=4000)
    sure = (probs[:3, :, 1].topk(2, dim=0).values.diff(dim=0)[0].abs() > 0.1) & gap[:, 1]
    assert sure.sum() > 3
    assert torch.equal(mode.rows[sure, 1], probs[:3, :, 1].argmax(0)[sure].to(mode.rows))
    doubt = 1 - probs[:3, :, 1].max(0).values
    assert (mode.std[:, 1] - doubt)[gap[:, 1]].abs().max() < 5 * 0.5 / 100**0.5
    mean = impute(model, data, fill="mean", num_samples=4000)
    expected = (p_z * p_x.mean).sum(0)
    spread = (p_z * p_x.mean.square()).sum(0) - expected.square()
    error = (mean.rows - expected) / (spread / 100).sqrt()
    assert error[:, [0, 2, 3]][gap[:, [0, 2, 3]]].abs().max() < 5
    assert torch.equal(mean.rows[:, 1], mode.rows[:, 1])
    median = impute(model, data, num_samples=4000).rows
    below = torch.stack([(p_z * p_x.cdf(median)).sum(0), (p_z * p_x.cdf_below(median)).sum(0)])
    slack = 5 * 0.5 / 100**0.5
    for column in (0, 2, 3):
        assert (below[0, gap[:, column], column] > 0.5 - slack).all()
        assert (below[1, gap[:, column], column] < 0.5 + slack).all()
    assert torch.equal(median[:, 2:], median[:, 2:].round())
    counts = probs[:, gap[:, 2], 2]
    found = counts.gather(0, mode.rows[gap[:, 2], 2].long().unsqueeze(0))[0]
    assert (found > 0.8 * counts.max(0).values).all()


def test_rows_with_few_effective_draws_are_drawn_anew_with_more():
    model = linear(Misled)
    x, mask = rows_with_gaps(model, 200)
    mean, covariance = conditional(model, x, mask)
    plain, found = (impute(model, gaps_of(x, mask), fill="mean", num_samples=150, num_steps=n) for n in (0, 20))
    anew = (plain.ess < 100) & ~found.is_chained & ~found.is_empty & ~mask.all(1)
    assert anew.sum() > 20
    assert (found.ess[anew] >= 100).all()
    gap = anew.unsqueeze(1) & ~mask
    error = ((found.rows - mean) / covariance.diagonal(dim1=1, dim2=2).sqrt())[gap]
    assert error.abs().max() < 5 * (1 / 100 + 1 / 100) ** 0.5  # 100 draws of 100 effective ones
    same = ~(plain.ess < 100)
    assert torch.equal(found.rows[same], plain.rows[same])


def test_values_depend_neither_on_the_batch_size_nor_on_the_other_rows():
    model = linear(Hopeless)
    x, mask = rows_with_gaps(model, 12, share=0.8)
    options = {"num_samples": 110, "num_steps": 3, "std": True}
    whole = impute(model, gaps_of(x, mask), **options)
    assert 0 < whole.is_chained.sum() < 10
    assert (whole.ess > 110).any()  # drawn anew
    for data, batch_size in ((gaps_of(x, mask), 30), (gaps_of(x, mask), 230), (gaps_of(x, mask)[:7], None)):
        found = impute(model, data, batch_size=batch_size, **options)
        for own, all_rows in zip(found, whole, strict=True):
            if own is not None:
                torch.testing.assert_close(own, all_rows[: len(own)], equal_nan=True)


def test_whoever_is_told_how_many_rows_are_done_may_end_the_work():
    model = linear()
    x, mask = rows_with_gaps(model, 8)
    done = []
    impute(model, gaps_of(x, mask), num_samples=20, num_steps=0, batch_size=40, advance=done.append)
    assert sum(done) == 8
    assert len(done) > 2

    def end(_):
        raise StopIteration

    with pytest.raises(StopIteration):
        impute(model, gaps_of(x, mask), num_samples=20, advance=end)


def test_the_same_seed_gives_the_same_values_and_another_seed_others():
    model = linear()
    x, mask = rows_with_gaps(model, 5)
    found = [impute(model, gaps_of(x, mask), fill="draw", seed=seed).rows for seed in (0, 0, 1)]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert torch.equal(found[0], impute(model, gaps_of(x, mask), draws=3).draws[0]) is False


def test_only_rows_whose_weights_say_so_are_chained():
    x, mask = rows_with_gaps(linear(), 20)
    assert not impute(linear(), gaps_of(x, mask)).is_chained.any()
    found = impute(linear(Hopeless), gaps_of(x, mask), num_samples=200)
    assert torch.equal(found.is_chained, (found.ess < 100) & ~found.is_empty)
    assert torch.equal(found.acceptance.isnan(), ~found.is_chained)
    assert not impute(linear(Hopeless), gaps_of(x, mask), num_samples=200, num_steps=0).is_chained.any()


def test_an_empty_row_is_drawn_from_the_prior_with_full_effective_size():
    model = linear(Hopeless)
    found = impute(model, np.where(np.arange(20).reshape(4, 5) < 15, np.nan, 0.5), draws=MANY)
    assert found.is_empty.tolist() == [True, True, True, False]
    torch.testing.assert_close(found.ess[:3], torch.full((3,), 1000.0))
    variance = (model.W @ model.W.T).diagonal() + model.sigma**2
    assert (found.draws[:, :3].var(0) / variance - 1).abs().max() < 5 * (2 / MANY) ** 0.5


@pytest.mark.parametrize(
    "likelihood", ["bernoulli", "quantized-gaussian", "discretized-logistic", "poisson", "student-t"]
)
def test_arrays_and_images_of_every_kind_are_filled_in_their_own_type(likelihood):
    model, x = make(likelihood)
    mask = torch.rand(x.shape) > 0.3
    data = from_arrays(x.numpy(), mask=mask.numpy()).replace(x=InMemory(x.numpy()))
    for fill in ("median", "mode", "draw"):
        found = impute(model, data, fill=fill, num_samples=50, num_steps=2)
        assert found.rows.dtype == x.dtype
        assert torch.equal(found.rows[mask], x[mask])
        model.likelihood.check(found.rows)
    means = impute(model, data, fill="mean", num_samples=50, num_steps=2).rows
    assert means.dtype == torch.float64
    assert torch.equal(means[mask], x.double()[mask])


def test_nan_and_masks_of_arrays_and_data_sets_mean_the_same():
    model = linear()
    x, mask = rows_with_gaps(model, 6)
    expected = impute(model, gaps_of(x, mask)).rows
    for data in (
        torch.where(mask, x, torch.nan),
        from_arrays(x, mask=mask),
        np.ma.array(torch.where(mask, x, torch.nan).numpy(), mask=~mask.numpy()),
    ):
        assert torch.equal(impute(model, data).rows, expected)


def test_without_gaps_nothing_is_changed():
    model = linear()
    x, _ = rows_with_gaps(model, 6)
    found = impute(model, x, std=True, draws=2)
    assert torch.equal(found.rows, x)
    assert torch.equal(found.draws, x.expand(2, 6, 5))
    assert not found.missing.any()
    assert found.ess.isnan().all()
    assert not found.is_chained.any()


def test_what_cannot_be_filled_is_refused_by_name():
    model, x = linear(), torch.randn(3, 5)
    assert refused(impute, model, x, fill="mean", draws=3).argument == "fill"
    assert refused(impute, model, x, fill="average").argument == "fill"
    assert refused(impute, model, x, draws=0).argument == "draws"
    assert refused(impute, model, x, num_samples=0).argument == "num_samples"
    assert refused(impute, model, x, num_steps=-1).argument == "num_steps"
    assert refused(impute, model, torch.randn(3, 4)).argument == "x"
    assert refused(impute, model, torch.full((3, 5), torch.inf)).argument == "x"
    assert refused(impute, x, model).argument == "model"


@pytest.mark.parametrize("fill", ["mean", "median"])
def test_values_that_are_not_finite_are_refused(fill):
    model, x = make("gaussian")
    with torch.no_grad():
        for weight in model.parameters():  # finite, but what they give is not
            weight.copy_(torch.where(weight < 0, -1e300, 1e300))
    error = refused(impute, model, torch.where(torch.rand(x.shape) > 0.5, x, torch.nan), fill=fill)
    assert error.argument in ("the filled values", "the decoder's outputs")


def test_memory_is_required_before_rows_are_filled(monkeypatch):
    model, x = linear(), np.where(np.arange(5000).reshape(1000, 5) % 5, np.nan, 0.5)
    monkeypatch.setattr("variate.runtime.memory.physical", lambda: 10**6)
    assert refused(impute, model, x, draws=1000).argument == "draws"


def test_a_table_from_a_schema_keeps_its_codes():
    columns = (Column("a", "categorical", ("x", "y")), Column("b", "real"))
    rows = np.stack([np.arange(40) % 2, np.random.default_rng(0).normal(size=40)], 1)
    mask = np.ones_like(rows, dtype=bool)
    mask[::3, 0] = False
    data = from_arrays(rows, mask=mask, schema=Schema("table", (2,), columns=columns))
    model = variate.build(data, ModelOptions(latent=1, width=8, depth=1))
    for fill in ("mean", "median", "mode", "draw"):
        assert set(impute(model, data, fill=fill).rows[:, 0].tolist()) <= {0.0, 1.0}


def test_a_table_in_memory_comes_back_filled_and_otherwise_as_it_was():
    source = read(arrow())
    model = variate.build(source, ModelOptions(latent=1, width=8, depth=1))
    table = arrow().append_column("note", pa.array([[place] for place in range(N)]))
    found = impute(model, table, std=True, num_samples=10, num_steps=0)
    expected = impute(model, source.dataset, std=True, num_samples=10, num_steps=0)
    assert torch.equal(found.rows, expected.rows)
    assert expected.table is None
    columns = source.schema.columns
    assert found.table.column_names == [*table.column_names, *(f"{column.name}_std" for column in columns)]
    assert found.table.schema.types[: table.num_columns] == table.schema.types
    again = read(found.table.select([column.name for column in columns]), schema=source.schema)
    assert again.dataset.mask is None
    gaps = found.missing.numpy()
    for name, missing in zip([column.name for column in columns], gaps.T, strict=True):
        kept = pa.array(~missing)
        assert found.table.column(name).filter(kept).equals(table.column(name).filter(kept)), name
    codes = [place for place, column in enumerate(columns) if column.kind != "real"]
    assert np.array_equal(again.x.all()[:, codes], found.rows[:, codes].numpy())


def test_copies_of_a_table_in_memory_are_below_one_another():
    source = read(arrow())
    model = variate.build(source, ModelOptions(latent=1, width=8, depth=1))
    found = impute(model, arrow(), draws=2, num_samples=10, num_steps=0)
    assert found.table.column("draw").to_pylist() == [1] * N + [2] * N
    cities = read(found.table, schema=source.schema).x.all()[:, 3]
    assert np.array_equal(cities, found.draws[:, :, 3].flatten().numpy())


def test_a_data_frame_comes_back_with_its_types_and_its_index():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": pd.array(rng.integers(0, 90, 40), "Int64"),
            "size": pd.Categorical(rng.choice(["S", "M"], 40), ["S", "M", "L"], ordered=True),
            "member": pd.array(rng.integers(0, 2, 40) == 1, "boolean"),
            "weight": rng.normal(size=40),
        },
        index=pd.Index(rng.permutation(40), name="row"),
    )
    gaps = rng.random(frame.shape) < 0.2
    given = frame.mask(gaps)
    model = variate.build(given, ModelOptions(latent=1, width=8, depth=1))
    found = impute(model, given, num_samples=10, num_steps=0).table.to_pandas()
    assert found.isna().sum().sum() == 0
    assert (found.dtypes == given.dtypes).all()
    pd.testing.assert_frame_equal(found.mask(gaps), given)


def test_data_frames_of_polars_come_back_with_their_types():
    pl = pytest.importorskip("polars")
    words = [None, "L", "S", "L"] * 10
    frame = pl.DataFrame({"size": pl.Series(words, dtype=pl.Enum(["S", "M", "L"])), "x": [1.5, None, 2.5, 3.75] * 10})
    model = variate.build(frame, ModelOptions(latent=1, width=8, depth=1))
    found = pl.from_arrow(impute(model, frame, num_samples=10, num_steps=0).table)
    assert found.schema == frame.schema
    assert found.null_count().sum_horizontal().item() == 0


def test_other_tables_are_refused():
    model = variate.build(read(arrow()), ModelOptions(latent=1, width=8, depth=1))
    assert "1 column missing: age" in refused(impute, model, arrow().drop_columns("age")).expected
    assert refused(impute, linear(), arrow()).argument == "x"
