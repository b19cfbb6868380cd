(() => {
  const boxes = [...document.querySelectorAll('.review input[type="checkbox"]')];
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const rows = read("ids"), rules = read("rules");
  const formula = new RegExp(`^(?:${rules.formula})`), number = new RegExp(rules.number, "i");
  // As the package writes cells: no text becomes a formula in a spreadsheet, and quotes are doubled.
  const cell = (text) => {
    const safe = formula.test(text) && !number.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) || safe !== safe.trim() ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  const ticked = () => boxes.filter((box) => box.checked).map((box) => rows[Number(box.value)]);
  const count = document.getElementById("count");
  const tell = () => {
    const some = ticked().length;
    count.textContent = `${some} of ${boxes.length} ticked`;
    for (const id of ["request", "labels"]) document.getElementById(id).disabled = some === 0;
  };
  const save = (name, lines) => {
    const text = lines.map((line) => line.map(cell).join(",") + "\n").join("");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const all = (value) => { for (const box of boxes) box.checked = value; tell(); };
  const on = (id, work) => document.getElementById(id).addEventListener("click", work);
  on("all", () => all(true));
  on("none", () => all(false));
  on("request", () => save("request.csv", [["id"], ...[...new Set(ticked().map(([id]) => id))].map((id) => [id])]));
  on("labels", () => save("labels.csv", [["id", "label"], ...ticked()]));
  document.addEventListener("change", tell);
  document.addEventListener("keydown", (event) => {
    const step = { j: 1, k: -1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey || !boxes.length) return;
    const at = boxes.indexOf(document.activeElement);
    boxes[Math.min(Math.max(at + step, 0), boxes.length - 1)].focus();
  });
  document.getElementById("bar").hidden = false;
  tell();
})();
