// Places and values of the configuration in the words of its pages: titles for names, labels for rows, no JSON.

import { asObject, choiceLabel, type Field, fieldOf, type Key, type Path, titleOf, variantsOf } from "../form/schema";
import { description, type Schema } from "../model";
import { number, t } from "../t";
import type { Change } from "./mode";

/** A difference that a person can read. */
export interface Told {
  where: string[];
  before: string;
  after: string;
}

/** What tells rows apart, the first of these that all of them have. */
const NAMES = ["label", "name", "point", "logical_name", "id"];
const LONGEST = 160;

/** The models of the settings of these services, as far as the user may see them. */
export async function schemasOf(services: Iterable<string>): Promise<Map<string, Schema>> {
  const found = new Map<string, Schema>();
  const ask = async (service: string): Promise<void> => {
    const described = await description(`/configuration/${service.split("@")[0]}`).catch(() => undefined);
    if (described?.schema) found.set(service, described.schema);
  };
  await Promise.all([...new Set(services)].map(ask));
  return found;
}

function within(field: Field | undefined, key: Key, root: Schema | undefined): Field | undefined {
  if (!field || !root) return undefined;
  if (typeof key === "number") return field.schema.items && fieldOf(field.schema.items, root);
  const shapes = field.kind === "variants" ? variantsOf(field.schema, root).map(({ schema }) => schema) : [field.schema];
  const own = shapes.map(({ properties }) => properties?.[key]).find((schema) => schema !== undefined);
  return own && fieldOf(own, root);
}

const called = (key: Key, field: Field | undefined): string =>
  typeof key === "number" ? String(key + 1) : field ? titleOf(field, key) : key.replaceAll("_", " ");

function follow(path: Path, root: Schema | undefined): { where: string[]; field: Field | undefined } {
  let field = root && fieldOf(root, root);
  const where = path.map((key) => {
    field = within(field, key, root);
    return called(key, field);
  });
  return { where, field };
}

/** A place within a service in words; rows are counted from one. */
export const placeOf = (path: Path, root: Schema | undefined): string => follow(path, root).where.join(" › ");

/** The change of one service, taken apart as far as both sides have something in common. */
export function told(change: Change, root: Schema | undefined): Told[] {
  const { where, field } = follow(change.path.slice(1), root);
  return apart(where, change.old, change.new, field, root);
}

function apart(where: string[], old: unknown, now: unknown, field: Field | undefined, root: Schema | undefined): Told[] {
  if (JSON.stringify(old) === JSON.stringify(now)) return [];
  const [before, after] = [parts(old), parts(now)];
  const found = before && after ? [...new Set([...before.keys(), ...after.keys()])].flatMap((key) => {
    const row = Array.isArray(now);
    const inner = within(field, row ? 0 : key, root);
    return apart([...where, row ? key : called(key, inner)], before.get(key), after.get(key), inner, root);
  }) : [];
  // What only stands in another order has no parts that differ.
  return found.length ? found : [{ where, before: said(old ?? field?.fallback, field, root), after: said(now ?? field?.fallback, field, root) }];
}

/** The values of an object by their names, or of a list by what tells its rows apart. */
function parts(value: unknown): Map<string, unknown> | undefined {
  const object = asObject(value);
  if (object) return new Map(Object.entries(object));
  if (!Array.isArray(value) || !value.every(asObject)) return undefined;
  const rows = value as Record<string, unknown>[];
  const name = NAMES.find((each) => new Set(rows.map((row) => row[each])).size === rows.length && rows.every((row) => typeof row[each] === "string"));
  return new Map(rows.map((row, at) => [name ? String(row[name]) : String(at + 1), row]));
}

function said(value: unknown, field: Field | undefined, root: Schema | undefined): string {
  if (value === undefined || value === null || value === "") return "–";
  if (typeof value === "boolean") return value ? t("yes") : t("no");
  if (typeof value === "number") return number(value);
  if (typeof value === "string") return field ? choiceLabel(field.schema, value) : value;
  const inner = (key: Key): Field | undefined => within(field, key, root);
  const each = Array.isArray(value)
    ? value.map((one) => (asObject(one) ? [...(parts([one])?.keys() ?? [])][0] ?? "" : said(one, inner(0), root)))
    : Object.entries(value).map(([key, one]) => `${called(key, inner(key))}: ${said(one, inner(key), root)}`);
  const text = each.join(", ") || "–";
  return text.length > LONGEST ? `${text.slice(0, LONGEST)} …` : text;
}
