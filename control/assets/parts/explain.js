// Explaining a request: which rules bear on it and why, where its accounts stand, what it would be answered.

import { html, nothing } from "../core/view.js";
import { call } from "../core/api.js";
import { amount } from "../core/numbers.js";
import { away, moment } from "../core/time.js";
import { zoneOf } from "../core/sites.js";
import { badge } from "./badge.js";
import { Form } from "./dialog.js";
import { area, input } from "./field.js";

export class Explain {
  /**
   * @param {() => void} changed
   * @param {() => object | null} draft the ruleset that is being written; null explains the rules in force
   */
  constructor(changed, draft = () => null) {
    this.form = new Form({ site: "", method: "GET", path: "/", ip: "", headers: "" }, changed);
    this.draft = draft;
    this.said = null;
  }

  view(sites) {
    const form = this.form;
    if (!form.values.site && sites?.length) form.values.site = (sites.find(({ site }) => site !== "*") ?? sites[0]).site;
    return html`<section class="card" aria-label="Explain a request">
      <header><h2>Explain a request</h2><small>Nothing is charged.</small></header>
      <form class="stack" novalidate @submit=${(event) => this.ask(event)}>
        ${form.rest()}
        ${input(form, "site", { label: "Site", list: (sites ?? []).map(({ site }) => site), required: true })}
        <div class="fields tight">
          ${input(form, "method", { label: "Method", list: ["GET", "POST", "PUT", "PATCH", "DELETE"] })}
          ${input(form, "path", { label: "Path", required: true })}
          ${input(form, "ip", { label: "Address", placeholder: "192.0.2.7" })}
        </div>
        ${area(form, "headers", { label: "Headers, a line each", rows: 2, mono: true, placeholder: "authorization: Bearer …" })}
        <div class="row"><button ?disabled=${form.busy}>Explain</button></div>
      </form>
      ${this.said ? explanation(this.said, this.by, zoneOf(sites, this.said.site)) : nothing}
    </section>`;
  }

  ask(event) {
    event.preventDefault();
    return this.form.send(async ({ site, method, path, ip, headers }) => {
      const draft = this.draft();
      const body = { site, method, path, headers: headersOf(headers), ...(ip ? { ip } : {}), ...(draft ? { draft } : {}) };
      this.by = draft ? "the draft" : "the rules in force";
      this.said = await call("POST", ["explain"], { body });
    });
  }
}

/** `Name: value`, a line each, as an object. */
function headersOf(text) {
  const lines = text.split("\n").filter((line) => line.includes(":"));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")).trim().toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
  );
}

const explanation = (said, by, zone) => html`<hr><div class="stack">
  <p aria-live="polite">Answered by <strong>${said.answer.status}</strong> ${verdict(said.answer.status)}
    by ${by} at ${moment(said.at, zone)}, as accounts stand.</p>
  <ul class="bearing">${said.rules.map((rule) => bearing(rule, zone))}</ul>
  <details><summary>As the command line says it</summary>
    <pre class="code" tabindex="0" role="region" aria-label="Explanation as text">${said.text}</pre></details>
  <details><summary>Headers of the answer</summary>
    <pre class="code" tabindex="0" role="region" aria-label="Headers of the answer">${headerLines(said.answer.headers)}</pre></details></div>`;

const verdict = (status) => (status === 429 ? badge("bad", "Refused") : badge("good", "Not refused"));

const headerLines = (headers) => Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}\n`);

const bearing = (rule, zone) => html`<li>
  <div class="row"><strong>${rule.name}</strong>${badge(rule.bearing === "applies" ? "accent" : "none", rule.bearing)}</div>
  ${rule.why && rule.why !== rule.bearing ? html`<p class="soft">${rule.why}</p>` : nothing}
  ${rule.key ? html`<p>Account: <code>${rule.key}</code></p>` : nothing}
  ${(rule.limits ?? []).map((limit) => granted(limit, zone))}
</li>`;

const granted = (limit, zone) => html`<p>Grants ${limit.limit}, ${limit.unit === "concurrent" ? `${limit.spent} running` : `${amount(limit.remaining, limit.unit)} left`}${limit.reset ? html`, until ${moment(limit.reset, zone)} <small>${away(limit.reset)}</small>` : nothing}
  ${limit.refuses ? badge("bad", "Refuses") : nothing}</p>
  ${limit.share ? shared(limit.share, limit.unit) : nothing}`;

/** What the client has of a limit that it shares with others. */
const shared = ({ clients, quota, spent, refuses }, unit) => html`<p>Its share: ${amount(spent, unit)} spent of ${amount(quota, unit)};
  ${clients === 1 ? "no other client has one" : `${clients} clients have one`}${refuses ? ", and little is left of the whole" : nothing}</p>`;
