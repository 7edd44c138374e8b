// What the caret stands in: the keys around it, and the word that is being written.

/**
 * @typedef {{ path: (string | number)[], what: "key" | "value", word: string, from: number, to: number, quoted: boolean }} Caret
 *   `from` to `to` is what a chosen word takes the place of, quotation marks included
 */

/** @returns {Caret | null} null where no word can stand */
export function caretAt(text, offset) {
  const stack = [];
  let at = 0;
  while (at < offset) {
    const sign = text[at];
    const inside = stack.at(-1);
    if (sign === '"') {
      const end = endOfText(text, at);
      const whole = closed(text, at, end);
      if (offset > at && offset <= end - (whole ? 1 : 0)) {
        // A text that is not closed yet takes nothing of what follows but the rest of its word.
        return word(stack, text.slice(at + 1, offset), at, whole ? end : offset + /^[\w.:-]*/.exec(text.slice(offset))[0].length, true);
      }
      if (inside?.kind === "{" && inside.wants === "key") inside.key = text.slice(at + 1, end - 1);
      at = end;
      continue;
    }
    if (sign === "{" || sign === "[") stack.push({ kind: sign, wants: sign === "{" ? "key" : "value", key: null, index: 0 });
    else if (sign === "}" || sign === "]") stack.pop();
    else if (sign === ":" && inside) inside.wants = "value";
    else if (sign === "," && inside) Object.assign(inside, { wants: inside.kind === "{" ? "key" : "value", index: inside.index + 1 });
    at++;
  }
  const [before] = /[\w.-]*$/.exec(text.slice(0, offset));
  const [behind] = /^[\w.-]*/.exec(text.slice(offset));
  return stack.length ? word(stack, before, offset - before.length, offset + behind.length, false) : null;
}

function word(stack, written, from, to, quoted) {
  const what = stack.at(-1)?.wants;
  if (!what) return null;
  const around = what === "key" ? stack.slice(0, -1) : stack;
  const path = around.flatMap((one) => (one.kind === "{" ? [one.key] : [one.index])).filter((part) => part !== null);
  return { path, what, word: written, from, to, quoted };
}

/** Behind the closing quotation mark, or the end of the line where there is none. */
function endOfText(text, from) {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at + 1;
    else if (text[at] === "\n") return at;
  }
  return text.length;
}

const closed = (text, from, end) => end - from > 1 && text[end - 1] === '"';
