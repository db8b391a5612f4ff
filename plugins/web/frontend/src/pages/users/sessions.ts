// Sessions and API tokens as tables.

import { html, type TemplateResult } from "lit";
import { badge } from "../../components/badge";
import { table } from "../../components/table";
import { t, time } from "../../t";

export interface SessionRow {
  id: string;
  user: string;
  source: string;
}

export interface TokenRow {
  id: string;
  user: string;
  label: string;
  roles: string[];
  expires: number | string;
}

export interface SessionsAndTokens {
  sessions: SessionRow[];
  tokens: TokenRow[];
}

type End = ((id: string) => unknown) | false;

/** Moments of tokens are seconds or nanoseconds since 1970, or ISO 8601. */
const moment = (value: number | string): number => (typeof value === "string" ? Date.parse(value) : value > 1e15 ? value / 1e6 : value * 1000);

export const sessionTable = (rows: SessionRow[], end: End): TemplateResult =>
  table(
    t("Sessions"),
    rows,
    [
      { title: t("User name"), cell: (row) => row.user, by: (row) => row.user },
      { title: t("Address"), cell: (row) => row.source || "–", by: (row) => row.source },
      { title: t("Session"), cell: (row) => html`<code>${row.id}</code>` },
      end && { title: "", cell: (row) => html`<button aria-label=${t("End the session {id}", { id: row.id })} @click=${() => end(row.id)}>${t("End")}</button>` },
    ],
    t("Nobody is logged in."),
    { key: (row) => row.id },
  );

export const tokenTable = (rows: TokenRow[], end: End): TemplateResult =>
  table(
    t("API tokens"),
    rows,
    [
      { title: t("Label"), cell: (row) => row.label || "–", by: (row) => row.label },
      { title: t("User name"), cell: (row) => row.user, by: (row) => row.user },
      { title: t("Roles"), cell: (row) => row.roles.join(" ") },
      {
        title: t("Expires"),
        cell: (row) => (moment(row.expires) < Date.now() ? badge("bad", t("expired")) : time(moment(row.expires) * 1e6)),
        by: (row) => moment(row.expires),
      },
      { title: t("Client id"), cell: (row) => html`<code>${row.id}</code>` },
      end && { title: "", cell: (row) => html`<button aria-label=${t("Revoke the token {name}", { name: row.label || row.id })} @click=${() => end(row.id)}>${t("Revoke")}</button>` },
    ],
    t("There is no API token."),
    { key: (row) => row.id },
  );
