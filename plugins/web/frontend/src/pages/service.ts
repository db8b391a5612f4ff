// The page of any service: what it does now, its settings, its commands.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { Session } from "../api";
import * as mode from "../editing/mode";
import { MeterhubElement } from "../element";
import { live } from "../live";
import { type Descriptions, may, type ServiceInfo } from "../model";
import { t } from "../t";
import { instancesOf, type Instance } from "./service/instances";
import "./service/commands";
import "./service/configuration";
import "./service/state";

type Tab = "status" | "configuration" | "commands";

class ServicePage extends MeterhubElement {
  static override properties = {
    all: { attribute: false },
    session: { attribute: false },
    subject: { attribute: false },
    tab: { state: true },
    name: { state: true },
    mode: { state: true },
    instances: { state: true },
  };
  declare all: Descriptions;
  declare session: Session;
  declare subject: string;
  declare tab: Tab | undefined;
  /** The service or the instance of it that is shown. */
  declare name: string;
  declare mode: mode.ModeStatus | undefined;
  declare instances: Instance[];
  #listed = "";

  constructor() {
    super();
    this.name = "";
    this.instances = [];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (may(this.all, "/status/configuration")) {
      this.until(live<mode.ModeStatus>("/status/configuration", (status) => (this.mode = status)));
    }
    this.hear(mode.MODE_CHANGED, () => void this.#look());
  }

  async #look(): Promise<void> {
    if (may(this.all, "/status/configuration")) this.mode = await mode.status().catch(() => this.mode);
    this.instances = await instancesOf(this.all, this.subject, this.editing);
    if (!this.instances.some((instance) => instance.name === this.name)) this.name = this.instances[0]?.name ?? this.subject;
  }

  get service(): ServiceInfo | undefined {
    return this.all.services.find((service) => service.name === this.subject);
  }

  get editing(): boolean {
    return this.mode?.editor === this.session.user;
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has("subject")) {
      this.name = this.subject;
      this.tab = undefined;
    }
    const listed = `${this.subject} ${this.mode?.revision ?? ""} ${this.mode?.changes ?? ""} ${this.editing}`;
    if (changed.has("subject") || changed.has("all") || listed !== this.#listed) {
      this.#listed = listed;
      void this.#look();
    }
  }

  get #tabs(): [Tab, string][] {
    const found: [Tab, string][] = [];
    if (may(this.all, `/status/${this.name}`)) found.push(["status", t("Status")]);
    if (may(this.all, `/configuration/${this.subject}`)) found.push(["configuration", t("Configuration")]);
    if (this.#commands.length) found.push(["commands", t("Commands")]);
    return found;
  }

  get #commands(): { name: string; title: string }[] {
    return (this.service?.commands ?? []).filter(({ name }) => may(this.all, `/command/${this.name}/${name}`, "post"));
  }

  override render(): TemplateResult {
    const { service } = this;
    if (!service) return html`<h1>${t("There is nothing here")}</h1>`;
    const tabs = this.#tabs;
    const tab = tabs.some(([each]) => each === this.tab) ? this.tab : tabs[0]?.[0];
    return html`
      <h1>${service.title}</h1>
      ${service.description ? html`<p class="description lead">${service.description}</p>` : nothing}
      ${this.#several ? this.#chooser() : nothing}
      <div class="tabs" role="tablist" aria-label=${service.title} @keydown=${(event: KeyboardEvent) => this.#key(event, tabs)}>
        ${tabs.map(
          ([each, title]) => html`<button
            type="button"
            role="tab"
            id=${`tab-${each}`}
            aria-selected=${each === tab}
            aria-controls="panel"
            tabindex=${each === tab ? 0 : -1}
            @click=${() => this.#choose(each)}
          >
            ${title}
          </button>`,
        )}
      </div>
      ${tab ? html`<div id="panel" role="tabpanel" aria-labelledby=${`tab-${tab}`}>${this.#panel(tab)}</div>` : nothing}
    `;
  }

  /** Whether there is more than the plain service to choose, or could be. */
  get #several(): boolean {
    if (this.service?.single && this.instances.length < 2) return false;
    return this.editing || this.instances.some(({ name }) => name !== this.subject);
  }

  #panel(tab: Tab): TemplateResult {
    if (tab === "status") return html`<service-state .name=${this.name}></service-state>`;
    if (tab === "commands") {
      return html`<service-commands .name=${this.name} .commands=${this.#commands} .editing=${this.editing}></service-commands>`;
    }
    return html`<service-configuration
      .all=${this.all}
      .service=${this.service}
      .name=${this.name}
      .editing=${this.editing}
      .revision=${this.mode?.revision ?? 0}
      @instance-removed=${() => void this.#look()}
    ></service-configuration>`;
  }

  #chooser(): TemplateResult {
    const title = this.service!.title;
    return html`<mh-instances
      .instances=${this.instances}
      .chosen=${this.name}
      .service=${this.subject}
      .heading=${title}
      .editing=${this.editing}
      @chosen=${(event: CustomEvent<string>) => (this.name = event.detail)}
      @added=${(event: CustomEvent<string>) => this.#added(event.detail)}
    ></mh-instances>`;
  }

  #added(name: string): void {
    this.instances = [...this.instances, { name, active: false }];
    this.name = name;
    this.tab = "configuration";
  }

  #choose(tab: Tab): void {
    this.tab = tab;
  }

  #key(event: KeyboardEvent, tabs: [Tab, string][]): void {
    const at = tabs.findIndex(([each]) => `tab-${each}` === (event.target as HTMLElement).id);
    const to: Record<string, number> = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 };
    const next = tabs[((to[event.key] ?? at) + tabs.length) % tabs.length];
    if (at < 0 || !(event.key in to) || !next) return;
    event.preventDefault();
    this.#choose(next[0]);
    void this.updateComplete.then(() => this.querySelector<HTMLElement>(`#tab-${next[0]}`)?.focus());
  }
}

customElements.define("page-service", ServicePage);
