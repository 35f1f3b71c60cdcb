import pytest

from variate.data.readers.doubtful import doubtful_columns


@pytest.mark.parametrize(
    ("cells", "doubtful"),
    [
        (["240.123", "17", "", "NA", "1.234.567"], True),
        (["240.123", "17.5"], False),
        (["240.123", "0.123"], False),
        (["240.123", "1017"], False),
        (["17", "18"], False),
        (["+49305373281", "+4930389711"], True),
        (["+49305373281", "4930389711"], False),
        (["+5", "+7"], False),
        (["90E6", "73e3"], True),
        (["9.0E6", "73E3"], False),
        (["90E-6"], False),
        (["20191224", "20200229"], True),
        (["20191224", "20201301"], False),
        (["18991224"], False),
        (["9223372036854775807", "10000000000000000000001"], True),
        (["9223372036854775807", "17"], False),
        (["", ""], False),
        (["a", "240.123"], False),
    ],
)
def test_columns_that_may_be_other_numbers_or_codes(cells, doubtful):
    assert doubtful_columns([["x", cell] for cell in cells]) == ({1} if doubtful else set())


def test_rows_may_have_different_lengths():
    assert doubtful_columns([["1.234"], ["1.234", "1.234"], []]) == {0, 1}
    assert doubtful_columns([]) == set()
