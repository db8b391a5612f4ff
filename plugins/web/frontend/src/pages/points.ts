// Protocol conversion > Points: a live browser of all points, whatever their number. The device searches and counts; only
// what is on the screen is drawn, and only that is followed.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { qualityBadge } from "../components/badge";
import { dialog } from "../components/dialog";
import { shown } from "../components/facts";
import { empty, loading, Page } from "../components/page";
import { word } from "../components/words";
import { live } from "../live";
import { duration, number, t } from "../t";
import { part, type PointRow, type Points as Answer, type Sought } from "./points/model";
import "./points/detail";

const ROW = 36;
/** Rows that are drawn above and below those on the screen, and those that are fetched around them. */
const MARGIN = 6;
const AROUND = 80;
/** Milliseconds of rest after which what is on the screen is followed, or what was typed is searched for. */
const REST = 150;

class Points extends Page {
  static override properties = {
    sought: { state: true },
    count: { state: true },
    first: { state: true },
    current: { state: true },
  };
  declare sought: Sought;
  /** How many points are found; `undefined` before the first answer. */
  declare count: number | undefined;
  /** The first row that is drawn. */
  declare first: number;
  /** The row that the keyboard is at. */
  declare current: number;
  /** What is known of the points that are found, by their place. */
  #rows = new Map<number, PointRow>();
  #all = 0;
  #fetching = "";
  #watched = "";
  #stop: () => void = () => undefined;
  #typing: ReturnType<typeof setTimeout> | undefined;

  protected override begin(): void {
    this.sought = { pattern: "**", text: "", only: "all" };
    this.first = this.current = 0;
    this.until(() => this.#stop());
    this.until(() => clearTimeout(this.#typing));
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has("sought")) {
      this.#rows.clear();
      this.first = this.current = 0;
    }
  }

  protected override updated(changed: PropertyValues): void {
    if (changed.has("sought")) this.querySelector(".points")?.scrollTo(0, 0);
    const [from, to] = this.#drawn;
    if (this.count === undefined || Array.from({ length: to - from }, (_, at) => from + at).some((at) => !this.#rows.has(at))) {
      void this.#fetch(Math.max(0, from - AROUND), to - from + 2 * AROUND);
    }
    this.#follow();
  }

  /** The places of the rows that are drawn, the second one not among them. */
  get #drawn(): [number, number] {
    const screen = Math.ceil(Math.min(window.innerHeight, 1400) / ROW) + 2 * MARGIN;
    const from = Math.max(0, Math.min(this.first, (this.count ?? 0) - 1));
    return [from, Math.min(from + screen, this.count ?? 0)];
  }

  async #fetch(skip: number, limit: number): Promise<void> {
    const { sought } = this;
    const key = JSON.stringify([sought, skip, limit]);
    if (this.#fetching === key) return;
    this.#fetching = key;
    await this.attempt(async () => this.#take(sought, skip, await part(sought, skip, limit)));
  }

  #follow(): void {
    const [from, to] = this.#drawn;
    const { sought } = this;
    const key = JSON.stringify([sought, from, to]);
    if (key === this.#watched) return;
    this.#watched = key;
    this.#stop();
    const timer = setTimeout(() => {
      const asked = { ...sought, skip: from, limit: Math.max(1, to - from) };
      this.#stop = live<Answer>("/data/points", (answer) => this.#take(sought, from, answer), asked);
    }, REST);
    this.#stop = () => clearTimeout(timer);
  }

  #take(sought: Sought, skip: number, answer: Answer): void {
    if (sought !== this.sought) return;
    if (answer.count !== this.count) this.#rows.clear();
    this.count = answer.count;
    if (sought.pattern === "**" && !sought.text && sought.only === "all") this.#all = answer.count;
    answer.points.forEach((row, at) => this.#rows.set(skip + at, row));
    this.requestUpdate();
  }

  #scrolled(event: Event): void {
    const top = (event.target as HTMLElement).scrollTop;
    const first = Math.max(0, Math.floor(top / ROW) - MARGIN);
    if (Math.abs(first - this.first) >= MARGIN / 2 || first === 0) this.first = first;
  }

  protected override body(): TemplateResult {
    if (this.count === undefined) return this.problem ? html`` : loading();
    if (this.#all === 0) return empty(t("There are no points: configure a client, such as that for meters, and apply."));
    return html`${this.#filters()}
      <p class="faint" role="status">
        ${t("{found} of {all} points", { found: number(this.count), all: number(this.#all) })}
      </p>
      ${this.count ? this.#table(this.count) : empty(t("No point matches. Search for a part of the name, title or source; * stands for anything."))}`;
  }

  #filters(): TemplateResult {
    const kinds: [Sought["only"], string][] = [["all", t("all")], ["writable", t("writable")], ["bad", t("stale or invalid")], ["substituted", t("substituted")]];
    const owners = this.all.services.filter((service) => service.configured && service.active).map(({ name }) => name).sort();
    const below = (event: Event): void => {
      const owner = (event.target as HTMLSelectElement).value;
      this.sought = { ...this.sought, pattern: owner ? `${owner}/**` : "**" };
    };
    const kind = (event: Event): void => {
      this.sought = { ...this.sought, only: (event.target as HTMLSelectElement).value as Sought["only"] };
    };
    return html`<div class="action row" role="search">
      <div class="field grow"><label for="point-search">${t("Search")}</label>
        <input id="point-search" type="search" placeholder=${t("part of a name, or main-meter/*/energy")} maxlength="200"
          @input=${(event: Event) => this.#typed((event.target as HTMLInputElement).value)} autocomplete="off" /></div>
      <div class="field"><label for="point-branch">${t("Below")}</label>
        <select id="point-branch" @change=${below}>
          <option value="">${t("all")}</option>
          ${owners.map((owner) => html`<option value=${owner}>${owner}</option>`)}
        </select></div>
      <div class="field"><label for="point-kind">${t("Show")}</label>
        <select id="point-kind" @change=${kind}>${kinds.map(([only, text]) => html`<option value=${only}>${text}</option>`)}</select></div>
    </div>`;
  }

  #typed(text: string): void {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => (this.sought = { ...this.sought, text: text.trim() }), REST);
  }

  #table(count: number): TemplateResult {
    const [from, to] = this.#drawn;
    // As a property: the content policy forbids style attributes.
    const gap = (rows: number): TemplateResult | typeof nothing =>
      rows ? html`<tr aria-hidden="true"><td class="gap" .style=${`height: ${rows * ROW}px`}></td></tr>` : nothing;
    const places = Array.from({ length: to - from }, (_, at) => from + at);
    return html`<div class="points" role="region" tabindex="-1" aria-label=${t("Points")}
      @scroll=${(event: Event) => this.#scrolled(event)} @keydown=${(event: KeyboardEvent) => this.#key(event, count)}>
      <table aria-rowcount=${count + 1}>
        <thead><tr aria-rowindex="1">
          <th scope="col" class="name">${t("Point")}</th><th scope="col" class="right">${t("Value")}</th><th scope="col" class="unit">${t("Unit")}</th>
          <th scope="col">${t("Quality")}</th><th scope="col" class="right wide">${t("Age")}</th><th scope="col" class="wide">${t("Type")}</th>
          <th scope="col" class="wide source">${t("Source")}</th>
        </tr></thead>
        <tbody>${gap(from)}${repeat(places, (place) => place, (place) => this.#row(place))}${gap(count - to)}</tbody>
      </table>
    </div>`;
  }

  #row(place: number): TemplateResult {
    const row = this.#rows.get(place);
    const [from, to] = this.#drawn;
    // One row is reached with the tabulator, the others from there with the arrows.
    const reached = this.current >= from && this.current < to ? this.current : from;
    const tab = place === reached ? 0 : -1;
    return html`<tr aria-rowindex=${place + 2}>
      <td class="name"><button class="link" tabindex=${tab} data-place=${place} title=${row ? row.title || row.name : nothing}
        aria-disabled=${row ? nothing : "true"} @focus=${() => (this.current = place)} @click=${() => row && this.#open(row)}>${row?.name ?? "…"}</button></td>
      <td class="right mono">${row ? shown(row.value) : ""}</td><td class="unit">${row?.unit}</td><td>${row ? qualityBadge(row.quality) : ""}</td>
      <td class="right wide">${!row ? "" : row.age === null ? "–" : duration(row.age)}</td><td class="wide">${row ? word(row.type ?? "–") : ""}</td>
      <td class="wide source" title=${row?.source ?? nothing}>${row?.source}</td>
    </tr>`;
  }

  #key(event: KeyboardEvent, count: number): void {
    const region = event.currentTarget as HTMLElement;
    const page = Math.max(1, Math.floor(region.clientHeight / ROW) - 2);
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -count, End: count };
    const step = steps[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    void this.#go(region, Math.max(0, Math.min(count - 1, this.current + step)));
  }

  async #go(region: HTMLElement, place: number): Promise<void> {
    this.current = place;
    const top = place * ROW;
    const room = region.clientHeight - 2 * ROW;
    if (top < region.scrollTop) region.scrollTop = top;
    else if (top > region.scrollTop + room) region.scrollTop = top - room;
    this.first = Math.max(0, Math.floor(region.scrollTop / ROW) - MARGIN);
    await this.updateComplete;
    this.querySelector<HTMLElement>(`[data-place="${place}"]`)?.focus({ preventScroll: true });
  }

  #open(row: PointRow): void {
    void dialog(row.name, (close) => html`<mh-point-detail .all=${this.all} .point=${row} .close=${() => close(true)}></mh-point-detail>`, { wide: true });
  }
}

customElements.define("page-points", Points);
