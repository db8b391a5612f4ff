// The fields of an object: one after the other, each with its words and what is wrong with it.

import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import type { Schema } from "../model";
import { t } from "../t";
import { control, isRadios, type Place } from "./control";
import type { Owner } from "./owner";
import { raw } from "./raw";
import { about, described, frameOf, problems, unit } from "./words";
import {
  asObject,
  type Field,
  fieldOf,
  fieldsOf,
  isFlat,
  isRequired,
  isScalar,
  isScalarList,
  type Path,
  shapeOf,
  tagName,
  titleOf,
  variantOf,
  variantsOf,
} from "./schema";
import { shown } from "./text";

/** The fields of an object schema, but the one that chooses its shape. */
export function fields(owner: Owner, path: Path, schema: Schema, tag?: string): TemplateResult {
  const own = fieldsOf(schema, owner.root).filter(([name]) => name !== tag);
  const within = ([, field]: [string, Field]): boolean => !isScalar(field) && !isScalarList(field, owner.root);
  // Single values stand side by side; what is larger follows below them.
  return html`<div class="fields">
    ${[...own.filter((each) => !within(each)), ...own.filter(within)].map(([name, field]) =>
      node(owner, [...path, name], field, isRequired(schema, name)),
    )}
  </div>`;
}

/** One field, whatever it is. */
export function node(owner: Owner, path: Path, field: Field, required: boolean): TemplateResult {
  if (isScalar(field)) return single(owner, { path, field, required });
  if (field.kind === "object" || field.kind === "variants") return group(owner, path, field, required);
  if (isScalarList(field, owner.root)) return lines(owner, { path, field, required });
  if (field.kind === "list") return rows(owner, path, field);
  return raw(owner, path, field);
}

function single(owner: Owner, place: Place): TemplateResult {
  const { path, field } = place;
  const frame = frameOf(owner, path, field);
  const title = html`${titleOf(field, path.at(-1)!)}${unit(field)}`;
  const rest = html`${problems(owner, path)}${described(owner, path, about(field))}`;
  if (field.kind === "boolean" && !field.nullable) {
    return html`<div class="field check">
      <label>${control(owner, place, frame)} <span>${title}</span></label>
      ${rest}
    </div>`;
  }
  if (isRadios(field)) {
    return html`<fieldset class="field plain"><legend>${title}</legend>${control(owner, place, frame)}${rest}</fieldset>`;
  }
  return html`<div class="field">
    <label for=${frame.id}>${title}${mark(place)}</label>${control(owner, place, frame)}${rest}
  </div>`;
}

const mark = (place: Place): TemplateResult | typeof nothing =>
  place.required ? html` <span class="needed" aria-hidden="true">*</span>` : nothing;

/** A list of single values: one a line, or boxes to tick. */
function lines(owner: Owner, place: Place): TemplateResult {
  const { path, field } = place;
  const items = fieldOf(field.schema.items!, owner.root);
  const frame = frameOf(owner, path, field);
  const rest = html`${problems(owner, path)}${described(owner, path, about(field))}`;
  const title = html`${titleOf(field, path.at(-1)!)}${unit(field)}`;
  if (items.kind === "choice") {
    return html`<fieldset class="field plain"><legend>${title}</legend>${boxes(owner, place, items)}${rest}</fieldset>`;
  }
  const value = owner.draft.get(path);
  const text = Array.isArray(value) ? value.map(shown).join("\n") : shown(value);
  const standard = Array.isArray(field.fallback) ? field.fallback.map(shown).join("\n") : "";
  const source = items.schema["x-widget"];
  return html`<div class="field">
    <label for=${frame.id}>${title}${mark(place)} <small>${t("one a line")}</small></label>
    <textarea
      id=${frame.id}
      .place=${place}
      .value=${live(owner.readonly ? text || standard : text)}
      rows=${Math.min(12, Math.max(owner.readonly ? 1 : 2, (text || standard).split("\n").length + (owner.readonly ? 0 : 1)))}
      placeholder=${standard || (owner.readonly ? "–" : nothing)}
      spellcheck="false"
      aria-describedby=${frame.describedBy || nothing}
      aria-invalid=${frame.wrong ? "true" : nothing}
      ?readonly=${owner.readonly}
    ></textarea>
    ${source && !owner.readonly ? adder(frame.id, source) : nothing} ${rest}
  </div>`;
}

/** Something to pick that is put onto a line of its own. */
const adder = (id: string, source: string): TemplateResult => html`<input
  class="adder"
  role="combobox"
  aria-autocomplete="list"
  aria-expanded="false"
  autocomplete="off"
  data-source=${source}
  data-adds=${id}
  aria-label=${source === "point" ? t("Add a point") : t("Add an entry")}
  placeholder=${source === "point" ? t("Add a point") : t("Add an entry")}
/>`;

function boxes(owner: Owner, { path, field }: Place, items: Field): TemplateResult {
  const value = owner.draft.get(path) ?? field.fallback;
  const chosen = Array.isArray(value) ? (value as unknown[]) : [];
  const toggle = (choice: unknown, on: boolean): void => {
    const wanted = items.schema.enum!.filter((each) => (each === choice ? on : chosen.includes(each)));
    owner.draft.put(path, wanted, field.fallback);
    owner.notify();
    owner.redraw();
  };
  return html`<span class="radios">
    ${items.schema.enum!.map(
      (choice, at) => html`<label>
        <input
          type="checkbox"
          id=${at === 0 ? owner.ident(path) : `${owner.ident(path)}-${at}`}
          .checked=${live(chosen.includes(choice))}
          ?disabled=${owner.readonly}
          @change=${(event: Event) => toggle(choice, (event.target as HTMLInputElement).checked)}
        />
        ${items.schema["x-labels"]?.[String(choice)] ?? String(choice)}
      </label>`,
    )}
  </span>`;
}

const rows = (owner: Owner, path: Path, field: Field): TemplateResult =>
  isFlat(fieldOf(field.schema.items!, owner.root), owner.root)
    ? html`<mh-table class="wide" .owner=${owner} .path=${path} .field=${field} .version=${{}}></mh-table>`
    : html`<mh-cards class="wide" .owner=${owner} .path=${path} .field=${field} .version=${{}}></mh-cards>`;

/** An object in the object; one that may be missing has a box that brings it. */
function group(owner: Owner, path: Path, field: Field, required: boolean): TemplateResult {
  const title = titleOf(field, path.at(-1)!);
  const value = owner.draft.get(path);
  const there = !field.nullable || asObject(value) !== undefined;
  const toggle = (event: Event): void => {
    owner.draft.put(path, (event.target as HTMLInputElement).checked ? begin(field, owner) : undefined);
    owner.notify();
    owner.redraw();
  };
  const box = html`<label><input type="checkbox" .checked=${live(there)} ?disabled=${owner.readonly} @change=${toggle} /> ${title}</label>`;
  return html`<fieldset class="group wide" id=${owner.ident(path)} tabindex="-1">
    <legend>${field.nullable && !required ? box : title}</legend>
    ${problems(owner, path)}${described(owner, path, field.schema.description ?? "")}
    ${there ? shape(owner, path, field) : nothing}
  </fieldset>`;
}

/** A new value of a field that is an object; lists that must be given and may be empty are there. */
export function begin(field: Field, owner: Owner): Record<string, unknown> {
  const tag = field.kind === "variants" ? tagName(field.schema) : undefined;
  const value: Record<string, unknown> = tag === undefined ? {} : { [tag]: variantsOf(field.schema, owner.root)[0]?.tag };
  const schema = shapeOf(field, value, owner.root) ?? {};
  for (const [name, inner] of fieldsOf(schema, owner.root)) {
    if (inner.kind === "list" && !inner.schema.minItems && isRequired(schema, name)) value[name] = [];
  }
  return value;
}

/** The fields of an object, below the choice of its shape where there are several. */
export function shape(owner: Owner, path: Path, field: Field): TemplateResult {
  const value = owner.draft.get(path);
  const schema = shapeOf(field, value, owner.root);
  // A tag with several values of one shape is chosen above, too.
  const tag = field.kind === "variants" ? tagName(field.schema) : undefined;
  return html`${field.kind === "variants" ? chooser(owner, path, field) : nothing}
  ${schema ? fields(owner, path, schema, tag) : nothing}`;
}

function chooser(owner: Owner, path: Path, field: Field): TemplateResult {
  const variants = variantsOf(field.schema, owner.root);
  const at = variantOf(field.schema, owner.draft.get(path), owner.root);
  const tag = tagName(field.schema);
  const id = owner.ident(tag === undefined ? [...path, "shape"] : [...path, tag]);
  const choose = (event: Event): void => {
    const chosen = variants[Number((event.target as HTMLSelectElement).value)];
    if (!chosen) return;
    const before = asObject(owner.draft.get(path)) ?? {};
    const kept = Object.entries(before).filter(([name]) => name in (chosen.schema.properties ?? {}) && name !== tag);
    const after = { ...(tag === undefined ? {} : { [tag]: chosen.tag }), ...Object.fromEntries(kept) };
    if (owner.opened.has(before)) owner.opened.add(after);
    owner.draft.put(path, after);
    owner.notify();
    owner.redraw();
  };
  const title = tag === undefined ? t("Kind") : (variants[at]?.schema.properties?.[tag]?.title ?? t("Kind"));
  return html`<div class="field">
    <label for=${id}>${title}</label>
    <select id=${id} ?disabled=${owner.readonly} aria-describedby=${`${id}-about`} @change=${choose}>
      ${at < 0 ? html`<option value="" selected>${t("Choose …")}</option>` : nothing}
      ${variants.map((each, index) => html`<option value=${index} .selected=${live(index === at)}>${each.label}</option>`)}
    </select>
    <p class="description" id=${`${id}-about`}>${variants[at]?.schema.description ?? ""}</p>
  </div>`;
}
