// Fields of forms: a label, a hint, and what is wrong, all tied to the input.

import { html, live, nothing } from "../core/view.js";

let number = 0;
const ids = new WeakMap();

/** An id for each form and field, the same each time that it is drawn. */
function id(form, name) {
  if (!ids.has(form)) ids.set(form, `f${++number}`);
  return `${ids.get(form)}-${name}`;
}

/**
 * @param {import("./dialog.js").Form} form
 * @param {string} name of the value, and of the field in the API's errors
 * @param {{ label: string, hint?: any, type?: string, placeholder?: string, required?: boolean, focus?: boolean, list?: string[], path?: string, inputmode?: string }} options
 *   `path` is the API's name where it is another; `list` suggests values.
 */
export function input(
  form,
  name,
  { label, hint, type = "text", placeholder = "", required = false, focus = false, list, path = name, disabled = false },
) {
  const own = id(form, name);
  return around(
    form,
    name,
    path,
    label,
    hint,
    required,
    html`<input id=${own} name=${name} type=${type} placeholder=${placeholder} autocomplete="off" spellcheck="false"
    .value=${live(form.values[name] ?? "")} ?disabled=${disabled} ?autofocus=${focus} aria-required=${required ? "true" : nothing} list=${list ? `${own}-list` : nothing}
    aria-describedby="${own}-about" aria-invalid=${form.wrong(path).length ? "true" : nothing}
    @input=${(event) => form.set(name, event.target.value)}>
    ${list ? html`<datalist id="${own}-list">${list.map((value) => html`<option value=${value}></option>`)}</datalist>` : nothing}`,
  );
}

/** @param {{ label: string, hint?: any, options: (string | [string, string])[], required?: boolean, path?: string }} options */
export function choose(form, name, { label, hint, options, required = false, path = name }) {
  const own = id(form, name);
  const chosen = form.values[name] ?? "";
  return around(
    form,
    name,
    path,
    label,
    hint,
    required,
    html`<select id=${own} name=${name} aria-describedby="${own}-about" aria-invalid=${form.wrong(path).length ? "true" : nothing}
    @change=${(event) => form.set(name, event.target.value)}>
    ${options.map((option) => (Array.isArray(option) ? option : [option, option])).map(([value, text]) => html`<option value=${value} ?selected=${value === chosen}>${text}</option>`)}
  </select>`,
  );
}

/** A text of several lines. */
export function area(form, name, { label, hint, rows = 4, path = name, required = false, mono = false, placeholder = "" }) {
  const own = id(form, name);
  return around(
    form,
    name,
    path,
    label,
    hint,
    required,
    html`<textarea id=${own} name=${name} rows=${rows} class=${mono ? "mono" : ""} placeholder=${placeholder} spellcheck=${mono ? "false" : "true"}
    .value=${live(form.values[name] ?? "")} aria-describedby="${own}-about" aria-invalid=${form.wrong(path).length ? "true" : nothing}
    @input=${(event) => form.set(name, event.target.value)}></textarea>`,
  );
}

/** The reason of a change, as the audit keeps it. */
export const reason = (form, { required = false } = {}) =>
  input(form, "reason", {
    label: required ? "Reason" : "Reason (optional)",
    required,
    hint: "Kept in the audit, beside your name.",
  });

function around(form, name, path, label, hint, required, control) {
  const own = id(form, name);
  const wrong = form.wrong(path);
  return html`<div class="field">
    <label for=${own}>${label}${required ? html`<span aria-hidden="true"> *</span>` : ""}</label>
    ${control}
    <div id="${own}-about">${wrong.map((message) => html`<div class="wrong">${message}</div>`)}${hint ? html`<div class="hint">${hint}</div>` : nothing}</div>
  </div>`;
}
