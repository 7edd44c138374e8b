// What can be written in a rule: keys and values for the editor, each with a sentence. The site file's schema has the same words; a test holds them together.

const flag = ["true", "false"];
const text = {
  prefix: "begins with; in paths by whole segments",
  glob: "* and ?, in paths * stops at a slash",
  regex: "linear time, anchored only where it says so",
};

/** Keys of a rule. */
export const RULE = {
  name: "unique; part of the account and of refusals",
  when: "which requests; absent: every one",
  otherwise: "true: only where no other rule applies",
  displaces: "false: rules that apply otherwise do not give way to it",
  key: "whose account: one component, or a list",
  missing: "what stands in where a component is absent, or skip",
  limits: 'how much: "600s per hour", "50 per day", "5 concurrent"',
  counts: "what is counted: served, all, or refusals",
  cost: "how many requests one request counts as",
  charge_when: "which answers are charged",
  until: "how long time counts: to the body's end, to the head, or to the end of an upgraded connection",
  per_method: "true: an account for each method",
  fair: "true: nobody may spend more than a share once four fifths are spent",
  hold: "what a running request is expected to cost: auto, off or a time",
  overrun: "when the budget is spent: finish what runs, or cut it",
  shadow: "true: decides and counts, never refuses",
  action: "what becomes of a refused request: block, or another page",
};

/** Keys of a condition. */
export const CONDITION = {
  path: "the path: equal, any of, or prefix, glob, regex",
  method: "GET, POST, …; HEAD is GET",
  host: "the configured name that was asked for",
  ip: "addresses and ranges",
  country: "of the address, two letters",
  region: "of the address",
  user: "who is logged in",
  group: "one of the user's groups",
  tier: "the client's tier",
  header: "names, each with a text or true",
  cookie: "names, each with a text or true",
  query: "names, each with a text or true",
  authenticated: "whether somebody is logged in",
  all: "each of these holds",
  any: "one of these holds",
  not: "this does not hold",
};

/** Components of keys. */
export const COMPONENTS = {
  site: "one account for the whole site",
  ip: "the client's address",
  user: "who is logged in",
  api_key: "the API key",
  tier: "the client's tier",
  groups: "the user's groups",
  country: "of the address",
  region: "of the address",
  host: "the configured name",
  method: "the method",
  path: "the path",
  route: "the route's pattern",
  "header:": "a header's value",
  "cookie:": "a cookie's value",
  "query:": "a parameter's value",
};

/** Values by the key that they belong to. */
const VALUES = {
  key: COMPONENTS,
  missing: { skip: "the rule does not apply", ...COMPONENTS },
  fair: { ...Object.fromEntries(flag.map((word) => [word, ""])), ...COMPONENTS },
  counts: { served: "what is served", all: "also what other rules refuse", refusals: "only what other rules refuse" },
  until: { body: "to the last chunk", head: "to the head", close: "until a WebSocket is closed" },
  overrun: { finish: "what runs ends by itself", cut: "what runs is ended" },
  hold: { auto: "the recent mean", off: "nothing" },
  limits: {
    "600s per hour": "ten minutes of server time",
    "100 per minute": "requests",
    "1000 per day": "requests",
    "5 concurrent": "at once",
  },
  method: Object.fromEntries(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].map((word) => [word, ""])),
  status: { "4xx": "the client's mistakes", "5xx": "the server's" },
  action: { block: "refuse with 429" },
};

const FLAGS = new Set(["otherwise", "displaces", "per_method", "shadow", "authenticated", "fair"]);
const CONDITIONS = new Set(["when", "all", "any", "not"]);
const TEXTS = new Set(["path", "host", "user", "group", "tier", "country", "region"]);
const KEYS = {
  charge_when: { status: "which statuses" },
  action: { block: "a refusal of one's own", rewrite: "the path of another page" },
  block: { status: "of the answer", message: "in problem details", body: "the whole answer", content_type: "of the body" },
  limits: { limit: "how much", window: "seconds, or hour, day, week, month, year", unit: "time or requests" },
};

/**
 * What can stand at a place.
 *
 * @param {(string | number)[]} path the keys and numbers of what it lies in; the list of rules is `[]`
 * @param {"key" | "value"} what
 * @returns {Record<string, string>} words and what they mean
 */
export function wordsFor(path, what) {
  const names = path.filter((part) => typeof part === "string");
  const last = names.at(-1);
  if (what === "value") return VALUES[last] ?? (FLAGS.has(last) ? { true: "", false: "" } : {});
  if (!names.length) return RULE;
  if (CONDITIONS.has(last)) return CONDITION;
  if (TEXTS.has(last) || ["header", "cookie", "query"].includes(names.at(-2))) return text;
  return KEYS[last] ?? {};
}

/** Whether a value of this key is written without quotation marks. */
export const isBare = (word) => word === "true" || word === "false";

/** What is written behind a new key, and where the caret goes then: at `|`. */
export function after(key) {
  if (key === "when" || key === "not" || key === "charge_when" || ["header", "cookie", "query"].includes(key)) return ": { | }";
  if (key === "all" || key === "any") return ": [ { | } ]";
  if (FLAGS.has(key) || key === "cost" || key === "status" || key === "limit") return ": |";
  return ': "|"';
}
