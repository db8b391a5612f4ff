// Names and values beside each other, and meters.

import { html, nothing, type TemplateResult } from "lit";
import { number } from "../t";

export type Fact = [title: string, value: unknown] | false;

export const facts = (rows: Fact[]): TemplateResult => html`<dl class="facts">
  ${rows.map((row) => (row ? html`<div><dt>${row[0]}</dt><dd>${row[1] === null || row[1] === undefined || row[1] === "" ? "–" : row[1]}</dd></div>` : nothing))}
</dl>`;

export const card = (title: string, body: unknown, tools: unknown = nothing): TemplateResult =>
  html`<section class="panel"><header><h2>${title}</h2>${tools}</header>${body}</section>`;

/** A value of a point for people. */
export function shown(value: unknown, yes = "1", no = "0"): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? yes : no;
  return typeof value === "number" ? number(value) : typeof value === "object" ? JSON.stringify(value) : String(value);
}
