"""The page as a browser shows it."""

import copy
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
    """A report on methods of many values, two of them under one name."""
    names = ["DEL(steps=Steps(lr=0.1, batch=64))", "DEL(steps=Steps(lr=0.2, batch=64), keep=0.25)", "A_b(path='50%')", "Nothing()"]
    rows = [r | {"method": name} for r, name in zip(privacy.document["results"], names, strict=True)]
    unlearned = dict(zip(names, privacy.unlearned.values(), strict=True))
    file = tmp_path_factory.mktemp("spelled") / "report.html"
    made = dataclasses.replace(privacy, document=privacy.document | {"results": rows, "overlap": []}, unlearned=unlearned)
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


FITS = """new Promise(done => setTimeout(() => done(
  [...document.querySelectorAll('.chart')].filter(c => c.clientWidth)
    .map(c => [c.clientWidth, c.querySelector('.main-svg').getBoundingClientRect().width])), 400))"""
HINTS = """[...document.querySelectorAll('.scroll')].filter(s => s.clientWidth && !s.closest('details:not([open])'))
  .map(s => [s.scrollWidth > s.clientWidth + 1, !s.previousElementSibling.hidden])"""


@pytest.mark.browser
@pytest.mark.parametrize(("width", "then"), [(390, 390), (1280, 390), (390, 1280)])
def test_charts_are_as_wide_as_their_place_and_wide_tables_say_so_at_any_width_of_the_window(report, chromium, width, then):
    chromium.open(report, width)
    chromium.ask("Emulation.setDeviceMetricsOverride", width=then, height=900, deviceScaleFactor=1, mobile=False)
    widths = chromium.run(FITS)
    assert len(widths) >= 8
    assert all(abs(place - drawn) <= 1 for place, drawn in widths), widths
    hints = chromium.run(HINTS)
    assert all(wide == said for wide, said in hints)
    assert any(said for _, said in hints) or then > 1000


@pytest.mark.browser
def test_the_first_table_fits_a_laptop_and_breaks_no_label(spelled, chromium):
    chromium.open(spelled, 1280)
    held, given = chromium.run("(s => [s.scrollWidth, s.clientWidth])(document.querySelector('#run1 .scroll'))")
    assert held <= given
    tops = "[...document.querySelectorAll('#run1 .named')].map(n => [...n.getClientRects()].map(r => Math.round(r.top)))"
    assert max(len(set(each)) for each in chromium.run(tops)) == 1


TABLE = "document.querySelector('[data-tools=\"run1-scores\"]')"
LABELS = f"[...{TABLE}.tBodies[0].rows].filter(r => !r.hidden).map(r => r.querySelector('.label').textContent)"


@pytest.mark.browser
def test_on_a_telephone_the_first_table_is_cards_with_all_that_it_has_and_an_order(spelled, chromium):
    chromium.open(spelled, 390)
    assert chromium.run(f"{TABLE}.scrollWidth <= {TABLE}.closest('.scroll').clientWidth")
    heads = chromium.run(f"[...{TABLE}.tHead.rows[0].cells].slice(2).map(h => h.firstChild.textContent)")
    shown = (
        f"[...{TABLE}.tBodies[0].rows[0].cells].filter(c => c.dataset.heading && c.getBoundingClientRect().right <= innerWidth)"
        ".map(c => c.dataset.heading)"
    )
    assert chromium.run(shown) == heads
    names = f"[...{TABLE}.tBodies[0].rows].map(r => r.querySelector('.label').textContent)"
    order = "{{ const s = document.querySelector('.tools select'); s.value = '{}'; s.dispatchEvent(new Event('change')); }}"
    before = chromium.run(names)
    chromium.run(order.format(0))
    assert chromium.run(names) == sorted(before, key=str.lower) != before
    chromium.run(order.format(""))
    assert chromium.run(names) == before
    assert chromium.complaints() == []


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
def test_no_name_in_the_picture_touches_a_mark(report, chromium, width):
    pytest.importorskip("plotly")
    chromium.open(report, width)
    boxes = (
        "[...document.querySelectorAll('[data-figure=\"run1-outcomes\"] {}')].map(t => t.getBoundingClientRect())"
        ".map(b => [b.left, b.right, b.top, b.bottom])"
    )
    names, marks = (chromium.run(boxes.format(part)) for part in (".annotation-text", ".scatterlayer .point"))
    assert len(names) > 1
    assert len(marks) == 4
    air = [(n, m) for n in names for m in marks if n[0] - 1 < m[1] and m[0] - 1 < n[1] and n[2] < m[3] and m[2] < n[3]]
    assert air == []


@pytest.mark.browser
def test_the_first_table_of_nine_columns_and_a_long_label_fits_a_laptop(privacy, tmp_path, chromium):
    document = copy.deepcopy(privacy.document)
    document["overlap"], label = [], "ResetFinetune() @ RandomMask()"
    document["results"][1]["method"] = label
    for row in document["results"]:
        row["scores"]["mia_ulira_accuracy"] = copy.deepcopy(row["scores"]["test_accuracy"])
        row["verdict"]["because"] = "its models know 120 of 126 forget examples less well than retrained models do"
    unlearned = dict(zip([r["method"] for r in document["results"]], privacy.unlearned.values(), strict=True))
    file = tmp_path / "report.html"
    file.write_text(page([dataclasses.replace(privacy, document=document, unlearned=unlearned)], "x"), encoding="utf-8")
    chromium.open(file, 1280)
    assert chromium.run(f"{TABLE}.tHead.rows[0].cells.length") == 9
    held, room = chromium.run(f"[{TABLE}.closest('.scroll').scrollWidth, {TABLE}.closest('.scroll').clientWidth]")
    assert held <= room


@pytest.mark.browser
def test_a_table_is_sorted_filtered_and_its_columns_hidden(spelled, chromium):
    chromium.open(spelled, 1280)
    assert chromium.run(LABELS) == ["DEL (a)", "DEL (b)", "A_b", "Nothing"]
    sort = f"{TABLE}.tHead.rows[0].lastElementChild.querySelector('button').click()"
    costs = f"[...{TABLE}.tBodies[0].rows].map(r => parseFloat(r.lastElementChild.textContent))"
    for order, way in (("ascending", 1), ("descending", -1)):
        chromium.run(sort)
        assert chromium.run(f"{TABLE}.tHead.rows[0].lastElementChild.getAttribute('aria-sort')") == order
        assert chromium.run(costs) == sorted(chromium.run(costs), reverse=way < 0)
    filtering = "{{ const f = document.querySelector('.tools input'); f.value = '{}'; f.dispatchEvent(new Event('input')); }}"
    everything = chromium.run(LABELS)
    chromium.run(filtering.format("del"))  # not Nothing, a control: the model left alone
    assert sorted(chromium.run(LABELS)) == ["DEL (a)", "DEL (b)"]
    for word, found in (("(keep", []), ("", everything), ("0.25", ["DEL (b)"])):
        chromium.run(filtering.format(word))
        assert chromium.run(LABELS) == found
    shown = f"[...{TABLE}.rows].map(r => [...r.cells].filter(c => !c.hidden).reduce((n, c) => n + c.colSpan, 0))"
    before = chromium.run(shown)
    chromium.run("document.querySelector('.tools input[type=checkbox]').click()")
    assert chromium.run(shown) == [n - 1 for n in before]


@pytest.mark.browser
def test_a_sorted_table_has_no_halves_and_a_third_click_brings_them_back(spelled, privacy, tmp_path, chromium):
    dear = privacy.document["results"][1]["method"]
    line = privacy.document["break_even"] | {"methods": [dear]}
    file = tmp_path / "report.html"
    file.write_text(
        page([dataclasses.replace(privacy, document=privacy.document | {"break_even": line})], "untrain"), encoding="utf-8"
    )
    chromium.open(file, 1280)
    names = f"[...{TABLE}.querySelectorAll('tbody:not(.references) .label')].filter(l => l.offsetParent).map(l => l.textContent)"
    halves = f"[...{TABLE}.querySelectorAll('.group')].filter(g => g.offsetParent).length"
    before = chromium.run(names)
    assert chromium.run(halves) == 1
    for way in (1, -1):
        chromium.run(f"{TABLE}.tHead.rows[0].cells[0].querySelector('button').click()")
        assert chromium.run(names) == sorted(before, key=str.lower, reverse=way < 0)
        assert chromium.run(halves) == 0
    chromium.run(f"{TABLE}.tHead.rows[0].cells[0].querySelector('button').click()")
    assert chromium.run(names) == before
    assert chromium.run(halves) == 1


@pytest.mark.browser
def test_a_table_is_copied_in_full_as_markdown_and_as_latex(spelled, chromium):
    chromium.open(spelled, 1280)
    copies = []
    for button in (0, 1):
        chromium.run("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
        chromium.run(f"document.querySelectorAll('.tools button')[{button}].click()")
        copies.append(chromium.run("window.copied").splitlines())
    markdown, latex = copies
    shown = chromium.run(f"[...{TABLE}.querySelectorAll('tbody tr:not(.group)')].length")
    assert len(markdown) == shown + 2
    assert len({re.sub(r"\\\|", "", line).count("|") for line in markdown}) == 1
    assert markdown[0].startswith("| Method | Verdict | ")
    assert r"| A\_b | " in markdown[4]
    assert r"| A\_b(path='50%') |" in markdown[4]
    assert re.search(r"\| \d+\.\d\s%( [≠=…])? \(\d+\.\d to \d+\.\d\) \|", markdown[2])
    body = [line for line in latex if line.endswith(r"\\")]
    assert len(body) == shown + 1
    assert len({line.count(" & ") for line in body}) == 1
    assert r"A\_b(path='50\%')" in body[3]
    assert not re.search(r"(?<!\\)[%_#]|−|≠", "\n".join(body))


@pytest.mark.browser
def test_two_methods_are_pinned_side_by_side(report, chromium):
    pytest.importorskip("plotly")
    chromium.open(report, 1280)
    drawn = (
        "[...document.querySelectorAll('.chart[data-figure=\"run1-margins-forget\"]')].map(c => JSON.stringify(c.data.at(-1).y))"
    )
    shown = "[...document.querySelectorAll('[data-of=\"run1\"]')].filter(p => !p.hidden).map(p => p.dataset.method)"
    beside = "{{ const s = document.getElementById('run1-other'); s.value = '{}'; s.dispatchEvent(new Event('change')); }}"
    chromium.run(beside.format(3))
    first, second = chromium.run(drawn)
    assert first != second
    assert set(chromium.run(shown)) == {"2", "3"}
    scales = "[...document.querySelectorAll('.chart[data-figure=\"run1-margins-forget\"]')].map(c => c.layout.yaxis.range)"
    (low, high), other = chromium.run(scales)
    assert [low, high] == other
    assert high >= max(max(json.loads(y)) for y in (first, second))
    names = "[...document.querySelectorAll('#run1 .who')].filter(w => w.offsetParent).map(w => w.textContent)"
    assert set(chromium.run(names)) == {"SalUn", "Nothing"}
    places = "[...document.querySelectorAll('.chart[data-figure=\"run1-margins-forget\"]')].map(c => c.getBoundingClientRect())"
    ends = f"{places}.map(r => [Math.round(r.top), Math.round(r.left), Math.round(r.right)])"
    (top, _, right), (other_top, left, _) = chromium.run(ends)
    assert top == other_top
    assert right <= left
    chromium.open(report, 390)
    chromium.run(beside.format(3))
    (top, start, _), (other_top, other_start, _) = chromium.run(ends)
    assert top < other_top
    assert start == other_start
    chromium.open(report, 1280)
    chromium.run(beside.format(3))
    chromium.run(beside.format(""))
    assert chromium.run(drawn) == [first]
    assert set(chromium.run(shown)) == {"2"}
    assert chromium.run(names) == []
    assert chromium.complaints() == []


@pytest.mark.browser
def test_every_attack_can_be_chosen_and_a_chart_is_saved_as_svg(report, chromium):
    pytest.importorskip("plotly")
    chromium.open(report, 1280)
    curve = "document.querySelector('[data-curves=\"run1\"]')"
    seen = set()
    for at in range(chromium.run("document.getElementById('run1-curve').options.length")):
        select = f"s.selectedIndex = {at}; s.dispatchEvent(new Event('change'));"
        chromium.run(f"{{ const s = document.getElementById('run1-curve'); {select} }}")
        seen.add(chromium.run(f"JSON.stringify({curve}.data.map(t => t.y))"))
    assert len(seen) == 6
    chromium.run("URL.createObjectURL = (blob) => { window.saved = blob; return 'data:,'; }")
    chromium.run("HTMLAnchorElement.prototype.click = function () { window.called = this.download; }")
    chromium.run("document.querySelector('[data-figure=\"run1-outcomes\"] + .svg').click()")
    svg = chromium.run(
        "(async () => { while (!window.saved) await new Promise(d => setTimeout(d, 20)); return await window.saved.text(); })()"
    )
    assert chromium.run("window.called") == "run1-outcomes.svg"
    assert svg.startswith("<svg")
    assert "Distance from retraining" in svg
    assert "var(--" not in svg
    assert chromium.complaints() == []


@pytest.mark.browser
def test_all_charts_are_drawn_in_the_colours_of_the_scheme(report, chromium):
    pytest.importorskip("plotly")
    colours = []
    for scheme in ("light", "dark"):
        chromium.open(report, 1280, scheme)
        drawn = chromium.run(DRAWN)
        assert len(drawn) == 2 * 8
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
    assert set(first) == {"2"}
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
    kinds = "['xaxis', 'yaxis'].map(a => document.querySelector('[data-curves=\"run1\"]')._fullLayout[a].type)"
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
@pytest.mark.parametrize("width", [360, 390, 520, 720, 1280])
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
    narrow = "if (document.getElementById('place').clientWidth < 640) f.layout.annotations = f.narrow;"
    script = f"const f = {figure}; {narrow} Plotly.newPlot('place', f.data, f.layout, {{responsive: true}});"
    place = f'<div id="place" style="max-width: 67rem; margin: 0 1.5rem; height: {chart.height}px"></div>'  # as on a page
    file.write_text(
        "<!doctype html><meta name='viewport' content='width=device-width'>"
        f"<script>{plotly.source()}</script>{place}<script>{script}</script>",
        encoding="utf-8",
    )
    chromium.open(file, width)
    boxes = chromium.run(
        "[...document.querySelectorAll('.annotation-text')].map(t => t.getBoundingClientRect())"
        ".map(b => [b.left, b.right, b.top, b.bottom])"
    )
    assert len(boxes) == len(chart.labels if width > 640 else chart.narrow) > (20 if width > 640 else 5)
    meet = [(a, b) for a, b in combinations(boxes, 2) if a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]]
    assert meet == []


@pytest.mark.browser
def test_charts_keep_their_height_when_the_window_is_another(report, chromium):
    heights = "[...document.querySelectorAll('.chart')].filter(c => c._fullLayout).map(c => [c.clientHeight, c._fullLayout.height])"
    chromium.open(report, 1280)
    first = chromium.run(heights)
    assert len(first) > 5
    for width in (390, 800, 1280):
        chromium.ask("Emulation.setDeviceMetricsOverride", width=width, height=700, deviceScaleFactor=1, mobile=False)
        chromium.run("new Promise(done => setTimeout(done, 1000))")
        assert chromium.run(heights) == first
