"""Scores as CSV."""

import csv
import io

from untrain.reports.csv_files import scores_csv


def test_each_line_ends_with_the_protocol_and_the_outcome_on_its_method(privacy):
    document = privacy.document
    failed = document["results"][0] | {"verdict": None, "scores": {}, "error": "2 of 2 seeds failed"}
    lines = list(csv.DictReader(io.StringIO(scores_csv([document | {"results": [*document["results"], failed]}]))))
    assert list(lines[0])[-2:] == ["protocol", "outcome"]
    assert len(lines) == sum(len(row["scores"]) for row in document["results"])
    for row in document["results"]:
        said = {(line["protocol"], line["outcome"]) for line in lines if line["method"] == row["method"]}
        assert said == {("standard", row["verdict"]["outcome"])}
