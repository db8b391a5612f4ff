// Service > Logged data: what the data logger kept, as curves, as a table, and as a file.

import { html, nothing, type TemplateResult } from "lit";
import { post } from "../api";
import { action, type Input, type Values } from "../components/action";
import { badge, stateBadge } from "../components/badge";
import type { Curve } from "../components/chart";
import { shown } from "../components/facts";
import { exported } from "../components/files";
import { empty, loading, Page } from "../components/page";
import { table } from "../components/table";
import { word } from "../components/words";
import { number, t, time } from "../t";
import { ask, type Asked, curvesOf, type LoggedRow, MOST } from "./logged/query";
import { LOGGED, wished } from "./points/wishes";

interface Series {
  point: string;
  source: string;
  unit: string;
  scaled: boolean;
}

const SERIES = "/command/data-logger/series";
const SHOWN = 8;

class LoggedData extends Page {
  static override properties = {
    series: { state: true },
    chosen: { state: true },
    search: { state: true },
    rows: { state: true },
    curves: { state: true },
    cut: { state: true },
    charting: { state: true },
  };
  declare series: Series[] | undefined;
  declare chosen: string[];
  declare search: string;
  declare rows: LoggedRow[] | undefined;
  declare curves: Curve[];
  declare cut: boolean;
  declare charting: boolean;
  #asked: Asked | undefined;

  protected override begin(): void {
    const point = wished(LOGGED);
    this.chosen = point ? [point] : [];
    this.search = "";
    this.curves = [];
    this.cut = this.charting = false;
    void this.attempt(() => this.#list());
  }

  async #list(): Promise<void> {
    const rows: Series[] = [];
    let after: string | null = "";
    while (after !== null) {
      const page: { series: Series[]; next: string | null } = await post(SERIES, { points: ["**"], after });
      rows.push(...page.series);
      after = page.next;
    }
    this.series = rows;
    if (this.chosen.length) await this.#query({ range: "24h", interval: "900" });
  }

  async #query(values: Values): Promise<void> {
    if (this.chosen.length === 0) throw new Error(t("Choose at least one point from the list."));
    const since = values["range"] === "own" ? (values["since"] ?? "") : values["range"];
    const until = values["range"] === "own" ? (values["until"] ?? "") : "";
    this.#asked = { points: this.chosen, since, until, interval: Number(values["interval"]) };
    const { rows, cut } = await ask(this.#asked);
    this.rows = rows;
    this.cut = cut;
    this.curves = curvesOf(rows, this.#asked.interval);
    if (this.curves.length && !this.charting) {
      await import("../components/chart");
      this.charting = true;
    }
  }

  protected override body(): TemplateResult {
    if (!this.series) return this.problem ? html`` : loading();
    if (this.series.length === 0) {
      return empty(t("Nothing was logged yet. Open Data logging in the menu, choose the points to log, and apply."));
    }
    const form = action(t("Show"), this.#inputs(), (values) => this.#query(values), { row: true, stays: true });
    const chart = this.rows ? this.#chart(this.rows) : html`<p class="faint">${t("Choose points and a time, then show them.")}</p>`;
    return html`<div class="sides"><div>${this.#picks()}</div><div>${form} ${chart}</div></div>
      ${this.rows?.length ? (this.#asked!.interval ? this.#intervals(this.rows) : this.#entries(this.rows)) : nothing}`;
  }

  #picks(): TemplateResult {
    const wanted = this.search.toLowerCase();
    const names = [...new Set(this.series!.map((row) => row.point))].filter((name) => name.toLowerCase().includes(wanted));
    const toggle = (name: string, on: boolean): void => {
      this.chosen = on ? [...this.chosen, name] : this.chosen.filter((each) => each !== name);
    };
    return html`<fieldset class="picks">
      <legend>${t("Points")} <small>${t("{count} chosen, at most {most}", { count: this.chosen.length, most: SHOWN })}</small></legend>
      <input type="search" aria-label=${t("Search points")} placeholder=${t("Search")} @input=${(event: Event) => (this.search = (event.target as HTMLInputElement).value)} />
      <div class="list" tabindex="0" role="group" aria-label=${t("Points")}>
        ${names.slice(0, 500).map((name) => {
          const on = this.chosen.includes(name);
          return html`<label><input type="checkbox" .checked=${on} ?disabled=${!on && this.chosen.length >= SHOWN}
            @change=${(event: Event) => toggle(name, (event.target as HTMLInputElement).checked)} /> ${name}</label>`;
        })}
        ${names.length > 500 ? html`<p class="faint">${t("{count} more: search for a part of the name", { count: names.length - 500 })}</p>` : nothing}
        ${names.length === 0 ? html`<p class="faint">${t("No point matches.")}</p>` : nothing}
      </div>
    </fieldset>`;
  }

  #inputs(): Input[] {
    const ranges: [string, string][] = [["1h", t("last hour")], ["24h", t("last day")], ["168h", t("last week")], ["720h", t("last 30 days")], ["own", t("from … until …")]];
    const intervals: [string, string][] = [["0", t("every entry")], ["60", t("1 minute")], ["900", t("15 minutes")], ["3600", t("1 hour")], ["86400", t("1 day")]];
    return [
      { name: "range", label: t("Time"), kind: "choice", choices: ranges, value: "24h" },
      { name: "since", label: t("From"), kind: "datetime-local", only: { when: "range", is: "own" } },
      { name: "until", label: t("Until"), kind: "datetime-local", only: { when: "range", is: "own" } },
      { name: "interval", label: t("Summed up in"), kind: "choice", choices: intervals, value: "900" },
    ];
  }

  #chart(rows: LoggedRow[]): TemplateResult {
    if (rows.length === 0) return empty(t("Nothing was logged in this time. Take a longer one."));
    return html`${this.cut ? html`<p class="notice">${t("Only the first {count} rows are shown. Take a shorter time or longer intervals, or download all.", { count: number(MOST) })}</p>` : nothing}
      ${this.charting && this.curves.length ? html`<mh-chart .curves=${this.curves} .name=${this.chosen.join(", ")}></mh-chart>` : nothing}
      ${this.mayDo("download/export")
        ? html`<div class="toolbar">${(["csv", "json"] as const).map((format) => html`<button ?disabled=${this.busy} @click=${() => this.#download(format)}>
            ${t("Download {format}", { format: format.toUpperCase() })}</button>`)}</div>`
        : nothing}`;
  }

  #download(format: "csv" | "json"): Promise<boolean> {
    const { points, since, until, interval } = this.#asked!;
    const [path, more] = interval ? ["/command/data-logger/aggregate", { interval }] : ["/command/data-logger/query", {}];
    return this.attempt(() => exported(path as string, { points, since, until, limit: 1000, ...(more as object) }, format), t("The file was downloaded."));
  }

  #entries(rows: LoggedRow[]): TemplateResult {
    return table(t("Logged values"), rows, [
      { title: t("Time"), cell: (row) => time(row.time), whole: true, by: (row) => row.time },
      { title: t("Point"), cell: (row) => row.point, by: (row) => row.point },
      { title: t("Value"), cell: (row) => shown(row.value), by: (row) => Number(row.value), right: true },
      { title: t("Unit"), cell: (row) => row.unit },
      { title: t("Quality"), cell: (row) => stateBadge(row.quality), by: (row) => row.quality },
      { title: t("Clock"), cell: (row) => (row.clock === "invalid" ? stateBadge(row.clock) : word(row.clock ?? "unknown")) },
      { title: t("Log source"), cell: (row) => row.source },
    ], "");
  }

  #intervals(rows: LoggedRow[]): TemplateResult {
    const figure = (value: number | null | undefined): string => (value === null || value === undefined ? "–" : number(value, 3));
    return table(t("Logged values"), rows, [
      { title: t("From"), cell: (row) => time(row.time), whole: true, by: (row) => row.time },
      { title: t("Point"), cell: (row) => row.point, by: (row) => row.point },
      { title: t("Minimum"), cell: (row) => figure(row.minimum), by: (row) => row.minimum, right: true },
      { title: t("Mean"), cell: (row) => figure(row.mean), by: (row) => row.mean, right: true },
      { title: t("Maximum"), cell: (row) => figure(row.maximum), by: (row) => row.maximum, right: true },
      { title: t("Last"), cell: (row) => shown(row.value), right: true },
      { title: t("Unit"), cell: (row) => row.unit },
      { title: t("Entries"), cell: (row) => number(row.count ?? 0), by: (row) => row.count, right: true },
      { title: t("Quality"), cell: (row) => (row.quality === "good" ? badge("good", t("good")) : stateBadge(row.quality)), by: (row) => row.quality },
    ], "");
  }
}

customElements.define("page-logged-data", LoggedData);
