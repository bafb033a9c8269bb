// Colours, as the style sheet has them, light or dark; and numbers turned into pixels.

const LIGHT = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c8c8c", "#a05195", "#6b8e23", "#8b5a2b"];
const DARK = ["#56b4e9", "#e8842c", "#2bbf91", "#dc97bd", "#f0c244", "#3f9fdc", "#a8a8a8", "#c07fd0", "#9fc04a", "#c89468"];
const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
export const theme = {};

export function readTheme() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["ink", "soft", "card", "line", "mark", "plus", "minus", "neutral"]) {
    theme[name] = style.getPropertyValue(`--${name}`).trim();
  }
  theme.classes = matchMedia("(prefers-color-scheme: dark)").matches ? DARK : LIGHT;
  theme.mixed = theme.classes.map(rgb);
  theme.pixels = Object.fromEntries(["plus", "minus", "neutral"].map((n) => [n, rgb(theme[n])]));
}

export function mixed(t, strength = 0.9) {
  const { plus, minus, neutral } = theme.pixels;
  const to = t > 0 ? plus : minus, share = Math.min(Math.abs(t), 1) * strength;
  return neutral.map((c, i) => Math.round(c + (to[i] - c) * share));
}

export const css = (parts) => `rgb(${parts.join(" ")})`;

// Paint numbers from -127 to 127, a pixel each.
export function paint(canvas, values, width, height, strength) {
  const context = fit(canvas, width, height), image = context.createImageData(width, height);
  const table = Array.from({ length: 255 }, (_, i) => mixed((i - 127) / 127, strength));
  for (let i = 0; i < width * height; i++) {
    const [r, g, b] = table[values[i] + 127];
    image.data.set([r, g, b, 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
}

// Paint which class was chosen, the stronger the larger its lead (0 to 255).
export function paintClasses(canvas, chosen, lead, width, height) {
  const context = fit(canvas, width, height), image = context.createImageData(width, height);
  const { neutral } = theme.pixels, classes = theme.mixed;
  for (let i = 0; i < width * height; i++) {
    const to = classes[chosen[i] % classes.length], share = 0.12 + 0.68 * lead[i] / 255;
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = neutral[c] + (to[c] - neutral[c]) * share;
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

function fit(canvas, width, height) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  return canvas.getContext("2d");
}

// A canvas as sharp as the screen; returns its context and its size in CSS pixels.
export function sharp(canvas) {
  const ratio = window.devicePixelRatio || 1, { clientWidth: width, clientHeight: height } = canvas;
  const context = fit(canvas, Math.round(width * ratio), Math.round(height * ratio));
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return [context, width, height];
}

export const series = (n) => theme.classes[n % theme.classes.length];

export const colorOf = (task, y) =>
  task === "classes" ? series(y) : task === "binary" ? (y > 0.5 ? theme.plus : theme.minus) : css(mixed(y));

export function drawPoints(context, size, task, x, y, { hollow = false, radius = 3.2 } = {}) {
  context.lineWidth = hollow ? 1.6 : 1;
  for (let i = 0; i < y.length; i++) {
    const across = (x[2 * i] / 6 + 0.5) * size, up = (0.5 - x[2 * i + 1] / 6) * size;
    context.beginPath();
    context.arc(across, up, radius, 0, 2 * Math.PI);
    context.fillStyle = hollow ? theme.card : colorOf(task, y[i]);
    context.strokeStyle = hollow ? colorOf(task, y[i]) : task === "regression" ? theme.soft : theme.card;
    context.fill();
    context.stroke();
  }
}
