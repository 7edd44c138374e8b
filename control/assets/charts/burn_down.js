// What is left of a budget over its window: as it went, as an even pace would have it, and where it goes at this pace.

import { axis, inZone, CLOCK_MARKS } from "./chart.js";
import { amount } from "../core/numbers.js";

const seconds = (at) => new Date(at).getTime() / 1000;

/**
 * A plot for `<time-chart>`.
 *
 * @param {any} item one of `GET overview`
 */
export function burnDown(item) {
  const start = seconds(item.window.start);
  const end = seconds(item.window.end);
  return {
    shape: `${item.unit} ${item.zone} ${start} ${end} ${item.quota}`,
    data: series(item, start, end),
    options: (colours) => options(item, colours, start, end),
  };
}

function series(item, start, end) {
  const now = seconds(item.now);
  const left = (spent) => Math.max(item.quota - spent, 0);
  const rows = new Map([[end, [null, 0, null]]]);
  for (const point of item.points) rows.set(seconds(point.at), [left(point.spent), null, null]);
  rows.set(start, [item.quota, item.quota, null]);
  rows.set(now, [left(item.spent), null, left(item.spent)]);
  const until = item.spent_at ? seconds(item.spent_at) : end;
  const pace = now > start ? item.spent / (now - start) : 0;
  const stop = Math.min(until, end);
  if (stop > now)
    rows.set(stop, [null, stop === end ? 0 : null, item.spent_at && stop === until ? 0 : left(item.spent + pace * (stop - now))]);
  const sorted = [...rows].sort(([one], [other]) => one - other);
  return [sorted.map(([at]) => at), ...[0, 1, 2].map((column) => sorted.map(([, row]) => row[column]))];
}

function options(item, colours, start, end) {
  const gaps = { spanGaps: true, points: { show: false } };
  return {
    tzDate: inZone(item.zone),
    cursor: { show: false },
    legend: { show: false },
    padding: [6, 18, 0, 0],
    scales: { x: { range: () => [start, end] }, y: { range: () => [0, Math.max(item.quota, 1)] } },
    axes: [
      axis(colours, { values: CLOCK_MARKS, space: 56, size: 24, grid: { show: false } }),
      axis(colours, {
        size: 66,
        splits: () => [0, item.quota / 2, item.quota],
        values: (_, splits) => splits.map((value) => short(value, item.unit)),
      }),
    ],
    series: [
      {},
      { ...gaps, stroke: colours.accent, width: 2, fill: `color-mix(in srgb, ${colours.accent} 14%, transparent)` },
      { ...gaps, stroke: colours.soft, width: 1, dash: [4, 4] },
      { ...gaps, stroke: item.spent_at ? colours.bad : colours.accent, width: 2, dash: [1, 4], cap: "round" },
    ],
  };
}

const short = (value, unit) => (unit === "microseconds" ? amount(value, unit) : amount(value, unit).replace(/ requests?$/, ""));
