// `<mh-course>`: curves of the last minutes, and in words what they come to. The chart is fetched when there is one to show.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { MeterhubElement } from "../element";
import { number, t } from "../t";
import type { Curve } from "./chart";

const known = (curve: Curve): number[] => curve.values.filter((value) => value !== null);
/** A curve needs two points. */
const isDrawn = (curve: Curve): boolean => known(curve).length > 1;
const isIdle = (curve: Curve): boolean => known(curve).every((value) => value === 0);
/** Colours of curves, see `chart.ts`. */
const COLOURS = 8;

/** What is drawn; of many, those at which nothing happens only take the place of the others. */
function drawnOf(curves: Curve[]): Curve[] {
  const drawn = curves.filter(isDrawn);
  const busy = drawn.filter((curve) => !isIdle(curve));
  return drawn.length > 2 && busy.length ? busy : drawn;
}

class Course extends MeterhubElement {
  static override properties = { curves: { attribute: false }, name: { attribute: false }, charting: { state: true } };
  declare curves: Curve[];
  declare name: string;
  declare charting: boolean;
  #asked = false;

  constructor() {
    super();
    this.curves = [];
    this.charting = false;
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (!changed.has("curves") || this.#asked || !this.curves.some(isDrawn)) return;
    this.#asked = true;
    void import("./chart").then(() => (this.charting = true), () => undefined);
  }

  override render(): TemplateResult | typeof nothing {
    const drawn = drawnOf(this.curves);
    if (!drawn.length) return html`<p class="faint">${t("A curve is drawn as soon as there are two values.")}</p>`;
    return html`${this.charting
        ? html`<mh-chart low .curves=${drawn} .name=${this.name} .words=${t("Chart of {name}; the table below sums it up.", { name: this.name })}></mh-chart>`
        : nothing}
      <div class="scroll" tabindex="0" role="group" aria-label=${this.name}><table>
        <thead><tr>
          <th scope="col">${t("Curve")}</th>${[t("Last"), t("Minimum"), t("Mean"), t("Maximum")].map((title) => html`<th scope="col" class="right">${title}</th>`)}
        </tr></thead>
        <tbody>${drawn.map((curve, index) => this.#row(curve, index))}</tbody>
      </table></div>`;
  }

  #row(curve: Curve, index: number): TemplateResult {
    const values = known(curve);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const figures = [curve.values.at(-1) ?? null, Math.min(...values), mean, Math.max(...values)];
    return html`<tr><th scope="row"><span class="mark curve-${(index % COLOURS) + 1}" aria-hidden="true"></span> ${curve.title}</th>${figures.map(
      (figure) => html`<td class="right nowrap">${figure === null ? "–" : `${number(figure, Math.abs(figure) < 10 ? 3 : 1)} ${curve.unit}`}</td>`,
    )}</tr>`;
  }
}

customElements.define("mh-course", Course);
