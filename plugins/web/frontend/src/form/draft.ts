// What is being edited: a tree of plain JSON that holds only what is set, and what is wrong with it.

import type { Fault } from "../api";
import type { Key, Path } from "./schema";

type Tree = Record<Key, unknown>;

const spelled = (path: Path): string => JSON.stringify(path);
const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null;

/** Whether two plain JSON values say the same. */
export const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** The settings of one form. Whoever changes them calls :meth:`put`; `undefined` takes a key out. */
export class Draft {
  data: Tree;
  /** Sentences about places, by their path. */
  #wrong = new Map<string, string[]>();
  /** What was set when the form began, even where it equals the default. */
  readonly #given = new WeakMap<object, Set<string>>();

  constructor(value: unknown) {
    this.data = isTree(value) ? (structuredClone(value) as Tree) : {};
    this.#note(this.data);
  }

  #note(value: unknown): void {
    if (!isTree(value)) return;
    if (!Array.isArray(value)) this.#given.set(value, new Set(Object.keys(value)));
    for (const each of Object.values(value)) this.#note(each);
  }

  get(path: Path): unknown {
    let found: unknown = this.data;
    for (const key of path) found = isTree(found) ? found[key] : undefined;
    return found;
  }

  /** Set a place; what equals the default is left out again unless it was set before. */
  put(path: Path, value: unknown, fallback?: unknown): void {
    let owner: Tree = this.data;
    path.slice(0, -1).forEach((key, at) => {
      if (!isTree(owner[key])) owner[key] = typeof path[at + 1] === "number" ? [] : {};
      owner = owner[key] as Tree;
    });
    const last = path.at(-1)!;
    const needless = fallback !== undefined && same(value, fallback) && !this.#given.get(owner)?.has(String(last));
    if (value === undefined || needless) delete owner[last];
    else owner[last] = value;
    this.#wrong.delete(spelled(path));
  }

  /** What is wrong with a place. */
  wrong = (path: Path): string[] => this.#wrong.get(spelled(path)) ?? [];

  say(path: Path, sentence: string): void {
    if (sentence) this.#wrong.set(spelled(path), [sentence]);
    else this.#wrong.delete(spelled(path));
  }

  blame(faults: Fault[]): void {
    this.#wrong = new Map();
    for (const { path, message } of faults) this.#wrong.set(spelled(path), [...this.wrong(path), message]);
  }

  /** How many sentences there are about a place and what is in it. */
  count(path: Path): number {
    const prefix = spelled(path).slice(0, -1);
    let count = 0;
    for (const [key, sentences] of this.#wrong) {
      if (key.startsWith(prefix) && /^[,\]]/.test(key.slice(prefix.length))) count += sentences.length;
    }
    return count;
  }

  /** Items of a list got other places: `to` tells the new index of an old one, -1 when it is gone. */
  moved(list: Path, to: (index: number) => number): void {
    const old = [...this.#wrong];
    this.#wrong = new Map();
    for (const [key, sentences] of old) {
      const path = JSON.parse(key) as Key[];
      const inside = path.length > list.length && list.every((step, at) => step === path[at]);
      const index = inside ? to(path[list.length] as number) : 0;
      if (inside) path[list.length] = index;
      if (index >= 0) this.#wrong.set(spelled(path), sentences);
    }
  }
}
