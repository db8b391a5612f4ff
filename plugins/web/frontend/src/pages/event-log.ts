// Device > Event log: filtered, newest first, page by page; as a file; and whether nobody changed it.

import { html, nothing, type TemplateResult } from "lit";
import { get, post } from "../api";
import { action, type Input, type Values } from "../components/action";
import { stateBadge } from "../components/badge";
import { facts } from "../components/facts";
import { exported } from "../components/files";
import { loading, Page } from "../components/page";
import { table } from "../components/table";
import { word } from "../components/words";
import { t, time } from "../t";

interface Entry {
  time: string;
  severity: string;
  text: string;
  sequence?: number;
  log?: string;
  distribution?: string;
  number?: number;
  name?: string;
  source?: string;
  clock?: string;
  parameters?: Record<string, unknown>;
  digest?: string;
}

interface Answer {
  entries: Entry[];
  next: number | null;
}

const LOGS: Record<string, () => string> = {
  "all-events": () => t("All events"),
  system: () => t("System"),
  "user-authentication": () => t("User authentication"),
  "access-rights": () => t("Access rights and user management"),
  communication: () => t("Communication"),
  "update-and-licence": () => t("Update and licence"),
  security: () => t("Security"),
  "fatal-errors": () => t("Fatal errors"),
  diagnostics: () => t("Diagnostics"),
  "all-events-and-diagnostics": () => t("All events and diagnostics"),
};
const LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

class EventLog extends Page {
  static override properties = { answer: { state: true }, cursors: { state: true } };
  declare answer: Answer | undefined;
  declare cursors: (number | undefined)[];
  #query: Values = { log: "all-events", format: "full", limit: 50, least: "info" };

  protected override begin(): void {
    this.cursors = [];
    void this.attempt(() => this.#show([undefined]));
  }

  #filters(): Record<string, unknown> {
    return Object.fromEntries(Object.entries(this.#query).filter(([, value]) => value !== "" && value !== undefined));
  }

  // A page is known by the cursors that led to it: newer entries that come meanwhile do not move it.
  async #show(cursors: (number | undefined)[]): Promise<void> {
    const last = cursors.at(-1);
    this.answer = await get<Answer>("/data/event-log", { ...this.#filters(), ...(last === undefined ? {} : { before: last }) });
    this.cursors = cursors;
  }

  async #verify(): Promise<void> {
    const verified = await post<{ good: boolean; faults: string[] }>("/command/event-log/verify");
    if (!verified.good) throw new Error(t("The log was changed or damaged: {faults}", { faults: verified.faults.slice(0, 5).join("; ") }));
  }

  #inputs(): Input[] {
    const q = this.#query;
    return [
      { name: "log", label: t("Log"), kind: "choice", value: q["log"], choices: Object.entries(LOGS).map(([value, text]) => [value, text()]) },
      { name: "least", label: t("At least"), kind: "choice", value: q["least"], choices: LEVELS.map((level) => [level, word(level)]) },
      { name: "since", label: t("From"), kind: "datetime-local" },
      { name: "until", label: t("Until"), kind: "datetime-local" },
      { name: "text", label: t("Contains text") },
      { name: "source", label: t("Source") },
      { name: "number", label: t("Event number"), kind: "number", least: 1, most: 9999 },
      { name: "format", label: t("Format"), kind: "choice", value: q["format"], choices: [["full", t("Full")], ["brief", t("Brief")]] },
      { name: "limit", label: t("Entries a page"), kind: "choice", value: String(q["limit"]), choices: ["10", "50", "200"].map((n) => [n, n]) },
    ];
  }

  protected override body(): TemplateResult {
    return html`${action(t("Show"), this.#inputs(), async (values) => {
        this.#query = { ...values, limit: Number(values["limit"]) };
        await this.#show([undefined]);
      }, { row: true, stays: true })}
      <div class="toolbar">
        ${this.mayDo("download/export")
          ? (["csv", "json"] as const).map((format) => html`<button ?disabled=${this.busy} @click=${() => this.#download(format)}>
              ${t("Download {format}", { format: format.toUpperCase() })}</button>`)
          : nothing}
        ${this.mayDo("event-log/verify")
          ? html`<button ?disabled=${this.busy} @click=${() => this.attempt(() => this.#verify(), t("Every entry is as it was written."))}>
              ${t("Verify that nothing was changed")}</button>`
          : nothing}
      </div>
      ${this.answer ? html`${this.#table(this.answer)}${this.#pager(this.answer)}` : loading()}`;
  }

  #download(format: "csv" | "json"): Promise<boolean> {
    return this.attempt(() => exported("/data/event-log", { ...this.#filters(), limit: 1000 }, format), t("The file was downloaded."));
  }

  #table(answer: Answer): TemplateResult {
    const full = this.#query["format"] === "full";
    return table(
      t("Event log"),
      answer.entries,
      [
        { title: t("Time"), cell: (row) => time(row.time), whole: true },
        { title: t("Severity"), cell: (row) => stateBadge(row.severity) },
        full && { title: t("Event"), cell: (row) => row.number ?? "–", right: true },
        full && { title: t("Source"), cell: (row) => row.source ?? "–" },
        full && { title: t("Clock"), cell: (row) => (row.clock === "invalid" ? stateBadge(row.clock) : word(row.clock ?? "unknown")) },
        { title: t("Description"), cell: (row) => row.text },
      ],
      t("No entry matches these filters. Take a longer time, a lower severity or another log."),
      { key: (row) => `${row.sequence ?? row.time}`, detail: full ? (row) => this.#detail(row) : undefined },
    );
  }

  #detail(row: Entry): TemplateResult {
    return facts([
      [t("Sequence"), row.sequence],
      [t("Log"), LOGS[row.log ?? ""]?.() ?? row.log],
      [t("Name"), row.name],
      [t("Component"), row.distribution],
      ...Object.entries(row.parameters ?? {}).map(([name, value]): [string, unknown] => [name, typeof value === "object" ? JSON.stringify(value) : String(value)]),
      [t("Digest"), html`<code class="digest">${row.digest}</code>`],
    ]);
  }

  #pager(answer: Answer): TemplateResult | typeof nothing {
    if (this.cursors.length === 1 && answer.next === null) return nothing;
    return html`<nav class="pager" aria-label=${t("Pages of {name}", { name: t("Event log") })}>
      <button ?disabled=${this.cursors.length < 2} @click=${() => this.attempt(() => this.#show(this.cursors.slice(0, -1)))}>${t("Newer")}</button>
      <span>${t("Page {page}", { page: this.cursors.length })}</span>
      <button ?disabled=${answer.next === null} @click=${() => this.attempt(() => this.#show([...this.cursors, answer.next!]))}>${t("Older")}</button>
    </nav>`;
  }
}

customElements.define("page-event-log", EventLog);
