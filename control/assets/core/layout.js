// JSON as people lay it out: what fits on a line stays on one.

const WIDTH = 72;

/**
 * @param {any} value
 * @param {number} [indent] how far what is below lies in
 * @param {number} [used] how much of the first line is taken already
 */
export function layOut(value, indent = 0, used = 0) {
  const flat = line(value);
  if (value === null || typeof value !== "object" || indent + used + flat.length <= WIDTH) return flat;
  const inner = " ".repeat(indent + 2);
  const [open, close, rows] = Array.isArray(value)
    ? ["[", "]", value.map((item) => layOut(item, indent + 2))]
    : ["{", "}", Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${layOut(item, indent + 2, name.length + 4)}`)];
  return `${open}\n${rows.map((row) => inner + row).join(",\n")}\n${" ".repeat(indent)}${close}`;
}

function line(value) {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(line).join(", ")}]`;
  const entries = Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${line(item)}`);
  return entries.length ? `{ ${entries.join(", ")} }` : "{}";
}
