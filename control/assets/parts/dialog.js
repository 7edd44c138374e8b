// Dialogs: the browser's own, which keeps the focus inside, closes by Escape, and gives the focus back.

import { html, render } from "../core/view.js";
import { failed } from "../core/loading.js";

/**
 * Opens a dialog, and tells what it was closed with; undefined where it was left.
 *
 * @param {(self: { close: (result?: any) => void, draw: () => void }) => any} view
 */
export function dialog(view, { wide = false } = {}) {
  return new Promise((resolve) => {
    const element = document.createElement("dialog");
    if (wide) element.className = "wide";
    element.setAttribute("aria-labelledby", "dialog-title");
    let result;
    const self = {
      close(given) {
        result = given;
        element.close();
      },
      draw: () => render(view(self), element),
    };
    element.addEventListener("close", () => {
      element.remove();
      resolve(result);
    });
    document.body.append(element);
    self.draw();
    element.showModal();
    element.querySelector("[autofocus], input, select, textarea")?.focus();
  });
}

/**
 * A dialog with a form. It stays open while the API refuses, and shows each error at its field.
 *
 * @param {{ title: string, does: string, tone?: string, fields: (form: Form) => any, send: (values: object) => Promise<any>, values?: object, wide?: boolean }} options
 *   `does` is the word on the button; `send` may throw a `Problem`.
 * @returns {Promise<any>} what `send` gave
 */
export function formDialog({ title, does, tone = "main", fields, send, values = {}, wide }) {
  return dialog(
    (self) => {
      self.form ??= new Form(values, self.draw);
      const form = self.form;
      const submit = async (event) => {
        event.preventDefault();
        await form.send(async (given) => self.close((await send(given)) ?? true));
      };
      return html`<form novalidate @submit=${submit}>
      <h2 id="dialog-title">${title}</h2>
      ${form.rest()}
      ${fields(form)}
      <div class="row end">
        <button type="button" @click=${() => self.close()}>Cancel</button>
        <button class=${tone} ?disabled=${form.busy}>${form.busy ? "Sending…" : does}</button>
      </div>
    </form>`;
    },
    { wide },
  );
}

/** The values of a form, and what the API said of them. */
export class Form {
  constructor(values, changed) {
    this.values = { ...values };
    this.changed = changed;
    this.problem = null;
    this.busy = false;
    this.named = new Set();
  }

  set(name, value) {
    this.values[name] = value;
    this.changed();
  }

  /** What is wrong with one field. It is shown there, so `rest` leaves it out. */
  wrong(name) {
    this.named.add(name);
    return this.problem?.at?.(name) ?? [];
  }

  /** What is wrong and belongs to no field that is shown. */
  rest() {
    if (!this.problem) return "";
    const others = (this.problem.errors ?? []).filter(
      (error) => ![...this.named].some((name) => this.problem.at(name).includes(error.message)),
    );
    if (this.problem.errors?.length && !others.length) return html`<p class="note bad" role="alert">Look at what is marked below.</p>`;
    if (!others.length) return failed(this.problem);
    return html`<div class="note bad" role="alert"><ul>${others.map((error) => html`<li>${error.path ? html`<code>${error.path}</code>: ` : ""}${error.message}</li>`)}</ul></div>`;
  }

  /** Sends, once at a time; what was refused is kept to be shown. */
  async send(what) {
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    this.changed();
    try {
      await what(this.values);
    } catch (problem) {
      if (!problem.status && problem.status !== 0) throw problem;
      this.problem = problem;
    } finally {
      this.busy = false;
      this.changed();
    }
  }
}
