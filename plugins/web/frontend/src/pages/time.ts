// Device > Time: what time it is here, and whether that can be believed.

import { html, nothing, type TemplateResult } from "lit";
import { stateBadge } from "../components/badge";
import { card, facts } from "../components/facts";
import { loading, Page } from "../components/page";
import { part } from "../components/part";
import { description, type Schema } from "../model";
import { duration, language, t, time } from "../t";
import { letters, zone } from "../zone";

interface Clock {
  time: number;
  validity: string;
}

const MEANINGS: Record<string, () => string> = {
  valid: () => t("The clock is right: times of readings and events can be believed."),
  unknown: () => t("Nobody vouches for the clock: times may be wrong, and are marked so wherever they are sent."),
  invalid: () => t("The clock is wrong: times are marked as invalid wherever they are sent."),
};
const SYSTEM = "/status/system";

class Time extends Page {
  static override properties = { clock: { state: true }, system: { state: true }, schema: { state: true } };
  declare clock: Clock | undefined;
  declare system: Record<string, unknown> | null | undefined;
  declare schema: Schema | undefined;
  #difference = 0;

  protected override begin(): void {
    this.watch<Clock>("/status/clock", (body) => {
      this.#difference = body.time / 1e9 - Date.now() / 1000;
      this.clock = body;
    });
    this.watch<{ status: Record<string, unknown> | null }>(SYSTEM, (body) => (this.system = body.status));
    if (this.may(SYSTEM)) void description(SYSTEM).then(({ schema }) => (this.schema = schema ?? undefined));
  }

  protected override body(): TemplateResult {
    if (!this.clock) return loading();
    const apart = Math.abs(this.#difference);
    return html`<div class="cards">
        ${card(
          t("Clock"),
          html`${facts([
            [t("System time"), time(this.clock.time)],
            [t("Time zone of the pages"), `${zone()} (${letters(language()).offset})`],
            ["UTC", new Date(this.clock.time / 1e6).toISOString().replace("T", " ").slice(0, 19)],
            [t("Clock"), stateBadge(this.clock.validity)],
            [t("Difference from this browser"), apart < 2 ? t("less than 2 s") : duration(apart)],
          ])}
          <p class="faint">${MEANINGS[this.clock.validity]?.() ?? ""}</p>`,
        )}
      </div>
      ${this.system ? html`<section><h2>${t("Synchronisation")}</h2>${part(this.schema, this.system, "time")}</section>` : nothing}`;
  }
}

customElements.define("page-time", Time);
