// The settings of a service: read, or in configuration mode edited and saved into the draft.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { Failure, Fault } from "../../api";
import * as mode from "../../editing/mode";
import { MeterhubElement } from "../../element";
import { same } from "../../form/draft";
import type { Form } from "../../form/form";
import { type Descriptions, description, may, type Schema, type ServiceInfo } from "../../model";
import { LANGUAGE_CHANGED, t } from "../../t";
import "../../form/form";

const KEEP_AFTER = 400;

type Settings = Record<string, unknown>;

class Configuration extends MeterhubElement {
  static override properties = {
    all: { attribute: false },
    service: { attribute: false },
    name: { attribute: false },
    editing: { attribute: false },
    revision: { attribute: false },
    schema: { state: true },
    value: { state: true },
    errors: { state: true },
    dirty: { state: true },
    restored: { state: true },
    problem: { state: true },
    said: { state: true },
    busy: { state: true },
  };
  declare all: Descriptions;
  declare service: ServiceInfo;
  declare name: string;
  declare editing: boolean;
  declare revision: number;
  declare schema: Schema | undefined;
  /** What the form begins with; `null` while the service is not in the configuration. */
  declare value: Settings | null | undefined;
  declare errors: Fault[];
  declare dirty: boolean;
  declare restored: boolean;
  declare problem: string;
  declare said: string;
  declare busy: boolean;
  #kept: Settings | null = null;
  #typed: Settings | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.#clear();
    this.busy = false;
  }

  #clear(): void {
    this.errors = [];
    this.dirty = false;
    this.restored = false;
    this.problem = "";
    this.said = "";
    this.#typed = undefined;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.hear(LANGUAGE_CHANGED, () => void this.#describe());
    this.hear("meterhub-leaving", (event) => this.#leaving(event));
    this.hear("beforeunload", (event) => {
      this.#keep();
      if (this.dirty) event.preventDefault();
    });
  }

  override disconnectedCallback(): void {
    this.#keep();
    super.disconnectedCallback();
  }

  get #mayEdit(): boolean {
    const path = `/configuration/${this.name}`;
    const known = this.all.paths.some((each) => each.path === path) ? path : `/configuration/${this.service.name}`;
    return this.editing && may(this.all, known, "put");
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has("name")) {
      if (changed.get("name")) this.#keep(changed.get("name") as string);
      this.#clear();
      this.schema = this.value = undefined; // what belongs to the one before must not be saved under this name
      void this.#describe();
    }
    if (changed.has("name") || changed.has("editing") || changed.has("revision")) void this.#load();
  }

  async #describe(): Promise<void> {
    // A new instance has no path of its own yet: its model is that of its service.
    const path = `/configuration/${this.service.name}`;
    const described = await description(path).catch((error: unknown) => void (this.problem = (error as Failure).message));
    this.schema = described?.schema ?? undefined;
  }

  async #load(): Promise<void> {
    const { name } = this;
    if (this.dirty && this.#mayEdit) return;
    const section = await this.#section(name).catch((error: unknown) => void (this.problem = (error as Failure).message));
    if (name !== this.name || !section) return;
    this.#kept = this.#mayEdit ? section.draft : section.active;
    const typed = this.#mayEdit ? (mode.remembered(name) as Settings | undefined) : undefined;
    this.restored = typed !== undefined && !same(typed, this.#kept);
    this.dirty = this.restored;
    this.#typed = this.restored ? typed : undefined;
    this.value = this.restored ? typed : this.#kept;
  }

  async #section(name: string): Promise<mode.Sectioned> {
    if (this.all.paths.some((each) => each.path === `/configuration/${name}`)) return mode.section(name);
    const change = (await mode.diff().catch(() => [])).find(({ path }) => path.length === 1 && path[0] === name);
    return { active: null, draft: (change?.new ?? null) as Settings | null, editing: true };
  }

  #change(event: CustomEvent<{ value: Settings }>): void {
    if (!event.detail) return;
    this.#typed = event.detail.value;
    this.dirty = true;
    this.said = "";
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#keep(), KEEP_AFTER);
  }

  #keep(name = this.name): void {
    clearTimeout(this.#timer);
    if (this.dirty && this.#typed) mode.remember(name, this.#typed);
  }

  #leaving(event: Event): void {
    if (!this.dirty || event.defaultPrevented) return;
    if (window.confirm(t("Leave this page? What was typed and not saved is lost."))) this.#drop();
    else event.preventDefault();
  }

  #drop(): void {
    clearTimeout(this.#timer);
    mode.forgetTyped(this.name);
    this.#clear();
    this.value = this.#kept === null ? null : structuredClone(this.#kept);
  }

  async #save(settings: Settings | null): Promise<void> {
    this.busy = true;
    this.problem = "";
    try {
      this.errors = await mode.save(this.name, settings);
      if (this.errors.length) {
        await this.updateComplete;
        await this.querySelector<Form>("mh-form")?.focusFirstError();
        return;
      }
      clearTimeout(this.#timer);
      mode.forgetTyped(this.name);
      this.#kept = settings === null ? null : structuredClone(settings);
      this.#clear();
      this.value = settings; // the very object that the form works on: what is open stays open
      this.said = settings === null ? t("Taken out. It counts once the change is applied.") : t("Saved. It counts once the change is applied.");
      if (settings === null) this.dispatchEvent(new CustomEvent("instance-removed"));
    } catch (error) {
      this.#keep();
      this.problem = (error as Failure).message || t("The device does not answer; try again.");
    } finally {
      this.busy = false;
    }
  }

  #remove(): void {
    if (window.confirm(t("Take {name} out of the configuration?", { name: this.name }))) void this.#save(null);
  }

  override render(): TemplateResult {
    if (!this.schema || this.value === undefined) {
      return this.problem
        ? html`<p class="problem" role="alert">${this.problem}</p>`
        : html`<p role="status">${t("Loading …")}</p>`;
    }
    const editable = this.#mayEdit;
    if (this.value === null) return this.#absent(editable);
    return html`
      ${editable || !this.editing ? nothing : html`<p class="notice">${t("You may read these settings and not change them.")}</p>`}
      ${this.restored
        ? html`<p class="notice" role="status">
            ${t("What you typed before is here again; it is not saved yet.")}
            <button type="button" @click=${() => this.#drop()}>${t("Drop it")}</button>
          </p>`
        : nothing}
      <form novalidate @submit=${(event: SubmitEvent) => this.#submit(event)}>
        <mh-form
          .schema=${this.schema}
          .value=${this.value}
          .errors=${this.errors}
          .readonly=${!editable}
          .service=${this.name}
          @change=${(event: CustomEvent<{ value: Settings }>) => this.#change(event)}
        ></mh-form>
        ${editable ? this.#actions() : nothing}
      </form>
      ${editable ? nothing : html`<p class="problem" role="alert">${this.problem}</p>`}
    `;
  }

  #submit(event: SubmitEvent): void {
    event.preventDefault();
    void this.#save(this.#typed ?? this.value ?? {});
  }

  #actions(): TemplateResult {
    return html`<div class="actions save">
      <button class="primary" ?disabled=${this.busy || (!this.dirty && this.#kept !== null)}>${t("Save")}</button>
      <button type="button" ?disabled=${!this.dirty} @click=${() => this.#drop()}>${t("Undo typing")}</button>
      <span role="status">
        ${this.said || (this.dirty ? t("Not saved yet") : "")}
        ${this.errors.length ? html`<span class="problem">${t("{count} to correct", { count: this.errors.length })}</span>` : nothing}
      </span>
      <span class="problem" role="alert">${this.problem}</span>
      ${this.#kept === null ? nothing : html`<button type="button" class="quiet end" @click=${() => this.#remove()}>${t("Take out of the configuration")}</button>`}
    </div>`;
  }

  #absent(editable: boolean): TemplateResult {
    const name = this.name === this.service.name ? this.service.title : `${this.service.title} (${this.name})`;
    return html`<div class="empty">
      <p>${t("{name} is not in the configuration.", { name })}</p>
      ${this.said ? html`<p role="status">${this.said}</p>` : nothing}
      ${editable
        ? html`<button class="primary" @click=${() => this.#begin()}>${t("Add it to the configuration")}</button>`
        : html`<p>${t("Enter configuration mode to add it.")}</p>`}
    </div>`;
  }

  #begin(): void {
    this.said = "";
    this.#typed = {};
    this.value = {};
    this.dirty = true;
  }
}

customElements.define("service-configuration", Configuration);
