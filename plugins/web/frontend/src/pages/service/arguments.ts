// The arguments of a command, and what of the settings can be taken for them.

import { asObject, type Key, resolved } from "../../form/schema";
import type { Schema } from "../../model";
import { t } from "../../t";

/** Part of the settings that an argument asks for. */
export interface Candidate {
  label: string;
  value: unknown;
}

/** What of the settings fits each argument that is an object: the same model, by its name. */
export function candidates(args: Schema, settings: unknown, config: Schema | undefined): Map<string, Candidate[]> {
  const found = new Map<string, Candidate[]>();
  if (!config) return found;
  for (const [name, schema] of Object.entries(args.properties ?? {})) {
    const model = modelOf(schema, args);
    const those = model === undefined ? [] : [...search(model, config, config, settings, [])];
    if (model !== undefined && those.length) found.set(name, those);
  }
  return found;
}

/** The name of the model that an argument is of. */
function modelOf(schema: Schema, root: Schema): string | undefined {
  const inner = schema.anyOf?.find((each) => each.$ref) ?? schema;
  const own = resolved(inner, root);
  return own.properties ? (inner.$ref?.split("/").at(-1) ?? own.title) : undefined;
}

function* search(model: string, schema: Schema, root: Schema, value: unknown, path: Key[]): Iterable<Candidate> {
  const name = schema.$ref?.split("/").at(-1) ?? (schema === root ? root.title : undefined);
  const own = resolved(schema, root);
  const object = asObject(value);
  if (name === model && object) yield { label: path.join(" / ") || t("All of them"), value };
  if (Array.isArray(value) && own.items) {
    for (const [at, item] of value.entries()) {
      const label = asObject(item)?.["label"] ?? asObject(item)?.["name"] ?? at + 1;
      yield* search(model, own.items, root, item, [...path, String(label)]);
    }
  } else if (object) {
    for (const [key, inner] of Object.entries(own.properties ?? {})) yield* search(model, inner, root, object[key], path);
  }
}

/** The arguments without those that are taken from the settings, and with the labels that there are as choices. */
export function asked(args: Schema, taken: Iterable<string>, settings: unknown): Schema {
  const without = new Set(taken);
  const properties = Object.entries(args.properties ?? {}).filter(([name]) => !without.has(name));
  return {
    ...args,
    properties: Object.fromEntries(properties.map(([name, schema]) => [name, chosen(name, schema, settings)])),
    required: (args.required ?? []).filter((name) => !without.has(name)),
  };
}

/** `meter` can only be one of the `meters`. */
function chosen(name: string, schema: Schema, settings: unknown): Schema {
  const list = asObject(settings)?.[`${name}s`];
  const labels = Array.isArray(list) ? list.map((item) => asObject(item)?.["label"]).filter((each) => typeof each === "string") : [];
  const text = schema.type === "string" || schema.anyOf?.some((each) => each.type === "string");
  if (!labels.length || !text || schema.enum) return schema;
  if (schema.type === "string") return { ...schema, enum: labels };
  return { ...schema, anyOf: [{ type: "string", enum: labels }, { type: "null" }] };
}
