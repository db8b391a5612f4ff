// Values as people type them: text in, value out, and what is wrong with it.

import { number, t } from "../t";
import { type Field, fieldOf, isScalarList } from "./schema";
import type { Schema } from "../model";

export interface Typed {
  /** `undefined` leaves it unset; what cannot be read stays the text that was typed. */
  value: unknown;
  problem: string;
}

const fine = (value: unknown): Typed => ({ value, problem: "" });

/** The text of a value in its input. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.map(shown).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** The text of a value that may be a number or a text: a text that looks like something else is put in quotes. */
export function shownAny(value: unknown): string {
  return typeof value === "string" && typeof anyOf(value) !== "string" ? JSON.stringify(value) : shown(value);
}

/** What somebody typed, read as the field wants it. */
export function typed(field: Field, text: string, required: boolean, root: Schema): Typed {
  if (isScalarList(field, root)) return typedList(field, text.split(","), required, root);
  const bare = field.kind === "text" ? text : text.trim();
  if (bare === "") return empty(field, required);
  if (field.kind === "text") return fine(text);
  if (field.kind === "any") return fine(anyOf(bare));
  if (field.kind === "boolean") return typedBoolean(bare);
  if (field.kind === "choice") return typedChoice(field.schema, bare);
  return typedNumber(field, bare);
}

/** A list of single values, one a part; empty parts are left out. */
export function typedList(field: Field, parts: string[], required: boolean, root: Schema): Typed {
  const items = fieldOf(field.schema.items!, root);
  const given = parts.map((part) => part.trim()).filter((part) => part !== "");
  if (given.length === 0) return required ? { value: [], problem: "" } : fine(field.fallback === undefined ? undefined : []);
  const each = given.map((part) => typed(items, part, true, root));
  const wrong = each.findIndex((one) => one.problem !== "");
  const problem = wrong < 0 ? "" : t("Entry {number}: {problem}", { number: wrong + 1, problem: each[wrong]!.problem });
  return { value: each.map((one) => one.value), problem };
}

function empty(field: Field, required: boolean): Typed {
  if (field.nullable) return fine(field.fallback === null || field.fallback === undefined ? undefined : null);
  return { value: undefined, problem: required ? t("A value is needed here.") : "" };
}

function anyOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" ? text : value;
  } catch {
    return text;
  }
}

function typedBoolean(text: string): Typed {
  if (/^(true|yes|on|1|x|tak)$/i.test(text)) return fine(true);
  if (/^(false|no|off|0|-|nie)$/i.test(text)) return fine(false);
  return { value: text, problem: t("{text} is neither true nor false.", { text }) };
}

function typedChoice(schema: Schema, text: string): Typed {
  const found = schema.enum!.find((choice) => String(choice) === text || schema["x-labels"]?.[String(choice)] === text);
  const choices = schema.enum!.map(String).join(", ");
  return found === undefined ? { value: text, problem: t("{text} is none of {choices}.", { text, choices }) } : fine(found);
}

function typedNumber(field: Field, text: string): Typed {
  const plain = text.replace(/[\s\u00a0]/g, "").replace(",", ".");
  const whole = field.kind === "integer";
  const value = Number(plain);
  if (plain === "" || Number.isNaN(value) || (whole && !Number.isInteger(value))) {
    return { value: text, problem: whole ? t("{text} is no whole number.", { text }) : t("{text} is no number.", { text }) };
  }
  return { value, problem: beyond(field.schema, value) };
}

function beyond(schema: Schema, value: number): string {
  const least = schema.minimum ?? schema.exclusiveMinimum ?? -Infinity;
  const most = schema.maximum ?? schema.exclusiveMaximum ?? Infinity;
  const low = value < least || value === schema.exclusiveMinimum;
  if (!low && value <= most && value !== schema.exclusiveMaximum) return "";
  return limits(schema);
}

/** The limits of a number in words; empty when it has none. */
export function limits(schema: Schema): string {
  const { minimum: from, maximum: to, exclusiveMinimum: above, exclusiveMaximum: below } = schema;
  if (from !== undefined && to !== undefined) return t("{from} to {to}", { from: number(from), to: number(to) });
  const words = [
    from === undefined ? "" : t("at least {value}", { value: number(from) }),
    above === undefined ? "" : t("more than {value}", { value: number(above) }),
    to === undefined ? "" : t("at most {value}", { value: number(to) }),
    below === undefined ? "" : t("less than {value}", { value: number(below) }),
  ];
  return words.filter((word) => word !== "").join(", ");
}
