"use strict";
(() => {
  const parse = (id) => JSON.parse(document.getElementById(id).textContent);
  const figures = parse("figures");
  const style = getComputedStyle(document.documentElement);

  // Plotly knows no CSS variables: fill them in from the scheme in force.
  const filled = (value) => {
    if (typeof value === "string") return value.replace(/^var\((--[\w-]+)\)$/, (_, name) => style.getPropertyValue(name).trim());
    if (Array.isArray(value)) return value.map(filled);
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, filled(v)]));
    return value;
  };

  const chosen = (run) => document.getElementById(`${run}-method`).value;

  const draw = (place) => {
    const run = place.dataset.by;
    const figure = figures[run ? `${place.dataset.figure}-${chosen(run)}` : place.dataset.figure];
    const none = !figure || typeof Plotly === "undefined";
    (place.closest("figure") || place).hidden = none;
    if (none) return;
    const { data, layout } = filled(figure);
    Plotly.react(place, data, layout, { displayModeBar: false, responsive: true });
  };

  const charts = (selector) => document.querySelectorAll(selector).forEach(draw);
  const choose = (select) => {
    const run = select.dataset.run;
    charts(`.chart[data-by="${run}"]`);
    document.querySelectorAll(`[data-of="${run}"]`).forEach((part) => { part.hidden = part.dataset.method !== select.value; });
  };

  charts(".chart");
  document.querySelectorAll("select[data-run]").forEach((select) => select.addEventListener("change", () => choose(select)));
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
  save.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([document.getElementById("results").textContent], { type: "application/json" }));
    link.download = save.dataset.name;
    link.click();
  });
})();
