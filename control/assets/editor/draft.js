// Rules that are being written: their text, what is wrong with it, and the API's opinion of it as one types.

import { html, nothing } from "../core/view.js";
import { call } from "../core/api.js";
import { badge } from "../parts/badge.js";
import { read } from "./json.js";
import { markOfSyntax, marksOf } from "./marks.js";
import "./editor.js";

/** After the last key, so that a word that is being written is not a mistake yet. */
const PATIENCE_MS = 250;

export class Draft {
  /**
   * @param {() => { name?: string, description?: string }} about what stands in other fields
   * @param {() => void} changed
   */
  constructor(about, changed) {
    this.about = about;
    this.redraw = changed;
    this.text = this.first = "[]";
    this.marks = [];
    this.unsaid = null;
    this.checking = false;
  }

  begin(text) {
    this.text = this.first = text;
    this.look();
  }

  get changed() {
    return this.text !== this.first;
  }

  wrong() {
    return this.marks.some((mark) => mark.tone === "bad");
  }

  /** The draft as the API takes it; null while it is no JSON. */
  asRuleset() {
    if (read(this.text).error) return null;
    const { name, description } = this.about();
    return { name: name || "draft", description: description ?? "", rules: JSON.parse(this.text) };
  }

  stop() {
    clearTimeout(this.timer);
    this.running?.abort();
  }

  /** Looks for mistakes: of syntax at once, of meaning by asking the API. */
  look() {
    this.stop();
    const { error } = read(this.text);
    if (error) {
      this.marks = [markOfSyntax(this.text, error)];
      this.checking = false;
    } else {
      this.checking = true;
      this.timer = setTimeout(() => this.ask(), PATIENCE_MS);
    }
    this.redraw();
  }

  async ask() {
    this.running = new AbortController();
    const text = this.text;
    try {
      const said = await call("POST", ["rulesets", "check"], { text: `{"rules":${text}}`, signal: this.running.signal });
      if (text === this.text) this.hear(said);
    } catch (problem) {
      if (problem.name === "AbortError") return;
      // A check that is itself refused tells by the same paths.
      if (problem.errors?.length) this.hear({ errors: problem.errors, warnings: [] });
      else this.unsaid = problem;
    }
    this.checking = false;
    this.redraw();
  }

  hear({ errors = [], warnings = [] }) {
    const known = read(this.text);
    this.unsaid = null;
    this.marks = [...marksOf(this.text, known, errors, "bad"), ...marksOf(this.text, known, warnings, "warn")];
  }

  view({ readonly }) {
    const edit = (event) => {
      this.text = event.detail;
      this.look();
    };
    return html`<div>
      <div class="row"><span class="label">Rules, as in <code>rate_limit_rules</code></span>${this.verdict()}</div>
      <json-editor label="Rules" .value=${this.text} .marks=${this.marks} .readonly=${readonly} @edit=${edit}></json-editor>
      ${readonly ? nothing : html`<p class="soft"><small>Words are offered as you type; <kbd>Ctrl</kbd>+<kbd>Space</kbd> asks for them, <kbd>Enter</kbd> takes one, <kbd>Esc</kbd> closes them.</small></p>`}
      <ul class="mistakes" id="mistakes" aria-live="polite" aria-label="What is wrong">${this.marks.map((mark) => this.mistake(mark))}</ul>
    </div>`;
  }

  verdict() {
    if (this.unsaid) return badge("none", "Not checked", this.unsaid.message);
    if (this.checking) return badge("none", "Checking…");
    const errors = this.marks.filter((mark) => mark.tone === "bad").length;
    if (errors) return badge("bad", errors === 1 ? "1 error" : `${errors} errors`);
    const warnings = this.marks.length;
    return warnings ? badge("warn", warnings === 1 ? "1 warning" : `${warnings} warnings`) : badge("good", "No mistakes");
  }

  mistake(mark) {
    const there = (event) => event.currentTarget.closest("div").querySelector("json-editor").goTo(mark.from, mark.to);
    return html`<li><button type="button" @click=${there}>
      <span>${badge(mark.tone, mark.line ? `line ${mark.line}` : mark.tone === "bad" ? "error" : "warning")}</span>
      <span>${mark.path ? html`<code>${mark.path}</code> ` : nothing}${mark.message}</span></button></li>`;
  }
}
