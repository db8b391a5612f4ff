// What a draft changes, one row for each setting, and what is wrong with it, in the words of the pages.

import { html, type PropertyValues, type TemplateResult } from "lit";
import type { Fault } from "../api";
import { table } from "../components/table";
import { MeterhubElement } from "../element";
import type { Descriptions, Schema } from "../model";
import { t } from "../t";
import type { Change } from "./mode";
import { placeOf, schemasOf, type Told, told } from "./words";

const MOST = 500;

class Changes extends MeterhubElement {
  static override properties = {
    all: { attribute: false },
    changes: { attribute: false },
    faults: { attribute: false },
    schemas: { state: true },
  };
  declare all: Descriptions;
  declare changes: Change[] | undefined;
  /** Shown instead of changes. */
  declare faults: Fault[] | undefined;
  declare schemas: Map<string, Schema>;

  constructor() {
    super();
    this.schemas = new Map();
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (!changed.has("changes") && !changed.has("faults")) return;
    const services = [...(this.changes ?? []), ...(this.faults ?? [])].map(({ path }) => String(path[0] ?? ""));
    void schemasOf(services.filter(Boolean)).then((schemas) => (this.schemas = schemas));
  }

  #title(service: string): string {
    return this.all.services.find(({ name }) => name === service)?.title ?? service;
  }

  override render(): TemplateResult {
    return this.faults ? this.#faults(this.faults) : this.#changes(this.changes ?? []);
  }

  #faults(faults: Fault[]): TemplateResult {
    return html`<ul>
      ${faults.map(({ path, message }) => {
        const service = String(path[0] ?? "");
        const place = placeOf(path.slice(1), this.schemas.get(service));
        return html`<li><b>${this.#title(service)}</b>${place ? ` › ${place}` : ""}: ${message}</li>`;
      })}
    </ul>`;
  }

  #changes(changes: Change[]): TemplateResult {
    const rows = changes.flatMap((change) => {
      const service = String(change.path[0]);
      return told(change, this.schemas.get(service)).map((each): Told => ({ ...each, where: [this.#title(service), ...each.where] }));
    });
    return table(
      t("Differences"),
      rows.slice(0, MOST),
      [
        { title: t("Setting"), cell: (row) => row.where.join(" › ") },
        { title: t("Before"), cell: (row) => row.before },
        { title: t("After"), cell: (row) => row.after },
      ],
      t("There is no difference."),
    );
  }
}

customElements.define("mh-changes", Changes);
