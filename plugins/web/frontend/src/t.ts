// Words: English in the source is the key, other languages are files. Numbers and times as people write them.

type Texts = Record<string, string>;

const COOKIE = "meterhub-language";
/** Fired on `window` when the language was changed. */
export const LANGUAGE_CHANGED = "meterhub-language-changed";

const files: Record<string, () => Promise<{ default: Texts }>> = {
  pl: () => import("./languages/pl.json"),
};
let texts: Texts = {};
let current = "en";

/** The code of the language in force. */
export const language = (): string => current;

/** The words in the language in force; `{name}` stands for a value. */
export function t(english: string, values: Record<string, string | number> = {}): string {
  const text = texts[english] ?? english;
  return text.replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
}

/** What was chosen in this browser, else what the browser prefers, of what there is. */
export function preferred(): string {
  const chosen = document.cookie.match(new RegExp(`(?:^|; )${COOKIE}=(\\w+)`))?.[1];
  const wanted = [chosen, ...navigator.languages.map((each) => each.split("-")[0])];
  return wanted.find((each) => each === "en" || (each !== undefined && each in files)) ?? "en";
}

/** Use a language, and remember it in this browser for the answers of the server too. */
export async function setLanguage(code: string): Promise<void> {
  texts = code in files ? (await files[code]!()).default : {};
  current = code in files ? code : "en";
  document.documentElement.lang = current;
  document.cookie = `${COOKIE}=${current}; path=/; max-age=31536000; SameSite=Strict`;
  window.dispatchEvent(new Event(LANGUAGE_CHANGED));
}

/** A number with the digits that matter, in the way of the language. */
export function number(value: number, digits = 6): string {
  if (!Number.isFinite(value)) return String(value);
  const most = Number.isInteger(value) ? 0 : Math.max(0, Math.min(digits, 20));
  return new Intl.NumberFormat(current, { maximumFractionDigits: most }).format(value);
}

const pad = (value: number, width = 2): string => String(value).padStart(width, "0");

/** A moment as 2026-11-21 23:05:09 in the browser's zone; nanoseconds since 1970, or ISO 8601. */
export function time(moment: number | string | null | undefined): string {
  if (moment === null || moment === undefined || moment === "" || moment === 0) return "–";
  const date = new Date(typeof moment === "number" ? moment / 1e6 : moment);
  if (Number.isNaN(date.getTime())) return String(moment);
  const day = `${pad(date.getFullYear(), 4)}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

/** A length of time: 4 d 3 h, 12 min 5 s, 0.8 s. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${number(seconds, 1)} s`;
  const [days, hours] = [Math.floor(seconds / 86400), Math.floor((seconds % 86400) / 3600)];
  const [minutes, rest] = [Math.floor((seconds % 3600) / 60), Math.floor(seconds % 60)];
  if (days) return `${days} d ${hours} h`;
  return hours ? `${hours} h ${minutes} min` : `${minutes} min ${rest} s`;
}
