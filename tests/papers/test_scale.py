"""The page of costs on paper is what its script prints, and a step is counted as the script says."""

import runpy
from pathlib import Path

HERE = Path(__file__).parents[2] / "papers" / "scale"


def test_the_page_has_the_table_and_a_tiny_step_is_counted(monkeypatch):
    made = runpy.run_path(str(HERE / "__main__.py"), run_name="scale")
    page = (HERE / "README.md").read_text(encoding="utf-8")
    assert "\n".join(made["table"]()) in page
    tiny = made["DecoderSizes"](20, 8, 1, 2, 12)
    monkeypatch.setitem(made["counted"].__globals__, "SMALL", {"1 M": tiny})
    assert made["counted"]("1 M", "NPO").startswith("| 1 M | `NPO` | 1.000 |")
