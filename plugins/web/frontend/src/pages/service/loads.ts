// `<mh-loads>`: how busy the buses of services are, from every share of time that their statuses tell of a row.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { History } from "../../components/history";
import { MeterhubElement } from "../../element";
import { asObject, resolved } from "../../form/schema";
import { live } from "../../live";
import { description, type Schema } from "../../model";
import { t } from "../../t";
import "../../components/course";

const MINUTES = 15;

interface Share {
  /** Whose: the first words of the row. */
  of: string;
  what: string;
  value: unknown;
}

/** Every number in percent in the rows of a status. */
function* shares(status: Record<string, unknown>, root: Schema): Generator<Share> {
  for (const [name, rows] of Object.entries(status)) {
    const items = resolved(resolved(root.properties?.[name] ?? {}, root).items ?? {}, root);
    const shared = Object.entries(items.properties ?? {}).filter(([, field]) => resolved(field, root).unit === "%");
    if (!Array.isArray(rows)) continue;
    for (const row of rows.map(asObject)) {
      const of = Object.values(row ?? {}).find((value) => typeof value === "string");
      for (const [field, schema] of shared) {
        if (typeof of === "string") yield { of, what: resolved(schema, root).title ?? field, value: row![field] };
      }
    }
  }
}

class Loads extends MeterhubElement {
  static override properties = { services: { attribute: false }, ports: { attribute: false } };
  declare services: string[];
  /** Only those of these serial ports. */
  declare ports: string[] | undefined;
  #history = new History(60 * MINUTES);
  #watched = "";
  #ends: (() => void)[] = [];

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#leave();
  }

  #leave(): void {
    for (const end of this.#ends.splice(0)) end();
    this.#watched = "";
  }

  protected override willUpdate(changed: PropertyValues): void {
    const watched = this.services.join(" ");
    if (!changed.has("services") || watched === this.#watched) return;
    this.#leave();
    this.#watched = watched;
    this.#history = new History(60 * MINUTES);
    for (const service of this.services) void this.#watch(service, watched);
  }

  async #watch(service: string, watched: string): Promise<void> {
    const schema = (await description(`/status/${service}`).catch(() => undefined))?.schema;
    if (!schema || watched !== this.#watched || !this.isConnected) return;
    this.#ends.push(
      live<{ status?: unknown }>(`/status/${service}`, ({ status }) => {
        const now = Date.now() / 1000;
        this.#history.hear(now);
        for (const { of, what, value } of shares(asObject(status) ?? {}, schema)) {
          if (this.ports && !this.ports.some((port) => of === port || of.endsWith(` ${port}`))) continue;
          this.#history.add(`${of} ${what}`, `${of}: ${what}`, "%", now, value);
        }
        this.requestUpdate();
      }),
    );
  }

  override render(): TemplateResult | typeof nothing {
    const { curves } = this.#history;
    if (!curves.length) return nothing;
    const name = t("Bus utilisation, the last {minutes} minutes", { minutes: MINUTES });
    return html`<section><h2>${name}</h2><mh-course .curves=${curves} .name=${name}></mh-course></section>`;
  }
}

customElements.define("mh-loads", Loads);
