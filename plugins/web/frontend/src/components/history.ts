// What values were over the last minutes, as far as somebody looked: times of a page that was hidden are gaps.

import type { Curve } from "./chart";

/** Seconds without word after which it is not known what a value was. */
const UNHEARD = 10;
const MOST = 2000;

export class History {
  readonly #seconds: number;
  readonly #curves = new Map<string, Curve>();
  #heard = 0;

  /** Keep so many seconds. */
  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  /** Word came, whether or not anything changed: what was missed before it is a gap. */
  hear(now = Date.now() / 1000): void {
    if (this.#heard && now - this.#heard > UNHEARD) {
      for (const curve of this.#curves.values()) this.#put(curve, this.#heard + 1, null);
    }
    this.#heard = now;
  }

  /** A value of some moment; one that is not newer than the last one is known already. */
  add(key: string, title: string, unit: string, seconds: number, value: unknown): void {
    const curve = this.#curves.get(key) ?? { title, unit, times: [], values: [] };
    this.#curves.set(key, Object.assign(curve, { title, unit }));
    const figure = typeof value === "boolean" ? Number(value) : value;
    this.#put(curve, seconds, typeof figure === "number" && Number.isFinite(figure) ? figure : null);
  }

  /** What was recorded before anybody looked. */
  begin(key: string, recorded: Curve): void {
    const known = this.#curves.get(key) ?? { ...recorded, times: [], values: [] };
    const first = known.times[0] ?? Infinity;
    const older = recorded.times.filter((time) => time < first).length;
    const times = [...recorded.times.slice(0, older), ...known.times];
    this.#curves.set(key, { ...known, times, values: [...recorded.values.slice(0, older), ...known.values] });
  }

  #put(curve: Curve, seconds: number, value: number | null): void {
    if (seconds <= (curve.times.at(-1) ?? 0)) return;
    curve.times.push(seconds);
    curve.values.push(value);
    const oldest = seconds - this.#seconds;
    let gone = Math.max(0, curve.times.length - MOST);
    while (curve.times[gone]! < oldest) gone += 1;
    curve.times.splice(0, gone);
    curve.values.splice(0, gone);
  }

  get curves(): Curve[] {
    return [...this.#curves.values()].map((curve) => ({ ...curve }));
  }
}
