// A list of flat objects as a table to type into; rows beyond the screen are drawn when they are scrolled to.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { t } from "../t";
import { control } from "./control";
import { exported, imported, pasted } from "./exchange";
import { List } from "./list";
import { type Field, fieldsOf, isRequired, titleOf } from "./schema";
import { download, upload } from "./sheet";
import { shown } from "./text";
import { about, described, problems } from "./words";

const CHUNK = 10;
const ROW_HEIGHT = 35;

class Table extends List {
  static override properties = { current: { state: true }, faults: { state: true } };
  /** The row that the tools work on. */
  declare current: number;
  declare faults: string[];
  #seen = new Set<number>();
  #watch: IntersectionObserver | undefined;
  #size: number[] = [];

  constructor() {
    super();
    this.current = -1;
    this.faults = [];
    this.addEventListener("focusin", (event) => this.#enter(event.target as HTMLElement));
    this.addEventListener("keydown", (event) => this.#key(event));
    this.addEventListener("paste", (event) => this.#paste(event));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#watch?.disconnect();
    this.#watch = undefined;
  }

  get columns(): [string, Field][] {
    return fieldsOf(this.items.schema, this.owner.root);
  }

  protected override focusItem(at: number): void {
    this.owner.opened.add(this.list[at] as object);
    this.requestUpdate();
    void this.updateComplete.then(() => this.#cell(at, 0)?.focus());
  }

  #cell(row: number, column: number): HTMLElement | null {
    const name = this.columns[column]?.[0];
    return name === undefined ? null : document.getElementById(this.owner.ident([...this.path, row, name]));
  }

  /** As wide as what stands in it, within reason. */
  #widths(): number[] {
    const rows = this.list as Record<string, unknown>[];
    return this.columns.map(([name, field]) => {
      const longest = rows.reduce((most, row) => Math.max(most, shown(row?.[name] ?? field.fallback).length), 0);
      return Math.max(6, Math.min(36, longest + 1));
    });
  }

  /** Where a cell is: row and column. */
  #where(element: HTMLElement): [number, number] | undefined {
    const place = element.closest<HTMLElement>("td[data-column]");
    const row = place?.closest<HTMLElement>("tr[data-row]");
    return place && row ? [Number(row.dataset["row"]), Number(place.dataset["column"])] : undefined;
  }

  #enter(element: HTMLElement): void {
    const at = this.#where(element);
    if (at) this.current = at[0];
  }

  #key(event: KeyboardEvent): void {
    const element = event.target as HTMLInputElement;
    const at = this.#where(element);
    if (!at || event.isComposing || event.defaultPrevented || element.getAttribute("aria-expanded") === "true") return;
    const [row, column] = at;
    const text = element instanceof HTMLInputElement && element.type !== "checkbox";
    const edge = text && element.selectionStart === element.selectionEnd;
    let to: [number, number] | undefined;
    if (event.key === "Enter") to = [row + (event.shiftKey ? -1 : 1), column];
    else if (event.altKey && event.key.startsWith("Arrow") && !this.owner.readonly) return this.#shift(event, row);
    else if (element instanceof HTMLSelectElement || event.ctrlKey || event.metaKey || event.shiftKey) return;
    else if (event.key === "ArrowUp") to = [row - 1, column];
    else if (event.key === "ArrowDown") to = [row + 1, column];
    else if (event.key === "ArrowLeft" && (!text || (edge && element.selectionStart === 0))) to = [row, column - 1];
    else if (event.key === "ArrowRight" && (!text || (edge && element.selectionEnd === element.value.length))) to = [row, column + 1];
    if (!to) return;
    event.preventDefault();
    if (event.key === "Enter" && to[0] === this.list.length && !this.owner.readonly && to[0] < this.most) return this.add();
    void this.#go(...to);
  }

  #shift(event: KeyboardEvent, row: number): void {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    event.preventDefault();
    this.move(row, event.key === "ArrowUp" ? -1 : 1);
  }

  async #go(row: number, column: number): Promise<void> {
    const item = this.list[row];
    if (item === undefined) return;
    this.owner.opened.add(item as object);
    if (!this.#cell(row, column)) this.requestUpdate();
    await this.updateComplete;
    const cell = this.#cell(row, column);
    cell?.focus();
    if (cell instanceof HTMLInputElement && cell.type !== "checkbox") cell.select();
  }

  #paste(event: ClipboardEvent): void {
    const at = this.#where(event.target as HTMLElement);
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (!at || this.owner.readonly || !/[\t\n]/.test(text.trimEnd())) return;
    event.preventDefault();
    const items = this.own() as Record<string, unknown>[];
    const done = pasted(items, this.columns, at, text, this.items.schema, this.owner.root, this.most);
    this.become(items);
    for (const { row, name, problem } of done.wrong) this.owner.draft.say([...this.path, row, name], problem);
    this.said = t("{rows} rows pasted, {wrong} cells need a look.", { rows: done.rows, wrong: done.wrong.length });
  }

  async #in(): Promise<void> {
    const text = await upload(".csv,text/csv,text/plain");
    if (text === undefined) return;
    const { items, faults } = imported(text, this.columns, this.items.schema, this.owner.root, this.most);
    this.faults = faults;
    if (faults.length) return;
    if (this.list.length && !window.confirm(t("Replace the {count} rows of {title}?", { count: this.list.length, title: this.heading }))) return;
    this.become(items, () => -1);
    this.said = t("{rows} rows read.", { rows: items.length });
  }

  #out(): void {
    download(`${this.path.join("-")}.csv`, exported(this.list as Record<string, unknown>[], this.columns));
  }

  protected override updated(changed: PropertyValues): void {
    super.updated(changed);
    const margins = { rootMargin: "600px", scrollMargin: "600px" };
    this.#watch ??= new IntersectionObserver((entries) => this.#appear(entries), margins);
    for (const later of this.querySelectorAll<HTMLElement>("tbody.later")) {
      const rows = Number(later.dataset["rows"]);
      later.querySelector("td")!.style.setProperty("height", `${rows * ROW_HEIGHT}px`);
      this.#watch.observe(later);
    }
  }

  #appear(entries: IntersectionObserverEntry[]): void {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      this.#watch?.unobserve(entry.target);
      this.#seen.add(Number((entry.target as HTMLElement).dataset["chunk"]));
      this.requestUpdate();
    }
  }

  override render(): TemplateResult {
    const id = this.owner.ident(this.path);
    const { columns, list } = this;
    this.#size = this.#widths();
    const chunks = Math.ceil(list.length / CHUNK);
    return html`<div class="list" role="group" id=${id} tabindex="-1" aria-labelledby=${`${id}-title`}>
      ${this.head(this.#tools())} ${problems(this.owner, this.path)}
      ${described(this.owner, this.path, about(this.field))} ${this.#faults()} ${this.#legend(columns)}
      ${list.length
        ? html`<div class="scroll sheet" tabindex="0" role="group" aria-labelledby=${`${id}-title`}>
            <table aria-rowcount=${list.length + 1}>
              <thead><tr><th scope="col"><span class="hidden">${t("Row")}</span></th>${columns.map(([name, field]) => this.#heading(name, field))}</tr></thead>
              ${Array.from({ length: chunks }, (_, chunk) => this.#chunk(chunk))}
            </table>
          </div>`
        : html`<p class="empty">${t("No rows.")}</p>`}
    </div>`;
  }

  #heading(name: string, field: Field): TemplateResult {
    const id = this.owner.ident([...this.path, "head", name]);
    return html`<th scope="col" id=${id}>
      ${titleOf(field, name)}${field.schema.unit ? html` <small>[${field.schema.unit}]</small>` : nothing}
      ${isRequired(this.items.schema, name) ? html`<span class="needed" aria-hidden="true">*</span>` : nothing}
    </th>`;
  }

  /** The descriptions of the columns, in the document for everyone, on the screen with the switch. */
  #legend(columns: [string, Field][]): TemplateResult {
    return html`<dl class="description columns">
      ${columns
        .filter(([, field]) => about(field) !== "")
        .map(
          ([name, field]) => html`<div>
            <dt>${titleOf(field, name)}</dt>
            <dd id=${this.owner.ident([...this.path, "about", name])}>${about(field)}</dd>
          </div>`,
        )}
    </dl>`;
  }

  #chunk(chunk: number): TemplateResult {
    const { list } = this;
    const from = chunk * CHUNK;
    const part = list.slice(from, from + CHUNK);
    // A short table is drawn at once, a long one where it is looked at or typed into.
    if (list.length <= CHUNK || part.some((item) => this.owner.opened.has(item as object))) this.#seen.add(chunk);
    if (!this.#seen.has(chunk)) {
      return html`<tbody class="later" data-chunk=${chunk} data-rows=${part.length}>
        <tr><td colspan=${this.columns.length + 1}></td></tr>
      </tbody>`;
    }
    return html`<tbody>${part.map((_, at) => this.#row(from + at))}</tbody>`;
  }

  #row(row: number): TemplateResult {
    const head = this.owner.ident([...this.path, row]);
    return html`<tr data-row=${row} aria-rowindex=${row + 2} class=${row === this.current ? "current" : nothing}>
      <th scope="row" id=${head} tabindex="-1">${row + 1}${problems(this.owner, [...this.path, row])}</th>
      ${this.columns.map(([name, field], column) => this.#one(row, column, name, field))}
    </tr>`;
  }

  #one(row: number, column: number, name: string, field: Field): TemplateResult {
    const { owner } = this;
    const path = [...this.path, row, name];
    const wrong = owner.draft.wrong(path).length > 0;
    const id = owner.ident(path);
    const described = about(field) ? owner.ident([...this.path, "about", name]) : "";
    const frame = {
      id,
      labelledBy: `${owner.ident([...this.path, "head", name])} ${owner.ident([...this.path, row])}`,
      describedBy: wrong ? `${id}-wrong ${described}` : described,
      wrong,
      cell: true,
      size: this.#size[column]!,
    };
    const place = { path, field, required: isRequired(this.items.schema, name) };
    return html`<td data-column=${column}>${control(owner, place, frame)}${wrong ? problems(owner, path) : nothing}</td>`;
  }

  #faults(): TemplateResult | typeof nothing {
    if (!this.faults.length) return nothing;
    return html`<div class="problem" role="alert">
      <p>${t("Nothing was read from the file:")}</p>
      <ul>${this.faults.slice(0, 20).map((fault) => html`<li>${fault}</li>`)}</ul>
      ${this.faults.length > 20 ? html`<p>${t("and {count} more", { count: this.faults.length - 20 })}</p>` : nothing}
    </div>`;
  }

  #tools(): TemplateResult {
    const out = html`<button type="button" class="quiet" ?disabled=${!this.list.length} @click=${() => this.#out()}>${t("CSV out")}</button>`;
    if (this.owner.readonly) return out;
    const at = this.current < this.list.length ? this.current : -1;
    const number = at + 1;
    const tool = (words: string, sign: string, off: boolean, work: () => void): TemplateResult =>
      html`<button type="button" class="quiet sign" title=${words} aria-label=${words} ?disabled=${off} @click=${work}>${sign}</button>`;
    return html`
      ${tool(t("Move row {number} up", { number }), "↑", at < 1, () => this.move(at, -1))}
      ${tool(t("Move row {number} down", { number }), "↓", at < 0 || at === this.list.length - 1, () => this.move(at, 1))}
      <button type="button" class="quiet" ?disabled=${at < 0 || this.list.length >= this.most} @click=${() => this.copy(at)}>
        ${at < 0 ? t("Copy row") : t("Copy row {number}", { number })}
      </button>
      <button type="button" class="quiet" ?disabled=${at < 0} @click=${() => this.take(at)}>
        ${at < 0 ? t("Remove row") : t("Remove row {number}", { number })}
      </button>
      ${out}
      <button type="button" class="quiet" @click=${() => this.#in()}>${t("CSV in")}</button>
      ${this.#browses() ? html`<button type="button" @click=${() => this.#browse()}>${t("Browse the meter …")}</button>` : nothing}
    `;
  }

  // Rows that name objects of a meter can be taken from the meter itself.
  #browses(): boolean {
    return this.owner.service.split("@")[0] === "dlms-client" && this.path.at(-1) === "mappings";
  }

  async #browse(): Promise<void> {
    const { browse } = await import("./browse");
    const chosen = await browse(this.owner.service, this.owner.draft.get(this.path.slice(0, -1)), this.list);
    if (chosen.length) this.insert(this.list.length, ...chosen.slice(0, this.most - this.list.length));
  }
}

customElements.define("mh-table", Table);
