// Asking the data logger page by page, and making curves of what it answers.

import { post } from "../../api";
import type { Curve } from "../../components/chart";

/** An entry, or what the entries of one interval come to. */
export interface LoggedRow {
  time: string;
  point: string;
  value: unknown;
  unit: string;
  quality: string;
  source: string;
  clock?: string;
  count?: number;
  minimum?: number | null;
  maximum?: number | null;
  mean?: number | null;
}

export interface Asked {
  points: string[];
  /** Moments as ISO 8601, or how long ago, such as 24h. */
  since: string;
  until: string;
  /** Seconds; 0 is every entry. */
  interval: number;
}

interface Page {
  entries?: LoggedRow[];
  intervals?: (Omit<LoggedRow, "time" | "value"> & { start: string; last: unknown })[];
  next: string | null;
}

/** Rows that a page of the browser shows; a file holds all. */
export const MOST = 20_000;
const PAGE = 1000;
/** A gap in a curve of entries: so many times longer than usual between two of them. */
const LONG = 4;

export async function ask(asked: Asked): Promise<{ rows: LoggedRow[]; cut: boolean }> {
  const { interval, ...selection } = asked;
  const [path, more] = interval ? ["/command/data-logger/aggregate", { interval }] : ["/command/data-logger/query", {}];
  const rows: LoggedRow[] = [];
  let after: string | null = "";
  while (after !== null && rows.length < MOST) {
    const page: Page = await post<Page>(path as string, { ...selection, ...(more as object), limit: PAGE, after });
    rows.push(...(page.entries ?? []));
    rows.push(...(page.intervals ?? []).map(({ start, last, ...rest }) => ({ ...rest, time: start, value: last })));
    after = page.next;
  }
  return { rows, cut: after !== null };
}

const figure = (row: LoggedRow): number | null => {
  if (row.quality === "invalid") return null;
  const value = row.mean ?? row.value;
  return typeof value === "boolean" ? Number(value) : typeof value === "number" && Number.isFinite(value) ? value : null;
};

function usual(times: number[]): number {
  const steps = times.slice(1).map((each, at) => each - times[at]!).sort((one, other) => one - other);
  return steps[Math.floor(steps.length / 2)] ?? 0;
}

function curve(title: string, rows: LoggedRow[], interval: number): Curve {
  const moments = rows.map((row) => Date.parse(row.time) / 1000);
  const longest = (interval || usual(moments)) * (interval ? 1.5 : LONG);
  const times: number[] = [];
  const values: (number | null)[] = [];
  rows.forEach((row, at) => {
    const before = times.at(-1);
    if (before !== undefined && longest > 0 && moments[at]! - before > longest) {
      times.push(before + longest / 2);
      values.push(null);
    }
    times.push(moments[at]!);
    values.push(figure(row));
  });
  return { title, unit: rows[0]!.unit, times, values };
}

/** One curve a series; texts have none. */
export function curvesOf(rows: LoggedRow[], interval: number): Curve[] {
  const series = new Map<string, LoggedRow[]>();
  for (const row of rows) {
    const key = [row.point, row.source, row.unit].join("\n");
    const own = series.get(key);
    if (own) own.push(row);
    else series.set(key, [row]);
  }
  return [...series.values()].map((own) => curve(own[0]!.point, own, interval)).filter(({ values }) => values.some((value) => value !== null));
}
