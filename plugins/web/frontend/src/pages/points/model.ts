// Points as the browser of points needs them: searched and counted by the device, fetched as they are looked at.

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
  /** How many there are on all pages. */
  count: number;
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

/** What is searched for. */
export interface Sought {
  pattern: string;
  text: string;
  only: "all" | "writable" | "bad" | "substituted";
}

/** So many of the points that were searched for, beginning with one of them. */
export const part = (sought: Sought, skip: number, limit: number): Promise<Points> =>
  get<Points>("/data/points", { ...sought, skip, limit });

/** Whether a name is one of a pattern, in which * is one element and ** the rest. */
function matches(pattern: string, name: string): boolean {
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
