import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "uses.md"


@pytest.mark.filterwarnings("ignore::variate.VariateWarning")
def test_the_chapter_on_scikit_learn_runs():
    chapter = PAGE.read_text(encoding="utf-8").partition("## In scikit-learn")[2]
    block = re.search(r"```python\n(.*?)```", chapter, re.DOTALL)[1]
    assert "epochs=50" in block
    names = {}
    exec(compile(block.replace("epochs=50", "epochs=1"), PAGE.name, "exec"), names)
    assert (names["odd"] == -1).sum() == 4  # of 178
    assert list(names["new"].columns) == list(names["X"].columns)
    assert (names["embedding"].index == names["X"].index).all()
