// Several of one service: which there are, which one is shown, and a new one with a name of its own.

import { html, nothing, type TemplateResult } from "lit";
import * as mode from "../../editing/mode";
import { MeterhubElement } from "../../element";
import type { Descriptions } from "../../model";
import { t } from "../../t";

export interface Instance {
  name: string;
  /** Whether it is in the running configuration, or in the draft alone. */
  active: boolean;
}

/** The instances of a service in the configuration, and with a draft those that it would have. */
export async function instancesOf(all: Descriptions, service: string, editing: boolean): Promise<Instance[]> {
  const mine = (name: string): boolean => name === service || name.startsWith(`${service}@`);
  const active = all.services.filter(({ name, configured }) => configured && mine(name)).map(({ name }) => name);
  const changes = editing ? await mode.diff().catch(() => []) : [];
  const whole = changes.filter(({ path }) => path.length === 1 && mine(String(path[0])));
  const gone = new Set(whole.filter((change) => change.new === null || change.new === undefined).map(({ path }) => String(path[0])));
  const added = whole.map(({ path }) => String(path[0])).filter((name) => !gone.has(name) && !active.includes(name));
  return [
    ...active.filter((name) => !gone.has(name)).map((name) => ({ name, active: true })),
    ...added.map((name) => ({ name, active: false })),
  ];
}

const ELEMENT = /^[^/?#%*\s@.][^/?#%*\s@]{0,63}$/;

class Instances extends MeterhubElement {
  static override properties = {
    instances: { attribute: false },
    chosen: { attribute: false },
    service: { attribute: false },
    heading: { attribute: false },
    editing: { attribute: false },
    problem: { state: true },
  };
  declare instances: Instance[];
  declare chosen: string;
  declare service: string;
  declare heading: string;
  declare editing: boolean;
  declare problem: string;

  constructor() {
    super();
    this.problem = "";
  }

  #tell(event: string, name: string): void {
    this.dispatchEvent(new CustomEvent(event, { detail: name }));
  }

  #add(event: SubmitEvent): void {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const label = String(new FormData(form).get("label")).trim();
    const name = label ? `${this.service}@${label}` : this.service;
    this.problem = "";
    if (label && !ELEMENT.test(label)) this.problem = t("A label has 1 to 64 characters without spaces and / ? # % * @.");
    else if (this.instances.some((instance) => instance.name === name)) this.problem = t("{name} is there already.", { name });
    if (this.problem) return;
    form.reset();
    this.#tell("added", name);
  }

  #label = (name: string): string => name.split("@")[1] ?? t("without a label");

  override render(): TemplateResult {
    return html`<div class="instances">
      ${this.instances.length
        ? html`<div class="chips" role="group" aria-label=${this.heading}>
            ${this.instances.map(
              (instance) => html`<button
                type="button"
                aria-pressed=${instance.name === this.chosen}
                @click=${() => this.#tell("chosen", instance.name)}
              >
                ${this.#label(instance.name)} ${instance.active ? nothing : html`<small>${t("not yet active")}</small>`}
              </button>`,
            )}
          </div>`
        : html`<p class="empty">${t("None is configured yet.")}</p>`}
      ${this.editing
        ? html`<form class="inline" @submit=${(event: SubmitEvent) => this.#add(event)}>
            <label for="instance-label">${t("Label of a new one")}</label>
            <input id="instance-label" name="label" autocomplete="off" autocapitalize="none" maxlength="64" aria-invalid=${this.problem ? "true" : nothing} aria-describedby="instance-problem" />
            <button>${t("Add")}</button>
            <span class="problem" id="instance-problem" role="alert">${this.problem}</span>
          </form>`
        : nothing}
    </div>`;
  }
}

customElements.define("mh-instances", Instances);
