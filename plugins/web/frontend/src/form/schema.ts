// JSON Schema as pydantic writes it, read as kinds of fields.

import type { Schema } from "../model";

export type Key = string | number;
export type Path = readonly Key[];

/** How a value is edited; `json` is for what no other kind fits. */
export type Kind = "text" | "integer" | "number" | "any" | "boolean" | "choice" | "object" | "variants" | "list" | "map" | "json";

/** One place of the settings: its own words and limits, whatever references and unions say it is. */
export interface Field {
  kind: Kind;
  schema: Schema;
  nullable: boolean;
  /** What it is while nobody sets it; `undefined` when the schema does not tell. */
  fallback: unknown;
}

/** One of several shapes of an object. */
export interface Variant {
  label: string;
  /** The value of the tag that chooses it; `undefined` for unions without one. */
  tag: unknown;
  schema: Schema;
}

const SCALAR = new Set<Kind>(["text", "integer", "number", "any", "boolean", "choice"]);
const known = new WeakMap<Schema, Map<Schema, Field>>();

const isNull = (schema: Schema): boolean => schema.type === "null";
const isObject = (schema: Schema): boolean => schema.type === "object" || schema.properties !== undefined;

/** What a reference stands for; words beside the reference win. */
export function resolved(schema: Schema, root: Schema): Schema {
  let found = schema;
  while (found.$ref ?? (found.allOf?.length === 1 ? "all" : undefined)) {
    const { $ref, allOf, ...own } = found;
    const target = $ref ? root.$defs?.[$ref.split("/").at(-1)!] : allOf![0];
    found = { ...target, ...own };
  }
  return found;
}

/** How a place of the settings is edited. */
export function fieldOf(schema: Schema, root: Schema): Field {
  const kept = known.get(root) ?? new Map<Schema, Field>();
  known.set(root, kept);
  let field = kept.get(schema);
  if (!field) kept.set(schema, (field = read(schema, root)));
  return field;
}

function read(given: Schema, root: Schema): Field {
  let schema = resolved(given, root);
  let nullable = false;
  if (schema.anyOf?.some(isNull)) {
    nullable = true;
    const rest = schema.anyOf.filter((each) => !isNull(each));
    const { anyOf: _, ...own } = schema;
    schema = rest.length === 1 ? { ...resolved(rest[0]!, root), ...own } : { ...own, anyOf: rest };
  }
  const kind = kindOf(schema, root);
  const fallback = "default" in schema ? schema.default : schema.const;
  return { kind, schema, nullable, fallback };
}

function kindOf(schema: Schema, root: Schema): Kind {
  if (schema.enum) return "choice";
  const union = schema.oneOf ?? schema.anyOf;
  if (union) {
    const each = union.map((one) => resolved(one, root));
    if (each.every(isObject)) return "variants";
    if (each.every((one) => one.type === "integer" || one.type === "number")) return "number";
    return each.some((one) => isObject(one) || one.type === "array") ? "json" : "any";
  }
  if (schema.type === "object") {
    if (schema.properties) return "object";
    const values = schema.additionalProperties;
    return typeof values === "object" && isScalar(fieldOf(values, root)) ? "map" : "json";
  }
  if (schema.type === "array") return schema.items && listed(fieldOf(schema.items, root)) ? "list" : "json";
  const plain: Record<string, Kind> = { string: "text", integer: "integer", number: "number", boolean: "boolean" };
  return plain[schema.type ?? ""] ?? (schema.const !== undefined ? "text" : "any");
}

const listed = (items: Field): boolean => isScalar(items) || items.kind === "object" || items.kind === "variants";

export const isScalar = (field: Field): boolean => SCALAR.has(field.kind);

/** The fields of an object that somebody may edit, in their order. */
export const fieldsOf = (schema: Schema, root: Schema): [string, Field][] =>
  Object.entries(schema.properties ?? {})
    .filter(([, each]) => resolved(each, root).const === undefined)
    .map(([name, each]) => [name, fieldOf(each, root)]);

/** A list whose rows fit a table: every field is one value, or a short list of values. */
export function isFlat(items: Field, root: Schema): boolean {
  if (items.kind !== "object") return false;
  return fieldsOf(items.schema, root).every(([, field]) => isScalar(field) || isScalarList(field, root));
}

export const isScalarList = (field: Field, root: Schema): boolean =>
  field.kind === "list" && isScalar(fieldOf(field.schema.items!, root));

export const isRequired = (owner: Schema, name: string): boolean => owner.required?.includes(name) ?? false;

export const tagName = (schema: Schema): string | undefined => schema.discriminator?.propertyName;

/** The shapes that a union offers, one for each value of its tag. */
export function variantsOf(schema: Schema, root: Schema): Variant[] {
  const tag = tagName(schema);
  return (schema.oneOf ?? schema.anyOf ?? []).flatMap((each): Variant[] => {
    const variant = resolved(each, root);
    const told = tag === undefined ? undefined : variant.properties?.[tag];
    if (!told) return [{ label: variant.title ?? "", tag: undefined, schema: variant }];
    return (told.enum ?? [told.const]).map((value) => ({
      label: told["x-labels"]?.[String(value)] ?? String(value),
      tag: value,
      schema: variant,
    }));
  });
}

/** Which of the shapes a value has; without a tag the one that knows most of its keys. */
export function variantOf(schema: Schema, value: unknown, root: Schema): number {
  const variants = variantsOf(schema, root);
  const tag = tagName(schema);
  const object = asObject(value) ?? {};
  if (tag !== undefined) return variants.findIndex((each) => each.tag === object[tag]);
  const known = variants.map((each) => Object.keys(object).filter((key) => key in (each.schema.properties ?? {})).length);
  return Object.keys(object).length ? known.indexOf(Math.max(...known)) : 0;
}

export const asObject = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;

/** The object schema that a value of this field has now. */
export function shapeOf(field: Field, value: unknown, root: Schema): Schema | undefined {
  if (field.kind === "object") return field.schema;
  return field.kind === "variants" ? variantsOf(field.schema, root)[variantOf(field.schema, value, root)]?.schema : undefined;
}

/** The words of a choice. */
export const choiceLabel = (schema: Schema, choice: unknown): string => schema["x-labels"]?.[String(choice)] ?? String(choice);

/** The title of a field, or its name where it has none. */
export const titleOf = (field: Field, name: Key): string => field.schema.title ?? String(name).replaceAll("_", " ");
