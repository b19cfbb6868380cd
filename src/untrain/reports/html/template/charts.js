"use strict";
(() => {
  const parse = (id) => JSON.parse(document.getElementById(id).textContent);
  const figures = parse("figures");
  const style = getComputedStyle(document.documentElement);
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const NARROW = 640; // pixels of a chart, below which labels are those for a telephone

  // Plotly knows no CSS variables: fill them in from the scheme in force.
  const filled = (value) => {
    if (typeof value === "string") return value.replace(/^var\((--[\w-]+)\)$/, (_, name) => style.getPropertyValue(name).trim());
    if (Array.isArray(value)) return value.map(filled);
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, filled(v)]));
    return value;
  };

  const chosen = (run, who) => document.getElementById(`${run}-${who}`);
  const named = (place) => {
    const run = place.dataset.by;
    return run ? `${place.dataset.figure}-${chosen(run, place.dataset.who || "method").value}` : place.dataset.figure;
  };

  const draw = (place) => {
    const figure = figures[named(place)];
    const none = !figure || typeof Plotly === "undefined";
    (place.closest("figure") || place).hidden = none;
    if (none) return;
    const { data, layout, narrow } = filled(figure);
    const small = place.clientWidth < NARROW;
    place.dataset.small = small;
    if (narrow && small) layout.annotations = narrow;
    place.style.height = `${layout.height}px`; // in a window of another size Plotly asks its place for it
    Plotly.react(place, data, layout, { displayModeBar: false, responsive: true });
    saver(place);
    fitted.observe(place);
  };

  // A chart is as wide as its place, whenever that changes: the window, a scroll bar, a second method beside it.
  const fitted = new ResizeObserver((entries) => entries.forEach(({ target: place }) => {
    const wide = place.clientWidth;
    if (!wide || !place.layout || wide === place.layout.width || String(wide) === place.dataset.wide) return;
    place.dataset.wide = wide;
    if (String(wide < NARROW) !== place.dataset.small) draw(place);
    else Plotly.Plots.resize(place);
  }));

  const charts = (selector) => all(selector).forEach(draw);

  const give = (name, content, type) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type }));
    link.download = name;
    link.click();
  };

  // A button below each chart that saves it on the ground that it is seen on.
  const saver = (place) => {
    if (place.nextElementSibling && place.nextElementSibling.matches(".svg")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "svg";
    button.textContent = "Save as SVG";
    button.addEventListener("click", async () => {
      const layout = { ...place.layout, paper_bgcolor: filled("var(--card)") };
      const size = { format: "svg", width: place.clientWidth, height: place.clientHeight };
      const url = await Plotly.toImage({ data: place.data, layout }, size);
      give(`${named(place)}.svg`, decodeURIComponent(url.slice(url.indexOf(",") + 1)), "image/svg+xml");
    });
    place.after(button);
  };

  // Charts, tables and examples of a second method stand beside those of the first, where the window is wide enough.
  const pin = (run, other) => {
    all(`.beside[data-charts="${run}"]`).forEach((both) => both.replaceWith(both.firstElementChild));
    if (other) {
      all(`.pair[data-charts="${run}"]`).forEach((pair) => {
        const twin = pair.cloneNode(true);
        twin.classList.add("second");
        all(".svg", twin).forEach((button) => button.remove());
        all(".chart", twin).forEach((place) => {
          const empty = place.cloneNode(false);
          empty.classList.remove("js-plotly-plot");
          empty.dataset.who = "other";
          place.replaceWith(empty);
        });
        const both = document.createElement("div");
        both.className = "beside";
        both.dataset.charts = run;
        pair.replaceWith(both);
        both.append(pair, twin);
      });
    }
  };

  const choose = (run) => {
    const [first, second] = ["method", "other"].map((who) => chosen(run, who));
    const other = second && second.value !== first.value ? second.value : "";
    const text = (select) => select.selectedOptions[0].textContent;
    pin(run, other);
    all(`.pair[data-charts="${run}"]`).forEach((pair) => {
      const who = pair.querySelector(".who");
      who.hidden = !other;
      who.textContent = text(pair.classList.contains("second") ? second : first);
    });
    all(`[data-of="${run}"]`).forEach((part) => {
      part.hidden = part.dataset.method !== first.value && part.dataset.method !== other;
      part.style.order = part.dataset.method === first.value ? 0 : 1;
      part.querySelector(".who").hidden = !other;
      part.parentElement.classList.toggle("two", Boolean(other));
    });
    charts(`.chart[data-by="${run}"]`);
    level(run);
  };

  // Charts that stand beside each other have one scale.
  const level = (run) => all(`.beside[data-charts="${run}"]`).forEach((both) => {
    const [ours, others] = [...both.children].map((pair) => all(".chart", pair));
    ours.forEach((place, at) => {
      const ends = [place, others[at]].map((each) => each.layout && each.layout.yaxis && each.layout.yaxis.range);
      if (!ends[0] || !ends[1]) return;
      const range = [Math.min(ends[0][0], ends[1][0]), Math.max(ends[0][1], ends[1][1])];
      for (const each of [place, others[at]]) Plotly.relayout(each, { "yaxis.range": range });
    });
  });

  all(".scripted").forEach((part) => { part.hidden = false; });
  charts(".chart");
  all("select[data-run]").forEach((select) => select.addEventListener("change", () => choose(select.dataset.run)));
  all("select[data-curve]").forEach((select) => select.addEventListener("change", () => {
    const run = select.dataset.curve;
    all(`[data-title="${run}"]`).forEach((title) => { title.textContent = select.selectedOptions[0].textContent; });
    all(`[data-curves="${run}"]`).forEach((place) => { place.dataset.figure = select.value; draw(place); });
  }));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts(".chart"));

  // A link into what is folded away unfolds it.
  const unfold = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    const folded = target && target.closest("details");
    if (!folded || folded.open) return;
    folded.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  unfold();

  const save = document.getElementById("save");
  save.hidden = false;
  save.addEventListener("click", () => give(save.dataset.name, document.getElementById("results").textContent, "application/json"));
})();
