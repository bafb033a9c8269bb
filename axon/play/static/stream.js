// What the server sends, taken apart: see axon/play/pictures.py.

const token = new URLSearchParams(location.search).get("token") ?? "";
const TYPES = { float32: Float32Array, int8: Int8Array, uint8: Uint8Array };

async function refused(response) {
  let words = `The server answered ${response.status}.`;
  try { words = (await response.json()).error; } catch { /* it said nothing more */ }
  const error = new Error(words);
  error.status = response.status;
  return error;
}

export async function choices() {
  const response = await fetch("/choices", { headers: { "X-Axon-Token": token } });
  if (!response.ok) throw await refused(response);
  return response.json();
}

export async function post(path, body, signal) {
  const response = await fetch(path, {
    method: "POST", signal, body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "X-Axon-Token": token },
  });
  if (!response.ok) throw await refused(response);
  return response;
}

export function unpack(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const arrays = {};
  let at = 4 + length;
  for (const { name, dtype, shape } of head.arrays) {
    const Type = TYPES[dtype], size = shape.reduce((a, b) => a * b, 1) * Type.BYTES_PER_ELEMENT;
    arrays[name] = { shape, data: new Type(bytes.slice(at, at + size).buffer) };
    at += size;
  }
  return { head, arrays };
}

export async function* messages(response) {
  const reader = response.body.getReader();
  let kept = new Uint8Array(0);
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const joined = new Uint8Array(kept.length + value.length);
    joined.set(kept); joined.set(value, kept.length);
    let at = 0;
    while (joined.length - at >= 4) {
      const size = new DataView(joined.buffer, at, 4).getUint32(0, true);
      if (joined.length - at - 4 < size) break;
      if (size) yield unpack(joined.subarray(at + 4, at + 4 + size));
      at += 4 + size;
    }
    kept = joined.slice(at);
  }
}
