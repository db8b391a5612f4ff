// Tables from and to other programs: a block pasted from a spreadsheet, a CSV file in, a CSV file out.

import type { Schema } from "../model";
import { t } from "../t";
import { type Field, isRequired, titleOf } from "./schema";
import { csv, parse, separatorOf, unguarded } from "./sheet";
import { shown, typed } from "./text";

type Row = Record<string, unknown>;
type Columns = [string, Field][];

export interface Wrong {
  row: number;
  name: string;
  problem: string;
}

/** Put a block of cells into rows from one cell on; rows are added as far as needed. */
export function pasted(
  items: Row[],
  columns: Columns,
  [row, column]: [number, number],
  text: string,
  schema: Schema,
  root: Schema,
  most: number,
): { rows: number; wrong: Wrong[] } {
  const block = parse(text.replace(/\r?\n$/, ""), "\t").slice(0, most - row);
  const wrong: Wrong[] = [];
  block.forEach((cells, down) => {
    const at = row + down;
    items[at] ??= {};
    cells.slice(0, columns.length - column).forEach((cell, right) => {
      const [name, field] = columns[column + right]!;
      const { value, problem } = typed(field, cell.trim(), isRequired(schema, name), root);
      if (value === undefined) delete items[at]![name];
      else items[at]![name] = value;
      if (problem) wrong.push({ row: at, name, problem });
    });
  });
  return { rows: block.length, wrong };
}

/** The rows as a file; the names of the fields head the columns. */
export const exported = (items: Row[], columns: Columns): string =>
  csv([columns.map(([name]) => name), ...items.map((item) => columns.map(([name, field]) => shown(item[name] ?? field.fallback)))]);

/** The rows of a file, or everything that is wrong with it. */
export function imported(
  text: string,
  columns: Columns,
  schema: Schema,
  root: Schema,
  most: number,
): { items: Row[]; faults: string[] } {
  const plain = text.replace(/^\ufeff/, "");
  const [head, ...rows] = parse(plain, separatorOf(plain)).filter((row) => row.some((cell) => cell !== ""));
  if (!head) return { items: [], faults: [t("The file is empty.")] };
  const places = head.map((name) => columnOf(name.trim(), columns));
  const faults = head.filter((_, at) => !places[at]).map((name) => t("There is no column {name}.", { name }));
  if (rows.length > most) faults.push(t("There are {count} rows; {most} are allowed.", { count: rows.length, most }));
  if (faults.length) return { items: [], faults };
  const items = rows.slice(0, most).map((cells, at) => {
    const item: Row = {};
    places.forEach((place, column) => {
      const [name, field] = place!;
      const { value, problem } = typed(field, unguarded((cells[column] ?? "").trim()), isRequired(schema, name), root);
      if (value !== undefined) item[name] = value;
      if (problem) faults.push(t("Row {row}, {column}: {problem}", { row: at + 2, column: titleOf(field, name), problem }));
    });
    return item;
  });
  return { items, faults };
}

const columnOf = (name: string, columns: Columns): [string, Field] | undefined =>
  columns.find(([key, field]) => key === name || titleOf(field, key).toLowerCase() === name.toLowerCase());
