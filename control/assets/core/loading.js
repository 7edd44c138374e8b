// Something that is loaded: it loads, is there, or failed; and what is shown meanwhile.

import { html } from "./view.js";

export class Loading {
  /**
   * @template T
   * @param {(signal: AbortSignal) => Promise<T>} ask
   * @param {() => void} changed is called whenever what is to be shown has changed
   */
  constructor(ask, changed) {
    this.ask = ask;
    this.changed = changed;
    this.value = undefined;
    this.problem = null;
    this.busy = false;
    this.asked = 0;
  }

  /** Asks (again). What is there stays while it asks; an answer that was overtaken is dropped. */
  async reload() {
    const number = ++this.asked;
    this.running?.abort();
    this.running = new AbortController();
    this.busy = true;
    this.changed();
    try {
      const value = await this.ask(this.running.signal);
      if (number !== this.asked) return;
      this.value = value;
      this.problem = null;
    } catch (problem) {
      if (number !== this.asked || problem.name === "AbortError") return;
      this.problem = problem;
    }
    this.busy = false;
    this.changed();
  }

  stop() {
    this.asked++;
    this.running?.abort();
  }

  /** @param {(value: any) => import("./view.js").TemplateResult} ready */
  show(ready) {
    if (this.value !== undefined) return html`${this.problem ? failed(this.problem, () => this.reload()) : ""}${ready(this.value)}`;
    return this.problem
      ? failed(this.problem, () => this.reload())
      : html`<p class="state" role="status"><span class="spinner"></span>Loading…</p>`;
  }
}

const ADVICE = {
  0: "Look whether the process runs.",
  403: "Ask an owner for another role, or log in as somebody else.",
  404: "It may have been deleted meanwhile.",
  429: "Wait a little.",
  503: "Rules in force stay in force; what changes them waits until the database is back.",
};

/** What went wrong, in the API's words, and what to do about it. */
export function failed(problem, again) {
  return html`<div class="note bad" role="alert">
    <p><strong>${problem.title || "That did not work"}.</strong> ${problem.message} ${ADVICE[problem.status] ?? ""}</p>
    ${again ? html`<button class="small" @click=${again}>Try again</button>` : ""}
  </div>`;
}

/** A list without items: why, and what to do. */
export const empty = (what, todo = "") => html`<div class="state"><p><strong>${what}</strong></p>${todo ? html`<p>${todo}</p>` : ""}</div>`;
