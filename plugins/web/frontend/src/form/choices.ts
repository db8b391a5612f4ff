// What can be picked: points, secrets, serial ports, as far as this user may see them.

import { get } from "../api";
import { section } from "../editing/mode";
import { number, t } from "../t";

export interface Choice {
  value: string;
  /** What is said beside it. */
  about: string;
  doubtful?: boolean;
  /** What to do instead of taking the value. */
  act?: () => Promise<string | undefined>;
}

interface PointRow {
  name: string;
  title: string;
  value: unknown;
  unit: string;
  quality: number | string;
}

const QUALITIES = [() => "", () => t("substituted"), () => t("stale"), () => t("invalid")];
const isGood = (point: PointRow): boolean => point.quality === 0 || point.quality === "good";
const quality = (point: PointRow): string =>
  typeof point.quality === "number" ? (QUALITIES[point.quality]?.() ?? "") : isGood(point) ? "" : point.quality;

const MOST = 50;
let drafted: { at: number; names: Promise<string[]> } | undefined;

/** The choices of a source that fit what was typed. */
export async function choices(source: string, typed: string): Promise<Choice[]> {
  if (source === "point") return points(typed);
  return source === "secret" ? secrets(typed) : serials(typed);
}

const fits = (name: string, typed: string): boolean => name.toLowerCase().includes(typed.toLowerCase());

async function points(typed: string): Promise<Choice[]> {
  const [active, waiting] = await Promise.all([activePoints(), draftPoints()]);
  const known = new Set(active.map((point) => point.name));
  const found = active.filter((point) => fits(`${point.name} ${point.title}`, typed)).map((point) => ({
    value: point.name,
    about: [point.title, worth(point), quality(point)].filter(Boolean).join(" · "),
    doubtful: !isGood(point),
  }));
  const later = waiting.filter((name) => !known.has(name) && fits(name, typed)).map((name) => ({
    value: name,
    about: t("not yet active"),
    doubtful: true,
  }));
  return [...later, ...found].slice(0, MOST);
}

const worth = ({ value, unit }: PointRow): string =>
  value === null || value === undefined ? "" : `${typeof value === "number" ? number(value) : String(value)} ${unit}`.trim();

let asked: { at: number; rows: Promise<PointRow[]> } | undefined;

function activePoints(): Promise<PointRow[]> {
  if (!asked || Date.now() - asked.at > 5000) asked = { at: Date.now(), rows: everyPoint().catch(() => []) };
  return asked.rows;
}

async function everyPoint(): Promise<PointRow[]> {
  const rows: PointRow[] = [];
  let after: string | null = "";
  while (after !== null && rows.length < 20_000) {
    const page: { points: PointRow[]; next: string | null } = await get("/data/points", { after });
    rows.push(...page.points);
    after = page.next;
  }
  return rows;
}

/** Points that will be there once the draft is applied: labelled things in labelled things of changed services. */
function draftPoints(): Promise<string[]> {
  if (!drafted || Date.now() - drafted.at > 5000) drafted = { at: Date.now(), names: ofDraft().catch(() => []) };
  return drafted.names;
}

async function ofDraft(): Promise<string[]> {
  const { services } = await get<{ services: { name: string; kind: string; configured: boolean }[] }>("/data/descriptions", {});
  const drivers = services.filter((service) => service.kind === "driver");
  const drafts = await Promise.all(drivers.map(({ name }) => section(name).then(({ draft }) => labelled(draft, name), () => [])));
  return drafts.flat();
}

function labelled(value: unknown, name: string): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).filter(Array.isArray).flat().flatMap((item: Record<string, unknown> | null) => {
    const label = item?.["label"];
    if (typeof label !== "string") return [];
    const inner = labelled(item, `${name}/${label}`);
    const holds = Object.values(item!).some(Array.isArray);
    return inner.length || holds ? inner : [`${name}/${label}`];
  });
}

async function secrets(typed: string): Promise<Choice[]> {
  const { secrets: names } = await get<{ secrets: string[] }>("/status/secrets").catch(() => ({ secrets: [] as string[] }));
  const found: Choice[] = names.filter((name) => fits(name, typed)).map((value) => ({ value, about: "" }));
  const act = async (): Promise<string | undefined> => (await import("./secret")).newSecret(names.includes(typed) ? "" : typed);
  return [...found, { value: typed, about: t("New secret …"), act }];
}

async function serials(typed: string): Promise<Choice[]> {
  const { draft, active } = await section("serial").catch(() => ({ draft: null, active: null }));
  const ports = ((draft ?? active)?.["ports"] ?? []) as { label?: string; device?: string }[];
  return ports
    .filter((port) => fits(port.label ?? "", typed))
    .map((port) => ({ value: port.label ?? "", about: port.device ?? "" }));
}
