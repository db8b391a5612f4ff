// Protocol conversion > Info: clients and servers with their devices, the point trace, the frame recorder.

import { html, nothing, type TemplateResult } from "lit";
import { stateBadge } from "../components/badge";
import { empty, loading, Page } from "../components/page";
import { table } from "../components/table";
import { type Tab, tabOf, tabs } from "../components/tabs";
import { word } from "../components/words";
import { number, t, time } from "../t";
import "./conversion/frames";
import "./conversion/trace";

interface Peer {
  name: string;
  state: string;
  since: string | null;
  detail: string;
}

interface Conversion {
  service: string;
  state: string;
  detail: string;
  since: string;
  role: string;
  peers: Peer[];
  counters: Record<string, number>;
  titles: Record<string, string>;
  last_error: string;
  last_error_at: string | null;
}

const BASE = "/protocol-conversion/info";

class ProtocolConversion extends Page {
  static override properties = { services: { state: true } };
  declare services: Conversion[] | undefined;

  protected override begin(): void {
    this.watch<{ services: Conversion[] }>("/status/protocol-conversion", (body) => (this.services = body.services));
  }

  protected override body(): TemplateResult {
    const parts: Tab[] = [{ name: "status", title: t("Status") }];
    if (this.may("/data/point-trace")) parts.push({ name: "trace", title: t("Point trace") });
    if (this.may("/data/frames")) parts.push({ name: "frames", title: t("Frame recorder") });
    const part = tabOf(BASE, parts);
    return html`${tabs(BASE, this.title, parts)}
    ${part === "trace"
      ? html`<mh-point-trace .all=${this.all}></mh-point-trace>`
      : part === "frames"
        ? html`<mh-frames .all=${this.all}></mh-frames>`
        : this.#status()}`;
  }

  #title(name: string): string {
    return this.all.services.find((service) => service.name === name)?.title ?? name;
  }

  #status(): TemplateResult {
    if (!this.services) return loading();
    if (this.services.length === 0) {
      return empty(t("No client or server is configured. Enter the configuration mode, open one of them in the menu, enable it and apply."));
    }
    return html`${this.services.map((row) => this.#service(row))}`;
  }

  #service(row: Conversion): TemplateResult {
    return html`<section class="panel">
      <header><h2>${this.#title(row.service)}</h2> ${stateBadge(row.state)} <small>${word(row.role)} · ${row.service}</small></header>
      ${row.detail ? html`<p>${row.detail}</p>` : nothing}
      ${row.last_error ? html`<p class="problem">${t("Last error")}: ${row.last_error} <small>${time(row.last_error_at)}</small></p>` : nothing}
      <dl class="values counters">
        <div><dt>${t("Since")}</dt><dd>${time(row.since)}</dd></div>
        ${Object.entries(row.counters).map(([name, count]) => html`<div><dt>${row.titles[name] ?? name}</dt><dd>${number(count)}</dd></div>`)}
      </dl>
      ${table(
        t("Connected devices of {name}", { name: this.#title(row.service) }),
        row.peers,
        [
          { title: t("Device"), cell: (peer) => peer.name, by: (peer) => peer.name },
          { title: t("State"), cell: (peer) => stateBadge(peer.state), by: (peer) => peer.state },
          { title: t("Since"), cell: (peer) => time(peer.since), whole: true, by: (peer) => peer.since },
          { title: t("Details"), cell: (peer) => peer.detail || "–" },
        ],
        html`<p class="faint">${row.role === "server" ? t("Nobody is connected.") : t("No device is configured.")}</p>`,
        { key: (peer) => peer.name },
      )}
    </section>`;
  }
}

customElements.define("page-conversion", ProtocolConversion);
