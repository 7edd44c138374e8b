// `<time-chart>`: a chart over time that has the colours of the page and the width of its place.

const COLOURS = ["--accent", "--soft", "--bad", "--warn", "--line", "--ink", "--good"];

/** The page's colours, as a canvas wants them. */
function colours(element) {
  const style = getComputedStyle(element);
  return Object.fromEntries(COLOURS.map((name) => [name.slice(2), style.getPropertyValue(name).trim()]));
}

/**
 * Set `plot` to `{ data, options(colours) }`: uPlot's data, and its options but for width and height. `height` is in pixels. The chart is an
 * image to those who cannot see it: its label is `aria-label`, and the numbers stand beside it as text.
 */
class TimeChart extends HTMLElement {
  #chart = null;
  #plot = null;
  #shape = "";
  #again = () => this.#build();
  #sized = new ResizeObserver(() => this.#resize());

  connectedCallback() {
    this.setAttribute("role", "img");
    this.#sized.observe(this);
    addEventListener("timebudget-theme", this.#again);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.#again);
    this.#build();
  }

  disconnectedCallback() {
    this.#sized.disconnect();
    removeEventListener("timebudget-theme", this.#again);
    matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", this.#again);
    this.#chart?.destroy();
    this.#chart = null;
  }

  set plot(plot) {
    this.#plot = plot;
    // New numbers in a chart of the same shape are drawn into it; another shape is another chart.
    if (this.#chart && plot.shape === this.#shape) this.#chart.setData(plot.data);
    else this.#build();
  }

  get #height() {
    return Number(this.getAttribute("height") ?? 160);
  }

  #build() {
    if (!this.isConnected || !this.#plot || !this.clientWidth) return;
    this.#chart?.destroy();
    this.#shape = this.#plot.shape;
    const options = this.#plot.options(colours(this));
    const began = performance.now();
    this.#chart = new globalThis.uPlot({ width: this.clientWidth, height: this.#height, ...options }, this.#plot.data, this);
    // The canvas is drawn in a microtask of the library's.
    queueMicrotask(() => queueMicrotask(() => (this.dataset.drawnMs = (performance.now() - began).toFixed(1))));
  }

  #resize() {
    if (!this.#chart) return this.#build();
    if (this.#chart.width !== this.clientWidth) this.#chart.setSize({ width: this.clientWidth, height: this.#height });
  }
}

customElements.define("time-chart", TimeChart);

const FONT = "11px system-ui, sans-serif";

/** An axis in the page's colours. */
export const axis = (colours, more = {}) => ({
  stroke: colours.soft,
  font: FONT,
  grid: { stroke: colours.line, width: 1 },
  ticks: { stroke: colours.line, width: 1, size: 4 },
  gap: 3,
  ...more,
});

/** Marks of time are the site's: hours where a chart is short, days where it is long. */
export const inZone = (zone) => (seconds) => {
  try {
    return globalThis.uPlot.tzDate(new Date(seconds * 1e3), zone);
  } catch {
    return globalThis.uPlot.tzDate(new Date(seconds * 1e3), "UTC");
  }
};

/** Marks of a time axis in 24 hours, the day at its change. */
export const CLOCK_MARKS = [
  [86400 * 28, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [86400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [3600, "{HH}:{mm}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
  [60, "{HH}:{mm}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
  [1, ":{ss}", "\n{HH}:{mm}", null, "\n{HH}:{mm}", null, "\n{HH}:{mm}", null, 1],
];
