// Short messages about what has just been done, also for those who listen to the page.

import { html, render, repeat } from "../core/view.js";

const shown = [];
let number = 0;
let place = null;

/** Says that something was done; it goes by itself. */
export function say(text) {
  const message = { number: ++number, text };
  shown.push(message);
  draw();
  setTimeout(() => {
    shown.splice(shown.indexOf(message), 1);
    draw();
  }, 6_000);
}

function draw() {
  if (!place) {
    place = document.createElement("div");
    place.className = "told";
    place.setAttribute("role", "status");
    document.body.append(place);
  }
  render(
    repeat(
      shown,
      (message) => message.number,
      (message) => html`<p>${message.text}</p>`,
    ),
    place,
  );
}
