// A state as a sign and a word in the language of the user.

import type { TemplateResult } from "lit";
import { badge as marked, type Mood, mood } from "../status/words";
import { word } from "./words";

const MORE: Record<string, Mood> = {
  warning: "doubtful", preparing: "doubtful", executing: "doubtful", stopping: "doubtful",
  critical: "bad", alert: "bad", emergency: "bad", fatal: "bad", quarantined: "bad", unusable: "bad",
};

export const badge = (feeling: Mood, text: string): TemplateResult => marked(text, feeling);

/** A word that the device uses for a state, such as "running". */
export const stateBadge = (state: string): TemplateResult => badge(mood(state) ?? MORE[state] ?? "idle", word(state));

const QUALITIES = ["good", "substituted", "stale", "invalid"];

/** The quality of a reading, by its number. */
export const qualityName = (quality: number): string => QUALITIES[quality] ?? String(quality);
export const qualityBadge = (quality: number): TemplateResult => stateBadge(qualityName(quality));
