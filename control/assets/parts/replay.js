// Replaying the last hour: what a draft would have refused of it, beside what the rules in force do.

import { html, nothing } from "../core/view.js";
import { call } from "../core/api.js";
import { count, micros, ratio, share } from "../core/numbers.js";
import { href } from "../core/router.js";
import { moment } from "../core/time.js";
import { zoneOf } from "../core/sites.js";
import { Form } from "./dialog.js";
import { choose, input } from "./field.js";
import { table } from "./table.js";

/** What the place of a mistake in a draft begins with in the API's errors. */
const DRAFT = "draft.";

export class Replay {
  /**
   * @param {() => void} changed
   * @param {import("../editor/draft.js").Draft} draft
   */
  constructor(changed, draft) {
    this.form = new Form({ site: "", minutes: "60" }, changed);
    this.draft = draft;
    this.said = null;
  }

  view(sites) {
    const form = this.form;
    if (!form.values.site && sites?.length) form.values.site = (sites.find(({ site }) => site !== "*") ?? sites[0]).site;
    return html`<section class="card" aria-label="Replay the last hour">
      <header><h2>Replay the last hour</h2><small>Nothing is charged.</small></header>
      <form class="stack" novalidate @submit=${(event) => this.ask(event)}>
        ${form.rest()}
        <div class="fields tight">
          ${input(form, "site", { label: "Site", list: (sites ?? []).map(({ site }) => site), required: true })}
          ${choose(form, "minutes", { label: "Of the last", options: MINUTES })}
        </div>
        <div class="row"><button ?disabled=${form.busy || this.draft.wrong()}>${form.busy ? "Replaying…" : "Replay"}</button>
          ${this.draft.wrong() ? html`<span class="soft">The draft has mistakes.</span>` : nothing}</div>
      </form>
      <div aria-live="polite">${this.said ? found(this.said, zoneOf(sites, this.said.site)) : nothing}</div>
    </section>`;
  }

  ask(event) {
    event.preventDefault();
    return this.form.send(async ({ site, minutes }) => {
      this.said = null;
      const body = { site, minutes: Number(minutes), draft: this.draft.asRuleset() };
      try {
        this.said = await call("POST", ["replay"], { body });
      } catch (problem) {
        // What is wrong with a rule is shown where it is written, too.
        const own = (problem.errors ?? []).filter(({ path }) => path.startsWith(DRAFT));
        if (own.length) this.draft.hear({ errors: own.map(({ path, message }) => ({ path: path.slice(DRAFT.length), message })) });
        throw problem;
      }
    });
  }
}

const MINUTES = [
  ["60", "60 minutes"],
  ["30", "30 minutes"],
  ["10", "10 minutes"],
  ["1", "minute"],
];

const found = (said, zone) => html`<hr><div class="stack">
  <p><strong>${count(said.requests)} ${said.requests === 1 ? "request" : "requests"}</strong> of ${said.site} since ${moment(said.from, zone)}, ${micros(said.micros)} of time.
    ${said.partial ? html`Older ones are not known.` : nothing}</p>
  ${said.not_known.length ? html`<p class="note warn">Rules ask for what is not kept of requests, and find nothing there: ${said.not_known.join(", ")}.</p>` : nothing}
  ${said.requests ? tables(said) : html`<p class="soft">There is nothing to replay yet.</p>`}</div>`;

const tables = (said) => html`
  ${table({ caption: "Refused", hidden: false, columns: VERDICTS, rows: verdicts(said), key: ({ by }) => by })}
  <p>${difference(said)}</p>
  ${said.draft.rules.length ? table({ caption: "By rule, under the draft", hidden: false, columns: RULES, rows: said.draft.rules, key: ({ rule }) => rule }) : nothing}
  ${compared("By route", said.routes, ({ key }) => html`<code>${key}</code>`)}
  ${compared("By client", said.clients, ({ key }) => (/^[0-9a-f]{32}$/.test(key) ? html`<a href=${href("clients", "users", key)}><code>${key.slice(0, 12)}…</code></a>` : html`<code>${key}</code>`))}
  <p class="soft"><small>Both begin with nothing spent, so what a longer window had spent before is not in it.</small></p>`;

function verdicts({ requests, refused_then, now, draft }) {
  return [
    { by: "When they came", refused: refused_then, of: requests, micros: null },
    { by: "Rules in force, replayed", refused: now.refused, of: requests, micros: now.refused_micros },
    { by: "Draft, replayed", refused: draft.refused, of: requests, micros: draft.refused_micros },
  ];
}

const VERDICTS = [
  { label: "By", cell: ({ by }) => by },
  { label: "Refused", number: true, cell: ({ refused }) => count(refused) },
  { label: "Of all", number: true, cell: ({ refused, of }) => share(ratio(refused, of)) },
  { label: "Time of those", number: true, cell: ({ micros: time }) => (time === null ? "–" : micros(time)) },
];

function difference({ now, draft, both }) {
  const [only, not] = [draft.refused - both, now.refused - both];
  if (!only && !not) return "The draft refuses just what the rules in force do.";
  return `Only the draft refuses ${count(only)}, only the rules in force ${count(not)}, both ${count(both)}.`;
}

const RULES = [
  { label: "Rule", cell: ({ rule }) => html`<strong>${rule}</strong>` },
  { label: "Refused", number: true, cell: ({ refused }) => count(refused) },
  { label: "Only by the draft", number: true, cell: ({ only_here }) => count(only_here) },
  { label: "While others ran", number: true, cell: ({ while_others_ran }) => count(while_others_ran) },
  { label: "Time of those", number: true, cell: ({ micros: time }) => micros(time) },
];

const compared = (caption, rows, cell) =>
  rows.length
    ? table({
        caption,
        hidden: false,
        key: ({ key }) => key,
        rows,
        columns: [
          { label: caption.slice(3).replace(/^./, (letter) => letter.toUpperCase()), wide: true, cell },
          { label: "Requests", number: true, cell: ({ requests }) => count(requests) },
          { label: "In force", number: true, cell: ({ refused_now }) => count(refused_now) },
          { label: "Draft", number: true, cell: ({ refused_by_draft }) => count(refused_by_draft) },
        ],
      })
    : nothing;
