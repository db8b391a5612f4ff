// The objects of a meter, read from the meter, to choose mappings from.

import { html, nothing, type TemplateResult } from "lit";
import { type Failure, post } from "../api";
import { MeterhubElement } from "../element";
import { number, t } from "../t";

interface ObjectInfo {
  class_id: number;
  logical_name: string;
  unit: string;
  value: string;
  problem: string;
  mapping: Record<string, unknown> | null;
}

interface Page {
  device: string;
  listed: boolean;
  progress: string;
  total: number;
  rows: ObjectInfo[];
  cursor: string;
}

/** What tells one object from another, also when the meter is read again. */
const key = ({ class_id, logical_name }: ObjectInfo): string => `${class_id} ${logical_name}`;

const AGAIN = 1000;
const SHOWN = 500;

class Browse extends MeterhubElement {
  static override properties = {
    found: { state: true },
    told: { state: true },
    problem: { state: true },
    filter: { state: true },
    busy: { state: true },
    chosen: { state: true },
  };
  service = "";
  meter: unknown;
  mapped = new Set<unknown>();
  declare found: ObjectInfo[];
  declare told: string;
  declare problem: string;
  declare filter: string;
  declare busy: boolean;
  /** By their keys: what was chosen stays chosen when the values are read, too. */
  declare chosen: Set<string>;
  #gone = false;

  constructor() {
    super();
    this.found = [];
    this.chosen = new Set();
    [this.told, this.problem, this.filter] = ["", "", ""];
    this.busy = false;
  }

  protected override firstUpdated(): void {
    this.querySelector("dialog")?.showModal();
    void this.#read(false);
  }

  async #read(values: boolean): Promise<void> {
    [this.found, this.problem, this.busy] = [[], "", true];
    const draft = { ...(this.meter as object), mappings: [], profiles: [] };
    try {
      let cursor = "";
      do {
        const page = await post<Page>(`/command/${this.service}/browse`, { draft, values, cursor });
        if (this.#gone) return;
        this.told = page.listed ? page.device : page.progress;
        if (!page.listed) await new Promise((wake) => setTimeout(wake, AGAIN));
        else this.found = [...this.found, ...page.rows];
        cursor = page.listed ? page.cursor : "";
        if (page.listed && !cursor) break;
      } while (!this.#gone);
    } catch (error) {
      const failure = error as Failure;
      this.problem = failure.kind === "not-found" ? t("The service does not run yet. Save, apply the configuration, then browse.") : failure.message || t("The device does not answer; try again.");
    } finally {
      this.busy = false;
    }
  }

  #end(chosen: unknown[]): void {
    this.#gone = true;
    this.querySelector("dialog")?.close();
    this.dispatchEvent(new CustomEvent("chosen", { detail: chosen }));
  }

  get #picked(): ObjectInfo[] {
    return this.found.filter((each) => this.chosen.has(key(each)));
  }

  #take(event: SubmitEvent): void {
    event.preventDefault();
    this.#end(this.#picked.map((each) => each.mapping ?? { logical_name: each.logical_name, class_id: each.class_id }));
  }

  #toggle(each: ObjectInfo, on: boolean): void {
    const chosen = new Set(this.chosen);
    if (on) chosen.add(key(each));
    else chosen.delete(key(each));
    this.chosen = chosen;
  }

  override render(): TemplateResult {
    const wanted = this.filter.trim().toLowerCase();
    const found = this.found.filter((each) => `${each.logical_name} ${String(each.mapping?.["label"] ?? "")}`.toLowerCase().includes(wanted));
    const picked = this.#picked.length;
    return html`<dialog class="browse" aria-labelledby="browse-title" @cancel=${() => this.#end([])}>
      <form @submit=${(event: SubmitEvent) => this.#take(event)}>
        <h2 id="browse-title">${t("Objects of the meter")} <small>${this.told}</small></h2>
        <p role="status">${this.busy ? t("Reading from the meter: {count} objects …", { count: this.found.length }) : t("{count} objects", { count: number(this.found.length) })}</p>
        ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
        <div class="tools">
          <label>${t("Search")} <input type="search" .value=${this.filter} @input=${(event: Event) => (this.filter = (event.target as HTMLInputElement).value)} /></label>
          <button type="button" ?disabled=${this.busy} @click=${() => this.#read(true)}>${t("Read with values")}</button>
        </div>
        <div class="scroll tall" tabindex="0" role="group" aria-labelledby="browse-title">
          <table>
            <thead>
              <tr>
                <th scope="col"><span class="hidden">${t("Choose")}</span></th>
                <th scope="col">${t("Logical name")}</th>
                <th scope="col">${t("Label")}</th>
                <th scope="col">${t("Class")}</th>
                <th scope="col">${t("Value")}</th>
              </tr>
            </thead>
            <tbody>${found.slice(0, SHOWN).map((each) => this.#row(each))}</tbody>
          </table>
        </div>
        <div class="actions">
          <button class="primary" ?disabled=${!picked}>${t("Add {count} rows", { count: picked })}</button>
          <button type="button" @click=${() => this.#end([])}>${t("Back")}</button>
        </div>
      </form>
    </dialog>`;
  }

  #row(each: ObjectInfo): TemplateResult {
    const there = this.mapped.has(each.logical_name);
    return html`<tr>
      <td>
        <input
          type="checkbox"
          aria-label=${each.logical_name}
          .checked=${this.chosen.has(key(each))}
          ?disabled=${there}
          @change=${(event: Event) => this.#toggle(each, (event.target as HTMLInputElement).checked)}
        />
      </td>
      <td><code>${each.logical_name}</code></td>
      <td>${each.mapping?.["label"] ?? "–"} ${there ? html`<small>${t("mapped")}</small>` : nothing}</td>
      <td>${each.class_id}</td>
      <td>${each.problem ? html`<span class="problem">${each.problem}</span>` : `${each.value} ${each.unit}`}</td>
    </tr>`;
  }
}

customElements.define("mh-browse", Browse);

/** Let somebody choose objects of a meter (its settings need not be in force); mappings for them. */
export function browse(service: string, meter: unknown, list: unknown[]): Promise<unknown[]> {
  const element = document.createElement("mh-browse") as Browse;
  element.service = service;
  element.meter = meter;
  element.mapped = new Set(list.map((row) => (row as Record<string, unknown>)["logical_name"]));
  document.body.append(element);
  return new Promise((done) => {
    element.addEventListener("chosen", (event) => {
      element.remove();
      done((event as CustomEvent<unknown[]>).detail);
    });
  });
}
