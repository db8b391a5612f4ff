// `<mh-point-course>`: points over the last minutes: from the data logger what it has, and from now on what comes.

import { html, type TemplateResult } from "lit";
import { MeterhubElement } from "../element";
import { live } from "../live";
import { type Descriptions, may } from "../model";
import { t } from "../t";
import { ask, curvesOf } from "../pages/logged/query";
import type { Points } from "../pages/points/model";
import { History } from "./history";
import "./course";

const MINUTES = 15;
const STALE = 2;

class PointCourse extends MeterhubElement {
  static override properties = { all: { attribute: false }, patterns: { attribute: false }, name: { attribute: false } };
  declare all: Descriptions;
  /** Names of points, or patterns of them. */
  declare patterns: string[];
  declare name: string;
  readonly #history = new History(60 * MINUTES);

  override connectedCallback(): void {
    super.connectedCallback();
    for (const pattern of this.patterns) {
      this.until(live<Points>("/data/points", (answer) => this.#take(answer), { pattern, limit: 32 }));
    }
    void this.#recorded();
  }

  async #recorded(): Promise<void> {
    if (!may(this.all, "/command/data-logger/query", "post")) return;
    const asked = { points: this.patterns, since: `${MINUTES}m`, until: "", interval: 0 };
    const { rows } = await ask(asked).catch(() => ({ rows: [] }));
    for (const curve of curvesOf(rows, 0)) this.#history.begin(curve.title, curve);
    this.requestUpdate();
  }

  #take({ points }: Points): void {
    this.#history.hear();
    for (const point of points) {
      const value = point.quality < STALE ? point.value : null;
      this.#history.add(point.name, point.title || point.name, point.unit, point.time / 1e9, value);
    }
    this.requestUpdate();
  }

  override render(): TemplateResult {
    const name = t("{name}, the last {minutes} minutes", { name: this.name, minutes: MINUTES });
    return html`<h2>${name}</h2><mh-course .curves=${this.#history.curves} .name=${name}></mh-course>`;
  }
}

customElements.define("mh-point-course", PointCourse);
