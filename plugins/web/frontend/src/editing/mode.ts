// Configuration mode: one person edits at a time; what is saved waits in the draft until it is applied.

import { type Fault, get, post } from "../api";

export interface ModeStatus {
  revision: number;
  name: string;
  services: string[];
  confirm_within: number | null;
  editor: string | null;
  editing_since: number | null;
  changes: number;
}

/** One difference; its path begins with the service. */
export interface Change {
  path: (string | number)[];
  old: unknown;
  new: unknown;
}

export interface Applied {
  applied: boolean;
  errors: Fault[];
  reason: string;
  changed: string[];
  revision: number;
}

export interface Sectioned {
  active: Record<string, unknown> | null;
  draft: Record<string, unknown> | null;
  editing: boolean;
}

const COMMAND = "/command/configuration/";

/** Fired on `window` when the draft or the running configuration changed from here. */
export const MODE_CHANGED = "meterhub-mode-changed";

async function changing<T>(name: string, body?: unknown): Promise<T> {
  const answer = await post<T>(COMMAND + name, body);
  window.dispatchEvent(new Event(MODE_CHANGED));
  return answer;
}

export const status = (): Promise<ModeStatus> => get<ModeStatus>("/status/configuration");
export const section = (service: string): Promise<Sectioned> => get<Sectioned>(`/configuration/${service}`);
export const enter = (): Promise<unknown> => changing("enter");
export const discard = (): Promise<unknown> => changing("discard");
export const cancelOther = (): Promise<unknown> => changing("cancel-other");
export const confirm = (): Promise<unknown> => changing("confirm");
export const apply = (name: string, confirmWithin: number): Promise<Applied> =>
  changing<Applied>("apply", { name, confirm_within: confirmWithin });
export const diff = async (): Promise<Change[]> => (await post<{ changes: Change[] }>(`${COMMAND}diff`)).changes;
export const check = async (): Promise<Fault[]> => (await post<{ errors: Fault[] }>(`${COMMAND}check`)).errors;

/** Put the settings of a service into the draft (`null` takes the service out); what is wrong with them. */
export async function save(service: string, settings: unknown): Promise<Fault[]> {
  const { errors } = await changing<{ errors: Fault[] }>("save", { service, section: settings });
  return errors.map((fault) => (fault.path[0] === service ? { ...fault, path: fault.path.slice(1) } : fault));
}

const kept = (service: string): string => `meterhub-unsaved ${service}`;

/** What somebody typed and did not save survives a lost connection and a login in between. */
export const remember = (service: string, settings: unknown): void =>
  sessionStorage.setItem(kept(service), JSON.stringify(settings));
export const forgetTyped = (service: string): void => sessionStorage.removeItem(kept(service));
export function remembered(service: string): unknown {
  const text = sessionStorage.getItem(kept(service));
  return text === null ? undefined : (JSON.parse(text) as unknown);
}
