"""The main job on real data: minutes long, so marked slow."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path("/usr/share/datasets/fashion-mnist")


@pytest.mark.slow
@pytest.mark.skipif(not HOME.is_dir(), reason="no fashion-mnist here: apt-get install dataset-fashion-mnist")
def test_defaults_reach_the_promised_bits_per_dimension(tmp_path):
    command = [sys.executable, "-m", "variate", "train", "fashion-mnist"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    bits = re.search(r"ELBO  [^│]*│[^│]*│\s*([\d.]+) ±", done.stdout).group(1)
    assert float(bits) <= 3.46
