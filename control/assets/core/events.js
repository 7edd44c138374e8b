// What happens while one looks: the stream of events, and polling where there is none.

import { address } from "./api.js";

const KINDS = ["refused", "near_limit", "changed", "dropped"];

let source = null;
const listeners = new Set();

/**
 * Tells `listener(kind, data)` of events until the returned function is called. The stream is open while anybody listens.
 */
export function listen(listener) {
  listeners.add(listener);
  open();
  return () => {
    listeners.delete(listener);
    if (!listeners.size) close();
  };
}

/** Whether events arrive now. */
export const connected = () => source?.readyState === EventSource.OPEN;

function open() {
  if (source) return;
  source = new EventSource(address(["events"]), { withCredentials: true });
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => tell(kind, read(event.data)));
  }
  source.onopen = () => tell("connected", {});
  source.onerror = () => {
    tell("disconnected", {});
    // An answer that is no stream ends it for good; what it may have been is asked again after a while.
    if (source?.readyState === EventSource.CLOSED) {
      source = null;
      setTimeout(() => listeners.size && open(), 5_000);
    }
  };
}

function close() {
  source?.close();
  source = null;
}

function tell(kind, data) {
  listeners.forEach((listener) => listener(kind, data));
}

function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** Calls `ask` every so many milliseconds while the page is seen; returns what ends it. */
export function every(milliseconds, ask) {
  const timer = setInterval(() => document.visibilityState === "visible" && ask(), milliseconds);
  return () => clearInterval(timer);
}
