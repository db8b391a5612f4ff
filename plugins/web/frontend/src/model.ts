// What there is: paths, services and the models behind them, as the core describes them to this user.

import { get } from "./api";
import type { Instance } from "./instance";
import { language } from "./t";

export interface PathInfo {
  path: string;
  title: string;
  verbs: string[];
}

export interface ServiceInfo {
  name: string;
  title: string;
  description: string;
  menu: string[];
  place: string;
  kind: "service" | "driver" | "synthesizer";
  single: boolean;
  feature: string | null;
  active: boolean;
  configured: boolean;
  commands: { name: string; title: string }[];
}

export interface PageInfo {
  distribution: string;
  place: string;
  menu: string[];
  file: string;
}

export interface Descriptions {
  instance: Instance;
  languages: Record<string, string>;
  paths: PathInfo[];
  services: ServiceInfo[];
  core_sections: string[];
  pages: PageInfo[];
}

/** JSON Schema as pydantic writes it, with our own words in it. */
export interface Schema {
  type?: string;
  title?: string;
  description?: string;
  unit?: string;
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  discriminator?: { propertyName: string; mapping?: Record<string, string> };
  $ref?: string;
  $defs?: Record<string, Schema>;
  "x-widget"?: string;
  "x-labels"?: Record<string, string>;
}

export interface Description {
  path: string;
  verbs: string[];
  title: string;
  description?: string;
  schema?: Schema | null;
  arguments?: Schema | null;
  result?: Schema | null;
}

const kept = new Map<string, Promise<unknown>>();

function once<T>(key: string, ask: () => Promise<T>): Promise<T> {
  const known = kept.get(key) as Promise<T> | undefined;
  if (known) return known;
  const asked = ask();
  kept.set(key, asked);
  asked.catch(() => kept.delete(key));
  return asked;
}

/** Everything that this user may use; asked once until :func:`forget`. */
export const descriptions = (): Promise<Descriptions> =>
  once(`all ${language()}`, () => get<Descriptions>("/data/descriptions", { language: language() }));

/** The models of one path. */
export const description = (path: string): Promise<Description> =>
  once(`${path} ${language()}`, () => get<Description>("/data/description", { path, language: language() }));

/** Ask anew: a licence, a plugin, the configuration or the user changed. */
export const forget = (): void => kept.clear();

/** Whether this user may do that. */
export const may = (all: Descriptions, path: string, verb = "get"): boolean =>
  all.paths.some((known) => known.path === path && known.verbs.includes(verb));
