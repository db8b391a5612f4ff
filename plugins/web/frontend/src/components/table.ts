// A table with sorting, paging and details of a row; on a phone each row becomes a card.

import { html, nothing, type TemplateResult } from "lit";
import { MeterhubElement } from "../element";
import { t } from "../t";
import { empty } from "./page";

type Order = string | number | boolean | null | undefined;

export interface Column<Row> {
  title: string;
  cell: (row: Row) => unknown;
  /** What the rows are sorted by in this column; without it they are not. */
  by?: (row: Row) => Order;
  right?: boolean;
  /** Stays on one line. */
  whole?: boolean;
}

const PAGE = 100;

const compared = (one: Order, other: Order): number => {
  if (typeof one === "string" && typeof other === "string") return one.localeCompare(other, undefined, { numeric: true });
  return Number(one ?? -Infinity) - Number(other ?? -Infinity);
};

export class Table<Row> extends MeterhubElement {
  static override properties = {
    rows: { attribute: false },
    columns: { attribute: false },
    name: { attribute: false },
    nothing: { attribute: false },
    key: { attribute: false },
    detail: { attribute: false },
    sorted: { state: true },
    page: { state: true },
    open: { state: true },
  };
  declare rows: Row[];
  declare columns: Column<Row>[];
  /** What the table is about, for who cannot see it. */
  declare name: string;
  /** What is said when there are no rows. */
  declare nothing: string | TemplateResult;
  declare key: (row: Row) => string;
  /** More about a row, shown below it when it is opened. */
  declare detail: ((row: Row) => unknown) | undefined;
  declare sorted: { column: number; down: boolean } | undefined;
  declare page: number;
  declare open: Set<string>;

  constructor() {
    super();
    this.rows = [];
    this.columns = [];
    this.nothing = "";
    this.page = 0;
    this.open = new Set();
  }

  #ordered(): Row[] {
    const by = this.sorted && this.columns[this.sorted.column]?.by;
    if (!by) return this.rows;
    const sign = this.sorted!.down ? -1 : 1;
    return [...this.rows].sort((one, other) => sign * compared(by(one), by(other)));
  }

  #sort(column: number): void {
    this.sorted = { column, down: this.sorted?.column === column && !this.sorted.down };
    this.page = 0;
  }

  override render(): TemplateResult {
    if (this.rows.length === 0) return typeof this.nothing === "string" ? empty(this.nothing) : this.nothing;
    const last = Math.ceil(this.rows.length / PAGE) - 1;
    const page = Math.min(this.page, last);
    const rows = this.#ordered().slice(page * PAGE, (page + 1) * PAGE);
    return html`<div class="scroll" tabindex="0" role="region" aria-label=${this.name}>
        <table class="stack" role="table" aria-label=${this.name}>
          <thead role="rowgroup">
            <tr role="row">${this.columns.map((column, index) => this.#head(column, index))}</tr>
          </thead>
          <tbody role="rowgroup">${rows.map((row, index) => this.#row(row, this.key ? this.key(row) : String(index)))}</tbody>
        </table>
      </div>
      ${last > 0 ? this.#pager(page, last) : nothing}`;
  }

  #head(column: Column<Row>, index: number): TemplateResult {
    const here = this.sorted?.column === index;
    const order = here ? (this.sorted!.down ? "descending" : "ascending") : nothing;
    return html`<th role="columnheader" scope="col" aria-sort=${order} class=${column.right ? "right" : ""}>
      ${column.by
        ? html`<button class="sort" @click=${() => this.#sort(index)}>${column.title}</button>`
        : column.title || html`<span class="hidden">${t("Actions")}</span>`}
    </th>`;
  }

  #row(row: Row, key: string): TemplateResult {
    const opened = this.open.has(key);
    return html`<tr role="row">
        ${this.columns.map(
          (column, index) => html`<td role="cell" data-title=${column.title} class=${[column.right && "right", column.whole && "nowrap"].filter(Boolean).join(" ")}>
            <div>${index === 0 && this.detail ? this.#opener(column.cell(row), key, opened) : column.cell(row)}</div>
          </td>`,
        )}
      </tr>
      ${opened ? html`<tr role="row" class="detail"><td role="cell" colspan=${this.columns.length}>${this.detail?.(row)}</td></tr>` : nothing}`;
  }

  #opener(text: unknown, key: string, opened: boolean): TemplateResult {
    const toggle = (): void => {
      this.open = new Set(opened ? [...this.open].filter((each) => each !== key) : [...this.open, key]);
    };
    return html`<button class="opener" aria-expanded=${opened} @click=${toggle}>${text}</button>`;
  }

  #pager(page: number, last: number): TemplateResult {
    return html`<nav class="pager" aria-label=${t("Pages of {name}", { name: this.name })}>
      <button ?disabled=${page === 0} @click=${() => (this.page = page - 1)}>${t("Previous page")}</button>
      <span>${t("Page {page} of {pages}", { page: page + 1, pages: last + 1 })}</span>
      <button ?disabled=${page === last} @click=${() => (this.page = page + 1)}>${t("Next page")}</button>
    </nav>`;
  }
}

customElements.define("mh-rows", Table);

export interface TableOptions<Row> {
  key?: (row: Row) => string;
  detail?: ((row: Row) => unknown) | undefined;
}

/** A table of rows; `none` is said when there are none. */
export function table<Row>(
  name: string,
  rows: Row[],
  columns: (Column<Row> | false)[],
  none: string | TemplateResult,
  { key, detail }: TableOptions<Row> = {},
): TemplateResult {
  const shown = columns.filter((column) => column !== false);
  return html`<mh-rows .name=${name} .rows=${rows} .columns=${shown} .nothing=${none} .key=${key} .detail=${detail}></mh-rows>`;
}
