// Tables: rows of cells on a wide screen, cards on a narrow one. The roles are said, since a narrow screen's style would take them away.

import { html, nothing, repeat } from "../core/view.js";

/**
 * @typedef {{ label: string, cell: (row: any) => any, by?: (row: any) => any, number?: boolean, wide?: boolean }} Column
 *   `by` makes the column one that can be sorted by; `wide` cells have a line of their own on a narrow screen.
 */

/**
 * @param {{ caption: string, hidden?: boolean, columns: Column[], rows: any[], key: (row: any) => any, sort?: Sort,
 *   next?: any, more?: () => void, busy?: boolean, after?: (row: any) => any }} table
 *   `after` may give a row something below it.
 */
export function table({ caption, hidden = true, columns, rows, key, sort, more, next, busy, after }) {
  const sorted = sort ? sort.apply(rows, columns) : rows;
  const shown = columns.filter(Boolean);
  return html`<div class="table">
    <table role="table">
      <caption class=${hidden ? "hidden-text" : ""}>${caption}</caption>
      <thead role="rowgroup"><tr role="row">${shown.map((column) => head(column, sort))}</tr></thead>
      <tbody role="rowgroup">${repeat(
        sorted,
        key,
        (row) => html`
        <tr role="row">${shown.map((column) => html`<td role="cell" class=${kind(column)} data-label=${column.label}><div class="cell">${column.cell(row)}</div></td>`)}</tr>
        ${below(after?.(row), shown.length)}`,
      )}</tbody>
    </table>
    ${next ? html`<div class="more"><button class="small" ?disabled=${busy} @click=${more}>Show more</button></div>` : nothing}
  </div>`;
}

const kind = (column) => (column.number ? "number" : column.label === "" ? "actions" : column.wide ? "wide" : "");

const below = (content, columns) =>
  content ? html`<tr role="row"><td role="cell" class="wide" colspan=${columns}>${content}</td></tr>` : nothing;

function head(column, sort) {
  const numeric = column.number ? "number" : "";
  if (!sort || !column.by)
    return html`<th role="columnheader" scope="col" class=${numeric}>${column.label || html`<span class="hidden-text">Actions</span>`}</th>`;
  const chosen = sort.label === column.label;
  const way = chosen ? (sort.down ? "descending" : "ascending") : nothing;
  return html`<th role="columnheader" scope="col" class=${numeric} aria-sort=${way}>
    <button type="button" class="sort" @click=${() => sort.choose(column.label)}>${column.label}<span aria-hidden="true">${chosen ? (sort.down ? "▾" : "▴") : ""}</span></button>
  </th>`;
}

/** Which column rows are sorted by, and which way. */
export class Sort {
  constructor(label, changed) {
    this.label = label;
    this.down = true;
    this.changed = changed;
  }

  choose(label) {
    this.down = this.label === label ? !this.down : true;
    this.label = label;
    this.changed();
  }

  apply(rows, columns) {
    const by = columns.find((column) => column?.label === this.label)?.by;
    if (!by) return rows;
    const way = this.down ? -1 : 1;
    return [...rows].sort((one, other) => way * compare(by(one), by(other)));
  }
}

const compare = (one, other) =>
  typeof one === "string" || typeof other === "string" ? String(one ?? "").localeCompare(String(other ?? "")) : (one ?? 0) - (other ?? 0);
