// Protocol conversion > Manage synthesizers: upload of signed wheels, what is there, removal.

import { html, nothing, type TemplateResult } from "lit";
import { post } from "../api";
import { action, type Values } from "../components/action";
import { stateBadge } from "../components/badge";
import { filled } from "../components/dialog";
import { card, facts } from "../components/facts";
import { uploaded } from "../components/files";
import { loading, Page } from "../components/page";
import { table } from "../components/table";
import { word } from "../components/words";
import { number, t, time } from "../t";
import { hexadecimal } from "./identifiers";

interface Synthesizer {
  name: string;
  version: string;
  state: string;
  problem: string;
  publisher: string;
  release: string;
  removable: boolean;
  installed: number | string | null;
  installed_by: string;
  file: string;
  services: { name: string; title: string }[];
  configured: { name: string; state: string; detail: string }[];
}

const LARGEST = 32 << 20;

class Synthesizers extends Page {
  static override properties = { rows: { state: true }, share: { state: true } };
  declare rows: Synthesizer[] | undefined;
  declare share: number | undefined;

  protected override begin(): void {
    this.watch<{ synthesizers: Synthesizer[] }>("/status/synthesizers", (body) => (this.rows = body.synthesizers));
  }

  protected override body(): TemplateResult {
    return html`${this.mayDo("synthesizer/upload") && this.mayDo("upload/begin") ? card(t("Upload a synthesizer"), this.#upload()) : nothing}
      <section><h2>${t("Synthesizers")}</h2>${this.rows ? this.#table(this.rows) : loading()}</section>`;
  }

  #upload(): TemplateResult {
    const work = async (values: Values): Promise<void> => {
      const file = values["file"] as File;
      if (file.size > LARGEST) throw new Error(`file: ${t("{name} is larger than 32 MB.", { name: file.name })}`);
      this.share = 0;
      this.notice = "";
      try {
        const upload = await uploaded(file, (share) => (this.share = share));
        await post("/command/synthesizer/upload", { upload, allow_downgrade: values["allow_downgrade"] });
      } finally {
        this.share = undefined;
      }
      this.notice = t("{name} was checked and installed. Configure it in the menu.", { name: file.name });
      this.changed();
    };
    return html`<p>${t("A wheel with a signature of a publisher that is trusted here. It is checked before anything of it runs.")}</p>
      ${action(t("Upload"), [
        { name: "file", label: t("File"), kind: "file", accept: ".whl", required: true },
        { name: "allow_downgrade", label: t("Take an older release than the one that is here"), kind: "check" },
      ], work)}
      ${this.share === undefined ? nothing : html`<p role="status"><progress max="1" .value=${this.share} aria-label=${t("Upload")}></progress> ${number(this.share * 100, 0)} %</p>`}`;
  }

  #table(rows: Synthesizer[]): TemplateResult {
    return table(
      t("Synthesizers"),
      rows,
      [
        { title: t("Synthesizer"), cell: (row) => row.name, by: (row) => row.name },
        { title: t("Version"), cell: (row) => row.version, by: (row) => row.version },
        { title: t("State"), cell: (row) => html`${stateBadge(row.state)} ${row.problem}`, by: (row) => row.state },
        { title: t("Publisher"), cell: (row) => word(row.publisher) || "–", by: (row) => row.publisher },
        { title: t("Computes"), cell: (row) => row.services.map((service) => service.title).join(", ") || "–" },
        { title: t("Configured"), cell: (row) => (row.configured.length ? row.configured.map((each) => html`<div>${each.name} ${stateBadge(each.state)} ${each.detail}</div>`) : "–") },
        { title: "", cell: (row) => this.#tools(row) },
      ],
      t("No synthesizer is installed. Upload one above."),
      { key: (row) => row.name, detail: (row) => facts([
        [t("File"), row.file],
        [t("Uploaded"), row.installed === null ? t("part of the installation") : time(row.installed)],
        [t("Uploaded by"), row.installed_by],
        ["SHA-256", html`<code class="digest">${hexadecimal(row.release)}</code>`],
      ]) },
    );
  }

  #tools(row: Synthesizer): TemplateResult | typeof nothing {
    if (!row.removable || !this.mayDo("synthesizer/remove")) return nothing;
    const remove = async (): Promise<void> => {
      const used = row.configured.length > 0;
      const done = await filled({
        title: t("Remove {name}?", { name: row.name }),
        text: used
          ? t("It is in use: {services}. Their settings are kept and marked.", { services: row.configured.map((each) => each.name).join(", ") })
          : t("Its file is deleted from the device."),
        inputs: used ? [{ name: "force", label: t("Remove it although it is in use"), kind: "check" }] : [],
        yes: t("Remove"),
        danger: true,
        work: (values) => post("/command/synthesizer/remove", { name: row.name, force: Boolean(values["force"]) }),
      });
      if (!done) return;
      this.notice = t("{name} was removed.", { name: row.name });
      this.changed();
    };
    return html`<button aria-label=${t("Remove {name}", { name: row.name })} @click=${remove}>${t("Remove")}</button>`;
  }
}

customElements.define("page-synthesizers", Synthesizers);
