// One value of a status, as people read it: units, times, sizes, states.

import { html, type TemplateResult } from "lit";
import type { Schema } from "../model";
import { duration, number, t, time } from "../t";

export type Mood = "good" | "doubtful" | "bad" | "idle";

const MOODS: Record<Mood, string> = {
  good: "good ok open connected running complete done found passed ready active started valid right on synchronised as-mapped listening fine enabled confirmed ended online up",
  doubtful: "waiting connecting opening lent reading starting stale substituted unknown deviating garbled restarting overdue unannounced idle degraded soon not-asked",
  bad: "lost failed refused silent wrong unreadable error invalid stopped not-found missing crashed expired broken dead disconnected not-answered other-type",
  idle: "absent off none down disabled withdrawn not-configured paused unused",
};
const SIGNS: Record<Mood, string> = { good: "✓", doubtful: "◔", bad: "✕", idle: "○" };
const moods = new Map((Object.entries(MOODS) as [Mood, string][]).flatMap(([mood, words]) => words.split(" ").map((word) => [word, mood])));

/** Names of fields whose words are states. */
const STATES = new Set(["state", "found", "clock", "verdict", "quality", "serial_state", "status", "interrogation"]);
const ISO = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d/;
/** Texts up to this length stay on one line. */
const SHORT = 32;
const SIZES = ["B", "kB", "MB", "GB", "TB"];

export const mood = (word: string): Mood | undefined => moods.get(word.toLowerCase().replaceAll(" ", "-")) as Mood | undefined;

/** A word with a sign, so that it says the same without its colour. */
export const badge = (words: string, feeling: Mood): TemplateResult =>
  html`<span class="badge ${feeling}"><span aria-hidden="true">${SIGNS[feeling]}</span> ${words}</span>`;

/** A number of bytes: 3.4 MB. */
export function bytes(count: number): string {
  let size = 0;
  let left = count;
  while (Math.abs(left) >= 1000 && size < SIZES.length - 1) {
    left /= 1000;
    size++;
  }
  return `${number(left, size ? 1 : 0)}\u00a0${SIZES[size]}`;
}

const isSize = (unit: string | undefined): boolean => unit === "B" || unit === "bytes";
const isSeconds = (unit: string | undefined): boolean => unit === "s";

/** Whether values of this field stand to the right, below each other. */
export const isNumeric = (schema: Schema, value: unknown): boolean => typeof value === "number" && !isRatio(schema);

const isRatio = (schema: Schema): boolean => schema.unit === "%";

/** One value with its unit. */
export function worth(value: unknown, schema: Schema, name: string): TemplateResult | string {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return value ? t("yes") : t("no");
  if (typeof value === "number") return amount(value, schema, name);
  if (typeof value === "string") return words(value, schema, name);
  if (Array.isArray(value) && value.every((each) => typeof each !== "object")) {
    return value.length ? value.map(String).join(", ") : "–";
  }
  return html`<code>${JSON.stringify(value)}</code>`;
}

function words(text: string, schema: Schema, name: string): TemplateResult | string {
  if (schema.format === "date-time" || ISO.test(text)) return html`<span class="short">${time(text)}</span>`;
  const label = schema["x-labels"]?.[text] ?? text;
  const feeling = STATES.has(name) || schema.enum ? mood(text) : undefined;
  if (feeling) return badge(label, feeling);
  if (STATES.has(name) && !text.includes(" ")) return badge(label, "idle");
  return text.length <= SHORT ? html`<span class="short">${label}</span>` : html`<span class="prose">${label}</span>`;
}

function amount(value: number, schema: Schema, name: string): TemplateResult | string {
  const { unit } = schema;
  if (isRatio(schema)) return ratio(value, schema.title ?? name);
  if (isSize(unit)) return bytes(value);
  if (unit === "B/s") return `${bytes(value)}/s`;
  if (isSeconds(unit) && value >= 60) return duration(value);
  if (isSeconds(unit) && value > 0 && value < 0.1) return html`${number(value * 1000, 3)}\u00a0<small>ms</small>`;
  if (value > 1e18 && /time|since|at$/.test(name)) return time(value);
  const plain = /(^|_)(id|port|address|ioa|type_id|number|class_id)$/.test(name) ? String(value) : number(value, Math.abs(value) < 1 ? 6 : 3);
  return unit ? html`${plain}\u00a0<small>${unit}</small>` : plain;
}

const ratio = (value: number, title: string): TemplateResult => html`<span class="ratio">
  <meter min="0" max="100" low="70" high="90" optimum="0" .value=${Math.max(0, Math.min(100, value))} aria-label=${title}></meter>
  ${number(value, 1)} <small>%</small>
</span>`;
