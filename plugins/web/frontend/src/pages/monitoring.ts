// Device > Monitoring: load, memory, disk, temperature and traffic, as the service "system" measures them.

import { html, nothing, type TemplateResult } from "lit";
import { empty, loading, Page } from "../components/page";
import { part } from "../components/part";
import { description, type Schema } from "../model";
import { t } from "../t";

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
    return html`${part(this.schema, this.status, "monitoring")}
      ${part(this.schema, this.status, "lamps")}
      ${this.may("/command/data-logger/query", "post")
        ? html`<p><a href="/service/logged-data">${t("Look at logged values over time")}</a></p>`
        : nothing}`;
  }
}

customElements.define("page-monitoring", Monitoring);
