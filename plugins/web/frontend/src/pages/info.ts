// Device > Info: what this is, how it is doing, and what went wrong last.

import { html, nothing, type TemplateResult } from "lit";
import { badge, stateBadge } from "../components/badge";
import { card, facts } from "../components/facts";
import { loading, Page } from "../components/page";
import { table } from "../components/table";
import { word } from "../components/words";
import { duration, number, t, time } from "../t";

interface Instance {
  product: string;
  serial: string;
  version: string;
  state: string;
  mode: string;
  uptime: number;
  services: number;
  services_running: number;
  points: number;
}

interface ServiceRow {
  name: string;
  state: string;
  detail: string;
  since?: number;
  restarts?: number;
}

interface Event {
  time: string;
  severity: string;
  text: string;
}

interface Feature {
  name: string;
  title: string;
  active: boolean;
}

class Info extends Page {
  static override properties = {
    instance: { state: true },
    services: { state: true },
    clock: { state: true },
    errors: { state: true },
    features: { state: true },
  };
  declare instance: Instance | undefined;
  declare services: ServiceRow[] | undefined;
  declare clock: { time: number; validity: string } | undefined;
  declare errors: Event[] | undefined;
  declare features: Feature[] | undefined;

  protected override begin(): void {
    this.watch<Instance>("/status/instance", (body) => (this.instance = body));
    this.watch<{ services: ServiceRow[] }>("/status/services", (body) => (this.services = body.services));
    this.watch<{ time: number; validity: string }>("/status/clock", (body) => (this.clock = body));
    this.watch<{ entries: Event[] }>("/data/event-log", (body) => (this.errors = body.entries), { least: "error", limit: 5 });
    void this.read<{ features: Feature[] }>("/status/licences", (body) => (this.features = body.features));
  }

  protected override body(): TemplateResult {
    const it = this.instance;
    if (!it) return loading();
    return html`<div class="cards">
        ${card(
          t("Device"),
          facts([
            [t("Product"), it.product],
            [t("Serial number"), html`<span class="mono">${it.serial}</span>`],
            [t("Version"), it.version],
            [t("Operating state"), stateBadge(it.state)],
            [t("Mode"), it.mode === "normal" ? word(it.mode) : badge("doubtful", word(it.mode))],
            [t("Running for"), duration(it.uptime)],
            !!this.clock && [t("System time"), time(this.clock.time)],
            !!this.clock && [t("Clock"), stateBadge(this.clock.validity)],
          ]),
        )}
        ${card(
          t("In short"),
          facts([
            [t("Services running"), this.#running(it)],
            [t("Points"), number(it.points)],
            !!this.features && [t("Features"), this.#features(this.features)],
          ]),
        )}
      </div>
      ${this.services ? this.#services(this.services) : nothing} ${this.errors ? this.#errors(this.errors) : nothing}`;
  }

  #running(it: Instance): TemplateResult {
    const text = t("{running} of {all}", { running: it.services_running, all: it.services });
    return badge(it.services_running === it.services ? "good" : "doubtful", text);
  }

  #features(features: Feature[]): TemplateResult {
    const active = features.filter((feature) => feature.active);
    return html`<details><summary>${t("{active} active of {all}", { active: active.length, all: features.length })}</summary>
      <ul class="plain">${active.map((feature) => html`<li>${feature.title || feature.name}</li>`)}</ul></details>`;
  }

  #title(name: string): string {
    return this.all.services.find((service) => service.name === name)?.title ?? name;
  }

  #services(rows: ServiceRow[]): TemplateResult {
    return html`<section><h2>${t("Services")}</h2>
      ${table(
        t("Services"),
        rows,
        [
          { title: t("Service"), cell: (row) => html`${this.#title(row.name)} <small class="mono">${row.name}</small>`, by: (row) => this.#title(row.name) },
          { title: t("State"), cell: (row) => stateBadge(row.state), by: (row) => row.state },
          { title: t("Since"), cell: (row) => (row.since ? time(row.since * 1e9) : "–"), by: (row) => row.since },
          { title: t("Restarts"), cell: (row) => number(row.restarts ?? 0), by: (row) => row.restarts, right: true },
          { title: t("Details"), cell: (row) => row.detail || "–" },
        ],
        t("No service is configured. Enter the configuration mode and open the page of the service that you need."),
        { key: (row) => row.name },
      )}</section>`;
  }

  #errors(rows: Event[]): TemplateResult {
    return html`<section><h2>${t("Last errors")}</h2>
      ${table(
        t("Last errors"),
        rows,
        [
          { title: t("Time"), cell: (row) => time(row.time) },
          { title: t("Severity"), cell: (row) => stateBadge(row.severity) },
          { title: t("Description"), cell: (row) => row.text },
        ],
        t("No errors are in the event log."),
      )}
      ${rows.length ? html`<p><a href="/device/event-log">${t("Open the event log")}</a></p>` : nothing}</section>`;
  }
}

customElements.define("page-info", Info);
