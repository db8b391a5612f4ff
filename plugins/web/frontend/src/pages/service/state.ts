// What a service does now.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { MeterhubElement } from "../../element";
import { live } from "../../live";
import { description, type Schema } from "../../model";
import { LANGUAGE_CHANGED, duration, t } from "../../t";
import { badge, mood } from "../../status/words";
import "../../status/view";
import "./loads";

/** What the core knows of a service, and its own status in it. */
interface ServiceStatus {
  state?: string;
  detail?: string;
  since?: number | null;
  restarts?: number;
  status?: unknown;
}

const WORDS: Record<string, () => string> = {
  off: () => t("off"),
  ready: () => t("ready"),
  running: () => t("running"),
  starting: () => t("starting"),
  stopped: () => t("stopped"),
  stopping: () => t("stopping"),
  waiting: () => t("waiting"),
  failed: () => t("failed"),
};

class ServiceState extends MeterhubElement {
  static override properties = {
    name: { attribute: false },
    schema: { state: true },
    told: { state: true },
  };
  declare name: string;
  declare schema: Schema | null | undefined;
  declare told: ServiceStatus | undefined;
  #end: (() => void) | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.hear(LANGUAGE_CHANGED, () => void this.#describe());
    if (this.name) this.#watch();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#end?.();
    this.#end = undefined;
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has("name")) this.#watch();
  }

  #watch(): void {
    this.#end?.();
    this.told = undefined;
    void this.#describe();
    this.#end = live<ServiceStatus>(`/status/${this.name}`, (status) => (this.told = status));
  }

  async #describe(): Promise<void> {
    this.schema = (await description(`/status/${this.name}`).catch(() => undefined))?.schema ?? null;
  }

  override render(): TemplateResult {
    const { told } = this;
    if (!told || this.schema === undefined) return html`<p role="status">${t("Loading …")}</p>`;
    return html`${this.#line(told)}
    ${told.status === null || told.status === undefined
      ? html`<p class="empty">${t("This service tells nothing more about itself.")}</p>`
      : html`<mh-status .schema=${this.schema} .value=${told.status}></mh-status>${this.#loads(told.status)}`}`;
  }

  /** Of its own buses, or of its serial ports as those that use them tell it. */
  #loads(status: unknown): TemplateResult {
    const rows = this.name === "serial" ? ((status as { ports?: { port: string; used_by: string }[] }).ports ?? []) : undefined;
    if (!rows) return html`<mh-loads .services=${[this.name]}></mh-loads>`;
    const users = [...new Set(rows.flatMap((row) => row.used_by.split(", ")))].filter(Boolean);
    return html`<mh-loads .services=${users} .ports=${rows.map((row) => row.port)}></mh-loads>`;
  }

  #line(told: ServiceStatus): TemplateResult {
    const state = told.state ?? "";
    return html`<p class="state-line">
      ${badge(WORDS[state]?.() ?? state, mood(state) ?? "idle")}
      ${typeof told.since === "number" ? html`<span>${t("for {time}", { time: this.#age(told.since) })}</span>` : nothing}
      ${told.restarts ? html`<span>${t("{count} restarts", { count: told.restarts })}</span>` : nothing}
      ${told.detail ? html`<span class=${mood(state) === "good" ? nothing : "notice"}>${told.detail}</span>` : nothing}
    </p>`;
  }

  #age = (since: number): string => duration(Math.max(0, Date.now() / 1000 - (since > 1e15 ? since / 1e9 : since)));
}

customElements.define("service-state", ServiceState);
