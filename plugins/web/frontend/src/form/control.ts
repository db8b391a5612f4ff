// The input of one value. What is typed is handled once, by the form (`typing.ts`): inputs only say what they stand for.

import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { t } from "../t";
import type { Owner } from "./owner";
import { choiceLabel, type Field, fieldOf, isScalarList, type Path } from "./schema";
import { shown, shownAny } from "./text";

/** What an input stands for. */
export interface Place {
  path: Path;
  field: Field;
  required: boolean;
}

export interface PlacedElement extends HTMLElement {
  place?: Place;
}

/** How an input is named and described, and whether it is one of a table. */
export interface Frame {
  id: string;
  label?: string;
  labelledBy?: string;
  describedBy: string;
  wrong: boolean;
  cell?: boolean;
  /** How many letters a cell is wide. */
  size?: number;
}

const SOURCES = new Set(["point", "secret", "serial"]);
const RADIOS = 3;

/** Whether the choices are shown side by side, so that a group needs a legend and not a label. */
export const isRadios = (field: Field): boolean =>
  field.kind === "choice" && !field.nullable && field.schema.enum!.length <= RADIOS;

const widget = (owner: Owner, field: Field): string | undefined =>
  field.schema["x-widget"] ?? (field.kind === "list" ? fieldOf(field.schema.items!, owner.root).schema["x-widget"] : undefined);

export function control(owner: Owner, place: Place, frame: Frame): TemplateResult {
  const { field } = place;
  if (field.kind === "boolean") return field.nullable ? select(owner, place, frame, [true, false]) : checkbox(owner, place, frame);
  if (field.kind === "choice") {
    return isRadios(field) && !frame.cell ? radios(owner, place, frame) : select(owner, place, frame, field.schema.enum!);
  }
  return input(owner, place, frame);
}

function input(owner: Owner, place: Place, frame: Frame): TemplateResult {
  const { field, path, required } = place;
  const value = owner.draft.get(path);
  const source = widget(owner, field);
  const picks = source !== undefined && SOURCES.has(source) && !owner.readonly;
  const numeric = field.kind === "integer" || field.kind === "number";
  const text = field.kind === "any" ? shownAny(value) : shown(value);
  const standard = shown(field.fallback);
  return html`<input
    id=${frame.id}
    .place=${place}
    .value=${live(owner.readonly ? text || standard : text)}
    type=${source === "password" ? "password" : "text"}
    class=${numeric ? "number" : nothing}
    size=${frame.size ?? nothing}
    inputmode=${numeric ? (field.kind === "integer" ? "numeric" : "decimal") : nothing}
    placeholder=${standard || (owner.readonly ? "–" : nothing)}
    autocomplete=${source === "password" ? "new-password" : "off"}
    autocapitalize="none"
    spellcheck="false"
    role=${picks ? "combobox" : nothing}
    aria-autocomplete=${picks ? "list" : nothing}
    aria-expanded=${picks ? "false" : nothing}
    data-source=${picks ? source : nothing}
    data-many=${isScalarList(field, owner.root) ? "" : nothing}
    aria-label=${frame.label ?? nothing}
    aria-labelledby=${frame.labelledBy ?? nothing}
    aria-describedby=${frame.describedBy || nothing}
    aria-invalid=${frame.wrong ? "true" : nothing}
    aria-required=${required ? "true" : nothing}
    ?readonly=${owner.readonly}
  />`;
}

function checkbox(owner: Owner, place: Place, frame: Frame): TemplateResult {
  const value = owner.draft.get(place.path) ?? place.field.fallback ?? false;
  return html`<input
    id=${frame.id}
    .place=${place}
    type="checkbox"
    .checked=${live(value === true)}
    aria-label=${frame.label ?? nothing}
    aria-labelledby=${frame.labelledBy ?? nothing}
    aria-describedby=${frame.describedBy || nothing}
    aria-invalid=${frame.wrong ? "true" : nothing}
    ?disabled=${owner.readonly}
  />`;
}

const words = (field: Field, choice: unknown): string =>
  typeof choice === "boolean" ? (choice ? t("yes") : t("no")) : choiceLabel(field.schema, choice);

function select(owner: Owner, place: Place, frame: Frame, choices: unknown[]): TemplateResult {
  const { field } = place;
  const set = owner.draft.get(place.path);
  const value = set === undefined ? field.fallback : set;
  const chosen = choices.indexOf(value);
  const unset = field.nullable || chosen < 0;
  const stray = chosen < 0 && value !== undefined && value !== null ? shown(value) : "";
  return html`<select
    id=${frame.id}
    .place=${place}
    aria-label=${frame.label ?? nothing}
    aria-labelledby=${frame.labelledBy ?? nothing}
    aria-describedby=${frame.describedBy || nothing}
    aria-invalid=${frame.wrong ? "true" : nothing}
    aria-required=${place.required ? "true" : nothing}
    ?disabled=${owner.readonly}
  >
    ${unset ? html`<option value="" .selected=${live(chosen < 0)}>${stray || (field.nullable ? "–" : t("Choose …"))}</option>` : nothing}
    ${choices.map(
      (choice, at) => html`<option value=${at} .selected=${live(at === chosen)}>${words(field, choice)}</option>`,
    )}
  </select>`;
}

function radios(owner: Owner, place: Place, frame: Frame): TemplateResult {
  const { field } = place;
  const value = owner.draft.get(place.path) ?? field.fallback;
  return html`<span class="radios">
    ${field.schema.enum!.map(
      (choice, at) => html`<label>
        <input
          id=${at === 0 ? frame.id : `${frame.id}-${at}`}
          type="radio"
          name=${frame.id}
          value=${at}
          .place=${place}
          .checked=${live(choice === value)}
          aria-describedby=${frame.describedBy || nothing}
          aria-invalid=${frame.wrong ? "true" : nothing}
          ?disabled=${owner.readonly}
        />
        ${words(field, choice)}
      </label>`,
    )}
  </span>`;
}
