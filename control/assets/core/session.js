// Who is logged in, and what their role lets them do. The API decides; pages only do not offer what it would refuse.

import { call } from "./api.js";

const OPERATORS = new Set(["overrides", "grants", "resets", "keys", "users"]);

export const session = {
  /** @type {string | null} */
  member: null,
  /** @type {"owner" | "operator" | "viewer" | null} */
  role: null,
  expires: null,

  /** Takes over what the API said of a session. */
  take(answer) {
    Object.assign(this, { member: answer.member, role: answer.role, expires: answer.expires ?? null });
  },

  /** Whether the role may change things of this kind: `"rulesets"`, `"keys"`, … */
  may(kind) {
    return this.role === "owner" || (this.role === "operator" && OPERATORS.has(kind));
  },

  /** Whether the role may see this page. */
  sees(kind) {
    return kind !== "members" || this.role === "owner";
  },
};

export async function logIn(token) {
  session.take(await call("POST", ["session"], { body: { token } }));
}

export async function logOut() {
  await call("DELETE", ["session"]);
  Object.assign(session, { member: null, role: null, expires: null });
}

/** Asks who is logged in; nobody is no error. */
export async function whoAmI() {
  try {
    session.take(await call("GET", ["session"]));
    return true;
  } catch (problem) {
    if (problem.status === 401) return false;
    throw problem;
  }
}
