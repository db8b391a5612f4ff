// Device > Passwords and keys: their names only; what is in them is never shown again.

import { html, nothing, type TemplateResult } from "lit";
import { post } from "../api";
import { asked, filled } from "../components/dialog";
import { empty, loading, Page } from "../components/page";
import { table } from "../components/table";
import { t } from "../t";

class Secrets extends Page {
  static override properties = { names: { state: true } };
  declare names: string[] | undefined;

  protected override begin(): void {
    void this.#read();
  }

  #read(): Promise<void> {
    return this.read<{ secrets: string[] }>("/status/secrets", (body) => (this.names = body.secrets));
  }

  protected override body(): TemplateResult {
    if (!this.names) return loading();
    const add = this.mayDo("secrets/set") ? html`<button class="primary" @click=${() => this.#set()}>${t("Add a password or key")}</button>` : nothing;
    return html`<p class="description">${t("Meters and lines are opened with these. They are kept encrypted; a setting names one of them, and nobody can read them back.")}</p>
      ${this.names.length ? html`<div class="toolbar">${add}</div>` : nothing}
      ${table(
        t("Passwords and keys"),
        this.names,
        [
          { title: t("Name"), cell: (name) => html`<span class="mono">${name}</span>`, by: (name) => name },
          { title: "", cell: (name) => this.#tools(name) },
        ],
        empty(t("No password or key is kept here yet. Add one, then choose it in the settings of a meter."), add),
        { key: (name) => name },
      )}`;
  }

  #tools(name: string): TemplateResult {
    return html`<div class="tools">
      ${this.mayDo("secrets/set")
        ? html`<button aria-label=${t("Replace {name}", { name })} @click=${() => this.#set(name)}>${t("Replace")}</button>`
        : nothing}
      ${this.mayDo("secrets/delete")
        ? html`<button aria-label=${t("Delete {name}", { name })} @click=${() => this.#delete(name)}>${t("Delete")}</button>`
        : nothing}
    </div>`;
  }

  async #set(name = ""): Promise<void> {
    const done = await filled({
      title: name ? t("Replace {name}", { name }) : t("Add a password or key"),
      inputs: [
        ...(name ? [] : [{ name: "name", label: t("Name"), required: true, description: t("Small letters, digits and hyphens, such as meter-1-password.") }]),
        { name: "value", label: t("Value"), kind: "password" as const, required: true, autocomplete: "new-password" },
      ],
      yes: t("Save"),
      work: (values) => post("/command/secrets/set", { name: name || values["name"], value: values["value"] }),
    });
    if (!done) return;
    await this.#read();
    this.notice = t("It was saved. Services that use it take it at their next connection.");
  }

  async #delete(name: string): Promise<void> {
    const question = { title: t("Delete {name}?", { name }), text: t("Whatever uses it can no longer open its meter or line."), yes: t("Delete"), danger: true };
    if (!(await asked(question)) || !(await this.attempt(() => post("/command/secrets/delete", { name })))) return;
    await this.#read();
    this.notice = t("{name} was deleted.", { name });
  }
}

customElements.define("page-secrets", Secrets);
