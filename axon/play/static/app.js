// The page: what is chosen goes to the server, and what comes from it is drawn.

import { chart, History } from "./chart.js";
import { colorOf, drawPoints, paint, paintClasses, readTheme, sharp, theme } from "./colors.js";
import { NetworkView } from "./network.js";
import { Pad } from "./pad.js";
import { ProgramView } from "./program.js";
import { choices, messages, post } from "./stream.js";

const $ = (id) => document.getElementById(id);
const RANGES = ["samples", "noise", "share", "batch_size", "seed"];
const LISTS = {
  learning_rate: [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
  l1: [0, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1],
  l2: [0, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1],
  dropout: [0, 0.1, 0.2, 0.3, 0.5],
};
const still = matchMedia("(prefers-reduced-motion: reduce)");
const losses = new History(), gradients = new History();
let known, settings, session = null, lesson = null, latest = null, running = false, looked = null, restart = false;
let fresh = false, drawn = [], lastDraw = 0;

const network = new NetworkView({
  onWeight: (weight) => command("weight", weight),
  onLook: (neuron) => { looked = neuron; fresh = true; },
  onLayers: (number, by) => choose({ layers: settings.layers.map((n, i) => (i === number ? n + by : n)) }),
});
const program = new ProgramView();
let pending = null;
const pad = new Pad((pixels, ink) => {
  if (lesson?.task && network.image) network.paintDrawing(ink.map((v) => 127 * v));
  clearTimeout(pending);
  pending = setTimeout(() => command("draw", { pixels }), 30);
});

// -------------------------------------------------------------------- to the server

const say = (words) => { $("status").textContent = words; };

async function command(name, more = {}) {
  if (!session) return;
  try {
    const answer = await post("/command", { session, do: name, ...more });
    const { error } = await answer.json();
    if (error) say(error);
  } catch (error) {
    if (error.status !== 410) say(error.status ? error.message : "The server does not answer. Is axon play still running?");
  }
}

function choose(change) {
  settings = { ...settings, ...change };
  say(""); showSettings(); writeHash();
  command("settings", { settings });
}

function start(on) {
  running = on;
  $("start").textContent = on ? "Pause" : "Start";
  $("start").setAttribute("aria-pressed", String(on));
  if (on) { say(""); command("start", { speed: $("speed").value }); } else command("pause");
}

async function live() {
  for (;;) {
    try {
      const response = await post("/stream", { settings });
      say("");
      for await (const message of messages(response)) received(message);
      throw new Error("the stream has ended");
    } catch (error) {
      session = null;
      if (error.status === 400) { say(`${error.message} The usual settings are shown instead.`); settings = { ...known.usual }; showSettings(); continue; }
      if (error.status === 403) return say(error.message);
      say(error.status ? error.message : "The connection is lost: is axon play still running? Trying again …");
      if (running) { running = false; restart = true; $("start").textContent = "Start"; }
      await new Promise((go) => setTimeout(go, 2000));
    }
  }
}

function received(message) {
  const { head } = message;
  if (head.type === "lesson") opened(message);
  else if (head.type === "picture") { latest = message; fresh = true; }
  else if (head.type === "trouble") { say(head.message); start(false); say(head.message); }
}

function opened(message) {
  const first = session !== message.head.session;
  session = message.head.session;
  lesson = { ...message.head, arrays: message.arrays };
  latest = null; looked = null;
  losses.clear(); gradients.clear();
  network.build(lesson, known);
  program.build(lesson);
  $("code").textContent = lesson.code;
  $("parameters").textContent = `${lesson.parameters.toLocaleString("en")} parameters`;
  $("rightname").textContent = lesson.task === "regression" ? "test R²" : "test accuracy";
  $("planebox").hidden = network.image; $("pad").hidden = !network.image;
  $("showtest").parentElement.hidden = network.image;
  if (network.image) { bars(); pad.changed(); }
  legend();
  if (first && (restart || running)) { restart = false; start(true); }
}

// -------------------------------------------------------------------- each picture

function frame(now) {
  requestAnimationFrame(frame);
  if (!fresh || !latest || !lesson || (still.matches && now - lastDraw < 500)) return;
  fresh = false; lastDraw = now;
  drawn.push(now);
  while (drawn[0] < now - 1000) drawn.shift();
  const { head, arrays } = latest;
  network.draw(latest);
  program.draw(latest);
  if (network.image) showBars(head.answers?.at(-1)); else plane(arrays);
  figures(head);
  const gone = running ? `${drawn.length} pictures a second` : "Paused";
  if ($("rate").textContent !== gone) $("rate").textContent = gone;
  document.documentElement.dataset.pictures = drawn.length;
}

const shown = (v) => (v === null ? "not finite" : v < 1e-3 && v > 0 ? v.toExponential(1) : v.toFixed(3));

function figures({ epoch, step, train, test, gradients: sizes }) {
  $("epoch").textContent = epoch < 10 && epoch % 1 ? epoch.toFixed(2) : Math.round(epoch).toLocaleString("en");
  $("epoch").title = `step ${step}`;
  $("train").textContent = shown(train.loss); $("test").textContent = shown(test.loss);
  $("right").textContent = test.right === null ? "–" : lesson.task === "regression" ? test.right.toFixed(2) : `${(100 * test.right).toFixed(0)} %`;
  losses.add(epoch, [train.loss, test.loss]);
  gradients.add(epoch, sizes);
  chart($("losses"), losses, ["train", "test"]);
  chart($("gradients"), gradients, lesson.layers.map((l) => l.name.replace("hidden_", "")), { log: true });
}

function plane(arrays) {
  const canvas = $("plane"), title = $("outhead");
  if (looked) {
    const maps = arrays[`m${looked.layer}`];
    paint(canvas, maps.data.subarray(1024 * looked.index, 1024 * (looked.index + 1)), 32, 32);
    title.textContent = `Neuron ${looked.index + 1} of ${looked.title}`;
  } else {
    title.textContent = "Output";
    if (arrays.output) paint(canvas, arrays.output.data, 64, 64, 0.6); else paintClasses(canvas, arrays.chosen.data, arrays.lead.data, 64, 64);
  }
  points();
}

function points() {
  const key = [lesson.session, losses.epochs.length ? 0 : 1, $("points").clientWidth, $("showtest").checked, theme.ink].join();
  if (points.key === key && points.lesson === lesson) return;
  points.key = key; points.lesson = lesson;
  const [context, size] = sharp($("points")), { x_train: x, y_train: y, x_test: tx, y_test: ty } = lesson.arrays;
  const radius = y.data.length > 800 ? 2 : 3.2;
  drawPoints(context, size, lesson.task, x.data, y.data, { radius });
  if ($("showtest").checked) drawPoints(context, size, lesson.task, tx.data, ty.data, { hollow: true, radius });
}

function legend() {
  const entry = (color, text) => {
    const span = document.createElement("span"), canvas = document.createElement("canvas"), context = canvas.getContext("2d");
    canvas.width = canvas.height = 16; context.fillStyle = color;
    context.beginPath(); context.arc(8, 8, 7, 0, 7); context.fill();
    span.append(canvas, text);
    return span;
  };
  const number = (v) => (+v.toPrecision(3)).toLocaleString("en");
  $("legend").replaceChildren();
  $("axes").textContent = "";
  if (network.image) return;
  if (lesson.spans.length) $("axes").textContent = lesson.names.map((n, i) => `${i ? "↑" : "→"} ${n}: ${lesson.spans[i].map(number).join(" to ")}`).join("   ");
  if (lesson.task === "regression") {
    const span = document.createElement("span"), canvas = document.createElement("canvas");
    canvas.className = "ramp";
    paint(canvas, Int8Array.from({ length: 61 }, (_, i) => Math.round(127 * (i / 30 - 1))), 61, 1);
    span.append(number(lesson.amounts[0]), canvas, `${number(lesson.amounts[1])}   ${lesson.target}`);
    $("legend").append(span);
  } else {
    lesson.classes.forEach((name, i) => $("legend").append(entry(colorOf(lesson.task, i), name)));
  }
}

function bars() {
  $("bars").replaceChildren(...lesson.classes.map((name) => {
    const row = document.createElement("div"), bar = document.createElement("i");
    row.setAttribute("role", "listitem");
    bar.append(document.createElement("b"));
    row.append(Object.assign(document.createElement("span"), { textContent: name }), bar, document.createElement("span"));
    return row;
  }));
}

function showBars(answers) {
  if (!answers) return;
  const blank = !pad.ink.includes(1), best = answers.indexOf(Math.max(...answers));
  [...$("bars").children].forEach((row, i) => {
    row.className = !blank && i === best ? "best" : "";
    row.querySelector("b").style.width = blank ? "0" : `${100 * answers[i]}%`;
    row.lastElementChild.textContent = blank ? "–" : `${(100 * answers[i]).toFixed(0)} %`;
  });
}

// -------------------------------------------------------------------- what is chosen

function fill() {
  for (const name of ["activation", "optimizer"]) $(name).replaceChildren(...known[name].map((v) => new Option(v.replace("_", " "), v)));
  for (const [name, values] of Object.entries(LISTS)) $(name).replaceChildren(...values.map((v) => new Option(v === 0 ? "none" : v, v)));
  for (const name of RANGES) Object.assign($(name), { min: known.spans[name].low, max: known.spans[name].high });
  $("sets").replaceChildren(...Object.entries(known.data).map(([name, title]) => {
    const button = document.createElement("button"), canvas = document.createElement("canvas");
    button.type = "button"; button.dataset.name = name; button.setAttribute("role", "radio");
    button.append(canvas, title);
    button.addEventListener("click", () => pick(name));
    return button;
  }));
  $("sets").addEventListener("keydown", (e) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key], all = [...$("sets").children];
    if (!by) return;
    e.preventDefault();
    const next = all[(all.indexOf(document.activeElement) + by + all.length) % all.length];
    next.focus(); pick(next.dataset.name);
  });
  previews();
}

function pick(name) {
  const most = name === "digits" ? known.neurons.image : known.neurons.plane, change = { data: name };
  change.layers = settings.layers.map((n) => Math.min(n, most));
  if (name === "digits" && settings.data !== "digits") Object.assign(change, { layers: [16], samples: 1500, noise: 0 });
  if (name !== "digits" && settings.data === "digits") Object.assign(change, { samples: known.usual.samples, noise: known.usual.noise, layers: known.usual.layers });
  choose(change);
  if (name === "digits" && !running) start(true);  // who draws wants to be read
}

function previews() {
  for (const button of $("sets").children) {
    const canvas = button.querySelector("canvas"), found = known.previews[button.dataset.name];
    canvas.width = canvas.height = 116;
    const context = canvas.getContext("2d");
    if (found) drawPoints(context, 116, found.task, found.x.flat(), found.y, { radius: 4.5 });
    else { context.fillStyle = theme.ink; context.font = "700 76px system-ui, sans-serif"; context.textAlign = "center"; context.fillText("3", 58, 86); }
  }
}

function showSettings() {
  for (const name of [...RANGES, "activation", "optimizer", ...Object.keys(LISTS)]) {
    const field = $(name), value = String(settings[name]);
    if (field.tagName === "SELECT" && ![...field.options].some((o) => o.value === value)) field.add(new Option(value, value));
    field.value = value;
    const out = $(`${name}-out`);
    if (out) out.textContent = name === "share" ? `${Math.round(100 * settings.share)} %` : settings[name];
  }
  for (const button of $("sets").children) {
    const on = button.dataset.name === settings.data;
    button.setAttribute("aria-checked", String(on)); button.tabIndex = on ? 0 : -1;
  }
}

function listen() {
  for (const name of RANGES) {
    $(name).addEventListener("input", () => { const out = $(`${name}-out`); if (out) out.textContent = name === "share" ? `${Math.round(100 * $(name).value)} %` : $(name).value; });
    $(name).addEventListener("change", () => choose({ [name]: Number($(name).value) }));
  }
  for (const name of Object.keys(LISTS)) $(name).addEventListener("change", () => choose({ [name]: Number($(name).value) }));
  for (const name of ["activation", "optimizer"]) $(name).addEventListener("change", () => choose({ [name]: $(name).value }));
  $("start").addEventListener("click", () => start(!running));
  $("speed").addEventListener("change", () => { if (running) start(true); });
  for (const name of ["step", "instruction"]) $(name).addEventListener("click", () => { if (running) start(false); say(""); command(name); });
  $("reset").addEventListener("click", () => { say(""); command("reset"); });
  $("more").addEventListener("click", () => choose({ layers: [...settings.layers, settings.layers.at(-1) ?? 4] }));
  $("fewer").addEventListener("click", () => choose({ layers: settings.layers.slice(0, -1) }));
  $("showtest").addEventListener("change", () => { fresh = true; });
  $("copycode").addEventListener("click", () => copy($("copycode"), $("code").textContent));
  $("copylink").addEventListener("click", () => copy($("copylink"), hash()));
  window.addEventListener("hashchange", () => { if (location.hash !== hash()) choose(readHash()); });
  window.addEventListener("resize", () => { points.key = ""; fresh = true; });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readTheme(); previews(); points.key = ""; fresh = true; if (lesson) { legend(); pad.draw(); if (!network.image) network.paintInputs(); } });
}

async function copy(button, text) {
  const before = button.dataset.title ??= button.textContent;
  try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; } catch { button.textContent = "Select and copy it by hand"; }
  setTimeout(() => { button.textContent = before; }, 1500);
}

// -------------------------------------------------------------------- the address

function hash() {
  const parts = Object.entries(settings).filter(([name, value]) => name === "data" || String(value) !== String(known.usual[name]));
  return `#${parts.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&").replaceAll("%2C", ",")}`;
}

function writeHash() { history.replaceState(null, "", location.pathname + location.search + hash()); }

function readHash() {
  const found = { ...known.usual };
  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
    if (name === "layers") found.layers = value === "" ? [] : value.split(",").map(Number);
    else found[name] = typeof known.usual[name] === "number" ? Number(value) : value;
  }
  return found;
}

async function main() {
  readTheme();
  $("losses").dataset.title = "Loss"; $("gradients").dataset.title = "Size of the gradients";
  try { known = await choices(); } catch (error) { return say(error.message); }
  settings = readHash();
  fill(); showSettings(); listen(); pad.draw();
  requestAnimationFrame(frame);
  live();
}

main();
