// Changes that somebody else made meanwhile: both versions are shown, and one decides.

import { html } from "../core/view.js";
import { call, get, Problem } from "../core/api.js";
import { dialog } from "./dialog.js";
import { layOut } from "../core/layout.js";

/**
 * Replaces a thing, upon the revision that was seen.
 *
 * @param {string[]} parts its path in the API
 * @param {{ body?: object, text?: string, revision?: number, create?: boolean, reason?: string, what: string }} change
 * @returns {Promise<any>} the thing as it is now: as it was written, or as somebody else wrote it, if that is what was chosen
 * @throws {Problem} also where one goes back to one's own version to look at it again
 */
export async function replace(parts, { body, text, revision, create, reason, what }) {
  const query = { reason };
  try {
    return await call("PUT", parts, { body, text, query, create, match: create ? undefined : revision });
  } catch (problem) {
    if (problem.status !== 412) throw problem;
    const theirs = await get(parts);
    const chosen = await changedMeanwhile(what, text ? JSON.parse(text) : body, theirs);
    if (chosen === "theirs") return theirs;
    if (chosen === "mine") return call("PUT", parts, { body, text, query, match: theirs.revision });
    throw new Problem(412, { title: "Not saved", detail: "Somebody else changed it meanwhile; yours is still here.", revision: revision });
  }
}

/** @returns {Promise<"mine" | "theirs" | undefined>} */
function changedMeanwhile(what, mine, theirs) {
  const { revision, ...rest } = theirs;
  return dialog(
    (self) => html`<div class="inside">
    <h2 id="dialog-title">${what} was changed meanwhile</h2>
    <p>Somebody saved revision ${revision} after you began. Nothing of yours is stored yet.</p>
    <div class="versions">
      <section><h3>Yours</h3><pre class="code" tabindex="0" role="region" aria-label="Your version">${layOut(mine)}</pre></section>
      <section><h3>Theirs, revision ${revision}</h3><pre class="code" tabindex="0" role="region" aria-label="Their version">${layOut(only(rest, mine))}</pre></section>
    </div>
    <div class="row end">
      <button @click=${() => self.close()}>Back to mine</button>
      <button @click=${() => self.close("theirs")}>Take theirs</button>
      <button class="bad" @click=${() => self.close("mine")}>Save mine over theirs</button>
    </div>
  </div>`,
    { wide: true },
  );
}

/** What one has written is compared, not what the API adds to it. */
const only = (theirs, mine) => Object.fromEntries(Object.entries(theirs).filter(([name]) => name in mine));
