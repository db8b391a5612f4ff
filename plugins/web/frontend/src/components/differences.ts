// What would change in a configuration, and what of it deserves a second look.

import { html, nothing, type TemplateResult } from "lit";
import type { Fault } from "../api";
import type { Change } from "../editing/mode";
import type { Descriptions } from "../model";
import { t } from "../t";
import { table } from "./table";

const ADDRESS = /(^|_)(port|address|addresses|host|listen|http_mode|allowed|bind)($|_)/;
const CERTIFICATE = /certificate|tls|key_file|(^|_)ca($|_)/;
const USER = /(^|_)(user|users|roles|role|login)($|_)/;

const serviceTitle = (all: Descriptions, name: string): string =>
  all.services.find((service) => service.name === name)?.title ?? name;

const named = (change: Change, pattern: RegExp): boolean => change.path.some((part) => pattern.test(String(part)));

/** Sentences about changes that may lock somebody out. */
export function warnings(changes: Change[], all: Descriptions): string[] {
  const told: string[] = [];
  const of = (found: Change[]): string => [...new Set(found.map((change) => serviceTitle(all, String(change.path[0]))))].join(", ");
  const gone = changes.filter((change) => change.path.length === 1 && change.new === null);
  const users = changes.filter((change) => named(change, USER));
  const certificates = changes.filter((change) => named(change, CERTIFICATE));
  const addresses = changes.filter((change) => named(change, ADDRESS) || String(change.path[0]) === "http");
  if (users.length) told.push(t("Users or their roles would change in: {services}.", { services: of(users) }));
  if (certificates.length) told.push(t("Certificates or TLS settings would change in: {services}.", { services: of(certificates) }));
  if (addresses.length) told.push(t("Addresses or ports would change in: {services}. You may have to open another address.", { services: of(addresses) }));
  if (gone.length) told.push(t("These services would be taken out: {services}.", { services: of(gone) }));
  return told;
}

const shown = (value: unknown): string => (value === undefined || value === null ? "–" : typeof value === "string" ? value : JSON.stringify(value));

export function differences(changes: Change[], all: Descriptions): TemplateResult {
  const told = warnings(changes, all);
  return html`${told.length
      ? html`<div class="warning" role="alert"><ul>${told.map((text) => html`<li>${text}</li>`)}</ul></div>`
      : nothing}
    ${table(
      t("Differences"),
      changes,
      [
        { title: t("Setting"), cell: (row) => [serviceTitle(all, String(row.path[0])), ...row.path.slice(1)].join(" › ") },
        { title: t("Before"), cell: (row) => html`<code class="value">${shown(row.old)}</code>` },
        { title: t("After"), cell: (row) => html`<code class="value">${shown(row.new)}</code>` },
      ],
      t("There is no difference."),
    )}`;
}

export const faultList = (faults: Fault[], all: Descriptions): TemplateResult => html`<div class="problem" role="alert">
  <p>${t("Nothing was taken over; this must be put right first:")}</p>
  <ul>
    ${faults.map((fault) => html`<li><b>${serviceTitle(all, String(fault.path[0] ?? ""))}</b> ${fault.path.slice(1).join(" › ")}: ${fault.message}</li>`)}
  </ul>
</div>`;
