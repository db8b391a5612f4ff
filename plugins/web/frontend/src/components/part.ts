// One part of the status of a service, such as the time within that of the system.

import { html, nothing, type TemplateResult } from "lit";
import type { Schema } from "../model";
import "../status/view";

export function part(schema: Schema | null | undefined, status: Record<string, unknown> | null | undefined, name: string): TemplateResult | typeof nothing {
  const value = status?.[name];
  if (value === undefined || value === null) return nothing;
  const own = schema?.properties?.[name];
  // A list gets its heading from the field that holds it.
  if (Array.isArray(value)) {
    const only = schema && own ? { ...schema, properties: { [name]: own } } : undefined;
    return html`<mh-status .schema=${only} .value=${{ [name]: value }}></mh-status>`;
  }
  const described = own ? { ...own, ...(schema?.$defs ? { $defs: schema.$defs } : {}) } : undefined;
  return html`<mh-status .schema=${described} .value=${value}></mh-status>`;
}
