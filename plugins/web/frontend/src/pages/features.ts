// Device > Features: built-in, licensed and both together; licences and who may issue them.

import { html, nothing, type TemplateResult } from "lit";
import { post } from "../api";
import { action, type Values } from "../components/action";
import { badge, stateBadge } from "../components/badge";
import { asked, filled } from "../components/dialog";
import { card, facts } from "../components/facts";
import { loading, Page } from "../components/page";
import { table } from "../components/table";
import { t, time } from "../t";

interface Feature {
  name: string;
  title: string;
  built_in: boolean;
  licensed: boolean;
  total: boolean;
  switched_on: boolean;
  active: boolean;
}

interface Licence {
  file: string;
  state: string;
  licence: { vendor: string; product: string; number: string; issued: string; expires: string | null; features: string[] } | null;
  fault: string;
  installed: number;
  installed_by: string;
}

interface Status {
  serial: string;
  features: Feature[];
  licences: Licence[];
  vendors: { kid: string; fingerprint: string }[];
}

class Features extends Page {
  static override properties = { status: { state: true } };
  declare status: Status | undefined;

  protected override begin(): void {
    void this.#read();
  }

  #read(): Promise<void> {
    return this.read<Status>("/status/licences", (body) => (this.status = body));
  }

  async #do(work: () => Promise<unknown>, well: string): Promise<void> {
    if (!(await this.attempt(work, well))) return;
    await this.#read();
    this.notice = well;
    this.changed();
  }

  protected override body(): TemplateResult {
    const status = this.status;
    if (!status) return loading();
    return html`${this.mayDo("licences/install") ? card(t("Install a licence"), this.#install(status)) : nothing}
      <section><h2>${t("Features")}</h2>${this.#features(status.features)}</section>
      <section><h2>${t("Licences")}</h2>${this.#licences(status.licences)}</section>
      <section><h2>${t("Vendors")}</h2>${this.#vendors(status.vendors)}</section>`;
  }

  #install(status: Status): TemplateResult {
    const work = async (values: Values): Promise<void> => {
      const file = values["file"] as File | null;
      const text = file?.size ? await file.text() : String(values["text"]);
      if (!text.trim()) throw new Error(`text: ${t("Choose a licence file, or paste its text.")}`);
      const installed = await post<{ features: string[] }>("/command/licences/install", { text });
      await this.#read();
      this.notice = t("Licensed: {features}. New entries are in the menu now.", { features: installed.features.join(", ") });
      this.changed();
    };
    return html`<p>${t("A licence is issued for the serial number {serial}.", { serial: status.serial })}</p>
      ${action(t("Install"), [
        { name: "file", label: t("Licence file"), kind: "file" },
        { name: "text", label: t("or its text"), kind: "area" },
      ], work)}`;
  }

  #features(rows: Feature[]): TemplateResult {
    const mark = (on: boolean): string => (on ? t("yes") : "–");
    return table(
      t("Features"),
      rows,
      [
        { title: t("Feature"), cell: (row) => html`${row.title || row.name} <small class="mono">${row.name}</small>`, by: (row) => row.title || row.name },
        { title: t("Built-in"), cell: (row) => mark(row.built_in), by: (row) => row.built_in },
        { title: t("Licensed"), cell: (row) => mark(row.licensed), by: (row) => row.licensed },
        { title: t("Total"), cell: (row) => mark(row.total), by: (row) => row.total },
        { title: t("State"), cell: (row) => (row.active ? stateBadge("active") : badge("idle", t("not active"))), by: (row) => row.active },
        this.mayDo("features/switch") && { title: t("Switch"), cell: (row) => this.#switch(row) },
      ],
      t("No plugin offers a feature."),
      { key: (row) => row.name },
    );
  }

  #switch(row: Feature): TemplateResult | typeof nothing {
    if (!row.total) return nothing;
    const text = row.switched_on ? t("Switch off") : t("Switch on");
    const run = async (): Promise<void> => {
      const question = { title: t("Switch off {name}?", { name: row.title }), text: t("Services that need it stop; their settings stay."), yes: t("Switch off") };
      if (row.switched_on && !(await asked(question))) return;
      await this.#do(() => post("/command/features/switch", { name: row.name, on: !row.switched_on }), t("{name} was switched.", { name: row.title }));
    };
    return html`<button ?disabled=${this.busy} aria-label="${text}: ${row.title}" @click=${run}>${text}</button>`;
  }

  #licences(rows: Licence[]): TemplateResult {
    const remove = async (row: Licence): Promise<void> => {
      const question = { title: t("Remove the licence {name}?", { name: row.licence?.number ?? row.file }), text: t("Features that only this licence holds stop."), yes: t("Remove"), danger: true };
      if (await asked(question)) await this.#do(() => post("/command/licences/remove", { file: row.file }), t("The licence was removed."));
    };
    return table(
      t("Licences"),
      rows,
      [
        { title: t("Licence"), cell: (row) => row.licence?.number ?? row.file, by: (row) => row.licence?.number },
        { title: t("Vendor"), cell: (row) => row.licence?.vendor ?? "–" },
        { title: t("State"), cell: (row) => html`${stateBadge(row.state)} ${row.fault}` },
        { title: t("Features"), cell: (row) => row.licence?.features.join(", ") ?? "–" },
        { title: t("Last day"), cell: (row) => row.licence?.expires ?? t("without end") },
        { title: t("Installed"), cell: (row) => html`${time(row.installed)} ${row.installed_by}`, by: (row) => row.installed },
        this.mayDo("licences/remove") && { title: "", cell: (row) => html`<button ?disabled=${this.busy} @click=${() => remove(row)}>${t("Remove")}</button>` },
      ],
      t("No licence is installed. Built-in features need none."),
      { key: (row) => row.file },
    );
  }

  #vendors(rows: { kid: string; fingerprint: string }[]): TemplateResult {
    const trust = async (): Promise<void> => {
      const done = await filled({
        title: t("Trust a vendor"),
        text: t("Licences of this vendor count from then on. Compare the fingerprint with the one that the vendor told you."),
        inputs: [
          { name: "document", label: t("Public key"), kind: "area", required: true, description: t("The JSON Web Key that the vendor gives out.") },
          { name: "features", label: t("Features it may license"), value: "*", description: t("Names or patterns, separated by spaces.") },
        ],
        yes: t("Trust"),
        work: (values) => post("/command/licences/trust-vendor", { document: values["document"], features: values["features"].split(/[\s,]+/).filter(Boolean) }),
      });
      if (done) await this.#read();
    };
    return html`${rows.length
        ? html`<div class="cards">${rows.map((row) => card(row.kid, facts([[t("Fingerprint"), html`<code class="digest">${row.fingerprint}</code>`]])))}</div>`
        : html`<p class="faint">${t("No vendor is trusted: no licence would count.")}</p>`}
      ${this.mayDo("licences/trust-vendor") ? html`<button @click=${trust}>${t("Trust a vendor")}</button>` : nothing}`;
  }
}

customElements.define("page-features", Features);
