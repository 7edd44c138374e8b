// Overview: how the budget of each site and rule burns down, now.

import { html, nothing, repeat } from "../core/view.js";
import { list } from "../core/api.js";
import { empty, Loading } from "../core/loading.js";
import { connected, every, listen } from "../core/events.js";
import { href, remember } from "../core/router.js";
import { amount, count, ratio, share } from "../core/numbers.js";
import { away, clock, HERE, moment } from "../core/time.js";
import { head } from "../parts/shell.js";
import { badge, bar } from "../parts/badge.js";
import { burnDown } from "../charts/burn_down.js";
import "../charts/chart.js";
import { Happenings } from "../parts/happenings.js";

const AGAIN_MS = 5_000;

export default function overview({ query, draw }) {
  const filter = { site: query.site ?? "", order: query.order ?? "risk" };
  const budgets = new Loading(() => list(["overview"], { site: filter.site }), draw);
  const happenings = new Happenings(draw);
  let sites = [];
  let soon = null;
  const ends = [];

  /** An event means that numbers have moved; many at once are one question. */
  const hear = (kind, data) => {
    happenings.add(kind, data);
    if (kind !== "connected" && kind !== "disconnected") soon ??= setTimeout(() => ((soon = null), budgets.reload()), 1_000);
  };
  const choose = (name, value) => {
    filter[name] = value;
    remember({ site: filter.site, order: filter.order === "risk" ? "" : filter.order });
    if (name === "site") budgets.reload();
    draw();
  };

  return {
    title: "Overview",
    start() {
      budgets.reload();
      ends.push(
        listen(hear),
        every(AGAIN_MS, () => budgets.reload()),
        () => clearTimeout(soon),
      );
    },
    stop() {
      budgets.stop();
      ends.forEach((end) => end());
    },
    view() {
      if (!filter.site && budgets.value) sites = [...new Set(budgets.value.items.map((item) => item.site))];
      return html`
        ${head(
          "Overview",
          "What is left of each budget in its window, beside the pace at which it would last.",
          html`
          ${connected() ? badge("good", "Live") : badge("none", `Every ${AGAIN_MS / 1000} s`)}`,
        )}
        ${filters(filter, sites, choose)}
        ${budgets.show(({ items }) => (items.length ? content(items, filter, happenings) : none(filter)))}`;
    },
  };
}

const none = (filter) =>
  empty(
    filter.site ? `No budget of ${filter.site} is shared by the whole site.` : "No budget is shared by a whole site yet.",
    html`Rules with <code>"key": "site"</code> stand here. Those of single clients stand under <a href=${href("spenders")}>Spenders</a>; rules are made under <a href=${href("rules")}>Rules</a>.`,
  );

function filters(filter, sites, choose) {
  return html`<div class="filters">
    <div class="field"><label for="site">Site</label><input id="site" list="sites" placeholder="all sites" .value=${filter.site} @change=${(event) => choose("site", event.target.value.trim())}>
      <datalist id="sites">${sites.map((site) => html`<option value=${site}></option>`)}</datalist></div>
    <div class="field"><label for="order">Order</label><select id="order" @change=${(event) => choose("order", event.target.value)}>
      <option value="risk" ?selected=${filter.order === "risk"}>nearest to its end first</option><option value="site" ?selected=${filter.order === "site"}>by site and rule</option></select></div>
  </div>`;
}

function content(items, filter, happenings) {
  const standings = items.map((item) => ({ item, ...standing(item) }));
  const sites = Map.groupBy(standings, ({ item }) => item.site);
  const worst = (of) => Math.max(...of.map(({ risk }) => risk));
  const ordered = filter.order === "risk" ? [...sites].sort(([, one], [, other]) => worst(other) - worst(one)) : [...sites];
  return html`${sums(standings)}
    <div class="split live"><div>${legend}
      ${repeat(
        ordered,
        ([name]) => name,
        ([name, of]) => site(name, filter.order === "risk" ? of.toSorted((one, other) => other.risk - one.risk) : of),
      )}
    </div>${happenings.view()}</div>`;
}

/** How a budget stands: a word and a tone, and how near it is to its end, 0 to 2. */
function standing(item) {
  const used = ratio(item.spent, item.quota);
  if (item.quota === 0) return { tone: "bad", word: "Closed", risk: 1.9 };
  if (item.spent >= item.quota) return { tone: "bad", word: "Spent", risk: 2 };
  if (item.spent_at && item.spent_at < item.window.end) return { tone: "warn", word: "Ends early", risk: 1 + used };
  if (item.spent > item.even_pace) return { tone: "none", word: "Ahead of pace", risk: used };
  return { tone: "good", word: "On pace", risk: used };
}

const sums = (standings) => html`<dl class="sums">
  ${[
    ["budgets", standings.length],
    ["spent", standings.filter(({ word }) => word === "Spent").length],
    ["end early at this pace", standings.filter(({ tone }) => tone === "warn").length],
    ["refused in these windows", standings.reduce((all, { item }) => all + item.refused, 0)],
  ].map(([word, number]) => html`<div><dt>${word}</dt><dd>${count(number)}</dd></div>`)}
</dl>`;

const legend = html`<ul class="legend" aria-label="Lines of the charts">
  <li><svg aria-hidden="true"><line class="line-accent" x2="26" y1="4" y2="4" stroke-width="2"></line></svg>left</li>
  <li><svg aria-hidden="true"><line class="line-soft" x2="26" y1="4" y2="4" stroke-dasharray="4 4"></line></svg>even pace</li>
  <li><svg aria-hidden="true"><line class="line-bad" x2="26" y1="4" y2="4" stroke-width="2.5" stroke-dasharray="1 4" stroke-linecap="round"></line></svg>at this pace</li>
</ul>`;

const site = (name, standings) => html`<section class="site" aria-label=${name}>
  <header><h2>${name}</h2><small>${zone(standings[0].item)}</small></header>
  <div class="budgets">${repeat(standings, ({ item }) => `${item.rule} ${item.limit}`, budget)}</div>
</section>`;

const zone = (item) =>
  html`${item.zone}, now ${clock(item.now, item.zone)}${item.zone === HERE ? nothing : html` <span class="yours">(${clock(item.now, HERE)} yours)</span>`}`;

function budget({ item, tone, word }) {
  const left = Math.max(item.quota - item.spent, 0);
  const of = (value) => amount(value, item.unit);
  return html`<article class="card budget ${tone}" aria-label="${item.rule}, ${item.limit}">
    <header><h3><a href=${href("spenders", { site: item.site, rule: item.rule })}>${item.rule}</a> <small>${item.limit}</small></h3>${badge(tone, word)}</header>
    <p class="spent">${of(left)} <small>left of ${of(item.quota)}</small></p>
    <time-chart height="132" .plot=${burnDown(item)} aria-label="Burn-down of ${item.rule}: ${of(left)} left of ${of(item.quota)}"></time-chart>
    ${bar(item.spent, item.quota, { tone: tone === "good" || tone === "none" ? "" : tone, mark: item.even_pace })}
    <dl>
      <div><dt>Spent</dt><dd>${of(item.spent)} · ${share(ratio(item.spent, item.quota))}</dd></div>
      <div><dt>Even pace</dt><dd>${of(item.even_pace)} · ${share(ratio(item.even_pace, item.quota))}</dd></div>
      <div><dt>Will be spent</dt><dd>${spentAt(item)}</dd></div>
      <div><dt>Reset</dt><dd>${moment(item.window.end, item.zone)} <small>${away(item.window.end, new Date(item.now))}</small></dd></div>
      <div><dt>Refused</dt><dd>${count(item.refused)}</dd></div>
    </dl>
  </article>`;
}

function spentAt(item) {
  if (item.spent >= item.quota) return "is spent";
  if (!item.spent_at || item.spent_at >= item.window.end) return "not in this window";
  return html`${moment(item.spent_at, item.zone)} <small>${away(item.spent_at, new Date(item.now))}</small>`;
}
