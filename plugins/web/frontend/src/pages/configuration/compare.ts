// Two revisions of the configuration side by side: what a return from the one to the other would change.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { get } from "../../api";
import { differences } from "../../components/differences";
import { loading, sentence } from "../../components/page";
import type { Change } from "../../editing/mode";
import { MeterhubElement } from "../../element";
import type { Descriptions } from "../../model";
import { t } from "../../t";

export interface Revision {
  number: number;
  name: string;
  time: number;
  author: string;
  written_by: string;
  services: string[];
}

class Compare extends MeterhubElement {
  static override properties = {
    all: { attribute: false },
    revisions: { attribute: false },
    number: { attribute: false },
    against: { state: true },
    changes: { state: true },
    problem: { state: true },
  };
  declare all: Descriptions;
  declare revisions: Revision[];
  declare number: number;
  declare against: number;
  declare changes: Change[] | undefined;
  declare problem: string;

  constructor(number: number, against: number) {
    super();
    this.number = number;
    this.against = against;
    this.problem = "";
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has("against")) void this.#look(this.against);
  }

  async #look(against: number): Promise<void> {
    this.changes = undefined;
    this.problem = "";
    try {
      const found = await get<{ changes: Change[] }>("/data/configuration-revision", { number: this.number, against });
      if (against === this.against) this.changes = found.changes;
    } catch (error) {
      this.problem = sentence(error);
    }
  }

  override render(): TemplateResult {
    const others = this.revisions.filter((row) => row.number !== this.number);
    return html`<div class="field">
        <label for="compare-against">${t("Compared with revision")}</label>
        <select id="compare-against" @change=${(event: Event) => (this.against = Number((event.target as HTMLSelectElement).value))}>
          ${others.map((row) => html`<option value=${row.number} ?selected=${row.number === this.against}>${row.number} ${row.name}</option>`)}
        </select>
      </div>
      ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
      ${this.changes ? differences(this.changes, this.all) : this.problem ? nothing : loading()}`;
  }
}

customElements.define("mh-compare", Compare);

/** The element for a revision, compared with another one to begin with. */
export function comparison(all: Descriptions, revisions: Revision[], number: number, against: number): HTMLElement {
  return Object.assign(new Compare(number, against), { all, revisions });
}
