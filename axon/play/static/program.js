// The recorded program, the instruction at work, and what it leaves.

import { paint } from "./colors.js";

const $ = (id) => document.getElementById(id);
const cell = (text) => Object.assign(document.createElement("td"), { textContent: text });
const number = (v) => (Number.isInteger(v) && Math.abs(v) < 1e6 ? String(v) : Math.abs(v) < 1e-3 || Math.abs(v) >= 1e5 ? v.toExponential(2) : v.toPrecision(4));

export class ProgramView {
  build(lesson) {
    this.lesson = lesson; this.rows = [];
    const body = [];
    let phase = "";
    for (const line of lesson.lines) {
      if (line.phase !== phase) {
        phase = line.phase;
        const row = document.createElement("tr"), head = cell(phase);
        row.className = "phase"; head.colSpan = 4; row.append(head); body.push(row);
      }
      const row = document.createElement("tr");
      if (line.place.startsWith("view")) row.className = "view";
      row.append(...[line.result, line.call, `${line.shape} ${line.dtype}`, line.place].map(cell));
      row.title = `${line.call}${line.layer ? `, of ${line.layer}` : ""}`;
      this.rows.push(row); body.push(row);
    }
    $("instructions").replaceChildren(...body);
    const bytes = lesson.buffers.reduce((a, b) => a + b, 0);
    $("buffers").textContent = `${lesson.lines.length} instructions, ${lesson.buffers.length} buffers of ${bytes.toLocaleString("en")} bytes in all`;
    this.at = null;
    this.value(null);
  }

  draw({ head, arrays }) {
    if (head.at === this.at && head.at === null) return;
    this.rows[this.at]?.removeAttribute("aria-current");
    this.at = head.at;
    const row = this.rows[this.at];
    if (row) {
      row.setAttribute("aria-current", "step");
      const list = $("listing"), top = row.offsetTop - list.clientHeight / 2;
      list.scrollTop = Math.max(0, top);
    }
    this.value(head.at === null ? null : head.value, arrays.value?.data);
  }

  value(value, numbers) {
    const map = $("valuemap");
    map.hidden = !value;
    if (!value) {
      $("valuename").textContent = "Value";
      $("valuetext").textContent = "Press Instruction to run one line and see its result here.";
      $("numbers").textContent = "";
      return;
    }
    const line = this.lesson.lines[this.at];
    $("valuename").textContent = `${line.result} = ${line.call}`;
    const span = value.least === undefined ? "nothing finite" : `from ${number(value.least)} to ${number(value.most)}, mean ${number(value.mean)}`;
    $("valuetext").textContent = `${line.phase}${line.layer ? `, ${line.layer}` : ""}: ${line.shape} ${line.dtype}, ${span}`;
    const columns = value.shape.length > 1 ? value.shape.at(-1) : Math.min(numbers.length, 32);
    const rows = Math.max(1, Math.floor(numbers.length / Math.max(columns, 1)));
    if (numbers.length) {
      const most = numbers.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-30);
      paint(map, Array.from(numbers.subarray(0, rows * columns), (v) => Math.round(127 * v / most)), columns, rows);
    }
    const lines = [];
    for (let r = 0; r < Math.min(rows, 16); r++) lines.push(Array.from(numbers.subarray(r * columns, r * columns + Math.min(columns, 4)), (v) => number(v).padStart(9)).join(" ") + (columns > 4 ? " …" : ""));
    $("numbers").textContent = lines.join("\n") + (rows > 16 ? "\n…" : "");
  }
}
