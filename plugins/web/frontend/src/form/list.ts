// What tables and cards have in common: items that come, go and move, and the same words for it.

import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { MeterhubElement } from "../element";
import { t } from "../t";
import { begin } from "./node";
import type { Owner } from "./owner";
import { type Field, fieldOf, type Path, titleOf } from "./schema";

export class List extends MeterhubElement {
  static override properties: PropertyDeclarations = {
    owner: { attribute: false },
    path: { attribute: false },
    field: { attribute: false },
    version: { attribute: false },
    said: { state: true },
  };
  declare owner: Owner;
  declare path: Path;
  declare field: Field;
  declare version: unknown;
  /** What happened last, for those who do not see it. */
  declare said: string;

  constructor() {
    super();
    this.said = "";
  }

  get items(): Field {
    return fieldOf(this.field.schema.items!, this.owner.root);
  }

  get list(): unknown[] {
    const value = this.owner.draft.get(this.path) ?? this.field.fallback;
    return Array.isArray(value) ? (value as unknown[]) : [];
  }

  get heading(): string {
    return titleOf(this.field, this.path.at(-1)!);
  }

  /** Of its heading: lists within items of lists are one deeper. */
  get level(): number {
    return Math.min(6, 2 + 2 * this.path.filter((key) => typeof key === "number").length);
  }

  get most(): number {
    return this.field.schema.maxItems ?? Infinity;
  }

  /** Items in another order, with new ones, or without some; `to` tells where an old one is now. */
  protected become(items: unknown[], to: (index: number) => number = (index) => index): void {
    this.owner.draft.put(this.path, items);
    this.owner.draft.moved(this.path, to);
    this.owner.notify();
    this.requestUpdate();
  }

  protected own(): unknown[] {
    return [...this.list.map((item) => (this.owner.draft.get(this.path) === undefined ? structuredClone(item) : item))];
  }

  protected insert(at: number, ...given: unknown[]): void {
    const items = this.own();
    items.splice(at, 0, ...given);
    for (const item of given) if (typeof item === "object" && item !== null) this.owner.opened.add(item);
    this.become(items, (index) => (index >= at ? index + given.length : index));
  }

  protected add(): void {
    this.insert(this.list.length, begin(this.items, this.owner));
    this.said = t("Row {number} added.", { number: this.list.length });
    void this.updateComplete.then(() => this.focusItem(this.list.length - 1));
  }

  /** A copy right below; its label must be another one, so it is left to be typed. */
  protected copy(at: number): void {
    const copied = structuredClone(this.list[at]) as Record<string, unknown>;
    if (typeof copied["label"] === "string") copied["label"] = this.#free(copied["label"]);
    this.insert(at + 1, copied);
    void this.updateComplete.then(() => this.focusItem(at + 1));
  }

  #free(label: string): string {
    const taken = new Set(this.list.map((item) => (item as Record<string, unknown>)["label"]));
    const stem = label.replace(/-\d+$/, "");
    let number = 2;
    while (taken.has(`${stem}-${number}`)) number++;
    return `${stem}-${number}`;
  }

  protected take(at: number): void {
    const items = this.own();
    items.splice(at, 1);
    this.become(items, (index) => (index === at ? -1 : index > at ? index - 1 : index));
    this.said = t("Row {number} removed.", { number: at + 1 });
  }

  protected move(at: number, by: number): void {
    const items = this.own();
    const other = at + by;
    if (other < 0 || other >= items.length) return;
    [items[at], items[other]] = [items[other], items[at]];
    this.become(items, (index) => (index === at ? other : index === other ? at : index));
    void this.updateComplete.then(() => this.focusItem(other));
  }

  protected clear(): void {
    if (window.confirm(t("Remove all {count} rows of {title}?", { count: this.list.length, title: this.heading }))) {
      this.become([], () => -1);
    }
  }

  /** Put the focus on an item. */
  protected focusItem(_at: number): void {}

  protected head(more: TemplateResult | typeof nothing = nothing): TemplateResult {
    const count = this.list.length;
    return html`<div class="list-head">
      <div class="title" role="heading" aria-level=${this.level} id=${`${this.owner.ident(this.path)}-title`}>
        ${this.heading} <small>${count}</small>
      </div>
      ${this.owner.readonly
        ? more
        : html`<div class="tools" role="group" aria-label=${this.heading}>
            <button type="button" ?disabled=${count >= this.most} @click=${() => this.add()}>${t("Add")}</button>
            <button type="button" class="quiet" ?disabled=${!count} @click=${() => this.take(count - 1)}>${t("Remove last")}</button>
            <button type="button" class="quiet" ?disabled=${!count} @click=${() => this.clear()}>${t("Remove all")}</button>
            ${more}
          </div>`}
      <span class="hidden" role="status">${this.said}</span>
    </div>`;
  }
}
