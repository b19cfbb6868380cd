"""The page as a browser shows it."""

import dataclasses
import json
import re
from itertools import combinations

import numpy as np
import pytest

from untrain.reports.html.leaderboard_charts import pareto_chart
from untrain.reports.html.localize_page import masks_page
from untrain.reports.html.page import page

WIDE = "[document.documentElement.scrollWidth, window.innerWidth]"
DRAWN = "[...document.querySelectorAll('.chart')].map(c => c.querySelectorAll('.main-svg').length > 0)"
TEXT_COLOUR = "getComputedStyle(document.querySelector('.chart .xtitle')).fill"
# The lines of the lead's sentences, as they are broken.
LINES = """[...document.querySelectorAll('.lead article p')].flatMap(p => {
  const walk = document.createTreeWalker(p, NodeFilter.SHOW_TEXT), lines = [];
  for (let node, last = null; (node = walk.nextNode());)
    for (let i = 0; i < node.length; i++) {
      const range = document.createRange();
      range.setStart(node, i); range.setEnd(node, i + 1);
      const at = range.getBoundingClientRect();
      if (at.width === 0) continue;
      if (last === null || at.top > last + 8) lines.push('');
      last = at.top;
      lines[lines.length - 1] += node.data[i];
    }
  return lines;
})"""


@pytest.fixture(scope="module")
def report(privacy, repair, tmp_path_factory):
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(page([privacy, repair], "untrain demo"), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def masks(located, tmp_path_factory):
    """The page of ``untrain localize``."""
    file = tmp_path_factory.mktemp("masks") / "localize.html"
    file.write_text(masks_page(located, "untrain localize"), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def spelled(privacy, tmp_path_factory):
    """A report that opens with a method of many values."""
    rows = [
        r | {"method": "DEL(steps=Steps(lr=0.1, batch=64))"} if r["method"] == "DEL()" else r for r in privacy.document["results"]
    ]
    file = tmp_path_factory.mktemp("spelled") / "report.html"
    made = dataclasses.replace(privacy, document=privacy.document | {"results": rows, "overlap": []}, unlearned={})
    file.write_text(page([made], "untrain demo"), encoding="utf-8")
    return file


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_errors_requests_or_overflow(report, chromium, width, scheme):
    chromium.open(report, width, scheme)
    assert chromium.complaints() == []
    assert [url for url in chromium.asked() if not url.startswith("data:")] == [report.as_uri()]
    held, given = chromium.run(WIDE)
    assert held <= given == width


@pytest.mark.browser
def test_no_line_of_the_lead_ends_after_an_opening_bracket(spelled, chromium):
    chromium.open(spelled, 1280)
    for width in range(320, 900, 12):
        chromium.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        lines = chromium.run(LINES)
        assert any("DEL(steps=" in line for line in lines), lines
        assert [line for line in lines if line.rstrip().endswith("(")] == []


@pytest.mark.browser
def test_all_charts_are_drawn_in_the_colours_of_the_scheme(report, chromium):
    pytest.importorskip("plotly")
    colours = []
    for scheme in ("light", "dark"):
        chromium.open(report, 1280, scheme)
        drawn = chromium.run(DRAWN)
        assert len(drawn) == 26
        assert all(drawn)
        colours.append(chromium.run(TEXT_COLOUR))
    assert colours[0] != colours[1]


@pytest.mark.browser
def test_choosing_a_method_changes_charts_and_pictures(report, chromium):
    pytest.importorskip("plotly")
    chromium.open(report, 1280)
    values = "JSON.stringify(document.querySelector('[data-figure=\"run1-margins-forget\"]').data.at(-1).y)"
    shown = "[...document.querySelectorAll('[data-of=\"run1\"]')].filter(p => !p.hidden).map(p => p.dataset.method)"
    before, first = chromium.run(values), chromium.run(shown)
    chromium.run("{ const s = document.getElementById('run1-method'); s.value = '3'; s.dispatchEvent(new Event('change')); }")
    assert set(first) == {"1"}
    assert set(chromium.run(shown)) == {"3"}
    assert chromium.run(values) != before


@pytest.mark.browser
def test_a_link_to_a_score_unfolds_its_entry(report, chromium):
    chromium.open(report, 1280)
    opened = "document.getElementById('score-forget_gap').closest('details').open"
    assert chromium.run(opened) is False
    chromium.run(
        "new Promise(done => { addEventListener('hashchange', () => setTimeout(done, 50)); location.hash = 'score-forget_gap'; })"
    )
    assert chromium.run(opened) is True


@pytest.mark.browser
def test_roc_curves_are_drawn_on_logarithmic_axes(report, chromium):
    pytest.importorskip("plotly")
    chromium.open(report, 1280)
    kinds = "['xaxis', 'yaxis'].map(a => document.querySelector('[data-figure=\"run1-roc-mia_loss\"]')._fullLayout[a].type)"
    assert chromium.run(kinds) == ["log", "log"]


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_on_masks_opens_without_errors_requests_or_overflow(masks, chromium, width, scheme):
    pytest.importorskip("plotly")
    chromium.open(masks, width, scheme)
    assert chromium.complaints() == []
    assert [url for url in chromium.asked() if not url.startswith("data:")] == [masks.as_uri()]
    held, given = chromium.run(WIDE)
    assert held <= given == width
    drawn = chromium.run(DRAWN)
    assert len(drawn) == 3
    assert all(drawn)


@pytest.mark.browser
def test_numbers_in_cells_can_be_read_in_both_schemes(masks, chromium):
    pytest.importorskip("plotly")
    dark = []
    for scheme in ("light", "dark"):
        chromium.open(masks, 1280, scheme)
        fills = chromium.run("[...document.querySelectorAll('.heatmap-label text')].map(t => t.style.fill)")
        assert len(fills) == 6
        dark.append(sum(map(int, re.findall(r"\d+", fills[0])[:3])) < 384)
    assert dark == [True, False]


@pytest.mark.browser
def test_the_numbers_are_saved_under_the_name_of_their_file(masks, report, chromium):
    for file, name in ((masks, "localize.json"), (report, "results.json")):
        chromium.open(file, 1280)
        assert chromium.run("document.getElementById('save').dataset.name") == name


@pytest.mark.browser
@pytest.mark.parametrize("width", [720, 1280])
def test_no_number_beside_a_point_lies_on_another(tmp_path, chromium, width):
    plotly = pytest.importorskip("untrain.reports.html.plotly")
    rng = np.random.default_rng(0)
    table = [
        {"name": f"M{at}()", "severity": severity, "cost": cost, "front": at < 3}
        for at, (severity, cost) in enumerate(zip(rng.choice([0.0, 1.8, 4.6, 4.7, 30.0], 40), rng.uniform(0, 2, 40), strict=True))
    ]
    table[10:20] = [one | {"cost": table[0]["cost"]} for one in table[10:20]]
    chart = pareto_chart(table, {one["name"]: one["name"] for one in table}, set())
    figure = re.sub(r"var\(--[\w-]+\)", "gray", json.dumps(plotly.figure(**dataclasses.asdict(chart))))
    file = tmp_path / "chart.html"
    script = f"const f = {figure}; Plotly.newPlot('place', f.data, f.layout, {{responsive: true}});"
    place = '<div id="place" style="max-width: 67rem"></div>'  # as on a page
    file.write_text(f"<script>{plotly.source()}</script>{place}<script>{script}</script>", encoding="utf-8")
    chromium.open(file, width)
    boxes = chromium.run(
        "[...document.querySelectorAll('.annotation-text')].map(t => t.getBoundingClientRect())"
        ".map(b => [b.left, b.right, b.top, b.bottom])"
    )
    assert len(boxes) == len(chart.labels) > 20
    meet = [(a, b) for a, b in combinations(boxes, 2) if a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]]
    assert meet == []
