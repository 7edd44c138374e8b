// What has just happened: refusals, budgets that near their end, changes.

import { html } from "../core/view.js";
import { toSecond, HERE } from "../core/time.js";
import { count } from "../core/numbers.js";
import { badge } from "./badge.js";

const KEPT = 60;

export class Happenings {
  constructor(changed) {
    this.changed = changed;
    this.all = [];
  }

  /** Takes an event in. The same refusal again and again is one line with a number. */
  add(kind, data) {
    if (WORDS[kind]) {
      const at = data.at ?? new Date().toISOString();
      const same = this.all[0];
      if (same?.kind === kind && same.data.site === data.site && same.data.rule === data.rule && kind !== "changed") {
        this.all[0] = { ...same, at, times: same.times + 1 };
      } else {
        this.all = [{ kind, data, at, times: 1 }, ...this.all].slice(0, KEPT);
      }
    }
    this.changed();
  }

  view() {
    return html`<section class="card" aria-label="What happens">
      <header><h2>What happens</h2><small>since this page is open</small></header>
      ${
        this.all.length
          ? html`<ol class="happenings" tabindex="0" aria-label="Events, newest first">${this.all.map(line)}</ol>`
          : html`<p class="soft">Nothing yet. Refusals, budgets with four fifths spent, and changes will stand here as they happen.</p>`
      }
    </section>`;
  }
}

const WORDS = {
  refused: (data) => html`${data.shadow ? badge("none", "Would refuse") : badge("bad", "Refused")} ${where(data)}`,
  near_limit: (data) => html`${badge("warn", "Near its end")} ${where(data)}`,
  changed: (data) => html`${badge("accent", data.deleted ? "Deleted" : "Changed")} ${data.what ?? ""}`,
  dropped: (data) => html`${badge("none", "Missed")} ${count(data.count ?? 0)} events: there were more than this page can be told`,
};

const where = (data) => html`<b>${data.rule ?? ""}</b> ${data.site ?? ""}${data.client ? html` · ${data.client}` : ""}`;

const line = ({ kind, data, at, times }) =>
  html`<li><time datetime=${at}>${toSecond(at, HERE)}</time><span>${WORDS[kind](data)}${times > 1 ? html` <small>× ${count(times)}</small>` : ""}</span></li>`;
