// The course of usage over time: a line for what was spent, one for requests, one for what was refused.

import { html } from "../core/view.js";
import { list } from "../core/api.js";
import { empty } from "../core/loading.js";
import { count, micros } from "../core/numbers.js";
import { moment } from "../core/time.js";
import { history } from "../charts/history.js";
import "../charts/chart.js";

/** A day has more points than a list has items, so they are asked for in parts. */
export async function coursePoints(query) {
  const all = [];
  let after;
  do {
    const part = await list(["usage"], { ...query, by: "time", after });
    all.push(...part.items);
    after = part.next;
  } while (after && all.length < 20_000);
  return all;
}

const plots = new WeakMap();

/** The same plot while the points are the same: what a pointer moves over is not drawn anew. */
function plotOf(points, zone, point) {
  const made = plots.get(points);
  if (made?.zone === zone) return made.plot;
  const plot = history(points, zone, point);
  plots.set(points, { zone, plot });
  return plot;
}

/**
 * @param {any[]} points
 * @param {string} zone whose clock is read
 * @param {number | null} pointed the point that the pointer is at
 * @param {(index: number | null) => void} point is told of it
 */
export function course(points, zone, pointed, point) {
  const sum = (name) => points.reduce((all, one) => all + one[name], 0);
  if (!points.length) return empty("No history for this time yet.");
  const plot = plotOf(points, zone, point);
  const at = plot.rows[pointed];
  const says = `${micros(sum("micros"))} spent by ${count(sum("requests"))} requests, ${count(sum("refused"))} refused`;
  return html`<header><h2>${says}</h2><small>${at ? html`${moment(at.at, zone)}: ${micros(at.micros)}, ${count(at.requests)} requests, ${count(at.refused)} refused` : `${zone} time`}</small></header>
    <ul class="legend" aria-label="Lines of the chart">
      <li><svg aria-hidden="true"><line class="line-accent" x2="26" y1="4" y2="4" stroke-width="2"></line></svg>time spent</li>
      <li><svg aria-hidden="true"><line class="line-soft" x2="26" y1="4" y2="4" stroke-dasharray="4 3"></line></svg>requests</li>
      <li><svg aria-hidden="true"><line class="line-bad" x2="26" y1="4" y2="4" stroke-width="2"></line><circle class="line-bad" cx="13" cy="4" r="2"></circle></svg>refused</li>
    </ul>
    <time-chart height="210" .plot=${plot} aria-label="Course: ${says}"></time-chart>`;
}
