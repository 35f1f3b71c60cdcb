import pytest

from variate.config.recipe import DataOptions
from variate.data.readers.csv_text import CsvText
from variate.data.readers.missing_words import missing_words, missing_words_note
from variate.data.readers.sources import read


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [",", ";"])
def test_only_whole_cells_without_quotes_count(end, mark):
    rows = ["NA,?,NA", "nan,1,NaN", 'NAM,"NA",aNA', "?,?,?", "N/A,NULL,null", ",NA x,-"]
    text = CsvText(end.join(["NA,?,b", *rows, "1,2,NA"]).replace(",", mark).encode(), mark, "x.csv")
    expected = {"NA": 3, "?": 4, "nan": 1, "NaN": 1, "N/A": 1, "NULL": 1, "null": 1}
    assert missing_words(text, text.after_row(text.start)) == expected


def test_they_are_said_with_their_number_in_memory_and_from_disk(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" + "1.5,x\nNA,?\n2.5,y\n,x\nNA,x\n" * 10)
    for stream in ("off", "on"):
        notes = read(path, DataOptions(stream=stream)).notes
        assert "Besides empty cells, these count as missing: 'NA' (20), '?' (10)." in notes
    assert missing_words_note({}) == []
