// The API, from a page's side: JSON in and out, and refusals as values that pages can show.

/** Where the API lies, beside the pages. */
const ROOT = new URL("api/v1/", document.baseURI);

/** An answer that is no success, as `application/problem+json` tells it. */
export class Problem extends Error {
  /**
   * @param {number} status the HTTP status, 0 where there was no answer at all
   * @param {{title?: string, detail?: string, errors?: {path: string, message: string}[], revision?: number}} body
   */
  constructor(status, body) {
    super(body.detail || body.title || `The server answered ${status}.`);
    this.status = status;
    this.title = body.title ?? "";
    this.errors = body.errors ?? [];
    this.revision = body.revision;
  }

  /** The messages for one field of a form. */
  at(path) {
    return this.errors
      .filter((error) => error.path === path || error.path.startsWith(`${path}.`) || error.path.startsWith(`${path}[`))
      .map((error) => error.message);
  }
}

/** Who wants to know that nobody is logged in any more. */
const whenLoggedOut = new Set();
export const onLoggedOut = (listener) => whenLoggedOut.add(listener);

/**
 * The address of something in the API, with every part of it escaped.
 *
 *     address(["users", "a/b"], {q: "x"})   // …/api/v1/users/a%2Fb?q=x
 */
export function address(parts, query = {}) {
  const url = new URL(parts.map(encodeURIComponent).join("/"), ROOT);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  return url;
}

/**
 * One call.
 *
 * @param {string} method
 * @param {string[]} parts the path below `/api/v1`
 * @param {{query?: object, body?: any, text?: string, match?: number, create?: boolean, once?: string, signal?: AbortSignal}} [options]
 *   `body` becomes JSON, `text` is JSON already; `match` is the revision that the change was made upon; `create` wants nothing to be there;
 *   `once` is a key under which a repeated call changes nothing.
 * @returns {Promise<any>} the JSON, null where there is none
 * @throws {Problem}
 */
export async function call(method, parts, options = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-Timebudget-Csrf"] = "1";
  if (options.match !== undefined) headers["If-Match"] = `"${options.match}"`;
  if (options.create) headers["If-None-Match"] = "*";
  if (options.once) headers["Idempotency-Key"] = options.once;
  const body = options.text ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await reach(address(parts, options.query), { method, headers, body, signal: options.signal });
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const problem = new Problem(answer.status, await answer.json().catch(() => ({})));
  if (answer.status === 401 && parts[0] !== "session") whenLoggedOut.forEach((tell) => tell());
  throw problem;
}

async function reach(url, request) {
  try {
    return await fetch(url, { ...request, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, {
      title: "No answer",
      detail: "The server did not answer. It may be restarting; what you see is what it last said.",
    });
  }
}

export const get = (parts, query, signal) => call("GET", parts, { query, signal });

/** All items of a list, at most `most` of them, and whether there are more. */
export async function list(parts, query = {}, most = 500) {
  const answer = await get(parts, { limit: most, ...query });
  return { items: answer.items, next: answer.next, revision: answer.revision };
}

/** A key for `Idempotency-Key`, one for each form that is opened. */
export const newKey = () => crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(16)).join("");
