// What is shown once and never again: a new key or token.

import { html } from "../core/view.js";
import { dialog } from "./dialog.js";
import { say } from "./say.js";

/** @param {string} what `API key Acme` @param {string} secret @param {string} about what to do with it */
export function showOnce(what, secret, about) {
  if (!secret)
    return dialog(
      (self) => html`<div class="inside">
    <h2 id="dialog-title">${what}</h2>
    <p>It was made, and its answer was lost: it cannot be shown again. Make another one in its place: rotate the key, or give the member a new token.</p>
    <div class="row end"><button class="main" @click=${() => self.close()}>Close</button></div>
  </div>`,
    );
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(secret);
      say("Copied.");
    } catch {
      say("Copying is not allowed here; select it and copy it yourself.");
    }
  };
  return dialog(
    (self) => html`<div class="inside">
    <h2 id="dialog-title">${what}</h2>
    <p>${about} It is shown this once: only a digest of it is kept.</p>
    <div class="secret"><code tabindex="0">${secret}</code><button @click=${copy}>Copy</button></div>
    <div class="row end"><button class="main" @click=${() => self.close()}>I have kept it</button></div>
  </div>`,
  );
}
