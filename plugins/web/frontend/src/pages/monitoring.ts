// Device > Monitoring: load, memory, disk, temperature and traffic, as the service "system" measures them.

import { html, nothing, type TemplateResult } from "lit";
import { empty, loading, Page } from "../components/page";
import { part } from "../components/part";
import { description, type Schema } from "../model";
import { t } from "../t";
import "../components/point-course";

const PATH = "/status/system";

class Monitoring extends Page {
  static override properties = { status: { state: true }, detail: { state: true }, schema: { state: true } };
  declare status: Record<string, unknown> | null | undefined;
  declare detail: string;
  declare schema: Schema | null | undefined;

  protected override begin(): void {
    this.watch<{ status: Record<string, unknown> | null; detail: string }>(PATH, (body) => {
      this.status = body.status;
      this.detail = body.detail;
    });
    if (this.may(PATH)) void this.attempt(async () => (this.schema = (await description(PATH)).schema ?? null));
  }

  protected override body(): TemplateResult {
    if (this.status === undefined || this.schema === undefined) return loading();
    if (this.status === null) return empty(this.detail || t("The service that measures the device does not run."));
    return html`${this.may("/data/points") ? this.#courses() : nothing} ${part(this.schema, this.status, "monitoring")}
      ${part(this.schema, this.status, "lamps")}
      ${this.may("/command/data-logger/query", "post")
        ? html`<p><a href="/service/logged-data">${t("Look at logged values over time")}</a></p>`
        : nothing}`;
  }

  #courses(): TemplateResult {
    const courses: [string, string[]][] = [
      [t("Processor"), ["system/cpu/load-10s"]],
      [t("Memory"), ["system/memory/share"]],
      [t("Network traffic"), ["system/network/*/receive-rate", "system/network/*/send-rate"]],
    ];
    return html`<div class="cards courses">
      ${courses.map(([name, patterns]) => html`<section class="panel"><mh-point-course .all=${this.all} .patterns=${patterns} .name=${name}></mh-point-course></section>`)}
    </div>`;
  }
}

customElements.define("page-monitoring", Monitoring);
