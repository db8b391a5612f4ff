// The settings of the instance itself, which no service runs for.

import { html, type TemplateResult } from "lit";
import { Page } from "../components/page";
import * as mode from "../editing/mode";
import "./service/configuration";

class CoreSection extends Page {
  static override properties = { mode: { state: true } };
  declare mode: mode.ModeStatus | undefined;

  protected override begin(): void {
    this.watch<mode.ModeStatus>("/status/configuration", (status) => (this.mode = status));
    this.hear(mode.MODE_CHANGED, () => void mode.status().then((status) => (this.mode = status), () => undefined));
  }

  protected override body(): TemplateResult {
    return html`<service-configuration
      .all=${this.all}
      .service=${{ name: this.subject, title: this.title }}
      .name=${this.subject}
      .editing=${this.mode?.editor === this.session.user}
      .revision=${this.mode?.revision ?? 0}
    ></service-configuration>`;
  }
}

customElements.define("page-core-section", CoreSection);
