// What was spent, asked for and refused over time.

import { axis, CLOCK_MARKS, inZone } from "./chart.js";
import { count, micros } from "../core/numbers.js";

/**
 * A plot for `<time-chart>`.
 *
 * @param {{ at: string, requests: number, micros: number, refused: number }[]} points
 * @param {string} zone whose clock the axis reads
 * @param {(index: number | null) => void} [pointed] is told which point the pointer is at
 */
export function history(points, zone, pointed = () => {}) {
  const rows = filled(points);
  const column = (name) => rows.map((row) => row[name]);
  return {
    shape: `${zone} ${points.length > 1}`,
    rows,
    data: [column("seconds"), column("micros"), column("requests"), column("refused")],
    options: (colours) => options(colours, zone, pointed),
  };
}

const HOUR = 3600;
const MINUTE = 60;

/** The API tells of steps in which something was; where nothing was is zero, also before the first and after the last. */
function filled(points) {
  const known = points.map((point) => ({ ...point, seconds: new Date(point.at).getTime() / 1000 }));
  const areHours = known.length > 1 && known.every((point) => point.seconds % HOUR === known[0].seconds % HOUR);
  const step = areHours ? HOUR : MINUTE;
  const rows = [];
  const still = (seconds) => rows.push({ seconds, at: new Date(seconds * 1000).toISOString(), micros: 0, requests: 0, refused: 0 });
  for (const point of known) {
    const from = rows.length ? rows.at(-1).seconds + step : point.seconds - step;
    for (let at = from; at < point.seconds; at += step) still(at);
    rows.push(point);
  }
  if (rows.length) still(rows.at(-1).seconds + step);
  return rows;
}

function options(colours, zone, pointed) {
  const line = { points: { show: false }, spanGaps: false };
  return {
    tzDate: inZone(zone),
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    legend: { show: false },
    padding: [8, 4, 0, 0],
    scales: { time: { range: upFromZero }, requests: { range: upFromZero } },
    axes: [
      axis(colours, { values: CLOCK_MARKS, space: 64, size: 38, grid: { show: false } }),
      axis(colours, { scale: "time", size: 66, values: (_, splits) => splits.map(micros) }),
      axis(colours, { scale: "requests", side: 1, size: 52, grid: { show: false }, values: (_, splits) => splits.map(count) }),
    ],
    series: [
      {},
      { ...line, scale: "time", stroke: colours.accent, width: 1.5, fill: `color-mix(in srgb, ${colours.accent} 14%, transparent)` },
      { ...line, scale: "requests", stroke: colours.soft, width: 1, dash: [4, 3] },
      { ...line, scale: "requests", stroke: colours.bad, width: 1.5, fill: `color-mix(in srgb, ${colours.bad} 22%, transparent)` },
    ],
    hooks: { setCursor: [(chart) => pointed(chart.cursor.idx ?? null)] },
  };
}

const upFromZero = (_, __, most) => [0, most > 0 ? most * 1.06 : 1];
