// `<mh-status>`: any status, as its JSON Schema describes it, or as plain JSON where there is none.

import { html, nothing, type TemplateResult } from "lit";
import { MeterhubElement } from "../element";
import { asObject, resolved } from "../form/schema";
import type { Schema } from "../model";
import { number, t } from "../t";
import { isNumeric, worth } from "./words";

const MOST = 200;
const WIDE = 14;
/** The column that says which row of the table above a row belongs to. */
const OF = "\u0000of";

class Status extends MeterhubElement {
  static override properties = {
    schema: { attribute: false },
    value: { attribute: false },
    level: { type: Number },
    shown: { state: true },
  };
  declare schema: Schema | null | undefined;
  declare value: unknown;
  /** Of the headings of its sections. */
  declare level: number;
  /** How many rows of long tables are shown. */
  declare shown: number;

  constructor() {
    super();
    this.level = 2;
    this.shown = MOST;
  }

  #schema(schema: Schema | undefined): Schema {
    const root = this.schema ?? {};
    const own = resolved(schema ?? {}, root);
    const rest = own.anyOf?.filter((each) => each.type !== "null");
    return rest?.length === 1 ? { ...resolved(rest[0]!, root), ...own } : own;
  }

  override render(): TemplateResult | typeof nothing {
    if (this.value === undefined) return nothing;
    const object = asObject(this.value);
    const schema = this.#schema(this.schema ?? {});
    return html`<div class="status">
      ${object ? this.#object(object, schema, this.level) : this.#other(this.value, schema, t("Result"), this.level)}
    </div>`;
  }

  /** Its own values first, what is within it below. */
  #object(value: Record<string, unknown>, schema: Schema, level: number): TemplateResult {
    const each = Object.keys(value).map((name): [string, unknown, Schema] => [
      name,
      value[name],
      this.#schema(schema.properties?.[name] ?? (typeof schema.additionalProperties === "object" ? schema.additionalProperties : {})),
    ]);
    const plain = each.filter(([, one, own]) => !this.#isSection(one, own));
    return html`${plain.length ? html`<dl class="values">${plain.map(([name, one, own]) => this.#value(name, one, own))}</dl>` : nothing}
    ${each
      .filter(([, one, own]) => this.#isSection(one, own))
      .map(([name, one, own]) => this.#other(one, own, own.title ?? worded(name), level))}`;
  }

  #isSection(value: unknown, schema: Schema): boolean {
    if (asObject(value)) return true;
    if (!Array.isArray(value)) return false;
    return value.some((each) => typeof each === "object") || (value.length === 0 && this.#schema(schema.items).type === "object");
  }

  #value(name: string, value: unknown, schema: Schema): TemplateResult {
    const { description } = schema;
    const long = typeof value === "string" && (value.includes("\n") || value.length > 200);
    return html`<div class=${long ? "long" : nothing}>
      <dt>${schema.title ?? worded(name)}</dt>
      <dd>${long ? html`<pre tabindex="0">${value}</pre>` : worth(value, schema, name)}</dd>
      ${description ? html`<dd class="description">${description}</dd>` : nothing}
    </div>`;
  }

  #heading(words: string, level: number, count?: number): TemplateResult {
    return html`<div class="title" role="heading" aria-level=${Math.min(level, 6)}>
      ${words} ${count === undefined ? nothing : html`<small>${number(count)}</small>`}
    </div>`;
  }

  #other(value: unknown, schema: Schema, title: string, level: number): TemplateResult {
    const object = asObject(value);
    if (object) return html`<section>${this.#heading(title, level)}${this.#object(object, schema, level + 1)}</section>`;
    if (!Array.isArray(value)) return html`<dl class="values">${this.#value(title, value, schema)}</dl>`;
    return html`<section>
      ${this.#heading(title, level, value.length)}
      ${schema.description ? html`<p class="description">${schema.description}</p>` : nothing}
      ${value.length ? this.#rows(value, this.#schema(schema.items), title, level) : html`<p class="empty">${t("None.")}</p>`}
      ${value.length > this.shown
        ? html`<button type="button" @click=${() => (this.shown *= 4)}>${t("Show more of {count}", { count: number(value.length) })}</button>`
        : nothing}
    </section>`;
  }

  /** Objects with few values as a table; what is within a row, or does not fit, follows below it. */
  #rows(list: unknown[], schema: Schema, title: string, level: number): TemplateResult {
    const rows = list.slice(0, this.shown);
    if (!rows.every((row) => asObject(row))) {
      return html`<ul class="plain">${rows.map((row) => html`<li>${worth(row, schema, "")}</li>`)}</ul>`;
    }
    const objects = rows as Record<string, unknown>[];
    const names = [...new Set(objects.flatMap((row) => Object.keys(row)))];
    const own = new Map(names.map((name) => [name, this.#schema(schema.properties?.[name])]));
    const inner = names.filter((name) => objects.some((row) => this.#isSection(row[name], own.get(name)!)));
    const flat = names.filter((name) => !inner.includes(name));
    if (flat.length > WIDE) return html`${objects.map((row, at) => this.#card(row, schema, names, level + 1, at))}`;
    return html`${this.#table(objects, flat, own, title)} ${inner.map((name) => this.#within(objects, name, own, flat, level))}`;
  }

  /** What is within the rows of a table, of all of them in one table that says whose each is. */
  #within(rows: Record<string, unknown>[], name: string, own: Map<string, Schema>, flat: string[], level: number): TemplateResult | typeof nothing {
    const schema = own.get(name)!;
    const items = schema.type === "array" || schema.items ? this.#schema(schema.items) : schema;
    const [first, second] = flat;
    const merged = rows.flatMap((row) => {
      // A row that says itself whose it is needs no column for it.
      if (first !== undefined && first in (items.properties ?? {})) return [row[name] ?? []].flat() as Record<string, unknown>[];
      const whose = first === OF ? [row[OF], row[second ?? ""]].join(" / ") : row[first ?? ""];
      return [row[name] ?? []].flat().map((each) => ({ [OF]: whose, ...asObject(each) }));
    });
    if (!merged.length) return nothing;
    const whose = { title: own.get(first ?? "")?.title ?? "" };
    const properties = merged.some((each) => OF in each) ? { [OF]: whose, ...items.properties } : items.properties!;
    return this.#other(merged, { ...schema, type: "array", items: { ...items, properties } }, schema.title ?? worded(name), level);
  }

  #table(rows: Record<string, unknown>[], names: string[], own: Map<string, Schema>, title: string): TemplateResult {
    // What a row is called stands to the left, a number too.
    const numeric = new Set(names.slice(1).filter((name) => rows.some((row) => isNumeric(own.get(name)!, row[name]))));
    const explained = names.filter((name) => own.get(name)!.description);
    return html`${explained.length
        ? html`<dl class="description columns">
            ${explained.map((name) => html`<div><dt>${own.get(name)!.title ?? worded(name)}</dt><dd>${own.get(name)!.description}</dd></div>`)}
          </dl>`
        : nothing}
      <div class="scroll" tabindex="0" role="group" aria-label=${title}>
      <table>
        <thead>
          <tr>
            ${names.map((name) => {
              const schema = own.get(name)!;
              return html`<th scope="col" class=${numeric.has(name) ? "number" : nothing}>${schema.title ?? worded(name)}</th>`;
            })}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (row) => html`<tr>
              ${names.map((name, at) =>
                at === 0
                  ? html`<th scope="row">${worth(row[name], { ...own.get(name)!, enum: undefined }, "")}</th>`
                  : html`<td class=${numeric.has(name) ? "number" : nothing}>${worth(row[name], own.get(name)!, name)}</td>`,
              )}
            </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }

  /** A row with many values: a card of its own. */
  #card(row: Record<string, unknown>, schema: Schema, names: string[], level: number, at: number): TemplateResult {
    const first = names.find((name) => typeof row[name] === "string");
    const { [first ?? ""]: label, ...rest } = row;
    return html`<article class="card">
      <div class="card-head">
        ${this.#heading(label === undefined ? String(at + 1) : String(label), level)}
        ${typeof row["state"] === "string" ? worth(row["state"], this.#schema(schema.properties?.["state"]), "state") : nothing}
      </div>
      <div class="card-body">${this.#object(rest, schema, level + 1)}</div>
    </article>`;
  }
}

/** The name of a field that has no title. */
const worded = (name: string): string => {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
};

customElements.define("mh-status", Status);
