// The time zone in which times are shown: that of the installation, else that of the browser.

/** A moment as clocks on a wall there show it. */
export interface Wall {
  /** 2026-11-21 */
  day: string;
  /** 23:05:09 */
  clock: string;
}

let chosen: string | undefined;
let format = made(undefined);

function made(zone: string | undefined): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat("en-GB", {
    ...(zone ? { timeZone: zone } : {}),
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
}

/** Show times in this zone; without one, or in one that this browser does not know, in that of the browser. */
export function useZone(zone: string | null): void {
  if ((zone ?? undefined) === chosen) return;
  try {
    format = made(zone ?? undefined);
    chosen = zone ?? undefined;
  } catch {
    format = made((chosen = undefined));
  }
}

/** The zone of the browser itself. */
export const ownZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** The name of the zone in force. */
export const zone = (): string => chosen ?? ownZone();

export function wall(date: Date): Wall {
  const parts = Object.fromEntries(format.formatToParts(date).map(({ type, value }) => [type, value]));
  return {
    day: `${parts["year"]!.padStart(4, "0")}-${parts["month"]}-${parts["day"]}`,
    clock: `${parts["hour"]}:${parts["minute"]}:${parts["second"]}`,
  };
}

/** How far the clocks there are ahead of UTC at that moment, in milliseconds. */
function ahead(date: Date): number {
  const { day, clock } = wall(date);
  return Date.parse(`${day}T${clock}Z`) - Math.floor(date.getTime() / 1000) * 1000;
}

/** The moment at which clocks there show 2026-11-21T23:05; of two such moments one, as when summer time ends. */
export function instant(text: string): Date {
  const there = Date.parse(`${text}Z`);
  const near = there - ahead(new Date(there));
  return new Date(there - ahead(new Date(near)));
}

/** The letters of the zone and its distance from UTC now: CET, UTC+01:00. */
export function letters(language: string): { short: string; offset: string } {
  const named = (style: "short" | "longOffset"): string =>
    new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, { timeZone: zone(), timeZoneName: style })
      .formatToParts(new Date())
      .find(({ type }) => type === "timeZoneName")?.value ?? "UTC";
  return { short: named("short"), offset: named("longOffset").replace("GMT", "UTC") };
}

/** Every zone that this browser knows. */
export function zones(): string[] {
  return [...new Set(["UTC", ...Intl.supportedValuesOf("timeZone"), zone()])].sort();
}
