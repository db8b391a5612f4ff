// Curves over time: gaps stay gaps, each unit has an axis, colours follow light and dark.

import { html, type PropertyValues, type TemplateResult } from "lit";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { MeterhubElement } from "../element";
import { number, t, time } from "../t";
import { wall, zone } from "../zone";

export interface Curve {
  title: string;
  unit: string;
  /** Seconds since 1970, ascending; `null` is where nothing is known. */
  times: number[];
  values: (number | null)[];
}

const COLOURS = ["--curve-1", "--curve-2", "--curve-3", "--curve-4", "--curve-5", "--curve-6", "--curve-7", "--curve-8"];
const FRAME = 18;

/** A colour of the style sheet as the canvas understands it. */
function colour(within: HTMLElement, name: string): string {
  const probe = document.createElement("span");
  probe.style.setProperty("color", `var(${name})`);
  within.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** Ticks as 14:05, and the day where it begins. */
function ticks(_: uPlot, moments: number[]): string[] {
  let day = "";
  return moments.map((seconds) => {
    const { day: today, clock } = wall(new Date(seconds * 1000));
    const short = clock.replace(/:00$/, "");
    const told = today === day ? short : `${short}\n${today}`;
    day = today;
    return told;
  });
}

class Chart extends MeterhubElement {
  static override properties = { curves: { attribute: false }, name: { attribute: false }, words: { attribute: false }, low: { type: Boolean } };
  declare curves: Curve[];
  declare name: string;
  /** What it is, for those who do not see it; else that the table below holds the same. */
  declare words: string | undefined;
  /** One chart among others. */
  declare low: boolean;
  #plot: uPlot | undefined;
  #drawn = "";

  override connectedCallback(): void {
    super.connectedCallback();
    const watcher = new ResizeObserver(() => {
      const width = this.#width();
      if (this.#plot && width > 0) this.#plot.setSize({ width, height: this.#height(width) });
    });
    watcher.observe(this);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const again = (): void => this.#draw();
    scheme.addEventListener("change", again);
    this.until(() => {
      watcher.disconnect();
      scheme.removeEventListener("change", again);
      this.#plot?.destroy();
      this.#plot = undefined;
    });
  }

  override render(): TemplateResult {
    return html`<div class="chart" role="img" aria-label=${this.words ?? t("Chart of {name}; the same values are in the table below.", { name: this.name })}></div>`;
  }

  protected override updated(changed: PropertyValues): void {
    if (!changed.has("curves")) return;
    // Curves that only went on are not drawn anew: whoever points at one keeps it.
    if (this.#plot && this.#drawn === this.#kind) this.#plot.setData(this.#joined());
    else this.#draw();
  }

  /** What the frame around the chart leaves. */
  #width(): number {
    return Math.floor(this.getBoundingClientRect().width) - FRAME;
  }

  get #kind(): string {
    return JSON.stringify(this.curves.map(({ title, unit }) => [title, unit]));
  }

  #height(width: number): number {
    if (this.low) return 180;
    return Math.max(240, Math.min(420, Math.round(width * 0.4)));
  }

  #draw(): void {
    const place = this.querySelector<HTMLElement>(".chart")!;
    this.#plot?.destroy();
    this.#drawn = this.#kind;
    const width = Math.max(240, this.#width());
    const line = colour(this, "--line");
    const ink = colour(this, "--faint");
    const units = [...new Set(this.curves.map((curve) => curve.unit))];
    const scaleOf = (unit: string): string => `unit ${unit}`;
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
    const options: uPlot.Options = {
      width,
      height: this.#height(width),
      scales: { x: { time: true }, ...(this.low ? { [scaleOf("%")]: { range: (_: uPlot, least: number, most: number) => [Math.min(0, least), Math.max(100, most)] as [number, number] } } : {}) },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone()),
      axes: [
        { ...axis, values: ticks, space: 80 },
        ...units.slice(0, 2).map((unit, index): uPlot.Axis => ({
          ...axis, scale: scaleOf(unit), side: index ? 1 : 3, size: 72, label: unit, labelSize: 18,
          grid: { ...axis.grid, show: index === 0 }, values: (_, all) => all.map((value) => number(value, 3)),
        })),
      ],
      series: [
        { label: t("Time"), value: (_, seconds) => (seconds === null ? "–" : time(seconds * 1e9)) },
        ...this.curves.map((curve, index): uPlot.Series => ({
          label: curve.title, scale: scaleOf(curve.unit), stroke: colour(this, COLOURS[index % COLOURS.length]!), width: 1.5, spanGaps: false,
          value: (_, value) => (value === null || value === undefined ? "–" : `${number(value, 3)} ${curve.unit}`),
        })),
      ],
    };
    this.#plot = new uPlot(options, this.#joined(), place);
  }

  // Curves with times of their own on one axis: `undefined` joins over a foreign time, `null` is a gap.
  #joined(): uPlot.AlignedData {
    if (this.curves.length === 0) return [[]];
    const tables = this.curves.map((curve): uPlot.AlignedData => [curve.times, curve.values]);
    return tables.length === 1 ? tables[0]! : uPlot.join(tables, tables.map(() => [0, 2]));
  }
}

customElements.define("mh-chart", Chart);
