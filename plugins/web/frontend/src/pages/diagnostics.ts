// Device > Diagnostics: workers and what confines them, prepared downloads, restarts.

import { html, nothing, type TemplateResult } from "lit";
import { post } from "../api";
import { badge, stateBadge } from "../components/badge";
import { asked } from "../components/dialog";
import { facts } from "../components/facts";
import { type Download, fetched } from "../components/files";
import { empty, loading, Page } from "../components/page";
import { table } from "../components/table";
import { bytes } from "../status/words";
import { duration, number, t, time } from "../t";

interface Worker {
  name: string;
  state: string;
  pid: number | null;
  distributions: string[];
  restarts: number;
  since: number;
  memory: number;
  cpu: number;
  enforced: string[];
  missing: string[];
  detail: string;
}

interface HubStatus {
  points: number;
  published: number;
  delivered: number;
  refused: number;
  subscriptions: number;
  queues: { name: string; waiting: number; limit: number; dropped: number; attached: boolean }[];
}

class Diagnostics extends Page {
  static override properties = {
    workers: { state: true },
    services: { state: true },
    downloads: { state: true },
    hub: { state: true },
    share: { state: true },
  };
  declare workers: Worker[] | undefined;
  declare services: { name: string; state: string; detail: string }[] | undefined;
  declare downloads: Download[] | undefined;
  declare hub: HubStatus | undefined;
  declare share: Record<string, number>;

  protected override begin(): void {
    this.share = {};
    this.watch<{ workers: Worker[] }>("/status/workers", (body) => (this.workers = body.workers));
    this.watch<{ services: Diagnostics["services"] & object }>("/status/services", (body) => (this.services = body.services));
    this.watch<{ downloads: Download[] }>("/status/downloads", (body) => (this.downloads = body.downloads));
    this.watch<HubStatus>("/status/hub", (body) => (this.hub = body));
  }

  protected override body(): TemplateResult {
    return html`${this.#files()}
      <section><h2>${t("Workers")}</h2>
        <p class="description">${t("Each plugin runs in a process of its own, confined to what its manifest says. Open a row to see what confines it.")}</p>
        ${this.workers ? this.#workers(this.workers) : loading()}</section>
      ${this.services && this.mayDo("services/restart") ? this.#services(this.services) : nothing}
      ${this.hub ? this.#hub(this.hub) : nothing}
      ${this.may("/data/frames")
        ? html`<p><a href="/protocol-conversion/info/frames">${t("Frames on the lines: open the frame recorder")}</a></p>`
        : nothing}`;
  }

  #files(): TemplateResult | typeof nothing {
    if (!this.may("/status/downloads")) return nothing;
    const prepare = (kind: string): unknown =>
      this.attempt(() => post("/command/diagnostics/download", { kind }), t("The file is being prepared; it appears below."));
    return html`<section><h2>${t("Downloads")}</h2>
      ${this.mayDo("diagnostics/download")
        ? html`<div class="toolbar">
            <button class="primary" ?disabled=${this.busy} @click=${() => prepare("support-dump")}>${t("Prepare a support dump")}</button>
            <button ?disabled=${this.busy} @click=${() => prepare("diagnostic-log")}>${t("Prepare the diagnostic log")}</button>
            ${this.downloads?.length && this.mayDo("download/cancel")
              ? html`<button @click=${() => this.attempt(() => post("/command/download/cancel", {}), t("All downloads were cancelled."))}>
                  ${t("Cancel all downloads")}</button>`
              : nothing}
          </div>
          <p class="description">${t("The support dump holds versions, configuration, events, states and recent frames; passwords and keys are in neither file.")}</p>`
        : nothing}
      ${this.#downloads()}</section>`;
  }

  #downloads(): TemplateResult {
    if (!this.downloads) return loading();
    return table(
      t("Downloads"),
      this.downloads,
      [
        { title: t("File"), cell: (row) => row.name },
        { title: t("Begun"), cell: (row) => time(row.began), whole: true },
        { title: t("State"), cell: (row) => html`${stateBadge(row.state)} ${row.detail}` },
        { title: t("Size"), cell: (row) => bytes(row.size), right: true },
        { title: "", cell: (row) => this.#fetch(row) },
      ],
      t("No file is prepared."),
      { key: (row) => row.id },
    );
  }

  #fetch(row: Download): TemplateResult | typeof nothing {
    if (row.state !== "ready") return nothing;
    const share = this.share[row.id];
    if (share !== undefined) return html`<progress aria-label=${row.name} max="1" .value=${share}></progress>`;
    const told = (now: number): void => {
      this.share = { ...this.share, [row.id]: now };
    };
    const fetch = async (): Promise<void> => {
      await this.attempt(() => fetched(row.id, told));
      const { [row.id]: _, ...rest } = this.share;
      this.share = rest;
    };
    return html`<button @click=${fetch} aria-label=${t("Download {name}", { name: row.name })}>${t("Download")}</button>`;
  }

  #workers(rows: Worker[]): TemplateResult {
    return table(
      t("Workers"),
      rows,
      [
        { title: t("Worker"), cell: (row) => row.name, by: (row) => row.name },
        { title: t("State"), cell: (row) => stateBadge(row.state), by: (row) => row.state },
        { title: t("Memory"), cell: (row) => (row.memory ? bytes(row.memory) : "–"), by: (row) => row.memory, right: true },
        { title: t("Processor"), cell: (row) => `${number(row.cpu * 100, 1)} %`, by: (row) => row.cpu, right: true },
        { title: t("Restarts"), cell: (row) => number(row.restarts), by: (row) => row.restarts, right: true },
        { title: t("Running for"), cell: (row) => duration(Math.max(0, Date.now() / 1000 - row.since)), by: (row) => row.since, right: true },
        { title: t("Sandbox"), cell: (row) => (row.missing.length ? badge("doubtful", t("{count} missing", { count: row.missing.length })) : badge("good", t("complete"))) },
      ],
      t("No worker runs: no service is configured."),
      { key: (row) => row.name, detail: (row) => this.#worker(row) },
    );
  }

  #worker(row: Worker): TemplateResult {
    const list = (items: string[]): TemplateResult => html`<ul class="plain">${items.map((item) => html`<li>${item}</li>`)}</ul>`;
    return facts([
      [t("Process"), row.pid],
      [t("Components"), row.distributions.join(", ")],
      !!row.detail && [t("Details"), row.detail],
      [t("Confined by"), list(row.enforced)],
      row.missing.length > 0 && [t("Not possible on this machine"), list(row.missing)],
    ]);
  }

  #services(rows: { name: string; state: string; detail: string }[]): TemplateResult {
    return html`<section><h2>${t("Restart services")}</h2>
      ${table(
        t("Restart services"),
        rows,
        [
          { title: t("Name"), cell: (row) => row.name, by: (row) => row.name },
          { title: t("State"), cell: (row) => stateBadge(row.state) },
          { title: t("Details"), cell: (row) => row.detail || "–" },
          { title: "", cell: (row) => (row.state === "off" ? nothing : html`<button @click=${() => this.#restart(row.name)} aria-label=${t("Restart {name}", { name: row.name })}>${t("Restart")}</button>`) },
        ],
        empty(t("No service is configured.")),
        { key: (row) => row.name },
      )}</section>`;
  }

  async #restart(service: string): Promise<void> {
    const question = {
      title: t("Restart {name}?", { name: service }),
      text: t("Its connections are closed, and its points are stale until it runs again."),
      yes: t("Restart"),
    };
    if (await asked(question)) await this.attempt(() => post("/command/services/restart", { service }), t("{name} was restarted.", { name: service }));
  }

  #hub(hub: HubStatus): TemplateResult {
    return html`<section><h2>${t("Data hub")}</h2>
      ${facts([
        [t("Points"), number(hub.points)],
        [t("Readings published"), number(hub.published)],
        [t("Readings delivered"), number(hub.delivered)],
        [t("Messages refused"), number(hub.refused)],
        [t("Subscriptions"), number(hub.subscriptions)],
      ])}
      ${hub.queues.length
        ? table(t("Queues"), hub.queues, [
            { title: t("Queue"), cell: (row) => row.name, by: (row) => row.name },
            { title: t("Waiting"), cell: (row) => t("{waiting} of {limit}", { waiting: number(row.waiting), limit: number(row.limit) }), by: (row) => row.waiting, right: true },
            { title: t("Lost"), cell: (row) => number(row.dropped), by: (row) => row.dropped, right: true },
            { title: t("State"), cell: (row) => (row.attached ? badge("good", t("read")) : badge("idle", t("kept for later"))) },
          ], "")
        : nothing}</section>`;
  }
}

customElements.define("page-diagnostics", Diagnostics);
