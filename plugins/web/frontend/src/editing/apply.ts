// Before apply: what would change, what is wrong with it, and how long there is to change one's mind.

import { html, nothing, type TemplateResult } from "lit";
import type { Failure, Fault } from "../api";
import { differences } from "../components/differences";
import { MeterhubElement } from "../element";
import type { Descriptions } from "../model";
import { t } from "../t";
import * as mode from "./mode";

class Apply extends MeterhubElement {
  static override properties = {
    all: { attribute: false },
    changes: { state: true },
    errors: { state: true },
    problem: { state: true },
    busy: { state: true },
  };
  declare all: Descriptions;
  declare changes: mode.Change[] | undefined;
  declare errors: Fault[];
  declare problem: string;
  declare busy: boolean;

  constructor() {
    super();
    this.errors = [];
    this.problem = "";
    this.busy = false;
  }

  protected override firstUpdated(): void {
    this.querySelector("dialog")?.showModal();
    void this.#look();
  }

  async #look(): Promise<void> {
    try {
      [this.changes, this.errors] = await Promise.all([mode.diff(), mode.check()]);
    } catch (error) {
      this.problem = (error as Failure).message;
    }
  }

  async #apply(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const given = new FormData(event.target as HTMLFormElement);
    const within = Number(given.get("within"));
    this.busy = true;
    this.problem = "";
    try {
      const applied = await mode.apply(String(given.get("name")), within);
      if (applied.applied) return this.#close();
      this.errors = applied.errors;
      this.problem = applied.errors.length ? "" : t("Nothing was applied: {reason}", { reason: applied.reason });
    } catch (error) {
      const failure = error as Failure;
      if (failure.kind === "offline" && within) return this.#lost(within);
      this.problem = failure.message || t("The device does not answer; try again.");
    } finally {
      this.busy = false;
    }
  }

  /** Nobody knows what came of it; the bar tells when the device answers again. */
  #lost(within: number): void {
    this.dispatchEvent(new CustomEvent("lost", { detail: within }));
    this.#close();
  }

  #close(): void {
    this.querySelector("dialog")?.close();
    this.dispatchEvent(new CustomEvent("closed"));
  }

  #title(service: string): string {
    return this.all.services.find((known) => known.name === service)?.title ?? service;
  }

  override render(): TemplateResult {
    return html`<dialog class="wide" aria-labelledby="apply-title" @cancel=${() => this.#close()}>
      <form @submit=${(event: SubmitEvent) => this.#apply(event)}>
        <h2 id="apply-title">${t("Apply configuration change")}</h2>
        ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing} ${this.#faults()} ${this.#table()}
        <div class="field">
          <label for="apply-name">${t("Name of this configuration")}</label>
          <input id="apply-name" name="name" maxlength="100" />
        </div>
        <div class="field">
          <label for="apply-within">${t("Return by itself unless confirmed within")} <small>[s]</small></label>
          <input id="apply-within" name="within" type="number" min="0" max="86400" value="120" required />
          <p class="description">
            ${t("If the new configuration locks you out, the old one comes back after this time. 0 keeps it at once.")}
          </p>
        </div>
        <div class="actions">
          <button class="primary" ?disabled=${this.busy || this.errors.length > 0}>${t("Apply")}</button>
          <button type="button" @click=${() => this.#close()}>${t("Back")}</button>
        </div>
      </form>
    </dialog>`;
  }

  #faults(): TemplateResult | typeof nothing {
    if (this.errors.length === 0) return nothing;
    return html`<div class="problem" role="alert">
      <p>${t("This must be put right first:")}</p>
      <mh-changes .all=${this.all} .faults=${this.errors}></mh-changes>
    </div>`;
  }

  #table(): TemplateResult {
    if (!this.changes) return html`<p role="status">${t("Loading …")}</p>`;
    const services = new Set(this.changes.map((change) => this.#title(String(change.path[0]))));
    return html`<p>${t("These services start anew: {services}", { services: [...services].join(", ") })}</p>
      ${differences(this.changes, this.all)}`;
  }
}

customElements.define("mh-apply", Apply);
