// What would change in a configuration, and what of it deserves a second look.

import { html, nothing, type TemplateResult } from "lit";
import type { Fault } from "../api";
import type { Change } from "../editing/mode";
import type { Descriptions } from "../model";
import { t } from "../t";
import "../editing/changes";

/** Where a service listens; the address of a row in a map is none, nor is the port of a serial line. */
const LISTENING = /^(?!serial_)(?:.*_)?(port|addresses|hosts?|listen|http_mode|allowed|bind)($|_)/;
const CERTIFICATE = /certificate|tls|key_file|(^|_)ca($|_)/;
const USER = /(^|_)(user|users|roles|role|login)($|_)/;

const serviceTitle = (all: Descriptions, name: string): string =>
  all.services.find((service) => service.name === name)?.title ?? name;

/** Every field of that name within a value, with what stands in it. */
function fields(value: unknown, pattern: RegExp): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) => [...(pattern.test(name) ? [`${name} ${JSON.stringify(each)}`] : []), ...fields(each, pattern)]);
}

const within = (value: unknown, pattern: RegExp): string => fields(value, pattern).sort().join("\n");

/** A field of that name changes: by itself, or with all that it stands in. */
const named = (change: Change, pattern: RegExp): boolean =>
  change.path.some((part) => pattern.test(String(part))) || within(change.old, pattern) !== within(change.new, pattern);

/** A client listens nowhere: its addresses are those of others. */
const isClient = (all: Descriptions, { path }: Change): boolean =>
  all.services.some(({ name, place }) => name === String(path[0]).split("@")[0] && place.endsWith("/Clients"));

/** Sentences about changes that may lock somebody out. */
export function warnings(changes: Change[], all: Descriptions): string[] {
  const told: string[] = [];
  const of = (found: Change[]): string => [...new Set(found.map((change) => serviceTitle(all, String(change.path[0]))))].join(", ");
  const gone = changes.filter((change) => change.path.length === 1 && change.new === null);
  const users = changes.filter((change) => named(change, USER));
  const certificates = changes.filter((change) => named(change, CERTIFICATE));
  const addresses = changes.filter((change) => !isClient(all, change) && named(change, LISTENING));
  if (users.length) told.push(t("Users or their roles would change in: {services}.", { services: of(users) }));
  if (certificates.length) told.push(t("Certificates or TLS settings would change in: {services}.", { services: of(certificates) }));
  if (addresses.length) told.push(t("Addresses or ports would change in: {services}. You may have to open another address.", { services: of(addresses) }));
  if (gone.length) told.push(t("These services would be taken out: {services}.", { services: of(gone) }));
  return told;
}

export function differences(changes: Change[], all: Descriptions): TemplateResult {
  const told = warnings(changes, all);
  return html`${told.length
      ? html`<div class="warning" role="alert"><ul>${told.map((text) => html`<li>${text}</li>`)}</ul></div>`
      : nothing}
    <mh-changes .all=${all} .changes=${changes}></mh-changes>`;
}

export const faultList = (faults: Fault[], all: Descriptions): TemplateResult => html`<div class="problem" role="alert">
  <p>${t("Nothing was taken over; this must be put right first:")}</p>
  <mh-changes .all=${all} .faults=${faults}></mh-changes>
</div>`;
