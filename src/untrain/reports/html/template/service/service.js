(() => {
  // Boxes of a review: how many are ticked, all or none at once.
  const boxes = [...document.querySelectorAll('.review input[type="checkbox"]')];
  const count = document.getElementById("count");
  const tell = () => { if (count) count.textContent = `${boxes.filter((box) => box.checked).length} of ${boxes.length} ticked`; };
  for (const [id, value] of [["all", true], ["none", false]]) {
    const button = document.getElementById(id);
    if (!button) continue;
    button.hidden = false;
    button.addEventListener("click", () => { for (const box of boxes) box.checked = value; tell(); });
  }
  document.addEventListener("change", tell);
  tell();

  // J and K go through the rows of a page: boxes of a review, or links at the head of a row.
  document.addEventListener("keydown", (event) => {
    const step = { j: 1, k: -1 }[event.key];
    const typing = event.target.matches('textarea, select, input:not([type="checkbox"]):not([type="radio"])');
    if (!step || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const stops = boxes.length ? boxes : [...document.querySelectorAll("tbody th a")];
    if (stops.length) stops[Math.min(Math.max(stops.indexOf(document.activeElement) + step, 0), stops.length - 1)].focus();
  });

  // While something waits or runs, the page looks again, unless somebody is about to use it.
  if (document.body.hasAttribute("data-live")) {
    const look = async () => {
      const main = document.getElementById("main");
      if (!document.hidden && !main.contains(document.activeElement)) {
        try {
          const reply = await fetch(location.href);
          const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
          if (reply.ok && fresh.getElementById("main") && !main.contains(document.activeElement)) {
            main.replaceChildren(...fresh.getElementById("main").childNodes);
            if (!fresh.body.hasAttribute("data-live")) return;
          }
        } catch {
          // The view was stopped; it may come back.
        }
      }
      setTimeout(look, 2000);
    };
    setTimeout(look, 2000);
  }
})();
