// What the first page does for the installation, and what goes wrong at which field.

import type { Fault } from "../api";
import * as mode from "../editing/mode";
import type { Instance } from "../instance";
import { t } from "../t";

/** Sentences by the field that they are about; `""` is none of them. */
export class Wrong extends Error {
  readonly at: Record<string, string>;

  constructor(at: Record<string, string>) {
    super(Object.values(at).join(" "));
    this.at = at;
  }
}

export const wrong = (faults: Fault[]): Wrong =>
  new Wrong(Object.fromEntries(faults.map(({ path, message }) => [String(path[0] ?? ""), message]).reverse()));

/** Make these the settings of the installation; nothing of them is left in a draft when that cannot be done. */
export async function saveSettings(user: string, settings: Instance): Promise<void> {
  const { editor, changes } = await mode.status();
  if (editor !== null && editor !== user) throw new Error(t("{user} edits the configuration", { user: editor }));
  if (changes > 0) throw new Error(t("A draft with {changes} changes waits: apply or discard it first.", { changes }));
  await mode.enter();
  try {
    const faults = await mode.save("instance", settings);
    if (faults.length) throw wrong(faults);
    const { applied, errors, reason } = await mode.apply(t("Name, language and time zone"), 0);
    if (!applied) throw errors.length ? wrong(errors) : new Error(t("Nothing was applied: {reason}", { reason }));
  } catch (error) {
    await mode.discard().catch(() => undefined);
    throw error;
  }
}
