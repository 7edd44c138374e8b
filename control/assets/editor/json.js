// Where things stand in a JSON text: the reader of the editor. It goes on after a mistake as far as it can, and knows the place of every value.

/**
 * @typedef {{ from: number, to: number, keyFrom?: number }} Place offsets in the text; `keyFrom` is where the key begins whose value it is
 * @typedef {{ places: Map<string, Place>, error: { at: number, message: string } | null, tokens: { from: number, to: number, kind: string }[] }} Read
 */

/**
 * Reads a text. Paths are written as the API writes them: `[2].when.path`, and a key that is no plain word as `["x-y"]`.
 *
 * @returns {Read}
 */
export function read(text) {
  const reader = new Reader(text);
  try {
    reader.value("");
    reader.space();
    if (reader.at < text.length) reader.fail(`expected the end, found ${reader.found()}`);
  } catch (error) {
    if (!(error instanceof Mistake)) throw error;
    return { places: reader.places, tokens: reader.tokens, error: { at: error.at, message: error.message } };
  }
  return { places: reader.places, tokens: reader.tokens, error: null };
}

class Mistake extends Error {
  constructor(at, message) {
    super(message);
    this.at = at;
  }
}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
    this.places = new Map();
    this.tokens = [];
  }

  fail(message, at = this.at) {
    throw new Mistake(at, message);
  }

  found() {
    return this.at < this.text.length ? `“${this.text[this.at]}”` : "the end";
  }

  space() {
    while (/\s/.test(this.text[this.at] ?? "")) this.at++;
  }

  value(path, keyFrom) {
    this.space();
    const from = this.at;
    const place = { from, to: from, keyFrom };
    this.places.set(path, place);
    const first = this.text[from];
    try {
      if (first === "{") this.object(path);
      else if (first === "[") this.array(path);
      else if (first === '"') this.string("text");
      else this.plain();
    } finally {
      place.to = this.at;
    }
  }

  object(path) {
    this.at++;
    this.members("}", () => {
      const keyFrom = this.at;
      if (this.text[keyFrom] !== '"') this.fail(`expected a key in quotation marks, found ${this.found()}`);
      const key = this.string("key");
      this.space();
      if (this.text[this.at] !== ":") this.fail(`expected a colon after "${key}", found ${this.found()}`);
      this.at++;
      this.value(below(path, key), keyFrom);
    });
  }

  array(path) {
    this.at++;
    let index = 0;
    this.members("]", () => this.value(`${path}[${index++}]`));
  }

  members(end, member) {
    this.space();
    if (this.text[this.at] === end) return void this.at++;
    for (;;) {
      this.space();
      member();
      this.space();
      const next = this.text[this.at];
      if (next === end) return void this.at++;
      if (next !== ",") this.fail(`expected a comma or “${end}”, found ${this.found()}`);
      const comma = this.at++;
      this.space();
      if (this.text[this.at] === end) this.fail(`nothing follows this comma`, comma);
    }
  }

  string(kind) {
    const from = this.at;
    const found = /"(?:[^"\\\n]|\\.)*"/y;
    found.lastIndex = from;
    const [written] = found.exec(this.text) ?? this.fail("this text has no closing quotation mark", from);
    this.at += written.length;
    this.tokens.push({ from, to: this.at, kind });
    try {
      return JSON.parse(written);
    } catch {
      return this.fail("this text has an escape that JSON does not know", from);
    }
  }

  plain() {
    const from = this.at;
    const found = /-?[\w.+-]+/y;
    found.lastIndex = from;
    const [word] = found.exec(this.text) ?? this.fail(`expected a value, found ${this.found()}`);
    if (!/^(true|false|null|-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?)$/.test(word))
      this.fail(`“${word}” is no value; a text stands in quotation marks`, from);
    this.at += word.length;
    this.tokens.push({ from, to: this.at, kind: "plain" });
  }
}

const below = (path, key) => (/^[A-Za-z_][\w-]*$/.test(key) ? (path ? `${path}.${key}` : key) : `${path}[${JSON.stringify(key)}]`);

/** The place of a path, or of the nearest thing around it that is there. */
export function placeOf(places, path) {
  for (let wanted = path; ; wanted = wanted.replace(/(\.[^.[\]]*|\[[^\]]*\]|^[^.[\]]+)$/, "")) {
    if (places.has(wanted)) return places.get(wanted);
    if (!wanted) return { from: 0, to: 0 };
    const shorter = wanted.replace(/(\.[^.[\]]*|\[[^\]]*\]|^[^.[\]]+)$/, "");
    if (shorter === wanted) return places.get("") ?? { from: 0, to: 0 };
  }
}

/** Line and column of an offset, from 1. */
export function lineOf(text, offset) {
  const before = text.slice(0, offset);
  return { line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
}
