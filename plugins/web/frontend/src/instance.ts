// What this installation is called, and the language and time zone of its pages.

import { useZone } from "./zone";

export interface Instance {
  name: string;
  /** Of browsers where nobody chose one; `null`: what each prefers. */
  language: string | null;
  time_zone: string | null;
}

/** What everybody is told, before the login too. */
export type Told = Pick<Instance, "name" | "language">;

const UNNAMED = "Meterhub";
let name = "";
let asked: Promise<Told> | undefined;

/** What everybody is told, asked once; nothing is known of a device that does not answer, and the pages go on. */
export const told = (): Promise<Told> => (asked ??= ask());

async function ask(): Promise<Told> {
  const none: Told = { name: "", language: null };
  const answer = await fetch("/api/v1/instance", { credentials: "same-origin" }).catch(() => undefined);
  const found: Told = answer?.ok ? await (answer.json() as Promise<Told>).catch(() => none) : none;
  name ||= found.name;
  return found;
}

/** Take over what a user who is logged in is told. */
export function use(instance: Instance): void {
  name = instance.name;
  useZone(instance.time_zone);
}

/** What to call it. */
export const instanceName = (): string => name || UNNAMED;
