// What is said about a place: its description, its unit, what is wrong with it.

import { html, nothing, type TemplateResult } from "lit";
import type { Frame } from "./control";
import type { Owner } from "./owner";
import type { Field, Path } from "./schema";
import { limits } from "./text";
import { t } from "../t";

/** The sentences about a place; inputs point at it. */
export const problems = (owner: Owner, path: Path): TemplateResult | typeof nothing => {
  const wrong = owner.draft.wrong(path);
  return wrong.length ? html`<p class="problem" id=${`${owner.ident(path)}-wrong`}>${wrong.join(" ")}</p>` : nothing;
};

export const describedBy = (owner: Owner, path: Path, described: boolean): string =>
  [
    owner.draft.wrong(path).length ? `${owner.ident(path)}-wrong` : "",
    described ? `${owner.ident(path)}-about` : "",
  ].filter((id) => id !== "").join(" ");

export const about = (field: Field): string => {
  const allowed = limits(field.schema);
  return [field.schema.description, allowed && t("Allowed: {limits}.", { limits: allowed })].filter(Boolean).join(" ");
};

export const described = (owner: Owner, path: Path, text: string): TemplateResult | typeof nothing =>
  text ? html`<p class="description" id=${`${owner.ident(path)}-about`}>${text}</p>` : nothing;

export const unit = (field: Field): TemplateResult | typeof nothing =>
  field.schema.unit ? html` <small>[${field.schema.unit}]</small>` : nothing;

export const frameOf = (owner: Owner, path: Path, field: Field): Frame => ({
  id: owner.ident(path),
  describedBy: describedBy(owner, path, about(field) !== ""),
  wrong: owner.draft.wrong(path).length > 0,
});
