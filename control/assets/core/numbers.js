// Numbers with the units that people read.

const WHOLE = new Intl.NumberFormat("en");
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** Three significant digits, without zeros at the end: 1.24, 12.4, 124. */
const three = (value) => String(Number(value.toPrecision(3)));

/**
 * Microseconds as a length of time.
 *
 *     micros(640)            // "640 µs"
 *     micros(1240000)        // "1.24 s"
 *     micros(252000000)      // "4 min 12 s"
 */
export function micros(amount) {
  const size = Math.abs(amount);
  const sign = amount < 0 ? "−" : "";
  if (size < 1_000) return `${sign}${Math.round(size)} µs`;
  if (size < 999_500) return `${sign}${three(size / 1e3)} ms`;
  if (size < 59_950_000) return `${sign}${three(size / 1e6)} s`;
  return sign + length(Math.round(size / 1e6));
}

const YEAR_HOURS = 8766;

/** Whole seconds as a length of time, in its two largest units: "1 h 05 min", "12 s". */
export function length(seconds) {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return pair(Math.floor(seconds / 60), "min", seconds % 60, "s");
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return pair(Math.floor(minutes / 60), "h", minutes % 60, "min");
  const hours = Math.round(seconds / 3600);
  if (hours >= 2 * YEAR_HOURS) return `${Math.floor(hours / YEAR_HOURS)} years`;
  return pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

const pair = (large, unit, small, lesser) => (small ? `${large} ${unit} ${small} ${lesser}` : `${large} ${unit}`);

/** Requests: whole up to a hundred thousand, then "1.2M". */
export const count = (amount) => (Math.abs(amount) < 100_000 ? WHOLE : SHORT).format(amount);

/** Microseconds that may not be known. */
export const perhaps = (value) => (value === null || value === undefined ? "–" : micros(value));

/** An amount in the unit of its limit. */
export const amount = (value, unit) =>
  unit === "microseconds" ? micros(value) : `${count(value)} ${value === 1 ? "request" : "requests"}`;

/** A share, 0 to 1, as a percentage: "<0.1 %", "4.2 %", "62 %". */
export function share(value) {
  if (!Number.isFinite(value)) return "–";
  const percent = value * 100;
  if (percent > 0 && percent < 0.1) return "<0.1 %";
  return `${percent < 10 ? Number(percent.toFixed(1)) : Math.round(percent)} %`;
}

/** `part` of `whole`, 0 where there is nothing to have a part of. */
export const ratio = (part, whole) => (whole > 0 ? part / whole : part > 0 ? 1 : 0);

/** Reads "90 s", "1.5 h", "250ms" or "12 min" as microseconds; null where it is none of these. */
export function readMicros(text) {
  const found = /^\s*([0-9]+(?:\.[0-9]+)?)\s*(us|µs|ms|s|m|min|h)?\s*$/i.exec(text);
  if (!found) return null;
  const units = { us: 1, µs: 1, ms: 1e3, s: 1e6, m: 60e6, min: 60e6, h: 3600e6 };
  return Math.round(Number(found[1]) * units[(found[2] ?? "s").toLowerCase()]);
}
