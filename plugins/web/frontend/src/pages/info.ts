// Device > Info: what this is, how it is doing, and what went wrong last.

import { html, nothing, type TemplateResult } from "lit";
import { badge, stateBadge } from "../components/badge";
import { card, type Fact, facts } from "../components/facts";
import { loading, Page } from "../components/page";
import { table } from "../components/table";
import { word } from "../components/words";
import { pageOf } from "../menu";
import { duration, number, t, time } from "../t";
import { type Known, verdict } from "./info/verdict";

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
    conversion: { state: true },
    system: { state: true },
    http: { state: true },
  };
  declare instance: Instance | undefined;
  declare services: ServiceRow[] | undefined;
  declare clock: { time: number; validity: string } | undefined;
  declare errors: Event[] | undefined;
  declare features: Feature[] | undefined;
  declare conversion: Known["conversion"] | undefined;
  declare system: { info: { problems: string[] }; utility: Record<string, string> } | null | undefined;
  declare http: { certificate: Known["certificate"] | null } | null | undefined;

  protected override begin(): void {
    this.watch<Instance>("/status/instance", (body) => (this.instance = body));
    this.watch<{ services: ServiceRow[] }>("/status/services", (body) => (this.services = body.services));
    this.watch<{ time: number; validity: string }>("/status/clock", (body) => (this.clock = body));
    this.watch<{ entries: Event[] }>("/data/event-log", (body) => (this.errors = body.entries), { least: "error", limit: 5 });
    this.watch<{ services: Known["conversion"] }>("/status/protocol-conversion", (body) => (this.conversion = body.services));
    this.watch<{ status: Info["system"] }>("/status/system", (body) => (this.system = body.status));
    this.watch<{ status: Info["http"] }>("/status/http", (body) => (this.http = body.status));
    void this.read<{ features: Feature[] }>("/status/licences", (body) => (this.features = body.features));
  }

  protected override body(): TemplateResult {
    const it = this.instance;
    if (!it) return loading();
    return html`${this.#waits() ? nothing : this.#verdict(it)}
      <div class="cards">
        ${card(
          t("Device"),
          facts([
            [t("Product"), it.product],
            ...this.#utility(),
            [t("Serial number"), html`<span class="mono">${it.serial}</span>`],
            [t("Version"), it.version],
            !!this.features && [t("Features"), this.#features(this.features)],
          ]),
        )}
        ${card(
          t("Operation"),
          facts([
            [t("Operating state"), stateBadge(it.state)],
            [t("Mode"), it.mode === "normal" ? word(it.mode) : badge("doubtful", word(it.mode))],
            [t("Running for"), duration(it.uptime)],
            !!this.clock && [t("System time"), html`${time(this.clock.time)} ${stateBadge(this.clock.validity)}`],
            [t("Points"), number(it.points)],
          ]),
        )}
      </div>
      ${this.services ? this.#services(this.services) : nothing} ${this.errors ? this.#errors(this.errors) : nothing}`;
  }

  /** Whether something that may speak against it is not known yet. */
  #waits(): boolean {
    const known: [string, unknown][] = [
      ["/status/services", this.services],
      ["/status/clock", this.clock],
      ["/status/protocol-conversion", this.conversion],
      ["/status/system", this.system],
      ["/data/event-log", this.errors],
    ];
    return known.some(([path, body]) => body === undefined && this.may(path));
  }

  #verdict(instance: Instance): TemplateResult {
    return verdict({
      instance,
      services: this.services ?? [],
      conversion: this.conversion ?? [],
      clock: this.clock,
      machine: this.system?.info,
      certificate: this.http?.certificate ?? undefined,
      errors: this.errors ?? [],
      title: (name) => this.#title(name),
      page: (name) => pageOf(this.all, name),
    });
  }

  /** What the utility calls it, where that was told. */
  #utility(): Fact[] {
    const { device_name: name, location } = this.system?.utility ?? {};
    return [!!name && [t("Name"), name], !!location && [t("Location"), location]];
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
          { title: t("Name"), cell: (row) => html`<a href=${pageOf(this.all, row.name)}>${this.#title(row.name)}</a>`, by: (row) => this.#title(row.name) },
          { title: t("State"), cell: (row) => stateBadge(row.state), by: (row) => row.state },
          { title: t("Since"), cell: (row) => (row.since ? time(row.since * 1e9) : "–"), whole: true, by: (row) => row.since },
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
          { title: t("Time"), cell: (row) => time(row.time), whole: true },
          { title: t("Severity"), cell: (row) => stateBadge(row.severity) },
          { title: t("Description"), cell: (row) => row.text },
        ],
        t("No errors are in the event log."),
      )}
      ${rows.length ? html`<p><a href="/device/event-log">${t("Open the event log")}</a></p>` : nothing}</section>`;
  }
}

customElements.define("page-info", Info);
