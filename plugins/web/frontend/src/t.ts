// Words: English in the source is the key, other languages are files. Numbers and times as people write them.

import polish from "./languages/pl.json?url";
import { wall } from "./zone";

type Texts = Record<string, string>;

const COOKIE = "meterhub-language";
/** Stands in the browser while nobody chose a language there: the cookie then only tells the server what is shown. */
const FOLLOWS = "meterhub-language-follows";
/** Fired on `window` when the language was changed. */
export const LANGUAGE_CHANGED = "meterhub-language-changed";

// As data, not as script: a long way quicker to read for the browser.
const files: Record<string, string> = { pl: polish };
let texts: Texts = {};
let current = "en";

/** The code of the language in force. */
export const language = (): string => current;

/** The words in the language in force; `{name}` stands for a value. */
export function t(english: string, values: Record<string, string | number> = {}): string {
  const text = texts[english] ?? english;
  return text.replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
}

const isOffered = (code: string | undefined): code is string => code === "en" || (code !== undefined && code in files);

/** What somebody chose in this browser. */
export function chosen(): string | undefined {
  const code = document.cookie.match(new RegExp(`(?:^|; )${COOKIE}=(\\w+)`))?.[1];
  return isOffered(code) && !localStorage.getItem(FOLLOWS) ? code : undefined;
}

/** The language of the installation, else what the browser prefers, of what there is. */
export function preferred(ofInstance: string | null): string {
  return [ofInstance ?? undefined, ...navigator.languages.map((each) => each.split("-")[0])].find(isOffered) ?? "en";
}

/** Use a language, and remember it in this browser for the answers of the server too. */
export async function setLanguage(code: string, { follows = false } = {}): Promise<void> {
  texts = code in files ? ((await (await fetch(files[code]!)).json()) as Texts) : {};
  current = code in files ? code : "en";
  document.documentElement.lang = current;
  if (follows) localStorage.setItem(FOLLOWS, "yes");
  else localStorage.removeItem(FOLLOWS);
  document.cookie = `${COOKIE}=${current}; path=/; max-age=31536000; SameSite=Strict`;
  window.dispatchEvent(new Event(LANGUAGE_CHANGED));
}

/** A number with the digits that matter, in the way of the language. */
export function number(value: number, digits = 6): string {
  if (!Number.isFinite(value)) return String(value);
  const most = Number.isInteger(value) ? 0 : Math.max(0, Math.min(digits, 20));
  return new Intl.NumberFormat(current, { maximumFractionDigits: most }).format(value);
}

/** Between a number and what belongs to it: a line never ends there. */
const NEXT = "\u00a0";
/** A moment as 2026-11-21 23:05:09 in the zone of the installation; nanoseconds since 1970, or ISO 8601. */
export function time(moment: number | string | null | undefined): string {
  if (moment === null || moment === undefined || moment === "" || moment === 0) return "–";
  const date = new Date(typeof moment === "number" ? moment / 1e6 : moment);
  if (Number.isNaN(date.getTime())) return String(moment);
  const { day, clock } = wall(date);
  return `${day} ${clock}`;
}

/** A length of time: 4 d 3 h, 12 min 5 s, 0.8 s. */
export function duration(seconds: number): string {
  const joined = (...parts: (string | number)[]): string => parts.join(NEXT);
  if (seconds < 60) return joined(number(seconds, 1), "s");
  const [days, hours] = [Math.floor(seconds / 86400), Math.floor((seconds % 86400) / 3600)];
  const [minutes, rest] = [Math.floor((seconds % 3600) / 60), Math.floor(seconds % 60)];
  if (days) return joined(days, "d", hours, "h");
  return hours ? joined(hours, "h", minutes, "min") : joined(minutes, "min", rest, "s");
}
