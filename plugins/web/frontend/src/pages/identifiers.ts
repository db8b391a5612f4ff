// Device > Identifiers: product, and every component with its version and digest.

import { html, nothing, type TemplateResult } from "lit";
import { stateBadge } from "../components/badge";
import { card, type Fact, facts } from "../components/facts";
import { loading, Page } from "../components/page";
import { part } from "../components/part";
import { table } from "../components/table";
import { word } from "../components/words";
import { description, type Schema } from "../model";
import { t } from "../t";

interface Plugin {
  name: string;
  version: string;
  digest: string;
  publisher: string;
  state: string;
}

const TITLES: Record<string, () => string> = {
  product: () => t("Product"),
  serial: () => t("Serial number"),
  version: () => t("Version"),
  host: () => t("Host name"),
  hardware: () => t("Hardware"),
};

const SYSTEM = "/status/system";

/** Digests come in base64url; people compare them as the hexadecimal digits that sha256sum prints. */
export function hexadecimal(digest: string): string {
  try {
    const text = atob(digest.replace(/-/g, "+").replace(/_/g, "/"));
    return [...text].map((letter) => letter.charCodeAt(0).toString(16).padStart(2, "0")).join("");
  } catch {
    return digest;
  }
}

class Identifiers extends Page {
  static override properties = { identifiers: { state: true }, plugins: { state: true }, system: { state: true }, schema: { state: true } };
  declare system: Record<string, unknown> | null | undefined;
  declare schema: Schema | null | undefined;
  declare identifiers: Record<string, unknown> | undefined;
  declare plugins: Plugin[] | undefined;

  protected override begin(): void {
    void this.read<Record<string, unknown>>("/status/identifiers", (body) => (this.identifiers = body));
    void this.read<{ plugins: Plugin[] }>("/status/plugins", (body) => (this.plugins = body.plugins));
    void this.read<{ status: Identifiers["system"] }>(SYSTEM, (body) => (this.system = body.status));
    if (this.may(SYSTEM)) void description(SYSTEM).then(({ schema }) => (this.schema = schema));
  }

  protected override body(): TemplateResult {
    if (!this.identifiers) return loading();
    const rows = Object.entries(this.identifiers)
      .filter(([, value]) => typeof value !== "object")
      .map(([name, value]): Fact => [TITLES[name]?.() ?? name, html`<span class="mono">${String(value)}</span>`]);
    return html`<div class="cards">${card(t("Device"), facts(rows))}</div>
      ${this.system
        ? html`<section><h2>${t("Machine")}</h2>${part(this.schema, this.system, "info")}</section>
            <section><h2>${t("Identifiers of the utility")}</h2>${part(this.schema, this.system, "utility")}</section>`
        : nothing}
      <section><h2>${t("Components")}</h2>
      <p class="description">${t("The digest covers every file of a component. Two devices with equal digests run the same software.")}</p>
      ${table(
        t("Components"),
        this.plugins ?? [],
        [
          { title: t("Component"), cell: (row) => row.name, by: (row) => row.name },
          { title: t("Version"), cell: (row) => row.version, by: (row) => row.version },
          { title: t("State"), cell: (row) => stateBadge(row.state), by: (row) => row.state },
          { title: t("Publisher"), cell: (row) => word(row.publisher) || "–", by: (row) => row.publisher },
          { title: "SHA-256", cell: (row) => html`<code class="digest">${hexadecimal(row.digest) || "–"}</code>` },
        ],
        this.may("/status/plugins") ? t("No component is installed.") : t("Your roles do not let you see the components."),
        { key: (row) => row.name },
      )}</section>`;
  }
}

customElements.define("page-identifiers", Identifiers);
