// Mistakes that the API tells by paths, as marks in the text.

import { lineOf, placeOf } from "./json.js";

/**
 * @param {string} text the list of rules
 * @param {import("./json.js").Read} read of the same text
 * @param {{ path: string, message: string }[]} said paths begin with `rules`
 * @param {"bad" | "warn"} tone
 */
export function marksOf(text, read, said, tone) {
  return said.map((one) => {
    const { path, message } = typeof one === "string" ? { path: "", message: one } : one;
    if (!path?.startsWith("rules")) return { from: 0, to: 0, line: 0, tone, path, message };
    const place = placeOf(read.places, path.slice("rules".length));
    // What is wrong with a value is marked with its key; what is wrong with a whole rule, at its beginning.
    const from = place.keyFrom ?? place.from;
    const to = text.slice(from, place.to).includes("\n") ? from + 1 : place.to;
    return { from, to, line: lineOf(text, from).line, tone, path, message };
  });
}

/** A text that is no JSON has one mistake, and it is found without asking. */
export function markOfSyntax(text, error) {
  return {
    from: error.at,
    to: error.at + 1,
    line: lineOf(text, error.at).line,
    tone: "bad",
    path: "",
    message: `No JSON: ${error.message}.`,
  };
}
