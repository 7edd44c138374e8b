// Spenders: who and what spends the budgets, over a time that one chooses.

import { html, nothing } from "../core/view.js";
import { list } from "../core/api.js";
import { empty, Loading } from "../core/loading.js";
import { href, remember } from "../core/router.js";
import { count, micros, perhaps, ratio, share } from "../core/numbers.js";
import { fromInput, HERE, toInput } from "../core/time.js";
import { rulesOf, sites, zoneOf } from "../core/sites.js";
import { head } from "../parts/shell.js";
import { bar } from "../parts/badge.js";
import { Sort, table } from "../parts/table.js";
import { histogram } from "../charts/histogram.js";
import { course, coursePoints } from "../parts/course.js";

const BY = [
  ["route", "Route"],
  ["method", "Method"],
  ["client", "Client"],
  ["tier", "Tier"],
  ["rule", "Rule"],
  ["site", "Site"],
];
const HOUR = 3_600_000;
const RANGES = [
  ["1h", "last hour", HOUR],
  ["24h", "last day", 24 * HOUR],
  ["7d", "last 7 days", 168 * HOUR],
  ["30d", "last 30 days", 720 * HOUR],
  ["own", "from … to …", 0],
];

export default function spenders({ query, draw }) {
  const chosen = {
    site: query.site ?? "",
    rule: query.rule ?? "",
    by: query.by ?? "route",
    range: query.range ?? "24h",
    from: query.from ?? "",
    to: query.to ?? "",
  };
  const asked = () => ({ site: chosen.site, rule: chosen.rule, ...range(chosen) });
  const spent = new Loading(() => list(["usage"], { ...asked(), by: chosen.by }), draw);
  const line = new Loading(() => coursePoints(asked()), draw);
  const known = new Loading(() => sites(), draw);
  const sort = new Sort("Share", draw);
  const opened = new Set();
  let pointed = null;

  const choose = (name, value) => {
    chosen[name] = value;
    if (name === "range" && value === "own" && !chosen.from) Object.assign(chosen, range({ range: "24h" }));
    remember(given(chosen));
    spent.reload();
    if (name !== "by") line.reload();
  };
  const point = (index) => {
    if (pointed === index) return;
    pointed = index;
    draw();
  };
  const toggle = (key) => {
    if (!opened.delete(key)) opened.add(key);
    draw();
  };

  return {
    title: "Spenders",
    start() {
      spent.reload();
      line.reload();
      known.reload();
    },
    stop() {
      [spent, line, known].forEach((loading) => loading.stop());
    },
    view: () => html`
      ${head("Spenders", "What spends the budgets: by route, method, client and tier.")}
      ${filters(chosen, known.value, choose)}
      <div class="stack">
        <section class="card" aria-label="Course">${line.show((all) => course(all, zoneOf(known.value, chosen.site) ?? HERE, pointed, point))}</section>
        <div class="stack">
          <div class="row" role="group" aria-label="Spenders by"><div class="choice">${BY.map(
            ([name, label]) => html`
            <button aria-pressed=${chosen.by === name} @click=${() => choose("by", name)}>${label}</button>`,
          )}</div></div>
          ${spent.show(({ items }) => (items.length ? spenderTable(items, chosen, sort, opened, toggle) : empty("Nobody has spent anything in this time.", "Choose a longer one, or another site or rule.")))}
        </div>
      </div>`,
  };
}

function range({ range, from, to }) {
  if (range === "own") return { from, to };
  const length = RANGES.find(([name]) => name === range)?.[2] ?? 24 * HOUR;
  const now = Date.now();
  return { from: whole(now - length), to: whole(now) };
}

const whole = (at) => `${new Date(at).toISOString().slice(0, 19)}Z`;

/** What stands in the address: not what is so anyway. */
const given = ({ site, rule, by, range, from, to }) => ({
  site,
  rule,
  by: by === "route" ? "" : by,
  range: range === "24h" ? "" : range,
  ...(range === "own" ? { from, to } : {}),
});

function filters(chosen, known, choose) {
  return html`<div class="filters">
    <div class="field"><label for="site">Site</label><input id="site" list="sites" placeholder="all sites" .value=${chosen.site} @change=${(event) => choose("site", event.target.value.trim())}>
      <datalist id="sites">${(known ?? []).map(({ site }) => html`<option value=${site}></option>`)}</datalist></div>
    <div class="field"><label for="rule">Rule</label><input id="rule" list="rules" placeholder="all rules" .value=${chosen.rule} @change=${(event) => choose("rule", event.target.value.trim())}>
      <datalist id="rules">${rulesOf(known, chosen.site).map((rule) => html`<option value=${rule}></option>`)}</datalist></div>
    <div class="field"><label for="range">Time</label><select id="range" @change=${(event) => choose("range", event.target.value)}>
      ${RANGES.map(([name, label]) => html`<option value=${name} ?selected=${chosen.range === name}>${label}</option>`)}</select></div>
    ${
      chosen.range !== "own"
        ? nothing
        : ["from", "to"].map(
            (end) => html`<div class="field"><label for=${end}>${end === "from" ? "From" : "To"}, your zone</label>
      <input id=${end} type="datetime-local" .value=${toInput(chosen[end])} @change=${(event) => choose(end, fromInput(event.target.value))}></div>`,
          )
    }
  </div>`;
}

function spenderTable(items, chosen, sort, opened, toggle) {
  const [, label] = BY.find(([name]) => name === chosen.by) ?? BY[0];
  const whole = items.reduce((all, item) => all + item.micros, 0);
  const part = (item) => item.share ?? ratio(item.micros, whole);
  return table({
    caption: `Spenders by ${label.toLowerCase()}`,
    rows: items,
    key: (item) => item.key,
    sort,
    columns: [
      { label, by: (item) => item.key, cell: (item) => name(item.key, chosen.by) },
      { label: "Share", by: part, cell: (item) => html`<div>${share(part(item))}${bar(part(item), 1)}</div>` },
      { label: "Time", by: (item) => item.micros, number: true, cell: (item) => micros(item.micros) },
      { label: "Requests", by: (item) => item.requests, number: true, cell: (item) => count(item.requests) },
      { label: "Mean", by: (item) => item.mean_micros, number: true, cell: (item) => perhaps(item.mean_micros) },
      { label: "p95", by: (item) => item.p95_micros, number: true, cell: (item) => perhaps(item.p95_micros) },
      { label: "Refused", by: (item) => item.refused, number: true, cell: (item) => count(item.refused) },
      {
        label: "",
        cell: (item) =>
          html`<button class="small" aria-expanded=${opened.has(item.key)} aria-label="Costs of ${item.key}" @click=${() => toggle(item.key)}>Costs</button>`,
      },
    ],
    after: (item) => opened.has(item.key) && html`<h3>What its requests cost</h3>${histogram(item.histogram)}`,
  });
}

function name(key, by) {
  if (key === null || key === "") return html`<span class="soft">none</span>`;
  return by === "client" && key !== "other"
    ? html`<a href=${href("clients", "users", key)}>${key}</a>`
    : html`<span class=${by === "route" ? "mono" : ""}>${key}</span>`;
}
