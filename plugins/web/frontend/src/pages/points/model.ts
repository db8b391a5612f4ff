// Points as the browser of points needs them: all names once, values of what is on the screen as they change.

import { get } from "../../api";
import type { Descriptions } from "../../model";
import { may } from "../../model";

export interface PointRow {
  name: string;
  value: unknown;
  unit: string;
  quality: number;
  flags: number;
  clock: number;
  time: number;
  age: number | null;
  type: string | null;
  title: string;
  source: string;
  writable: boolean;
}

export interface Points {
  points: PointRow[];
  next: string | null;
}

export interface Substitution {
  point: string;
  value: unknown;
  user: string;
  reason: string;
  began: string;
  until: string;
  measured: unknown;
}

const PAGE = 1000;

/** All points, page by page; `some` is told what there is after each. */
export async function allPoints(some: (rows: PointRow[]) => boolean): Promise<void> {
  const rows: PointRow[] = [];
  let after: string | null = "";
  while (after !== null) {
    const page: Points = await get<Points>("/data/points", { after, limit: PAGE });
    rows.push(...page.points);
    after = page.next;
    if (!some([...rows])) return;
  }
}

/** The beginnings of names, one and two elements long, with how many points there are below each. */
export function branches(rows: PointRow[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const { name } of rows) {
    const parts = name.split("/");
    for (let length = 1; length < Math.min(parts.length, 3); length += 1) {
      const branch = parts.slice(0, length).join("/");
      counts.set(branch, (counts.get(branch) ?? 0) + 1);
    }
  }
  return [...counts].sort(([one], [other]) => (one < other ? -1 : 1));
}

/** Whether a name is one of a pattern, in which * is one element and ** the rest. */
export function matches(pattern: string, name: string): boolean {
  const escaped = pattern.split("/").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  const joined = escaped.join("/").replace(/\*\*/g, "\0").replace(/\*/g, "[^/]*").replace(/\0/g, ".*");
  return new RegExp(`^${joined}$`).test(name);
}

function mentions(settings: unknown, name: string): boolean {
  if (typeof settings === "string") {
    return settings === name || (settings.includes("*") && settings.includes("/") && settings.length > 3 && matches(settings, name)) || settings === "**";
  }
  if (typeof settings !== "object" || settings === null) return false;
  return Object.values(settings).some((value) => mentions(value, name));
}

/** The services whose running settings name a point, by itself or by a pattern. */
export async function usersOf(name: string, all: Descriptions): Promise<string[]> {
  const readable = all.services.filter((service) => service.configured && may(all, `/configuration/${service.name}`));
  const found = await Promise.all(
    readable.map(async (service) => {
      const section = await get<{ active: unknown }>(`/configuration/${service.name}`).catch(() => ({ active: null }));
      return mentions(section.active, name) ? service.name : "";
    }),
  );
  return found.filter((service) => service !== "");
}
