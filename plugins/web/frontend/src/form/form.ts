// `<mh-form>`: the settings that a JSON Schema describes, to be read or edited.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { Fault } from "../api";
import { MeterhubElement } from "../element";
import type { Schema } from "../model";
import { Draft } from "./draft";
import { shape } from "./node";
import type { Owner } from "./owner";
import { listenPicks } from "./picker";
import { asObject, fieldOf, type Field, type Path, resolved, shapeOf } from "./schema";
import { listen } from "./typing";
import "./cards";
import "./table";

let forms = 0;

export class Form extends MeterhubElement implements Owner {
  static override properties = {
    schema: { attribute: false },
    value: { attribute: false },
    errors: { attribute: false },
    readonly: { type: Boolean },
    service: { attribute: false },
  };
  /** What the settings may be. */
  declare schema: Schema | undefined;
  /** What is set; the form works on a copy, and tells with `change` (detail.value). */
  declare value: unknown;
  declare errors: Fault[];
  declare readonly: boolean;
  /** Whose settings they are; some tables then offer more. */
  declare service: string;
  draft = new Draft({});
  opened = new WeakSet<object>();
  readonly #name = `form${++forms}`;

  constructor() {
    super();
    this.errors = [];
    this.readonly = false;
    this.service = "";
    listen(this, this);
    listenPicks(this);
  }

  get root(): Schema {
    return this.schema ?? {};
  }

  ident = (path: Path): string => [this.#name, ...path].join("-").replace(/\s/g, "_");

  notify(): void {
    this.dispatchEvent(new CustomEvent("change", { bubbles: true, detail: { value: this.draft.data } }));
  }

  redraw(): void {
    this.requestUpdate();
  }

  protected override willUpdate(changed: PropertyValues): void {
    // The page may hand back what the form told it: then there is nothing to take over.
    if (changed.has("value") && this.value !== this.draft.data) this.draft = new Draft(this.value);
    if (changed.has("errors") || changed.has("value")) this.draft.blame(this.errors.map((fault) => this.#placed(fault)));
  }

  /** A sentence about something without an input of its own goes to the nearest place that has one. */
  #placed(fault: Fault): Fault {
    let field: Field | undefined = fieldOf(this.root, this.root);
    for (const [at, key] of fault.path.entries()) {
      const inner = this.#inner(field, fault.path.slice(0, at), key);
      if (!inner) {
        const entry = typeof key === "number" && field.kind === "list" ? `${key + 1}: ` : "";
        return { path: fault.path.slice(0, at), message: entry + fault.message };
      }
      field = inner;
    }
    return fault;
  }

  #inner(field: Field, path: Path, key: string | number): Field | undefined {
    if (field.kind === "list" && typeof key === "number") {
      const items = fieldOf(field.schema.items!, this.root);
      return items.kind === "object" || items.kind === "variants" ? items : undefined;
    }
    const schema = shapeOf(field, this.draft.get(path), this.root)?.properties?.[key];
    return schema && resolved(schema, this.root).const === undefined ? fieldOf(schema, this.root) : undefined;
  }

  /** Open whatever hides the first thing that is wrong, and put the focus on it. */
  async focusFirstError(): Promise<boolean> {
    const first = this.errors.map((fault) => this.#placed(fault)).find((fault) => fault.path.length) ?? this.errors[0];
    if (!first) return false;
    const { path } = this.#placed(first);
    path.forEach((_, at) => {
      const item = this.draft.get(path.slice(0, at + 1));
      if (asObject(item)) this.opened.add(item as object);
    });
    this.redraw();
    // Lists within cards are drawn one frame after the card.
    for (let frame = 0; frame < 20; frame++) {
      await new Promise(requestAnimationFrame);
      const found = path.length ? document.getElementById(this.ident(path)) : this.querySelector<HTMLElement>(".form-problems");
      if (!found) continue;
      found.focus();
      found.scrollIntoView({ block: "center" });
      return true;
    }
    return false;
  }

  override render(): TemplateResult | typeof nothing {
    if (!this.schema) return nothing;
    const wrong = this.draft.wrong([]);
    return html`<div class=${this.readonly ? "form locked" : "form"}>
      ${wrong.length
        ? html`<ul class="problem form-problems" role="alert" tabindex="-1">${wrong.map((each) => html`<li>${each}</li>`)}</ul>`
        : nothing}
      ${shape(this, [], fieldOf(this.root, this.root))}
    </div>`;
  }
}

customElements.define("mh-form", Form);
