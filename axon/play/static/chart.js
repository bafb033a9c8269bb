// Lines over time, as few as there are layers.

import { series, sharp, theme } from "./colors.js";

const short = (v) => (v === 0 ? "0" : Math.abs(v) >= 0.01 && Math.abs(v) < 1e4 ? String(+v.toPrecision(2)) : v.toExponential(0));

export class History {
  constructor() { this.clear(); }

  clear() { this.epochs = []; this.rows = []; }

  add(epoch, row) {
    if (this.epochs.at(-1) === epoch) { this.rows[this.rows.length - 1] = row; return; }
    this.epochs.push(epoch); this.rows.push(row);
    if (this.epochs.length > 800) {  // every second one is enough
      const last = this.epochs.length - 1, kept = (_, i) => i % 2 === 0 || i === last;
      this.epochs = this.epochs.filter(kept); this.rows = this.rows.filter(kept);
    }
  }
}

export function chart(canvas, history, names, { log = false } = {}) {
  const [context, width, height] = sharp(canvas), left = 38, bottom = 17, top = 14;
  const values = history.rows.flat().filter((v) => v !== null && (!log || v > 0)), scale = log ? Math.log10 : (v) => v;
  context.font = "11px system-ui, sans-serif";
  let low = log ? Math.min(...values.map(scale)) : 0, high = Math.max(...values.map(scale));
  if (!values.length) { low = 0; high = 1; }
  if (high - low < 1e-9) high = low + 1;
  const last = Math.max(history.epochs.at(-1) ?? 0, 1e-9);
  const px = (e) => left + (width - left - 6) * (e / last);
  const py = (v) => top + (height - top - bottom) * (1 - (scale(v) - low) / (high - low));
  context.strokeStyle = theme.line; context.fillStyle = theme.soft; context.lineWidth = 1;
  for (const share of [0, 0.5, 1]) {
    const y = top + (height - top - bottom) * (1 - share), v = low + share * (high - low);
    context.beginPath(); context.moveTo(left, y + 0.5); context.lineTo(width - 6, y + 0.5); context.stroke();
    context.textAlign = "right"; context.fillText(short(log ? 10 ** v : v), left - 5, y + 4);
  }
  context.textAlign = "left"; context.fillText("0", left, height - 4);
  context.textAlign = "right"; context.fillText(`epoch ${short(history.epochs.at(-1) ?? 0)}`, width - 6, height - 4);
  names.forEach((_, n) => {
    context.strokeStyle = series(n); context.lineWidth = 1.6;
    context.setLineDash(n % 2 ? [5, 3] : []);
    context.beginPath();
    let down = false;
    history.rows.forEach((row, i) => {
      const v = row[n];
      if (v === null || v === undefined || (log && v <= 0)) { down = false; return; }
      context[down ? "lineTo" : "moveTo"](px(history.epochs[i]), py(v)); down = true;
    });
    context.stroke();
  });
  context.setLineDash([]);
  let at = left;
  context.textAlign = "left"; context.font = "10.5px system-ui, sans-serif";
  names.forEach((name, n) => {
    context.fillStyle = series(n); context.fillRect(at, 3, 10, 3);
    context.fillStyle = theme.soft; context.fillText(name, at + 13, 9);
    at += 20 + context.measureText(name).width;
  });
  const now = history.rows.at(-1);
  if (now) canvas.setAttribute("aria-label", `${canvas.dataset.title}: ${names.map((n, i) => `${n} ${now[i] === null ? "not finite" : short(now[i])}`).join(", ")}`);
}
