// The audit: who changed what, when, from where and why; exported, and verified.

import { html, nothing } from "../core/view.js";
import { address, call } from "../core/api.js";
import { empty } from "../core/loading.js";
import { remember } from "../core/router.js";
import { count } from "../core/numbers.js";
import { fromInput, moment, toInput } from "../core/time.js";
import { layOut } from "../core/layout.js";
import { head } from "../parts/shell.js";
import { say } from "../parts/say.js";
import { Listed, patient } from "../parts/listed.js";
import { table } from "../parts/table.js";

const FILTERS = ["actor", "what", "from", "to"];

export default function audit({ query, draw }) {
  const chosen = Object.fromEntries(FILTERS.map((name) => [name, query[name] ?? ""]));
  const rows = new Listed(["audit"], () => chosen, draw);
  const opened = new Set();
  let verdict = null;
  const again = patient(() => {
    remember(chosen);
    rows.reload();
  });
  const choose = (name, value) => {
    chosen[name] = value;
    again();
  };
  const toggle = (number) => {
    if (!opened.delete(number)) opened.add(number);
    draw();
  };
  const verify = async () => {
    verdict = null;
    try {
      verdict = await call("GET", ["audit", "verify"]);
    } catch (problem) {
      say(problem.message);
    }
    draw();
  };
  return {
    title: "Audit",
    start: () => rows.reload(),
    stop: () => rows.stop(),
    view: () => html`
      ${head(
        "Audit",
        "Every change, in the order in which it was made. Each row holds the digest of the one before it, and each node remembers the last one that it has seen. Who can write both the database and what nodes remember can still write another chain: a newest row that is kept elsewhere shows that.",
        html`
        <button @click=${verify}>Verify the chain</button>
        <button @click=${() => save(chosen, "application/jsonl", "audit.jsonl")}>JSONL</button>
        <button @click=${() => save(chosen, "text/csv", "audit.csv")}>CSV</button>`,
      )}
      ${verdict ? said(verdict) : nothing}
      <div class="filters">
        ${text("actor", "Who", chosen, choose)}${text("what", "What", chosen, choose, "rulesets/plans")}
        ${time("from", "From, your zone", chosen, choose)}${time("to", "To, your zone", chosen, choose)}
      </div>
      ${rows.show(({ items, next }) => (items.length ? auditTable(items, next, rows, opened, toggle) : empty("Nothing was changed that fits this.", "Choose less.")))}`,
  };
}

const text = (name, label, chosen, choose, placeholder = "") =>
  html`<div class="field"><label for=${name}>${label}</label><input id=${name} type="search" placeholder=${placeholder} .value=${chosen[name]} @input=${(event) => choose(name, event.target.value.trim())}></div>`;
const time = (name, label, chosen, choose) =>
  html`<div class="field"><label for=${name}>${label}</label><input id=${name} type="datetime-local" .value=${toInput(chosen[name])} @change=${(event) => choose(name, fromInput(event.target.value) ?? "")}></div>`;

const said = ({ whole, rows, newest, broken_at }) =>
  whole
    ? html`<p class="note good" role="status">● The chain is whole: ${count(rows)} rows, each with the digest of the one before. The newest, to be kept elsewhere: <code>${newest ?? "none"}</code></p>`
    : html`<p class="note bad" role="alert">■ The chain is broken at row ${broken_at}: that row, or the one before it, was altered or taken out.</p>`;

const auditTable = (items, next, rows, opened, toggle) =>
  table({
    caption: "Changes, newest first",
    rows: items,
    key: ({ number }) => number,
    next,
    more: rows.more,
    columns: [
      { label: "What", cell: ({ what, action }) => html`<code>${what}</code> <small>${action?.replaceAll("_", " ")}</small>` },
      { label: "When", cell: ({ at }) => moment(at, undefined, "full") },
      {
        label: "Who",
        cell: ({ actor, address }) => html`${actor ?? html`<span class="soft">nobody</span>`} <small>${address ?? ""}</small>`,
      },
      { label: "Why", cell: ({ reason }) => reason ?? "" },
      {
        label: "",
        cell: ({ number }) =>
          html`<button class="small" aria-expanded=${opened.has(number)} aria-label="№ ${number}: before and after" @click=${() => toggle(number)}>№ ${number}</button>`,
      },
    ],
    after: (row) => opened.has(row.number) && versions(row),
  });

const versions = ({ before, after, previous, digest, number }) => html`<div class="versions">
    ${[
      ["Before", before],
      ["After", after],
    ].map(
      ([name, value]) =>
        html`<section><h2>${name}</h2>${value === null || value === undefined ? html`<p class="soft">nothing</p>` : html`<pre class="code" tabindex="0" role="region" aria-label="${name}, row ${number}">${layOut(value)}</pre>`}</section>`,
    )}
  </div>
  <p><small>digest <code>${digest}</code>, of the row before <code>${previous}</code></small></p>`;

/** Asks for the same rows in another form, and has the browser keep them. */
async function save(chosen, type, name) {
  const answer = await fetch(address(["audit"], chosen), { headers: { Accept: type } }).catch(() => null);
  if (!answer?.ok) return say("The server did not give it.");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
