// The network: a picture for each neuron, a line for each weight.

import { paint, sharp, theme } from "./colors.js";

const $ = (id) => document.getElementById(id);
const NEAR = 6;

export class NetworkView {
  constructor({ onWeight, onLook, onLayers }) {
    Object.assign(this, { onWeight, onLook, onLayers, lesson: null, picture: null, open: null, pinned: false });
    new ResizeObserver(() => this.measure()).observe($("columns"));
    $("net").addEventListener("pointermove", (e) => { if (!this.pinned) this.point(e); });
    $("net").addEventListener("pointerleave", () => { if (!this.pinned) this.hideTip(); });
    $("net").addEventListener("click", (e) => { if (!e.target.closest("button, #tip")) this.point(e, true); });
    $("tip").addEventListener("keydown", (e) => { if (e.key === "Escape" || e.key === "Enter") { e.target.blur(); this.hideTip(); } });
    $("tipvalue").addEventListener("change", () => this.send(this.tip, $("tipvalue")));
    $("tipvalue").addEventListener("blur", () => this.hideTip());
    $("closeneuron").addEventListener("click", () => this.close(true));
    $("neuron").addEventListener("keydown", (e) => { if (e.key === "Escape") this.close(true); });
  }

  get image() { return this.lesson.inputs === 64; }

  build(lesson, limits) {
    this.lesson = lesson; this.picture = null;
    this.close(false); this.hideTip();
    const columns = $("columns"), layers = lesson.layers;
    const focused = columns.contains(document.activeElement) ? document.activeElement.id : "";
    columns.replaceChildren();
    this.nodes = [];
    columns.className = Math.max(...layers.map((l) => l.neurons)) > 12 ? "small" : "";
    columns.append(this.column("input", this.image ? ["image"] : lesson.names, null, limits, -1));
    layers.forEach((layer, n) => {
      const last = n === layers.length - 1;
      const names = last && lesson.task === "classes" ? lesson.classes : [];
      columns.append(this.column(last ? "output" : `hidden ${n + 1}`, names, layer, limits, n));
    });
    const hidden = layers.length - 1;
    $("count").textContent = `${hidden} hidden ${hidden === 1 ? "layer" : "layers"}`;
    $("fewer").disabled = hidden === 0; $("more").disabled = hidden >= limits.layers;
    if (!this.image) this.paintInputs();
    if (focused) $(focused)?.focus({ preventScroll: true });  // one can go on there
    this.measure();
  }

  column(title, names, layer, limits, number) {
    const column = document.createElement("div"), head = document.createElement("div"), nodes = document.createElement("div");
    column.className = "column"; head.className = "head"; nodes.className = "nodes";
    const name = document.createElement("span");
    name.textContent = title; head.append(name);
    if (title.startsWith("hidden")) head.append(this.counter(layer, limits, number));
    const count = layer ? layer.neurons : names.length;
    const made = Array.from({ length: count }, (_, i) => this.node(title, names[i], number, i));
    nodes.append(...made); column.append(head, nodes);
    this.nodes.push(made);
    return column;
  }

  counter(layer, limits, number) {
    const bar = document.createElement("span"), most = this.image ? limits.neurons.image : limits.neurons.plane;
    bar.className = "bar";
    const change = (by, sign, words) => {
      const button = document.createElement("button");
      button.type = "button"; button.textContent = sign; button.id = `layer${number}${by > 0 ? "more" : "fewer"}`;
      button.setAttribute("aria-label", `${words} hidden layer ${number + 1}`);
      button.disabled = by < 0 ? layer.neurons <= 1 : layer.neurons >= most;
      button.addEventListener("click", () => this.onLayers(number, by));
      return button;
    };
    const shown = document.createElement("b");
    shown.textContent = layer.neurons;
    bar.append(change(-1, "−", "Remove a neuron from"), shown, change(1, "+", "Add a neuron to"));
    return bar;
  }

  node(title, name, layer, index) {
    const button = document.createElement("button"), canvas = document.createElement("canvas");
    button.type = "button"; button.className = name === "image" ? "node pixels image" : "node"; canvas.width = canvas.height = 1;
    button.append(canvas);
    if (name !== undefined) {
      const text = document.createElement("span");
      text.textContent = name; button.append(text);
    }
    if (layer < 0) { button.setAttribute("aria-label", `Input ${name}`); button.disabled = true; return button; }
    button.setAttribute("aria-label", `Neuron ${index + 1} of ${title}${name === undefined ? "" : `, ${name}`}: show its weights`);
    button.setAttribute("aria-expanded", "false");
    const look = (on) => () => this.onLook(on && layer < this.lesson.layers.length - 1 ? { layer, index, title } : null);
    for (const [event, on] of [["pointerenter", true], ["focus", true], ["pointerleave", false], ["blur", false]]) button.addEventListener(event, look(on));
    button.addEventListener("click", () => this.show(layer, index, title));
    return button;
  }

  paintInputs() {
    const across = Int8Array.from({ length: 32 * 32 }, (_, i) => Math.round(127 * ((i % 32) / 15.5 - 1)));
    const up = Int8Array.from({ length: 32 * 32 }, (_, i) => Math.round(127 * (1 - Math.floor(i / 32) / 15.5)));
    [across, up].forEach((values, i) => paint(this.nodes[0][i].querySelector("canvas"), values, 32, 32));
  }

  // ---------------------------------------------------------------- each picture

  draw(picture) {
    this.picture = picture;
    const layers = this.lesson.layers;
    layers.forEach((layer, l) => {
      const last = l === layers.length - 1, maps = picture.arrays[`m${l}`];
      for (let i = 0; i < layer.neurons; i++) {
        const canvas = this.nodes[l + 1][i].querySelector("canvas");
        if (this.image) this.paintImage(canvas, l, i);
        else if (!last) paint(canvas, maps.data.subarray(1024 * i, 1024 * (i + 1)), 32, 32);
        else if (picture.arrays.output) paint(canvas, picture.arrays.output.data, 64, 64);
        else this.paintClass(canvas, i);
      }
    });
    this.lines();
    this.refresh();
  }

  paintImage(canvas, layer, index) {
    if (layer > 0) {  // how active it is on what was drawn
      const answers = this.picture.head.answers?.[layer] ?? [], most = Math.max(...answers.map(Math.abs), 1e-6);
      return paint(canvas, [Math.round(127 * (answers[index] ?? 0) / most)], 1, 1);
    }
    const { shape, data } = this.picture.arrays.w0, column = Array.from({ length: 64 }, (_, k) => data[k * shape[1] + index]);
    const most = Math.max(...column.map(Math.abs), 1e-9);
    canvas.parentElement.classList.add("pixels");
    paint(canvas, column.map((v) => Math.round(127 * v / most)), 8, 8);
  }

  paintClass(canvas, index) {
    const { chosen, lead } = this.picture.arrays;
    paint(canvas, chosen.data.map((c, i) => (c === index ? lead.data[i] >> 1 : 0)), 64, 64);
  }

  paintDrawing(pixels) { paint(this.nodes[0][0].querySelector("canvas"), pixels, 32, 32); }

  measure() {
    if (!this.nodes) return;
    const box = $("net").getBoundingClientRect(), scrolled = $("net").scrollLeft;
    const canvas = $("lines"), columns = $("columns");
    canvas.style.width = `${columns.scrollWidth}px`; canvas.style.height = `${columns.offsetHeight}px`;
    this.places = this.nodes.map((column) => column.map((node) => {
      const b = node.getBoundingClientRect();
      return { left: b.left - box.left + scrolled, right: b.right - box.left + scrolled, y: (b.top + b.bottom) / 2 - box.top };
    }));
    this.lines();
  }

  *weights() {
    const first = this.image ? 1 : 0;
    for (let l = first; l < this.lesson.layers.length; l++) {
      const w = this.picture.arrays[`w${l}`], [rows, columns] = w.shape;
      for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) yield [l, i, j, w.data[i * columns + j], this.places[l][i], this.places[l + 1][j]];
    }
  }

  lines() {
    if (!this.picture || !this.places) return;
    const [context] = sharp($("lines"));
    if (this.image) this.fan(context);
    let most = 1e-6;
    for (const [, , , w] of this.weights()) most = Math.max(most, Math.abs(w));
    for (const [, , , w, a, b] of this.weights()) {
      const share = Math.abs(w) / most, middle = (a.right + b.left) / 2;
      context.strokeStyle = w >= 0 ? theme.plus : theme.minus;
      context.globalAlpha = 0.15 + 0.75 * share; context.lineWidth = 0.4 + 4 * share;
      context.beginPath(); context.moveTo(a.right, a.y);
      context.bezierCurveTo(middle, a.y, middle, b.y, b.left, b.y);
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  fan(context) {  // every neuron sees every pixel
    const [a] = this.places[0];
    context.strokeStyle = theme.line; context.lineWidth = 1;
    for (const b of this.places[1]) {
      context.beginPath(); context.moveTo(a.right, a.y); context.lineTo(b.left, b.y); context.stroke();
    }
  }

  // ---------------------------------------------------------------- a weight

  nearest(x, y) {
    let found = null, least = NEAR;
    for (const place of this.weights()) {
      const [, , , , a, b] = place;
      if (x < a.right || x > b.left) continue;
      const u = this.along(a.right, b.left, x), line = a.y + (b.y - a.y) * (3 * u * u - 2 * u * u * u);
      if (Math.abs(line - y) < least) { least = Math.abs(line - y); found = place; }
    }
    return found;
  }

  along(from, to, x) {  // where the curve is at x: its middle handles lie half way
    let low = 0, high = 1;
    for (let k = 0; k < 20; k++) {
      const u = (low + high) / 2, at = 1.5 * u * (1 - u) + u * u * u;
      if (from + (to - from) * at < x) low = u; else high = u;
    }
    return low;
  }

  point(event, pin = false) {
    if (!this.picture || event.target.closest("#tip")) return;
    const box = $("net").getBoundingClientRect(), x = event.clientX - box.left + $("net").scrollLeft, y = event.clientY - box.top;
    const found = this.nearest(x, y);
    if (!found) return this.hideTip();
    const [layer, row, column, value] = found, tip = $("tip");
    this.tip = { layer, row, column };
    $("tipname").textContent = `${this.from(layer, row)} → ${this.to(layer, column)}`;
    $("tipvalue").value = value.toPrecision(4);
    tip.hidden = false; this.pinned = pin;
    tip.style.left = `${Math.max(0, Math.min(x + 8, $("columns").scrollWidth - tip.offsetWidth))}px`;
    const above = y + 12 + tip.offsetHeight > $("net").clientHeight && y - tip.offsetHeight - 12 > 0;
    tip.style.top = `${above ? y - tip.offsetHeight - 12 : y + 12}px`;
    tip.classList.toggle("pinned", pin);  // until then, clicks go to the line
    if (pin) { $("tipvalue").focus({ preventScroll: true }); $("tipvalue").select(); }
  }

  hideTip() { $("tip").hidden = true; this.pinned = false; }

  from(layer, row) { return layer ? `hidden ${layer}, neuron ${row + 1}` : this.lesson.names[row] ?? `pixel ${row}`; }

  to(layer, column) {
    return layer < this.lesson.layers.length - 1 ? `hidden ${layer + 1}, neuron ${column + 1}` : this.lesson.classes.length && this.lesson.task === "classes" ? `output ${this.lesson.classes[column]}` : "output";
  }

  send(place, input) { if (place && input.value !== "") this.onWeight({ ...place, value: Number(input.value) }); }

  // ---------------------------------------------------------------- a neuron

  show(layer, index, title) {
    if (this.open && this.open.layer === layer && this.open.index === index) return this.close(false);
    this.close(false);
    this.open = { layer, index };
    this.nodes[layer + 1][index].setAttribute("aria-expanded", "true");
    $("neuronname").textContent = `Neuron ${index + 1} of ${title}: bias and weights`;
    const rows = layer ? this.lesson.layers[layer - 1].neurons : this.lesson.inputs;  // there may be no picture yet
    const fields = [-1, ...Array(rows).keys()].map((row) => this.field(layer, row, index));
    $("weights").replaceChildren(...fields);
    $("neuron").hidden = false;
    this.refresh();
    fields[0].querySelector("input").focus({ preventScroll: true });
    $("neuron").scrollIntoView({ block: "nearest" });
  }

  field(layer, row, column) {
    const label = document.createElement("label"), input = document.createElement("input");
    label.append(row < 0 ? "bias" : this.from(layer, row), input);
    input.type = "number"; input.step = "0.1"; input.dataset.row = row;
    input.addEventListener("change", () => this.send({ layer, row, column }, input));
    return label;
  }

  refresh() {
    if (!this.open || !this.picture) return;
    const { layer, index } = this.open, w = this.picture.arrays[`w${layer}`], b = this.picture.arrays[`b${layer}`];
    for (const input of $("weights").querySelectorAll("input")) {
      if (input === document.activeElement && input.value !== "") continue;  // somebody is typing
      const row = Number(input.dataset.row);
      input.value = (row < 0 ? b.data[index] : w.data[row * w.shape[1] + index]).toPrecision(4);
    }
  }

  close(back) {
    if (!this.open) return;
    const node = this.nodes[this.open.layer + 1]?.[this.open.index];
    node?.setAttribute("aria-expanded", "false");
    if (back) node?.focus();
    this.open = null;
    $("neuron").hidden = true;
  }
}
