// Three ways to begin: a meter of one's own, a configuration from elsewhere, or something to look at.

import { html, nothing, type TemplateResult } from "lit";
import { Failure, type Fault, post, type Session } from "../api";
import { copy } from "../components/copying";
import { dialog } from "../components/dialog";
import { differences, faultList } from "../components/differences";
import { sentence } from "../components/page";
import * as mode from "../editing/mode";
import { MeterhubElement } from "../element";
import { pageOf } from "../menu";
import { type Descriptions, may } from "../model";
import { navigate } from "../router";
import { t } from "../t";

type Way = "meter" | "import" | "demo";

const METERS = "dlms-client";
const CLIENTS = "Protocol conversion/Clients";
const DEMO = "/command/configuration/load-demo";

interface Loaded {
  saved: boolean;
  errors: Fault[];
  added: string[];
  missing: string[];
}

/** The service through which meters are read. */
const reader = (all: Descriptions): string | undefined =>
  (all.services.find(({ name }) => name === METERS) ?? all.services.find(({ place }) => place.startsWith(CLIENTS)))?.name;

/** The ways that are open to this user. */
export function offers(all: Descriptions): Way[] {
  const open: Record<Way, boolean> = {
    meter: may(all, "/command/configuration/enter", "post") && reader(all) !== undefined,
    import: may(all, "/command/configuration/import", "post"),
    demo: may(all, DEMO, "post"),
  };
  return (Object.keys(open) as Way[]).filter((way) => open[way]);
}

class Beginnings extends MeterhubElement {
  static override properties = {
    all: { attribute: false },
    session: { attribute: false },
    problem: { state: true },
    faults: { state: true },
    command: { state: true },
    busy: { state: true },
  };
  declare all: Descriptions;
  declare session: Session;
  declare problem: string;
  declare faults: Fault[];
  /** The demonstration cannot run here: a command shows it elsewhere. */
  declare command: boolean;
  declare busy: boolean;

  constructor() {
    super();
    this.problem = "";
    this.faults = [];
    this.command = this.busy = false;
  }

  async #take(way: Way): Promise<void> {
    this.problem = "";
    this.faults = [];
    this.busy = true;
    try {
      if (way === "import") navigate("/device/configuration");
      else if (way === "demo") await this.#demo();
      else await this.#meter();
    } catch (error) {
      this.problem = sentence(error);
      this.command = way === "demo" && error instanceof Failure && error.kind === "refused";
    } finally {
      this.busy = false;
    }
  }

  async #meter(): Promise<void> {
    if ((await mode.status()).editor !== this.session.user) await mode.enter();
    navigate(pageOf(this.all, reader(this.all)!));
  }

  // It goes into a draft of its own, so that what is shown and applied is the demonstration and nothing else.
  async #demo(): Promise<void> {
    const { editor, changes } = await mode.status();
    if (changes > 0) throw new Error(t("A draft with {changes} changes waits: apply or discard it first.", { changes }));
    if (editor !== this.session.user) await mode.enter();
    let applied = false;
    try {
      applied = await this.#apply(await post<Loaded>(DEMO));
    } finally {
      if (!applied) await mode.discard().catch(() => undefined);
    }
    if (applied) navigate("/protocol-conversion/points");
  }

  async #apply({ saved, errors, missing }: Loaded): Promise<boolean> {
    if (!saved) {
      this.faults = errors;
      return false;
    }
    const changes = await mode.diff();
    const wanted = await dialog(
      t("Look around with the demo"),
      (close) => html`<p>${t("A recorded load curve is logged and served on this machine only, as if it were a meter.")}</p>
        ${missing.length ? html`<p class="notice">${t("Left out, because no plugin offers them: {services}.", { services: missing.join(", ") })}</p>` : nothing}
        ${differences(changes, this.all)}
        <div class="actions">
          <button class="primary" ?disabled=${changes.length === 0} @click=${() => close(true)}>${t("Apply")}</button>
          <button @click=${() => close(false)}>${t("Discard")}</button>
        </div>`,
      { wide: true },
    );
    if (!wanted) return false;
    const done = await mode.apply(t("Demonstration"), 0);
    if (done.errors.length) this.faults = done.errors;
    else if (!done.applied) this.problem = t("Nothing was applied: {reason}", { reason: done.reason });
    return done.applied;
  }

  override render(): TemplateResult {
    const words: Record<Way, [string, string]> = {
      meter: [t("Connect a meter"), t("Tell how a DLMS/COSEM meter is reached, look at what it offers, and map it to points.")],
      import: [t("Import a configuration"), t("Take over a file that was exported from another device, or from this one.")],
      demo: [t("Look around with the demo"), t("See live values, logs and curves before a meter is connected.")],
    };
    return html`${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
      ${this.faults.length ? faultList(this.faults, this.all) : nothing} ${this.command ? this.#elsewhere() : nothing}
      <ul class="beginnings">
        ${offers(this.all).map(
          (way) => html`<li><button ?disabled=${this.busy} @click=${() => this.#take(way)}>
            <strong>${words[way][0]}</strong> <span>${words[way][1]}</span>
          </button></li>`,
        )}
      </ul>`;
  }

  #elsewhere(): TemplateResult {
    const taken = (event: Event): unknown => copy(event.target as HTMLButtonElement, this.querySelector("input")!);
    return html`<div class="field"><label for="demo-command">${t("On a computer with all plugins, this command shows two meters and a gateway:")}</label>
      <span class="inline"><input id="demo-command" class="mono" readonly value="meterhub demo" /><button @click=${taken}>${t("Copy")}</button></span></div>`;
  }
}

customElements.define("mh-beginnings", Beginnings);
