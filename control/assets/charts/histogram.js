// How many requests cost how much, as bars with their numbers beside them.

import { html } from "../core/view.js";
import { count, micros } from "../core/numbers.js";
import { bar } from "../parts/badge.js";

/** @param {{ le_micros: number | null, count: number }[]} buckets each counts what is at most so much, and more than the one before */
export function histogram(buckets) {
  const met = trimmed(buckets ?? []);
  if (!met.length) return html`<p class="soft">No request has been measured.</p>`;
  const most = Math.max(...met.map((bucket) => bucket.count));
  const last = [...met].reverse().find((bucket) => bucket.le_micros !== null)?.le_micros ?? 0;
  return html`<div class="histogram" role="img" aria-label=${met.map((bucket) => `${label(bucket, last)}: ${count(bucket.count)}`).join("; ")}>
    ${met.map((bucket) => html`<span>${label(bucket, last)}</span>${bar(bucket.count, most)}<span>${count(bucket.count)}</span>`)}
  </div>`;
}

const label = (bucket, last) => (bucket.le_micros === null ? `over ${micros(last)}` : `≤ ${micros(bucket.le_micros)}`);

/** Without the empty ones at both ends. */
function trimmed(buckets) {
  const first = buckets.findIndex((bucket) => bucket.count);
  const last = buckets.findLastIndex((bucket) => bucket.count);
  return first < 0 ? [] : buckets.slice(first, last + 1);
}
