// Paper to draw a digit on: 32 x 32 squares, by pointer, finger or keys.

import { theme } from "./colors.js";

const SIDE = 32, $ = (id) => document.getElementById(id);

export class Pad {
  constructor(onDraw) {
    this.onDraw = onDraw; this.ink = new Uint8Array(SIDE * SIDE);
    this.pen = [16, 16]; this.down = false;
    const paper = $("paper");
    paper.addEventListener("pointerdown", (e) => { paper.setPointerCapture(e.pointerId); this.drawing = true; this.last = null; this.stroke(e); });
    paper.addEventListener("pointermove", (e) => { if (this.drawing) this.stroke(e); });
    for (const end of ["pointerup", "pointercancel"]) paper.addEventListener(end, () => { this.drawing = false; });
    paper.addEventListener("keydown", (e) => this.key(e));
    paper.addEventListener("focus", () => this.draw());
    paper.addEventListener("blur", () => this.draw());
    $("clear").addEventListener("click", () => this.clear());
  }

  clear() { this.ink.fill(0); this.changed(); }

  stroke(event) {
    const box = $("paper").getBoundingClientRect();
    const to = [(event.clientX - box.left) / box.width * SIDE, (event.clientY - box.top) / box.height * SIDE];
    this.line(this.last ?? to, to);
    this.last = to;
  }

  line(from, to) {
    const steps = Math.ceil(2 * Math.hypot(to[0] - from[0], to[1] - from[1])) || 1;
    for (let k = 0; k <= steps; k++) this.dot(from[0] + (to[0] - from[0]) * k / steps, from[1] + (to[1] - from[1]) * k / steps);
    this.changed();
  }

  dot(x, y) {
    for (let r = Math.max(0, Math.floor(y - 2)); r < Math.min(SIDE, y + 2); r++)
      for (let c = Math.max(0, Math.floor(x - 2)); c < Math.min(SIDE, x + 2); c++)
        if (Math.hypot(c + 0.5 - x, r + 0.5 - y) <= 1.6) this.ink[r * SIDE + c] = 1;
  }

  key(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    if (event.key === " ") this.down = !this.down;
    else this.pen = this.pen.map((p, i) => Math.min(SIDE - 1, Math.max(1, p + step[i])));
    if (this.down) this.dot(...this.pen);
    this.changed();
  }

  changed() { this.draw(); this.onDraw(Array.from(this.ink).join(""), this.ink); }

  draw() {
    const context = $("paper").getContext("2d"), square = 256 / SIDE;
    context.clearRect(0, 0, 256, 256);
    context.fillStyle = theme.ink;
    this.ink.forEach((on, i) => { if (on) context.fillRect((i % SIDE) * square, Math.floor(i / SIDE) * square, square, square); });
    if (document.activeElement === $("paper")) {
      context.strokeStyle = theme.minus; context.lineWidth = this.down ? 4 : 2;
      context.beginPath(); context.arc(this.pen[0] * square, this.pen[1] * square, 9, 0, 7); context.stroke();
    }
  }
}
