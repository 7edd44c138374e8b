// How things stand, by a shape and a word beside a colour.

import { html, svg } from "../core/view.js";
import { ratio } from "../core/numbers.js";

const SHAPES = { good: "●", warn: "▲", bad: "■", accent: "◆", none: "○" };

/** @param {"good" | "warn" | "bad" | "accent" | "none"} tone */
export const badge = (tone, word, title = "") =>
  html`<span class="badge ${tone}" title=${title}><span aria-hidden="true">${SHAPES[tone]}</span>${word}</span>`;

/** A bar: `part` of `whole`, perhaps with a mark of where it should be. It is for the eye; the numbers stand beside it. */
export function bar(part, whole, { tone = "", mark = null } = {}) {
  const width = (share) => `${(Math.min(Math.max(share, 0), 1) * 100).toFixed(2)}%`;
  return html`<svg class="bar ${tone}" aria-hidden="true" preserveAspectRatio="none">
    <rect class="whole" width="100%" height="100%"></rect>
    <rect class="part" width=${width(ratio(part, whole))} height="100%"></rect>
    ${mark === null ? "" : svg`<line class="mark" x1=${width(ratio(mark, whole))} x2=${width(ratio(mark, whole))} y1="0" y2="100%"></line>`}
  </svg>`;
}
