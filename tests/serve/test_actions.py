"""Every route against the same from Python."""

import base64
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pytest
import torch
from PIL import Image

import variate
from small_runs import trained_run
from small_servers import ARROW, JSON, NPY, arrow, npy, same, serving
from variate.runs.calibration import calibration_of
from variate.serve.models import score_settings
from variate.tasks.sample import sample


def records(table):
    return {"rows": table.to_pylist()}


def test_embedding_is_that_of_the_model_in_every_format(served, digits_run, images):
    mean, std = (part.numpy() for part in digits_run.model.embed(images))
    as_json = served.ask("/embed?model=digits&std=true", {"rows": images.tolist()}).json
    same(np.array(as_json["mean"], np.float32), mean)
    same(np.array(as_json["std"], np.float32), std)
    same(served.ask("/embed?model=digits", npy(images), NPY).array, mean)
    both = served.ask("/embed?model=digits&std=1", npy(images), NPY).array
    same(both, np.concatenate([mean, std], 1))
    table = served.ask("/embed?model=digits&std=1", npy(images), NPY, ARROW).table
    assert table.column_names == [f"{name}{i}" for name in ("z", "std") for i in range(3)]
    same(np.stack([own.to_numpy() for own in table.columns], 1), both)


def test_tables_come_as_records_as_columns_and_as_arrow(served, table_run, people):
    mean = table_run.model.embed(people).mean.numpy()
    for body, kind in ((records(people), JSON), ({"columns": people.to_pydict()}, JSON), (arrow(people), ARROW)):
        found = served.ask("/embed?model=people", body, kind, JSON)
        same(np.array(found.json["mean"], np.float32), mean)
        assert "Missing cells" in found.json["notes"][0]


def test_images_come_as_files(served, digits_run, images):
    grey = np.linspace(0, 16, 64).astype(np.uint8).reshape(8, 8)  # the levels that the model knows
    files = []
    for own in (grey, grey.T):
        stream = io.BytesIO()
        Image.fromarray(own).save(stream, "PNG")
        files.append(stream.getvalue())
    mean = digits_run.model.embed(np.stack([grey, grey.T])[:, None]).mean.numpy()
    texts = [base64.b64encode(own).decode() for own in files]
    texts[1] = f"data:image/png;base64,{texts[1]}"
    found = served.ask("/embed?model=digits", {"images": texts}).json["mean"]
    same(np.array(found, np.float32), mean)
    one = served.ask("/embed?model=digits", files[0], "image/png").json["mean"]
    assert np.array(one) == pytest.approx(mean[:1], abs=1e-5)


def test_reconstructions_are_those_of_the_model(served, digits_run, table_run, images, people):
    expected = digits_run.model.reconstruct(images).numpy()
    same(served.ask("/reconstruct?model=digits", npy(images), NPY).array, expected)
    as_json = served.ask("/reconstruct?model=digits", npy(images), NPY, JSON).json["rows"]
    same(np.array(as_json, np.float32), expected)
    table = variate.to_arrow(table_run.model.reconstruct(people), table_run.recipe.schema)
    assert served.ask("/reconstruct?model=people", arrow(people), ARROW).table.equals(table)
    assert served.ask("/reconstruct?model=people", records(people)).json["rows"] == table.to_pylist()
    by_columns = served.ask("/reconstruct?model=people", {"columns": people.to_pydict()}).json["columns"]
    assert by_columns == table.to_pydict()


@pytest.mark.parametrize("method", ["bound", "combined"])
def test_scores_are_ranked_among_the_held_out_rows(served, table_run, people, method):
    reference = calibration_of(table_run, score_settings(method)).reference
    odd = people.append_column("unused", pa.array(range(9))).to_pylist()
    odd[1]["visits"], odd[3]["city"] = -2, "Paris"
    found = served.ask(f"/score?model=people&fpr=0.1&attribution=true&method={method}", {"rows": odd}).json
    rows = variate.read(pa.Table.from_pylist(odd), schema=_open(table_run)).dataset
    rows = rows.replace(schema=table_run.recipe.schema)
    expected = variate.score(table_run.model, rows, calibration=reference, attribution=True)
    columns = {name: [row[name] for row in found["rows"]] for name in found["rows"][0]}
    for name in ("score", "p_value", "bound", "rate", "unseen"):
        assert columns[name] == getattr(expected, name).tolist(), name
    assert columns["odd"] == (expected.p_value <= 0.1).tolist()
    assert columns["unseen"][1] == columns["unseen"][3] == 1
    nats = np.array([columns[f"nats {name}"] for name in ("height", "member", "visits", "city")], np.float32)
    same(expected.nats.numpy(), nats.T)


def _open(run):
    from variate.data.schema.fits import open_numbers

    return open_numbers(run.recipe.schema)


def test_images_are_scored(served, digits_run, images):
    reference = calibration_of(digits_run, score_settings("combined")).reference
    expected = variate.score(digits_run.model, images, calibration=reference)
    found = served.ask("/score?model=digits", npy(images), NPY, ARROW).table
    assert found["score"].to_pylist() == expected.score.tolist()
    assert found["p_value"].to_pylist() == expected.p_value.tolist()
    assert found.column_names == ["score", "p_value", "bound", "rate"]


def test_gaps_are_filled_as_by_impute(served, table_run, people):
    expected = variate.impute(table_run.model, people, std=True, seed=3, num_samples=200)
    asked = "/impute?model=people&std=true&seed=3&num_samples=200"
    assert served.ask(asked, arrow(people), ARROW).table.equals(expected.table)
    found = served.ask(asked, records(people)).json
    assert found["rows"] == expected.table.to_pylist()
    ess = [None if np.isnan(value) else value for value in expected.ess.tolist()]
    assert found["ess"] == ess
    copies = variate.impute(table_run.model, people, draws=3, num_samples=200).table
    drawn = served.ask("/impute?model=people&draws=3&num_samples=200", arrow(people), ARROW).table
    assert drawn.equals(copies)


def test_gaps_of_images_are_filled(served, digits_run, images):
    holes = images.astype(np.float64)
    holes[:, :, 2:5, 3] = np.nan
    expected = variate.impute(digits_run.model, holes, fill="mean", num_samples=50).rows.numpy()
    found = served.ask("/impute?model=digits&fill=mean&num_samples=50", npy(holes), NPY).array
    same(found, expected)
    lists = json.loads(json.dumps(holes.tolist()).replace("NaN", "null"))
    found = served.ask("/impute?model=digits", {"rows": lists, "fill": "mean", "num_samples": 50}).json["rows"]
    same(np.array(found), expected)


def test_samples_are_those_of_the_task(served, digits_run, table_run):
    expected = sample(digits_run, 4, seed=5, temperature=0.5).rows
    found = served.ask("/sample?model=digits&n=4&seed=5&temperature=0.5", accept=NPY).array
    same(found, expected)
    given = ("city=Oslo", "height=150..180")
    rows = variate.to_arrow(sample(table_run, 4, seed=5, given=given).rows, table_run.recipe.schema)
    body = {"n": 4, "seed": 5, "given": given}
    assert served.ask("/sample?model=people", body).json["rows"] == rows.to_pylist()
    asked = "/sample?model=people&n=4&seed=5&given=city=Oslo&given=height=150..180"
    assert served.ask(asked, accept=ARROW).table.equals(rows)


def test_a_seed_is_said_where_none_was_given_and_repeats_the_rows(served):
    one, two = (served.ask("/sample?model=people", {"n": 3}).json for _ in range(2))
    assert one["rows"] != two["rows"]
    assert served.ask("/sample?model=people", {"n": 3, "seed": one["seed"]}).json == one


def test_models_with_conditions_take_them_beside_arrays(served, labelled_run, images):
    labels = [3, 1, 4, 1, 5, 9, 2]
    codes = [[own.name for own in labelled_run.recipe.schema.conditions].index("label")]
    assert codes == [0]
    column = labelled_run.recipe.schema.conditions[0]
    context = torch.tensor([[float(column.categories.index(str(own)))] for own in labels])
    rows = variate.from_arrays(images, context=context, schema=None).replace(
        schema=variate.Schema("pixels", (1, 8, 8), 17)
    )
    mean = labelled_run.model.embed(rows).mean.numpy()
    found = served.ask("/embed?model=labelled", {"rows": images.tolist(), "condition": {"label": labels}})
    assert np.array(found.json["mean"]) == pytest.approx(mean, abs=1e-6)
    same = served.ask("/embed?model=labelled", {"rows": images.tolist(), "condition": {"label": 3}})
    assert np.array(same.json["mean"][0]) == pytest.approx(mean[0], abs=1e-6)
    lacking = served.ask("/embed?model=labelled", npy(images), NPY)
    assert (lacking.status, lacking.json["expected"]) == (422, "a context, as the model was built")
    drawn = served.ask("/sample?model=labelled&n=2&given=label=7").json
    assert drawn["condition"] == {"label": ["7", "7"]}


@pytest.mark.parametrize(
    ("route", "body", "argument"),
    [
        ("/embed", {"rows": [[1]]}, "model"),
        ("/embed?model=nobody", {"rows": [[1]]}, "model"),
        ("/embed?model=digits&model=people", {"rows": [[1]]}, "model"),
        ("/embed?model=digits", {}, "rows"),
        ("/embed?model=digits", {"rows": []}, "rows"),
        ("/embed?model=digits", {"rows": [[1, 2], [3]]}, "rows"),
        ("/embed?model=digits", {"rows": [["1", 2], [3, 4]]}, "rows"),
        ("/embed?model=digits", {"rows": [[1, 2]]}, "rows"),
        ("/embed?model=digits", {"rows": [[[[99.5] * 8] * 8]]}, "rows"),
        ("/embed?model=digits", {"rows": [{"a": 1}]}, "rows"),
        ("/embed?model=digits", {"images": ["%"]}, "images"),
        ("/embed?model=digits", {"images": [base64.b64encode(b"no image").decode()]}, "images"),
        ("/embed?model=digits", {"rows": [[1]], "columns": {}}, "body"),
        ("/embed?model=digits&std=perhaps", {"rows": [[1]]}, "std"),
        ("/embed?model=digits&std=1", {"rows": [[1]], "std": True}, "std"),
        ("/embed?model=digits&sdt=1", {"rows": [[1]]}, "option"),
        ("/embed?model=digits", {"rows": [[[[0] * 8] * 8]], "condition": {"label": 1}}, "condition"),
        ("/embed?model=people", {"rows": [{"height": {"a": 1}}]}, "column 'height'"),
        ("/embed?model=people", {"columns": {"height": [1], "city": []}}, "columns"),
        ("/embed?model=people", {"rows": [{"height": 1}]}, "the table"),
        ("/score?model=digits&attribution=1", {"rows": [[[[0] * 8] * 8]]}, "attribution"),
        ("/score?model=digits&seed=1", {"rows": [[[[0] * 8] * 8]]}, "option"),
        ("/impute?model=digits&std=1", {"rows": [[[[0] * 8] * 8]]}, "std"),
        ("/impute?model=people&num_samples=1000000", {"rows": [{"height": 1}]}, "num_samples"),
        ("/sample?model=people&n=0", {}, "n"),
        ("/sample?model=people&n=two", {}, "n"),
        ("/sample?model=people&given=city", {}, "given"),
        ("/sample?model=people", {"rows": [[1]]}, "rows"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_by_its_name(served, route, body, argument):
    found = served.ask(route, body)
    assert (found.status, found.json["argument"]) == (422, argument)
    assert found.json["error"].startswith(f"{argument}: expected ")
    assert found.headers["Content-Type"] == JSON


def test_a_table_has_no_npy(served, people):
    found = served.ask("/reconstruct?model=people", arrow(people), ARROW, NPY)
    assert (found.status, found.json["argument"]) == (406, "Accept")
    found = served.ask("/reconstruct?model=people", arrow(people), ARROW, "text/html")
    assert (found.status, found.json["argument"]) == (406, "Accept")


def test_rows_of_json_can_be_sent_back(tmp_path_factory):
    """Dates, times, switches and durations are what JSON has for them, and are read as such."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("dated")
    seconds = rng.integers(0, 10**8, 80)
    table = pa.table(
        {
            "day": pa.array(seconds // 86_400, pa.int32()).cast(pa.date32()),
            "moment": pa.array(seconds, pa.timestamp("s")),
            "hour": pa.array(seconds % 86_400 // 3600 * 3600, pa.int32()).cast(pa.time32("s")),
            "took": pa.array(seconds % 1000, pa.duration("s")),
            "done": seconds % 3 == 0,
        }
    )
    pa.feather.write_feather(table, folder / "dated.feather")
    run = trained_run(folder / "dated.feather", folder / "run")
    kinds = [own.format for own in run.recipe.schema.columns]
    assert kinds == ["date", "timestamp", "time", "duration", "bool"]
    with serving(dated=run) as served:
        drawn = served.ask("/sample?n=5&seed=1", accept=ARROW).table
        rows = served.ask("/sample?n=5&seed=1").json["rows"]
        assert [type(value) for value in rows[0].values()] == [str, str, str, float, bool]
        mean = run.model.embed(drawn).mean.numpy()
        found = served.ask("/embed", {"rows": rows})
        same(np.array(found.json["mean"], np.float32), mean)


def test_dates_and_gaps_have_their_json(served):
    from variate.serve.answers import Answer, encoded
    from variate.serve.answers import _cells as cells

    stamps = pa.array([0, None, 10**12], pa.timestamp("ms"))
    assert cells(pa.chunked_array([stamps])) == ["1970-01-01T00:00:00", None, "2001-09-09T01:46:40"]
    assert cells(pa.chunked_array([pa.array([0, 10**7], pa.date32())])) == ["1970-01-01", "29349-01-26"]
    assert cells(pa.chunked_array([pa.array([1500, None], pa.duration("ms"))])) == [1.5, None]
    assert cells(pa.chunked_array([pa.array([1.5, np.nan, None, np.inf])])) == [1.5, None, None, None]
    assert cells(pa.chunked_array([pa.array(["a", "b", "a"]).dictionary_encode()])) == ["a", "b", "a"]
    answer = Answer({"rows": np.array([[np.inf, 1.0]])})
    assert json.loads(encoded(answer, "json", "json", variate.Schema("real", (2,))).content) == {"rows": [[None, 1.0]]}
