// Charts by keyboard: arrows go from mark to mark, and what a mark says is read aloud.
const said = document.createElement("div");
said.setAttribute("aria-live", "polite");
said.className = "unseen";
document.body.append(said);
for (const chart of document.querySelectorAll(".chart > svg")) {
  const marks = [...chart.querySelectorAll(".h")];
  if (!marks.length) continue;
  chart.tabIndex = 0;
  let at = -1;
  const show = (next) => {
    marks[at]?.classList.remove("on");
    at = next;
    marks[at]?.classList.add("on");
    said.textContent = marks[at]?.querySelector(".say").textContent ?? "";
  };
  chart.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step) show(at < 0 ? (step > 0 ? 0 : marks.length - 1) : (at + step + marks.length) % marks.length);
    else if (event.key === "Home") show(0);
    else if (event.key === "End") show(marks.length - 1);
    else if (event.key === "Escape") show(-1);
    else return;
    event.preventDefault();
  });
  chart.addEventListener("blur", () => show(-1));
}

// The threshold: what becomes of the rows if it is moved.
for (const chooser of document.querySelectorAll(".chooser")) {
  const { found, called, positives, rows, name } = JSON.parse(chooser.dataset.counts);
  const range = chooser.querySelector("input");
  const out = chooser.querySelector("output");
  const share = (part, all) => (all ? `${((100 * part) / all).toFixed(1)}%` : "–");
  const tell = () => {
    const [hits, yes] = [found[range.value], called[range.value]];
    const right = hits + (rows - positives - (yes - hits));
    out.textContent =
      `At ${(range.value / 100).toFixed(2)}: ${yes.toLocaleString("en")} of ${rows.toLocaleString("en")} rows are called ${name}. ` +
      `${hits.toLocaleString("en")} of ${positives.toLocaleString("en")} are found (recall ${share(hits, positives)}), ` +
      `${(yes - hits).toLocaleString("en")} are false alarms (precision ${share(hits, yes)}). Accuracy ${share(right, rows)}.`;
  };
  range.addEventListener("input", tell);
  chooser.hidden = false;
  tell();
}
