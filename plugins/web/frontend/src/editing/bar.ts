// The configuration mode in the top bar: who edits, and what becomes of it.

import { html, nothing, type TemplateResult } from "lit";
import { Failure, type Session } from "../api";
import { CHANGED } from "../changes";
import { MeterhubElement } from "../element";
import { live } from "../live";
import { type Descriptions, may } from "../model";
import { number, t } from "../t";
import * as mode from "./mode";

class ModeBar extends MeterhubElement {
  static override properties = {
    session: { attribute: false },
    all: { attribute: false },
    status: { state: true },
    problem: { state: true },
    applying: { state: true },
    left: { state: true },
    lost: { state: true },
    returned: { state: true },
  };
  declare session: Session;
  declare all: Descriptions;
  declare status: mode.ModeStatus | undefined;
  declare problem: string;
  declare applying: boolean;
  declare left: number;
  /** The connection broke while a change was applied. */
  declare lost: boolean;
  /** The old configuration came back by itself. */
  declare returned: boolean;
  #until = 0;

  constructor() {
    super();
    this.problem = "";
    this.applying = false;
    this.left = 0;
    this.lost = this.returned = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (!may(this.all, "/status/configuration")) return;
    this.until(live<mode.ModeStatus>("/status/configuration", (status) => this.#take(status)));
    this.hear(mode.MODE_CHANGED, () => void mode.status().then((status) => this.#take(status), () => undefined));
    const clock = setInterval(() => this.#tick(), 1000);
    this.until(() => clearInterval(clock));
  }

  #take(status: mode.ModeStatus): void {
    const before = this.status;
    const changed = before && before.revision !== status.revision;
    const back = this.lost ? !changed : before && before.confirm_within !== null && status.revision < before.revision;
    if (status.confirm_within === null && back) this.returned = true;
    this.lost = false;
    this.status = status;
    this.#until = status.confirm_within === null ? 0 : Date.now() + status.confirm_within * 1000;
    this.#tick();
    if (changed) window.dispatchEvent(new Event(CHANGED));
  }

  #tick(): void {
    this.left = this.#until ? Math.max(0, Math.round((this.#until - Date.now()) / 1000)) : 0;
  }

  #lose(within: number): void {
    this.lost = true;
    this.#until = Date.now() + within * 1000;
    this.#tick();
  }

  async #do(work: () => Promise<unknown>): Promise<void> {
    this.problem = "";
    this.returned = false;
    try {
      await work();
    } catch (error) {
      this.problem = (error as Failure).message || t("The device does not answer; try again.");
    }
  }

  override render(): TemplateResult | typeof nothing {
    const status = this.status;
    if (!status) return nothing;
    return html`<div class="mode" role="group" aria-label=${t("Configuration mode")}>
      ${this.#told()} ${status.confirm_within !== null && !this.lost ? this.#confirmation() : nothing}
      ${this.lost ? nothing : this.#editing(status)}
      ${this.problem ? html`<span class="problem" role="alert">${this.problem}</span>` : nothing}
      ${this.applying
        ? html`<mh-apply
            .all=${this.all}
            @lost=${(event: CustomEvent<number>) => this.#lose(event.detail)}
            @closed=${() => (this.applying = false)}
          ></mh-apply>`
        : nothing}
    </div>`;
  }

  #told(): TemplateResult | typeof nothing {
    if (this.lost) {
      return html`<span class="notice" role="status">
        ${t("The device does not answer at this address any more. The old configuration returns by itself in {seconds} s.", { seconds: number(this.left) })}
      </span>`;
    }
    if (!this.returned) return nothing;
    return html`<span class="notice" role="status">${t("The new configuration was not kept: the old one is back.")}</span>`;
  }

  #confirmation(): TemplateResult {
    return html`<span class="notice" role="status">
        ${t("Keep the new configuration? The old one returns by itself in {seconds} s.", { seconds: number(this.left) })}
      </span>
      <button class="primary" @click=${() => this.#do(mode.confirm)}>${t("Keep it")}</button>`;
  }

  #editing(status: mode.ModeStatus): TemplateResult | typeof nothing {
    if (status.editor === null) {
      return may(this.all, "/command/configuration/enter", "post")
        ? html`<button @click=${() => this.#do(mode.enter)}>${t("Enter configuration mode")}</button>`
        : nothing;
    }
    if (status.editor !== this.session.user) return this.#other(status.editor);
    return html`<span class="notice">${t("Configuration mode: {changes} changes", { changes: status.changes })}</span>
      <button class="primary" ?disabled=${status.changes === 0} @click=${() => this.#do(() => this.#apply())}>
        ${t("Apply configuration change")}
      </button>
      <button @click=${() => void this.#discard(status.changes)}>${t("Discard configuration change")}</button>`;
  }

  #other(editor: string): TemplateResult {
    return html`<span class="notice">${t("{user} edits the configuration", { user: editor })}</span>
      ${may(this.all, "/command/configuration/cancel-other", "post")
        ? html`<button @click=${() => void this.#cancel(editor)}>${t("Cancel configuration mode of {user}", { user: editor })}</button>`
        : nothing}`;
  }

  async #discard(changes: number): Promise<void> {
    const text = t("Discard {changes} changes that were saved?", { changes });
    if (changes === 0 || (await this.#sure(t("Discard configuration change"), text))) await this.#do(mode.discard);
  }

  async #cancel(editor: string): Promise<void> {
    const text = t("What {user} saved and did not apply is lost. Go on?", { user: editor });
    if (await this.#sure(t("Cancel configuration mode of {user}", { user: editor }), text)) await this.#do(mode.cancelOther);
  }

  async #apply(): Promise<void> {
    await import("./apply");
    this.applying = true;
  }

  // Dialogs come when they are needed: the first page does without them.
  async #sure(title: string, text: string): Promise<boolean> {
    const { asked } = await import("../components/dialog");
    return asked({ title, text, yes: title, danger: true });
  }
}

customElements.define("mh-mode-bar", ModeBar);
