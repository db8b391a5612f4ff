// Device > TLS certificates: the chain in use, and what the service "http" can do about it.

import { html, nothing, type TemplateResult } from "lit";
import { empty, loading, Page } from "../components/page";
import { description, type Schema } from "../model";
import { t } from "../t";
import "../status/view";
import "./service/commands";

const PATH = "/status/http";
const OURS = /certificate/;

type Status = Record<string, unknown>;

class Certificates extends Page {
  static override properties = { status: { state: true }, schema: { state: true } };
  declare status: Status | null | undefined;
  declare schema: Schema | null | undefined;

  protected override begin(): void {
    this.watch<{ status: Status | null }>(PATH, (body) => (this.status = body.status));
    void description(PATH).then(({ schema }) => (this.schema = schema ?? null), () => (this.schema = null));
  }

  protected override body(): TemplateResult {
    if (this.status === undefined || this.schema === undefined) return loading();
    const commands = (this.all.services.find((service) => service.name === "http")?.commands ?? []).filter(
      ({ name }) => OURS.test(name) && this.mayDo(`http/${name}`),
    );
    return html`${this.#chain()}
      ${commands.length
        ? html`<section><service-commands .name=${"http"} .commands=${commands} .editing=${false}></service-commands></section>`
        : nothing}`;
  }

  // Only what is about certificates: the rest of the service's status has a page of its own.
  #chain(): TemplateResult {
    const names = Object.keys(this.status ?? {}).filter((name) => OURS.test(name) || /tls/.test(name));
    const value = Object.fromEntries(names.map((name) => [name, this.status![name]]));
    const schema = this.schema && { ...this.schema, properties: Object.fromEntries(names.map((name) => [name, this.schema!.properties?.[name] ?? {}])) };
    if (!this.status?.["certificate"]) return empty(t("This device answers without TLS at the moment: no certificate is in use."));
    return html`<mh-status .schema=${schema} .value=${value}></mh-status>`;
  }
}

customElements.define("page-certificates", Certificates);
