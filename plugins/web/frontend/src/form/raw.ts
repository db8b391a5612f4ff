// Maps and whatever has no input of its own, as text.

import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { t } from "../t";
import type { Owner } from "./owner";
import { asObject, type Field, type Path, titleOf } from "./schema";
import { about, described, frameOf, problems } from "./words";

/** What has no form of its own: maps as lines of `key = value`, all else as JSON. */
export function raw(owner: Owner, path: Path, field: Field): TemplateResult {
  const frame = frameOf(owner, path, field);
  const value = owner.draft.get(path) ?? (owner.readonly ? field.fallback : undefined);
  const map = field.kind === "map";
  const text = typeof value === "string" ? value : value === undefined ? "" : map ? mapText(value) : JSON.stringify(value, null, 2);
  const change = (event: Event): void => {
    const given = (event.target as HTMLTextAreaElement).value;
    try {
      const parsed = given.trim() === "" ? undefined : map ? mapOf(given) : (JSON.parse(given) as unknown);
      owner.draft.put(path, parsed, field.fallback);
    } catch {
      owner.draft.put(path, given);
      owner.draft.say(path, map ? t("Every line is a name, an equals sign and a value.") : t("This is not JSON."));
    }
    owner.notify();
    owner.redraw();
  };
  return html`<div class="field wide">
    <label for=${frame.id}>${titleOf(field, path.at(-1)!)} <small>${map ? t("name = value, one a line") : "JSON"}</small></label>
    <textarea
      id=${frame.id}
      rows="4"
      .value=${live(text)}
      spellcheck="false"
      aria-describedby=${frame.describedBy || nothing}
      aria-invalid=${frame.wrong ? "true" : nothing}
      ?readonly=${owner.readonly}
      @change=${change}
    ></textarea>
    ${problems(owner, path)}${described(owner, path, about(field))}
  </div>`;
}

const mapText = (value: unknown): string =>
  Object.entries(asObject(value) ?? {}).map(([key, each]) => `${key} = ${JSON.stringify(each)}`).join("\n");

function mapOf(text: string): Record<string, unknown> {
  const pairs = text.split("\n").filter((line) => line.trim() !== "").map((line): [string, unknown] => {
    const at = line.indexOf("=");
    if (at < 1) throw new SyntaxError(line);
    const value = line.slice(at + 1).trim();
    try {
      return [line.slice(0, at).trim(), JSON.parse(value)];
    } catch {
      return [line.slice(0, at).trim(), value];
    }
  });
  return Object.fromEntries(pairs);
}
