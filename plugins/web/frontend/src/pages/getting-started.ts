// Device > Getting started: the ways to begin, for whoever passed them by at first.

import { html, type TemplateResult } from "lit";
import { Page } from "../components/page";
import { t } from "../t";
import "../first-run/beginnings";

class GettingStarted extends Page {
  protected override body(): TemplateResult {
    return html`<p class="lead">${t("Where do you want to begin?")}</p>
      <mh-beginnings .all=${this.all} .session=${this.session}></mh-beginnings>`;
  }
}

customElements.define("page-getting-started", GettingStarted);
