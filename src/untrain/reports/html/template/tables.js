"use strict";
(() => {
  // Tables with data-tools: sorted by a column, filtered by text, columns hidden, copied as Markdown or LaTeX.
  const element = (name, more = {}, ...children) => {
    const made = Object.assign(document.createElement(name), more);
    made.append(...children);
    return made;
  };
  const seen = (node) => {
    const copy = node.cloneNode(true);
    copy.querySelectorAll(".hide, .sort, svg, wbr").forEach((part) => part.remove());
    return copy.textContent.replace(/[^\S\u00a0]+/g, " ").trim();
  };
  const value = (cell) => seen(cell.querySelector(".label, .value") || cell);

  // Cells in full: the value with its mark, then what stands below it in small print.
  const whole = (cell) => {
    const small = cell.querySelector("small");
    const rest = small ? seen(small) : "";
    if (!small || cell.tagName === "TH") return value(cell);
    return `${cell.querySelector(".value") ? value(cell) : seen(cell).slice(0, -rest.length).trim()} (${rest})`;
  };

  const RANKS = { passes: 0, open: 1, fails: 2 };
  const key = (cell) => {
    const text = value(cell);
    const number = parseFloat(text.replace(/−/g, "-").replace(/,/g, "").replace(/^[^\d.-]+(?=[\d.])/, ""));
    const rank = RANKS[text.split(" ").pop()];
    if (rank !== undefined) return rank;
    if (text.startsWith("<")) return number / 2;
    return cell.tagName === "TH" || Number.isNaN(number) ? text : number;
  };
  const missing = (row, at) => row.cells.length <= at || row.cells[at].colSpan > 1 || ["", "–"].includes(value(row.cells[at]));
  const compared = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));

  const bodies = (table) => [...table.tBodies].filter((body) => !body.matches(".references"));
  const lines = (body) => [...body.rows].filter((row) => !row.matches(".group"));

  // Sorted, a table has no halves: rows below the line of retraining's cost stand among the others. A third click on a heading puts
  // all back as it was.
  const homes = new WeakMap();
  const after = (head) => ({ ascending: "descending", descending: "" })[head.getAttribute("aria-sort")] ?? "ascending";
  const sort = (table, at, next) => {
    const head = table.tHead.rows[0].cells[at];
    if (!homes.has(table)) homes.set(table, bodies(table).map((body) => [body, [...body.rows]]));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    const halves = bodies(table).filter((body) => body.matches(".dearer"));
    for (const body of halves) body.hidden = next !== "";
    if (!next) {
      for (const [body, rows] of homes.get(table)) body.append(...rows);
      return;
    }
    head.setAttribute("aria-sort", next);
    const [first, ...others] = bodies(table);
    for (const body of others.filter((each) => halves.includes(each))) first.append(...lines(body));
    for (const body of bodies(table)) {
      const order = lines(body).sort((a, b) => {
        const gone = missing(a, at) - missing(b, at);
        return gone || missing(a, at) ? gone : (next === "ascending" ? 1 : -1) * compared(key(a.cells[at]), key(b.cells[at]));
      });
      body.append(...order);
    }
  };

  const hide = (table, at, hidden) => {
    const heads = [...table.tHead.rows[0].cells];
    heads[at].hidden = hidden;
    const shown = heads.filter((head) => !head.hidden).length;
    for (const row of table.querySelectorAll("tbody tr")) {
      const [first, last] = [row.cells[0], row.cells[row.cells.length - 1]];
      if (row.matches(".group")) first.colSpan = shown;
      else if (row.cells.length < heads.length) last.colSpan = shown - 1;
      else row.cells[at].hidden = hidden;
    }
  };

  // Rows and columns that are seen, as texts; what a label stands for comes last.
  const columnsOf = (table) => [...table.tHead.rows[0].cells].map((head, at) => [head, at]).filter(([head]) => !head.hidden);
  const texts = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    const columns = columnsOf(table).map(([, at]) => at);
    const rows = [...table.querySelectorAll("tbody tr:not(.group)")].filter((row) => !row.hidden);
    const spelled = rows.some((row) => row.cells[0].title && row.cells[0].title !== value(row.cells[0]));
    const body = rows.map((row) => {
      const short = row.cells.length < heads.length;
      const cells = columns.map((at) => (short && at > 1 ? "" : whole(row.cells[at] || row.cells[1])));
      return spelled ? [...cells, row.cells[0].title] : cells;
    });
    return [[...columns.map((at) => seen(heads[at])), ...(spelled ? ["In full"] : [])], ...body];
  };

  // Words stand left, numbers right; what a label stands for is words.
  const sides = (table) => {
    const heads = columnsOf(table).map(([head]) => head);
    return texts(table)[0].map((_, at) => (at && at < heads.length && !heads[at].matches(".left") ? "r" : "l"));
  };

  const markdown = (table) => {
    const safe = (text) => text.replace(/[\\`*_[\]|~#]/g, "\\$&").replace(/&/g, "&amp;").replace(/</g, "&lt;");
    const [head, ...rows] = texts(table).map((row) => `| ${row.map(safe).join(" | ")} |`);
    const rule = `|${sides(table).map((side) => (side === "r" ? "---:" : "---")).join("|")}|`;
    return [head, rule, ...rows, ""].join("\n");
  };

  const LATEX = {
    "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "<": "\\textless{}", ">": "\\textgreater{}",
    "|": "\\textbar{}", "−": "$-$", "±": "$\\pm$", "≠": "$\\neq$", "✓": "$\\checkmark$", "✗": "$\\times$", "†": "\\dag{}", "–": "--",
    "…": "\\dots{}", "\u00a0": "~", '"': "''",
  };
  const latex = (table) => {
    const safe = (text) => text.replace(/[\\~^<>|−±≠✓✗†–…\u00a0"]|[&%$#_{}]/g, (sign) => LATEX[sign] || `\\${sign}`);
    const [head, ...rows] = texts(table).map((row) => `${row.map(safe).join(" & ")} \\\\`);
    return ["% \\checkmark needs amssymb", `\\begin{tabular}{${sides(table).join("")}}`, "\\hline", head, "\\hline", ...rows, "\\hline", "\\end{tabular}", ""].join("\n");
  };

  const copy = async (text, told) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = element("textarea", { value: text });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    told.textContent = "Copied.";
    setTimeout(() => { told.textContent = ""; }, 2000);
  };

  const equip = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    const names = heads.map(seen);
    heads.forEach((head, at) => {
      const button = element("button", { type: "button", className: "sort", title: "Sort" });
      button.setAttribute("aria-label", `Sort by ${names[at]}`);
      head.append(" ", button);
      head.addEventListener("click", (event) => { if (!event.target.closest("a")) sort(table, at, after(head)); });
    });
    const filter = element("input", { type: "search", placeholder: "Filter rows" });
    filter.setAttribute("aria-label", "Filter rows");
    filter.addEventListener("input", () => {
      // From the start of a word on: "del" finds DEL, and no model.
      const wanted = new RegExp(`(?<![\\p{L}\\p{N}])${filter.value.trim().replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`, "iu");
      const words = (row) => [...row.cells].flatMap((cell) => [...cell.childNodes].map((part) => part.textContent)).join(" ");
      for (const body of bodies(table)) {
        for (const row of lines(body)) row.hidden = !wanted.test(`${words(row)} ${row.cells[0].title}`);
      }
    });
    // A telephone shows each method as a card, without headings to click on.
    const order = element("select", { className: "narrow" }, element("option", { value: "", textContent: "Order as run" }));
    order.setAttribute("aria-label", "Order of rows");
    names.forEach((name, at) => order.append(element("option", { value: at, textContent: `By ${name}` })));
    order.addEventListener("change", () => sort(table, Number(order.value), order.value && "ascending"));
    const boxes = names.slice(1).map((name, at) => {
      const box = element("input", { type: "checkbox", checked: true });
      box.addEventListener("change", () => hide(table, at + 1, !box.checked));
      return element("label", {}, box, ` ${name}`);
    });
    const told = element("span", { role: "status", className: "quiet" });
    const button = (text, made) => {
      const one = element("button", { type: "button", textContent: text });
      one.addEventListener("click", () => copy(made(table), told));
      return one;
    };
    const columns = element("details", {}, element("summary", { textContent: "Columns" }), element("div", {}, ...boxes));
    const tools = element("div", { className: "tools" }, filter, ...(table.matches(".compared") ? [order] : []), columns, button("Copy as Markdown", markdown), button("Copy as LaTeX", latex), told);
    (table.closest(".scroll") || table).before(tools);
  };

  document.querySelectorAll("table[data-tools]").forEach(equip);

  // A table that is wider than its place says so.
  const watched = new ResizeObserver((entries) => entries.forEach(({ target: scroll }) => {
    const hint = scroll.previousElementSibling;
    hint.hidden = scroll.scrollWidth <= scroll.clientWidth + 1;
  }));
  document.querySelectorAll(".scroll").forEach((scroll) => {
    scroll.before(element("p", { className: "hint", textContent: "The table goes on to the right \u2192", hidden: true }));
    watched.observe(scroll);
  });
})();
