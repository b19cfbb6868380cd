"""Equal estimators make equal files, in whichever process they are written."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("skops.io")

from untrain.core.file_digests import file_digest
from untrain.models.skops_files import read_estimator

SCRIPT = """
import sys
from pathlib import Path
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from untrain.models.skops_files import write_estimator
words = make_pipeline(TfidfVectorizer(stop_words=["a"]), LogisticRegression())
write_estimator(words.fit(["a good film", "a bad film"], ["yes", "no"]), Path(sys.argv[1]))
"""


def test_a_pipeline_on_texts_makes_the_same_file_in_every_process(tmp_path):
    files = [tmp_path / f"{at}.skops" for at in range(3)]
    for at, file in enumerate(files):
        subprocess.run([sys.executable, "-c", SCRIPT, str(file)], check=True, env={**os.environ, "PYTHONHASHSEED": str(at)})
    assert len({file_digest(file) for file in files}) == 1
    assert read_estimator(files[0]).predict(["good", "bad"]).tolist() == ["yes", "no"]
