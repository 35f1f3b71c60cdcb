"""Rows of a source, scored piece by piece."""

import shutil

import numpy as np
import pytest
import torch

import variate
from refusals import refused
from variate.runs import Run
from variate.runs.calibration import calibration_of
from variate.tasks.score import ScoreTally, require_held_out, require_other_data, score_rows


@pytest.fixture
def run(table_run, tmp_path):
    shutil.copytree(table_run.path, tmp_path / "run")
    return Run(tmp_path / "run")


@pytest.fixture
def new_file(table_file, tmp_path):
    """Forty rows of the table: of the third the height is impossible, the fourth is empty, the fifth has a new city."""
    header, *lines = table_file.read_text().splitlines()
    lines[2], lines[3], lines[4] = "999.99,1,3,Oslo", ",,,", "170.00,1,3,Kiruna"
    path = tmp_path / "new.csv"
    path.write_text("\n".join([header, *lines[:40]]) + "\n")
    return str(path)


def test_the_scores_are_those_of_score_whatever_the_size_of_a_piece(run, new_file, monkeypatch):
    expected = variate.score(run.model, run.all_rows(new_file), calibration=run.splits(), attribution=True)
    for size in (None, 4 * 8 * 7):
        if size:
            monkeypatch.setattr("variate.data.dataset.SAMPLE_BYTES", size)
        found = score_rows(run, new_file, attribution=True)
        pieces = list(found.pieces)
        assert [len(piece.rows) for piece in pieces] == ([7, 7, 7, 7, 7, 5] if size else [40])
        assert [piece.start for piece in pieces] == list(range(0, 40, 7 if size else 40))
        for part in ("score", "p_value", "bound", "rate", "nats", "cell_p_value", "unseen", "is_empty"):
            joined = torch.cat([getattr(piece.scores, part) for piece in pieces])
            torch.testing.assert_close(joined, getattr(expected, part), atol=1e-4, rtol=1e-4, msg=part)
        assert found.num_rows == 40
        assert not found.is_own


def test_the_tally_does_not_depend_on_the_pieces(run, new_file, monkeypatch):
    tallies = []
    for size in (2**20, 4 * 8 * 7):
        monkeypatch.setattr("variate.data.dataset.SAMPLE_BYTES", size)
        tally = ScoreTally(score_rows(run, new_file), 6, 0.05)
        list(tally.passing())
        tallies.append(tally)
    one, other = tallies
    assert [row.number for row in one.oddest] == [row.number for row in other.oddest]
    assert one.oddest[0].number == 2
    assert one.oddest[0].excess.argmax() == 0
    assert 3 not in [row.number for row in ScoreTally(score_rows(run, new_file), 40, None).oddest]
    assert (one.flagged, one.empty, one.unseen) == (other.flagged, 1, 1)
    assert one.flagged >= 1
    for a, b in zip(one.drift().columns, other.drift().columns, strict=True):
        assert a.name == b.name
        assert a.distance == pytest.approx(b.distance, abs=0.03)  # by the rounding of matrix products


def test_the_oddest_rows_keep_nothing_of_the_pieces_that_they_were_in(run, new_file):
    tally = ScoreTally(score_rows(run, new_file, attribution=True), 3)
    list(tally.passing())
    for row in tally.oddest:
        for part in (row.cell_p_value, row.nats, row.values, row.excess):
            whole = torch.from_numpy(part) if part.base is None or isinstance(part.base, np.ndarray) else part.base
            assert whole.untyped_storage().nbytes() <= 4 * 8, row.number


def test_recalibration_ranks_later_rows_among_these(run, new_file):
    tally = ScoreTally(score_rows(run, new_file))
    list(tally.passing())
    path = tally.recalibrate(run, "new.csv")
    assert path.parent == run.path / "calibration"
    again = score_rows(run, new_file)
    assert again.calibration.source == "new.csv"
    assert again.calibration.reference.num_rows == 40
    assert again.calibration.reference.clean is None
    (piece,) = again.pieces
    ranks = piece.scores.p_value[~piece.scores.is_empty]
    assert ranks.min().item() == pytest.approx(2 / 41)  # each row is among those that it is ranked among
    assert ScoreTally(score_rows(run, new_file)).scoring.calibration.is_own is False


def test_recalibration_keeps_the_density_in_latent_space(run, new_file):
    before = calibration_of(run, score_rows(run, new_file, method="latent").settings).reference
    tally = ScoreTally(score_rows(run, new_file, method="latent"))
    list(tally.passing())
    tally.recalibrate(run, "new.csv")
    after = score_rows(run, new_file, method="latent").calibration.reference
    assert torch.equal(after.latent.covariance, before.latent.covariance)
    assert after.num_rows == 40


def test_without_the_model_s_own_data_there_are_scores_but_no_p_values(run, new_file):
    object.__setattr__(run.recipe, "source", "nowhere.csv")
    found = score_rows(run, new_file)
    (piece,) = found.pieces
    assert piece.scores.p_value is None
    assert piece.scores.score.isfinite().all()
    assert refused(require_held_out, found, "fpr").argument == "fpr"
    assert refused(ScoreTally(found).drift).argument == "reference"
    assert refused(score_rows, run, new_file, method="typicality").argument == "method"


def test_the_model_s_own_rows_are_not_compared_with_themselves(run):
    assert score_rows(run).is_own
    assert refused(require_other_data, run, None, "reference").argument == "reference"
    assert refused(require_other_data, run, run.recipe.source, "recalibrate").argument == "recalibrate"


def test_rows_of_images_are_scored(digits_run, tmp_path):
    shutil.copytree(digits_run.path, tmp_path / "run")
    np.save(tmp_path / "new.npy", variate.read("digits").x.all()[:20])
    found = score_rows(Run(tmp_path / "run"), str(tmp_path / "new.npy"), method="complexity", attribution=True)
    tally = ScoreTally(found, 3)
    (piece,) = tally.passing()
    assert piece.scores.nats.shape == (20, 1, 8, 8)
    assert tally.oddest[0].cell_p_value is None
    assert tally.oddest[0].nats.shape == (1, 8, 8)
