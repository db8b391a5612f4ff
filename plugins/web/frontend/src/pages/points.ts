// Protocol conversion > Points: a live browser of all points, whatever their number: only what is on the screen is drawn.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { qualityBadge } from "../components/badge";
import { dialog } from "../components/dialog";
import { shown } from "../components/facts";
import { empty, loading, Page } from "../components/page";
import { word } from "../components/words";
import { live } from "../live";
import { duration, number, t } from "../t";
import { allPoints, branches, matches, type PointRow, type Points as Answer } from "./points/model";
import "./points/detail";

const ROW = 36;
const MARGIN = 6;
const MOST_LIVE = 400;

class Points extends Page {
  static override properties = {
    rows: { state: true },
    search: { state: true },
    branch: { state: true },
    kind: { state: true },
    first: { state: true },
    whole: { state: true },
  };
  declare rows: PointRow[];
  declare search: string;
  declare branch: string;
  declare kind: "" | "writable" | "bad" | "substituted";
  /** The first row that is drawn. */
  declare first: number;
  /** Whether all names were fetched. */
  declare whole: boolean;
  #found: PointRow[] = [];
  #watched = "";
  #stop: () => void = () => undefined;

  protected override begin(): void {
    this.rows = [];
    this.search = this.branch = this.kind = "";
    this.first = 0;
    this.whole = false;
    this.until(() => this.#stop());
    void this.#load();
    // Points come and go with services: the names are fetched anew now and then.
    const again = setInterval(() => !document.hidden && void this.#load(), 60_000);
    this.until(() => clearInterval(again));
  }

  async #load(): Promise<void> {
    const fresh = !this.whole;
    await this.attempt(() =>
      allPoints((rows) => {
        if (fresh) this.rows = rows;
        return this.isConnected;
      }).then(() => (this.whole = true)),
    );
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (["rows", "search", "branch", "kind"].some((name) => changed.has(name))) this.#filter();
    this.#follow();
  }

  #filter(): void {
    const wanted = this.search.trim().toLowerCase();
    const pattern = wanted.includes("*");
    this.#found = this.rows.filter((row) => {
      if (this.branch && !row.name.startsWith(`${this.branch}/`)) return false;
      if (this.kind === "writable" && !row.writable) return false;
      if (this.kind === "bad" && row.quality < 2) return false;
      if (this.kind === "substituted" && row.quality !== 1) return false;
      if (!wanted) return true;
      return pattern ? matches(wanted, row.name.toLowerCase()) : `${row.name} ${row.title} ${row.source}`.toLowerCase().includes(wanted);
    });
    this.first = Math.max(0, Math.min(this.first, this.#found.length - 1));
  }

  get #count(): number {
    return Math.ceil(Math.min(window.innerHeight, 1400) / ROW) + 2 * MARGIN;
  }

  // The rows on the screen lie between two names: one live query for all of them, unless too much lies between.
  #follow(): void {
    const seen = this.#found.slice(this.first, this.first + this.#count);
    const index = new Map(this.rows.map((row, at) => [row.name, at]));
    const begin = seen[0] ? index.get(seen[0].name)! : 0;
    const end = seen.length ? index.get(seen.at(-1)!.name)! : -1;
    const limit = Math.min(end - begin + 1, MOST_LIVE);
    const after = begin > 0 ? this.rows[begin - 1]!.name : "";
    const key = limit > 0 ? `${after} ${limit}` : "";
    if (key === this.#watched) return;
    this.#watched = key;
    this.#stop();
    this.#stop = () => undefined;
    if (!key) return;
    const timer = setTimeout(() => {
      const end = live<Answer>("/data/points", ({ points }) => this.#take(points), { after, limit });
      this.#stop = end;
    }, 150);
    this.#stop = () => clearTimeout(timer);
  }

  #take(points: PointRow[]): void {
    const fresh = new Map(points.map((point) => [point.name, point]));
    for (const list of [this.rows, this.#found]) {
      for (let at = 0; at < list.length; at += 1) {
        const now = fresh.get(list[at]!.name);
        if (now) list[at] = now;
      }
    }
    this.requestUpdate();
  }

  #scrolled(event: Event): void {
    const top = (event.target as HTMLElement).scrollTop;
    const first = Math.max(0, Math.floor(top / ROW) - MARGIN);
    if (Math.abs(first - this.first) >= MARGIN / 2 || first === 0) this.first = first;
  }

  protected override body(): TemplateResult {
    if (!this.rows.length) {
      return this.whole ? empty(t("There are no points: configure a client, such as that for meters, and apply.")) : loading();
    }
    return html`${this.#filters()}
      <p class="faint" role="status">
        ${t("{found} of {all} points", { found: number(this.#found.length), all: number(this.rows.length) })}
        ${this.whole ? nothing : t("Loading …")}
      </p>
      ${this.#found.length ? this.#table() : empty(t("No point matches. Search for a part of the name or title, or use a pattern: * is one element, ** the rest."))}`;
  }

  #filters(): TemplateResult {
    const kinds: [Points["kind"], string][] = [["", t("all")], ["writable", t("writable")], ["bad", t("stale or invalid")], ["substituted", t("substituted")]];
    const take = (name: "search" | "branch" | "kind") => (event: Event): void => {
      this.first = 0;
      this[name] = (event.target as HTMLInputElement).value as never;
      this.querySelector(".points")?.scrollTo(0, 0);
    };
    return html`<div class="action row" role="search">
      <div class="field grow"><label for="point-search">${t("Search")}</label>
        <input id="point-search" type="search" placeholder="main-meter/**" .value=${this.search} @input=${take("search")} autocomplete="off" /></div>
      <div class="field"><label for="point-branch">${t("Below")}</label>
        <select id="point-branch" @change=${take("branch")}>
          <option value="">${t("all")}</option>
          ${branches(this.rows).map(([branch, count]) => html`<option value=${branch}>${"  ".repeat(branch.split("/").length - 1)}${branch} (${number(count)})</option>`)}
        </select></div>
      <div class="field"><label for="point-kind">${t("Show")}</label>
        <select id="point-kind" @change=${take("kind")}>${kinds.map(([kind, text]) => html`<option value=${kind}>${text}</option>`)}</select></div>
    </div>`;
  }

  #table(): TemplateResult {
    const shownRows = this.#found.slice(this.first, this.first + this.#count);
    const below = Math.max(0, this.#found.length - this.first - shownRows.length);
    // As a property: the content policy forbids style attributes.
    const gap = (rows: number): TemplateResult | typeof nothing =>
      rows ? html`<tr aria-hidden="true"><td class="gap" .style=${`height: ${rows * ROW}px`}></td></tr>` : nothing;
    return html`<div class="points" tabindex="0" role="region" aria-label=${t("Points")} @scroll=${(event: Event) => this.#scrolled(event)}>
      <table aria-rowcount=${this.#found.length + 1}>
        <thead><tr aria-rowindex="1">
          <th scope="col" class="name">${t("Point")}</th><th scope="col" class="right">${t("Value")}</th><th scope="col" class="unit">${t("Unit")}</th>
          <th scope="col">${t("Quality")}</th><th scope="col" class="right wide">${t("Age")}</th><th scope="col" class="wide">${t("Type")}</th>
          <th scope="col" class="wide source">${t("Source")}</th>
        </tr></thead>
        <tbody>${gap(this.first)}${shownRows.map((row, at) => this.#row(row, this.first + at))}${gap(below)}</tbody>
      </table>
    </div>`;
  }

  #row(row: PointRow, at: number): TemplateResult {
    return html`<tr aria-rowindex=${at + 2}>
      <td class="name"><button class="link" title=${row.title || row.name} @click=${() => this.#open(row)}>${row.name}</button></td>
      <td class="right mono">${shown(row.value)}</td><td class="unit">${row.unit}</td><td>${qualityBadge(row.quality)}</td>
      <td class="right wide">${row.age === null ? "–" : duration(row.age)}</td><td class="wide">${word(row.type ?? "–")}</td>
      <td class="wide source" title=${row.source}>${row.source}</td>
    </tr>`;
  }

  #open(row: PointRow): void {
    void dialog(row.name, (close) => html`<mh-point-detail .all=${this.all} .point=${row} .close=${() => close(true)}></mh-point-detail>`, { wide: true });
  }
}

customElements.define("page-points", Points);
