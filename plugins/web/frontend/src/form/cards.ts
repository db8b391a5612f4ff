// A list of larger objects as cards: closed, each is one line that says what it is.

import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { number, t } from "../t";
import { List } from "./list";
import { shape } from "./node";
import { asObject, choiceLabel, type Field, fieldsOf, isScalar, shapeOf, tagName, titleOf, variantOf, variantsOf } from "./schema";
import { shown } from "./text";
import { problems } from "./words";

const WORDS = 4;
const NAMES = ["label", "name", "title", "logical_name"];

class Cards extends List {
  protected override focusItem(at: number): void {
    document.getElementById(this.owner.ident([...this.path, at]))?.focus();
  }

  #toggle(item: object): void {
    if (this.owner.opened.has(item)) this.owner.opened.delete(item);
    else this.owner.opened.add(item);
    this.requestUpdate();
  }

  #all(open: boolean): void {
    for (const item of this.list as object[]) {
      if (open) this.owner.opened.add(item);
      else this.owner.opened.delete(item);
    }
    this.requestUpdate();
  }

  override render(): TemplateResult {
    const id = this.owner.ident(this.path);
    const list = this.list as object[];
    const open = list.some((item) => this.owner.opened.has(item));
    const folding = list.length > 1 ? html`<button type="button" class="quiet" @click=${() => this.#all(!open)}>
      ${open ? t("Close all") : t("Open all")}
    </button>` : nothing;
    return html`<div class="list" role="group" id=${id} tabindex="-1" aria-labelledby=${`${id}-title`}>
      ${this.head(folding)} ${problems(this.owner, this.path)}
      ${this.field.schema.description ? html`<p class="description">${this.field.schema.description}</p>` : nothing}
      ${list.length ? nothing : html`<p class="empty">${t("None yet.")}</p>`}
      ${repeat(list, (item) => item, (item, at) => this.#card(item, at, list.length))}
    </div>`;
  }

  #card(item: object, at: number, count: number): TemplateResult {
    const path = [...this.path, at];
    const id = this.owner.ident(path);
    const open = this.owner.opened.has(item);
    const wrong = this.owner.draft.count(path);
    const [name, rest] = this.#summary(item, at);
    const tool = (words: string, sign: string, off: boolean, work: () => void): TemplateResult =>
      html`<button type="button" class="quiet sign" title=${words} aria-label=${words} ?disabled=${off} @click=${work}>${sign}</button>`;
    return html`<article class=${wrong ? "card wrong" : "card"}>
      <div class="card-head">
        <div class="title" role="heading" aria-level=${Math.min(6, this.level + 1)}>
          <button type="button" class="quiet fold" id=${id} aria-expanded=${open} aria-controls=${`${id}-body`} @click=${() => this.#toggle(item)}>
            <span class="arrow" aria-hidden="true">${open ? "▾" : "▸"}</span><strong>${name}</strong>
            <span class="rest">${rest}</span>
            ${wrong ? html`<span class="problem">${t("{count} to correct", { count: wrong })}</span>` : nothing}
          </button>
        </div>
        ${this.owner.readonly
          ? nothing
          : html`<div class="tools">
              ${tool(t("Move {name} up", { name }), "↑", at === 0, () => this.move(at, -1))}
              ${tool(t("Move {name} down", { name }), "↓", at === count - 1, () => this.move(at, 1))}
              <button type="button" class="quiet" aria-label=${t("Copy {name}", { name })} ?disabled=${count >= this.most} @click=${() => this.copy(at)}>
                ${t("Copy")}
              </button>
              <button type="button" class="quiet" aria-label=${t("Remove {name}", { name })} @click=${() => this.take(at)}>${t("Remove")}</button>
            </div>`}
      </div>
      <div class="card-body" id=${`${id}-body`} ?hidden=${!open}>
        ${open ? html`${problems(this.owner, path)} ${shape(this.owner, path, this.items)}` : nothing}
      </div>
    </article>`;
  }

  /** What a closed card says: its label, then its first values and how many rows it has. */
  #summary(item: object, at: number): [string, string] {
    const { root } = this.owner;
    const schema = shapeOf(this.items, item, root);
    const value = asObject(item) ?? {};
    const key = NAMES.find((each) => typeof value[each] === "string" && value[each] !== "");
    const each = schema ? fieldsOf(schema, root).filter(([name]) => name !== key) : [];
    const tag = this.#tag(item);
    const words = [tag, ...each.map(([name, field]) => this.#word(name, field, value[name]))].filter((word) => word !== "");
    const name = key ? String(value[key]) : `${at + 1}`;
    return [name, words.slice(0, WORDS).join(" · ")];
  }

  #tag(item: object): string {
    if (this.items.kind !== "variants" || tagName(this.items.schema) === undefined) return "";
    return variantsOf(this.items.schema, this.owner.root)[variantOf(this.items.schema, item, this.owner.root)]?.label ?? "";
  }

  #word(name: string, field: Field, value: unknown): string {
    if (this.items.kind === "variants" && name === tagName(this.items.schema)) return "";
    if (Array.isArray(value) && value.length) return `${titleOf(field, name)}: ${number(value.length)}`;
    if (!isScalar(field) || value === undefined || value === null || value === "" || typeof value === "boolean") return "";
    if (field.schema["x-widget"] === "secret") return "";
    if (field.kind === "choice") return choiceLabel(field.schema, value);
    const unit = field.schema.unit ? ` ${field.schema.unit}` : "";
    return field.kind === "text" ? shown(value) : `${titleOf(field, name)} ${shown(value)}${unit}`;
  }
}

customElements.define("mh-cards", Cards);
