// `<json-editor>`: a text field that numbers its lines, marks mistakes where they are, and offers words as one types.
//
// It is a text field and stays one: what the browser knows of it (undo, find, dictation, readers) works. Tab leaves it, unless words are offered.

import { html, live, nothing, render } from "../core/view.js";
import { caretAt } from "./caret.js";
import { read } from "./json.js";
import { after, isBare, wordsFor } from "./words.js";

const LINE = 20;
const SIDE = 12;

/**
 * Properties: `value`; `marks`, a list of `{ from, to, line, tone, message }`; `readonly`; `label`. It tells `edit` whenever the text has changed.
 */
class JsonEditor extends HTMLElement {
  #value = "";
  #marks = [];
  #readonly = false;
  #label = "JSON";
  #words = [];
  #chosen = 0;
  #caret = null;
  #waiting = false;

  set value(value) {
    if (value === this.#value) return;
    this.#value = value;
    this.#draw();
  }

  get value() {
    return this.#value;
  }

  set marks(marks) {
    this.#marks = marks;
    this.#draw();
  }

  set readonly(readonly) {
    this.#readonly = readonly;
    this.#draw();
  }

  set label(label) {
    this.#label = label;
    this.#draw();
  }

  connectedCallback() {
    this.#draw();
  }

  /** Puts the caret somewhere, as one does who follows a mistake. */
  goTo(from, to) {
    const area = this.#area;
    area.focus();
    area.setSelectionRange(from, to);
    const line = this.#value.slice(0, from).split("\n").length - 1;
    area.scrollTop = Math.max(0, line * LINE - area.clientHeight / 2);
    this.#follow();
  }

  get #area() {
    return this.querySelector("textarea");
  }

  #draw() {
    if (this.#waiting || !this.isConnected) return;
    this.#waiting = true;
    queueMicrotask(() => {
      this.#waiting = false;
      render(this.#view(), this);
      this.#follow();
      this.#place();
    });
  }

  #view() {
    const lines = this.#value.split("\n").length;
    const tones = new Map(this.#marks.map((mark) => [mark.line, mark]));
    return html`<div class="editor">
      <div class="gutter" aria-hidden="true">${Array.from({ length: lines }, (_, index) => {
        const mark = tones.get(index + 1);
        return html`<span class=${mark ? (mark.tone === "warn" ? "warned" : "wrong") : ""} title=${mark?.message ?? nothing}>${index + 1}</span>`;
      })}</div>
      <div class="paper">
        <div class="behind" aria-hidden="true">${coloured(this.#value, this.#marks)}</div>
        <textarea spellcheck="false" autocapitalize="off" autocomplete="off" wrap="off" aria-label=${this.#label} .value=${live(this.#value)} ?readonly=${this.#readonly}
          aria-autocomplete="list" aria-controls=${this.#words.length ? "words" : nothing} aria-activedescendant=${this.#words.length ? `word-${this.#chosen}` : nothing}
          aria-describedby="mistakes" aria-invalid=${this.#marks.some((mark) => mark.tone !== "warn") ? "true" : nothing}
          @input=${this.#typed} @keydown=${this.#pressed} @scroll=${this.#follow} @blur=${this.#shut} @click=${this.#shut}></textarea>
        ${this.#words.length ? this.#list() : nothing}
      </div>
    </div>`;
  }

  #list() {
    return html`<ul class="words" id="words" role="listbox" aria-label="Words that fit here">${this.#words.map(
      ([word, means], index) => html`
      <li id="word-${index}" role="option" aria-selected=${index === this.#chosen} @mousedown=${(event) => {
        event.preventDefault();
        this.#take(index);
      }}><b>${word}</b>${means ? html`<small>${means}</small>` : nothing}</li>`,
    )}</ul>`;
  }

  #typed = (event) => {
    this.#value = this.#area.value;
    this.#tell();
    // Words are offered while one writes one, not while one deletes.
    if (event.inputType?.startsWith("insertText")) this.#offer(false);
    else this.#shut();
    this.#draw();
  };

  #pressed = (event) => {
    if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      this.#offer(true);
    } else if (this.#words.length) {
      this.#pick(event);
    } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && !this.#readonly) {
      event.preventDefault();
      this.#breakLine();
    }
  };

  #pick(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.#chosen = (this.#chosen + step + this.#words.length) % this.#words.length;
    else if (event.key === "Enter" || event.key === "Tab") this.#take(this.#chosen);
    else if (event.key === "Escape") this.#shut();
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.#draw();
    queueMicrotask(() => this.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" }));
  }

  /** @param {boolean} asked whether the words were asked for, so also before the first letter */
  #offer(asked) {
    const caret = this.#readonly ? null : caretAt(this.#value, this.#area.selectionStart);
    this.#caret = caret;
    this.#words = caret && (asked || caret.word || caret.quoted) ? fitting(caret) : [];
    this.#chosen = 0;
    this.#draw();
  }

  #shut = () => {
    if (!this.#words.length) return;
    this.#words = [];
    this.#draw();
  };

  #take(index) {
    const [word] = this.#words[index];
    const { from, to, what } = this.#caret;
    const written = what === "value" && isBare(word) ? word : JSON.stringify(word);
    const isNew = what === "key" && !/^\s*:/.test(this.#value.slice(to));
    const [head, tail = ""] = (isNew ? after(word) : "").split("|");
    this.#words = [];
    this.#write(from, to, written + head + tail);
    // A word that ends in a colon is not whole: what is named comes next.
    const end = from + written.length - (word.endsWith(":") ? 1 : 0) + head.length;
    this.#area.setSelectionRange(end, end);
  }

  #breakLine() {
    const { selectionStart: from, selectionEnd: to } = this.#area;
    const before = this.#value.slice(this.#value.lastIndexOf("\n", from - 1) + 1, from);
    const [indent] = /^ */.exec(before);
    const opens = /[[{]\s*$/.test(before);
    const closes = opens && /^\s*[\]}]/.test(this.#value.slice(to));
    const deeper = `\n${indent}${opens ? "  " : ""}`;
    this.#write(from, to, deeper + (closes ? `\n${indent}` : ""));
    this.#area.setSelectionRange(from + deeper.length, from + deeper.length);
  }

  /** Writes as typing does, so that it can be undone as typing can. */
  #write(from, to, text) {
    const area = this.#area;
    area.focus();
    area.setSelectionRange(from, to);
    if (!document.execCommand("insertText", false, text)) area.setRangeText(text, from, to, "end");
    this.#value = area.value;
    this.#words = [];
    this.#tell();
    this.#draw();
  }

  #tell() {
    this.dispatchEvent(new CustomEvent("edit", { detail: this.#value }));
  }

  /** The colours and the numbers scroll with the text. */
  #follow = () => {
    const area = this.#area;
    if (!area) return;
    const [gutter, behind] = [this.querySelector(".gutter"), this.querySelector(".behind")];
    gutter.style.maxHeight = `${area.offsetHeight}px`;
    gutter.scrollTop = behind.scrollTop = area.scrollTop;
    behind.scrollLeft = area.scrollLeft;
  };

  /** The words stand below the caret. */
  #place() {
    const list = this.querySelector(".words");
    if (!list || !this.#caret) return;
    const area = this.#area;
    const before = this.#value.slice(0, this.#caret.from).split("\n");
    const width = letter(this.querySelector(".behind"));
    const left = SIDE + before.at(-1).length * width - area.scrollLeft;
    list.style.left = `${Math.max(4, Math.min(left, area.clientWidth - list.offsetWidth - 4))}px`;
    list.style.top = `${Math.max(0, Math.min(10 + before.length * LINE - area.scrollTop + 2, area.clientHeight - 40))}px`;
  }
}

let width = 0;

function letter(element) {
  if (!width) {
    const canvas = document.createElement("canvas").getContext("2d");
    canvas.font = getComputedStyle(element).font;
    width = canvas.measureText("0".repeat(100)).width / 100;
  }
  return width;
}

/** Words that begin with what is written, then those that have it in them. */
function fitting(caret) {
  const words = Object.entries(wordsFor(caret.path, caret.what));
  const wanted = caret.word.toLowerCase();
  const begins = words.filter(([word]) => word.startsWith(wanted));
  const within = words.filter(([word]) => !word.startsWith(wanted) && word.includes(wanted));
  const found = [...begins, ...within];
  return found.length === 1 && found[0][0] === caret.word ? [] : found;
}

/** The text in pieces, each with its colour. */
function coloured(text, marks) {
  const pieces = [];
  let at = 0;
  for (const token of read(text).tokens) {
    pieces.push(text.slice(at, token.from));
    const wrong = marks.some((mark) => mark.from < token.to && mark.to > token.from);
    pieces.push(html`<span class="${token.kind} ${wrong ? "wrong" : ""}">${text.slice(token.from, token.to)}</span>`);
    at = token.to;
  }
  // A line more than the text has, so that both scroll alike.
  return [...pieces, `${text.slice(at)}\n`];
}

customElements.define("json-editor", JsonEditor);
