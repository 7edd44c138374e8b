// Asking before something is deleted.

import { html } from "../core/view.js";
import { call } from "../core/api.js";
import { formDialog } from "./dialog.js";
import { reason } from "./field.js";
import { say } from "./say.js";

/**
 * Asks, deletes, and says so.
 *
 * @param {{ parts: string[], revision?: number, what: string, means: string, does?: string }} options `means` is what follows from it
 * @returns {Promise<boolean>} whether it was done
 */
export async function remove({ parts, revision, what, means, does = "Delete" }) {
  const done = await formDialog({
    title: `${does} ${what}?`,
    does,
    tone: "bad",
    fields: (form) => html`<p>${means}</p>${reason(form)}`,
    send: ({ reason }) => call("DELETE", parts, { match: revision, query: { reason } }),
  });
  if (done) say(`${what}: done.`);
  return Boolean(done);
}
