// A list of the API that is shown in parts: what is there, and more of it when one asks.

import { get } from "../core/api.js";
import { Loading } from "../core/loading.js";

const PART = 100;

export class Listed extends Loading {
  /**
   * @param {string[]} parts its path in the API
   * @param {() => object} query
   * @param {() => void} changed
   */
  constructor(parts, query, changed) {
    super((signal) => get(parts, { limit: PART, ...query() }, signal), changed);
    this.parts = parts;
    this.query = query;
  }

  get items() {
    return this.value?.items ?? [];
  }

  /** Asks for what comes next, behind what is there. */
  more = async () => {
    const next = await get(this.parts, { limit: PART, ...this.query(), after: this.value.next });
    this.value = { ...next, items: [...this.value.items, ...next.items] };
    this.changed();
  };
}

/** Calls something a moment after the last time that it was wanted: a search as one types. */
export function patient(what, milliseconds = 200) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(what, milliseconds);
  };
}
