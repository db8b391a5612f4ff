// Device > Configuration: history with comparison and restore, export, import, defaults.

import { html, nothing, type TemplateResult } from "lit";
import { type Fault, post } from "../api";
import { action, type Values } from "../components/action";
import { stateBadge } from "../components/badge";
import { asked, dialog } from "../components/dialog";
import { differences, faultList } from "../components/differences";
import { card, facts } from "../components/facts";
import { keep } from "../components/files";
import { loading, Page } from "../components/page";
import { table } from "../components/table";
import * as mode from "../editing/mode";
import { t, time } from "../t";
import { comparison, type Revision } from "./configuration/compare";

interface Taken {
  saved: boolean;
  errors: Fault[];
  written_by?: string;
  migrated?: string[];
}

const COMMAND = "/command/configuration/";

class Configuration extends Page {
  static override properties = { status: { state: true }, history: { state: true }, faults: { state: true } };
  declare status: mode.ModeStatus | undefined;
  declare history: Revision[] | undefined;
  declare faults: Fault[];

  protected override begin(): void {
    this.faults = [];
    this.watch<mode.ModeStatus>("/status/configuration", (status) => {
      if (status.revision !== this.status?.revision) void this.#read();
      this.status = status;
    });
  }

  #read(): Promise<void> {
    return this.read<Revision[]>("/data/configuration-history", (rows) => (this.history = rows));
  }

  protected override body(): TemplateResult {
    const status = this.status;
    if (!status) return loading();
    return html`<div class="cards">
        ${card(
          t("Running configuration"),
          facts([
            [t("Revision"), status.revision],
            [t("Name"), status.name],
            [t("Services"), status.services.length],
            [t("Configuration mode"), status.editor ?? t("nobody")],
            [t("Changes in the draft"), status.changes],
          ]),
        )}
        ${this.mayDo("configuration/export") ? card(t("Export"), this.#export()) : nothing}
        ${this.mayDo("configuration/import") ? card(t("Import"), this.#import()) : nothing}
        ${this.mayDo("configuration/restore-defaults") ? card(t("Restore defaults"), this.#defaults()) : nothing}
      </div>
      ${this.faults.length ? faultList(this.faults, this.all) : nothing} ${this.#history()}`;
  }

  #export(): TemplateResult {
    const work = async (values: Values): Promise<void> => {
      const passphrase = values["passphrase"] || undefined;
      const file = await post<unknown>(`${COMMAND}export`, { passphrase });
      const name = `configuration-${this.status!.revision}${passphrase ? "-with-secrets" : ""}.json`;
      keep(name, [JSON.stringify(file, null, 2)], "application/json");
    };
    const about = t("Without a passphrase, passwords and keys are left out. With one, they are encrypted in the file.");
    return action(t("Export"), [{ name: "passphrase", label: t("Passphrase"), kind: "password", description: about, autocomplete: "new-password" }], work);
  }

  #import(): TemplateResult {
    const work = async (values: Values): Promise<void> => {
      const file = values["file"] as File;
      if (file.size > 1 << 20) throw new Error(`file: ${t("{name} has more than 1 MB; a configuration is smaller.", { name: file.name })}`);
      const given = { file: await file.text(), passphrase: values["passphrase"] || undefined };
      if (given.passphrase && !(await asked({
        title: t("Replace passwords and keys?"),
        text: t("Passwords, keys and certificates of the same names are replaced at once, before anything is applied."),
        yes: t("Replace"),
        danger: true,
      }))) return;
      await this.#take(t("Import {name}", { name: file.name }), () => post<Taken>(`${COMMAND}import`, given));
    };
    return action(t("Import"), [
      { name: "file", label: t("File"), kind: "file", accept: ".json,application/json", required: true },
      { name: "passphrase", label: t("Passphrase"), kind: "password", description: t("Only where the file holds passwords and keys.") },
    ], work);
  }

  #defaults(): TemplateResult {
    const run = async (): Promise<void> => {
      const question = {
        title: t("Restore defaults?"),
        text: t("The draft becomes an empty configuration. Nothing changes on the device until you apply it."),
        yes: t("Restore defaults"),
        danger: true,
      };
      if (await asked(question)) await this.attempt(() => this.#take(t("Restore defaults"), () => post<Taken>(`${COMMAND}restore-defaults`)));
    };
    return html`<p>${t("Takes every service out of the draft. Users, licences and logs stay.")}</p>
      <button class="danger" ?disabled=${this.busy} @click=${run}>${t("Restore defaults")}</button>`;
  }

  // Everything goes through the draft: it is shown what would change before it is applied from the top bar.
  async #take(title: string, change: () => Promise<Taken>): Promise<void> {
    this.faults = [];
    const status = await mode.status();
    const mine = status.editor === this.session.user;
    if (mine && status.changes > 0 && !(await asked({
      title: t("Replace your draft?"),
      text: t("{changes} changes that you saved and did not apply are replaced.", { changes: status.changes }),
      yes: t("Replace"),
    }))) return;
    if (!mine) await mode.enter();
    let taken: Taken | undefined;
    try {
      taken = await change();
    } finally {
      if (!mine && !taken?.saved) await mode.discard();
    }
    if (!taken.saved) {
      this.faults = taken.errors;
      return;
    }
    const changes = await mode.diff();
    const kept = await dialog(title, (close) => html`${taken.migrated?.length
        ? html`<ul>${taken.migrated.map((text) => html`<li>${text}</li>`)}</ul>`
        : nothing}
      ${differences(changes, this.all)}
      <p>${t("Nothing changes on the device yet: apply it from the bar at the top.")}</p>
      <div class="actions">
        <button class="primary" ?disabled=${changes.length === 0} @click=${() => close(true)}>${t("Keep in the draft")}</button>
        <button @click=${() => close(false)}>${t("Discard")}</button>
      </div>`, { wide: true });
    if (!kept) await mode.discard();
    else window.dispatchEvent(new Event(mode.MODE_CHANGED));
  }

  async #compare(row: Revision): Promise<void> {
    const running = this.status!.revision;
    const older = this.history!.find((other) => other.number < row.number) ?? this.history!.find((other) => other.number !== row.number)!;
    const against = row.number === running || !this.history!.some((other) => other.number === running) ? older.number : running;
    const restores = row.number !== running && this.mayDo("configuration/revert") && this.mayDo("configuration/diff");
    const title = t("Revision {number}", { number: row.number });
    const restored = await dialog(title, (close) => html`${comparison(this.all, this.history!, row.number, against)}
      <div class="actions">
        ${restores ? html`<button class="primary" @click=${() => close(true)}>${t("Restore")}</button>` : nothing}
        <button @click=${() => close(false)}>${t("Close")}</button>
      </div>`, { wide: true });
    const put = (): Promise<Taken> => post<Taken>(`${COMMAND}revert`, { revision: row.number });
    const heading = t("Revision {number} against the running configuration", { number: row.number });
    if (restored) await this.attempt(() => this.#take(heading, put));
  }

  #history(): TemplateResult {
    const compares = this.may("/data/configuration-revision") && (this.history?.length ?? 0) > 1;
    const current = (row: Revision): boolean => row.number === this.status?.revision;
    return html`<section><h2>${t("History")}</h2>
      <p class="description">${t("Each apply makes a revision, with the name that was given to it. A revision that is restored goes to the draft first.")}</p>
      ${this.history
        ? table(
            t("History"),
            this.history,
            [
              { title: t("Revision"), cell: (row) => html`${row.number} ${current(row) ? stateBadge("running") : nothing}`, by: (row) => row.number },
              { title: t("Name"), cell: (row) => row.name || "–", by: (row) => row.name },
              { title: t("Time"), cell: (row) => time(row.time), whole: true, by: (row) => row.time },
              { title: t("Author"), cell: (row) => row.author, by: (row) => row.author },
              { title: t("Written by version"), cell: (row) => row.written_by },
              { title: t("Services"), cell: (row) => row.services.join(", ") || "–" },
              compares && {
                title: "",
                cell: (row) => html`<button ?disabled=${this.busy} @click=${() => this.#compare(row)}
                  aria-label=${t("Compare revision {number}", { number: row.number })}>${t("Compare")}</button>`,
              },
            ],
            t("There is no revision yet."),
            { key: (row) => String(row.number) },
          )
        : loading()}</section>`;
  }
}

customElements.define("page-configuration", Configuration);
