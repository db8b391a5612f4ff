// Device > Plugins: what is installed, whose signature it bears, and whom to trust.

import { html, nothing, type TemplateResult } from "lit";
import { post } from "../api";
import { stateBadge } from "../components/badge";
import { asked, filled } from "../components/dialog";
import { facts } from "../components/facts";
import { loading, Page } from "../components/page";
import { table } from "../components/table";
import { word } from "../components/words";
import { t } from "../t";
import { hexadecimal } from "./identifiers";

interface Plugin {
  name: string;
  version: string;
  state: string;
  problem: string;
  publisher: string;
  kind: string;
  digest: string;
  features: string[];
  capabilities: string[];
  services: string[];
}

interface Publisher {
  kid: string;
  name: string;
  fingerprint: string;
  names: string[];
}

class Plugins extends Page {
  static override properties = { plugins: { state: true }, publishers: { state: true } };
  declare plugins: Plugin[] | undefined;
  declare publishers: Publisher[];

  protected override begin(): void {
    void this.#read();
  }

  #read(): Promise<void> {
    return this.read<{ plugins: Plugin[]; publishers: Publisher[] }>("/status/plugins", (body) => {
      this.plugins = body.plugins;
      this.publishers = body.publishers;
    });
  }

  async #do(command: string, body: unknown, well: string): Promise<void> {
    if (!(await this.attempt(() => post(`/command/plugins/${command}`, body), well))) return;
    await this.#read();
    this.notice = well;
    this.changed();
  }

  protected override body(): TemplateResult {
    if (!this.plugins) return loading();
    return html`<div class="toolbar">
        ${this.mayDo("plugins/rescan")
          ? html`<button ?disabled=${this.busy} @click=${() => this.#do("rescan", {}, t("The plugins were looked through."))}>${t("Look for plugins again")}</button>`
          : nothing}
        ${this.mayDo("plugins/trust") ? html`<button @click=${() => this.#trust()}>${t("Trust a publisher")}</button>` : nothing}
      </div>
      <section><h2>${t("Plugins")}</h2>${this.#plugins(this.plugins)}</section>
      <section><h2>${t("Publishers")}</h2>
        <p class="description">${t("A plugin runs only when its files bear the signature of a publisher in this list.")}</p>
        ${this.#publishers()}</section>`;
  }

  #plugins(rows: Plugin[]): TemplateResult {
    return table(
      t("Plugins"),
      rows,
      [
        { title: t("Plugin"), cell: (row) => row.name, by: (row) => row.name },
        { title: t("Version"), cell: (row) => row.version, by: (row) => row.version },
        { title: t("State"), cell: (row) => html`${stateBadge(row.state)} ${row.problem}`, by: (row) => row.state },
        { title: t("Publisher"), cell: (row) => word(row.publisher) || "–", by: (row) => row.publisher },
        { title: t("Kind"), cell: (row) => word(row.kind), by: (row) => row.kind },
        { title: t("Services"), cell: (row) => row.services.length || "–", by: (row) => row.services.length, right: true },
      ],
      t("No plugin is installed."),
      { key: (row) => row.name, detail: (row) => this.#detail(row) },
    );
  }

  #detail(row: Plugin): TemplateResult {
    return html`${facts([
      [t("Services"), row.services.join(", ")],
      [t("Features"), row.features.join(", ")],
      [t("Capabilities"), row.capabilities.join(", ")],
      ["SHA-256", html`<code class="digest">${hexadecimal(row.digest)}</code>`],
    ])}
    ${this.mayDo("plugins/revoke") && row.digest
      ? html`<button class="danger" @click=${() => this.#withdraw(row)}>${t("Withdraw this release")}</button>`
      : nothing}`;
  }

  async #withdraw(row: Plugin): Promise<void> {
    const question = {
      title: t("Withdraw {name} {version}?", { name: row.name, version: row.version }),
      text: t("This release never runs here again, whoever signed it. Its services stop."),
      yes: t("Withdraw"),
      danger: true,
    };
    if (await asked(question)) await this.#do("revoke", { digest: row.digest }, t("The release was withdrawn."));
  }

  #publishers(): TemplateResult {
    const revoke = async (row: Publisher): Promise<void> => {
      const done = await filled({
        title: t("Withdraw the key of {name}?", { name: row.name }),
        text: t("Nothing that was signed with it runs any more, but for the releases that you name."),
        inputs: [{ name: "still_good", label: t("Releases that stay good"), description: t("Digests, separated by spaces.") }],
        yes: t("Withdraw"),
        danger: true,
        work: (values) => post("/command/plugins/revoke", { kid: row.kid, still_good: values["still_good"].split(/[\s,]+/).filter(Boolean) }),
      });
      if (done) await this.#read();
    };
    return table(
      t("Publishers"),
      this.publishers,
      [
        { title: t("Publisher"), cell: (row) => word(row.name), by: (row) => row.name },
        { title: t("May sign"), cell: (row) => row.names.join(", ") },
        { title: t("Fingerprint"), cell: (row) => html`<code class="digest">${row.fingerprint}</code>` },
        this.mayDo("plugins/revoke") && { title: "", cell: (row) => html`<button aria-label=${t("Withdraw the key of {name}", { name: row.name })} @click=${() => revoke(row)}>${t("Withdraw")}</button>` },
      ],
      t("No publisher is trusted. Trust one to let its plugins run."),
      { key: (row) => row.kid },
    );
  }

  async #trust(): Promise<void> {
    const done = await filled({
      title: t("Trust a publisher"),
      text: t("Plugins of this publisher may run from then on. Compare the fingerprint with the one that the publisher told you."),
      inputs: [
        { name: "document", label: t("Public key"), kind: "area", required: true, description: t("The JSON Web Key that the publisher gives out.") },
        { name: "names", label: t("Names it may sign"), required: true, description: t("Patterns such as acme-*, separated by spaces.") },
      ],
      yes: t("Trust"),
      work: (values) => post("/command/plugins/trust", { document: values["document"], names: values["names"].split(/[\s,]+/).filter(Boolean) }),
    });
    if (!done) return;
    await this.#read();
    this.notice = t("The publisher is trusted.");
    this.changed();
  }
}

customElements.define("page-plugins", Plugins);
