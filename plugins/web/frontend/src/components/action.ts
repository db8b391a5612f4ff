// A small form for one command: each fault stands at its field, and the first one is focused.

import { html, nothing, type TemplateResult } from "lit";
import { Failure } from "../api";
import { MeterhubElement } from "../element";
import { instant } from "../zone";
import { sentence } from "./page";

export interface Input {
  name: string;
  label: string;
  kind?: "text" | "password" | "number" | "check" | "choice" | "checks" | "area" | "file" | "datetime-local";
  value?: unknown;
  /** Of a choice or of checks: value and words. */
  choices?: [string, string][];
  description?: string;
  unit?: string;
  required?: boolean;
  least?: number;
  most?: number;
  step?: number | "any";
  autocomplete?: string;
  inputmode?: "numeric";
  accept?: string;
  list?: string[];
  /** Takes the room that is left in a row. */
  wide?: boolean;
  /** Asked for only while another choice has this value. */
  only?: { when: string; is: string };
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Values = Record<string, any>;

let made = 0;

export class Action extends MeterhubElement {
  static override properties = {
    inputs: { attribute: false },
    label: { attribute: false },
    work: { attribute: false },
    row: { attribute: false },
    danger: { attribute: false },
    stays: { attribute: false },
    more: { attribute: false },
    busy: { state: true },
    problem: { state: true },
    wrong: { state: true },
    chosen: { state: true },
  };
  declare inputs: Input[];
  declare label: string;
  declare work: (values: Values) => Promise<unknown>;
  /** Inputs beside each other, as in a line of filters. */
  declare row: boolean;
  declare danger: boolean;
  /** What was given stays in the form when it was done. */
  declare stays: boolean;
  declare more: unknown;
  declare busy: boolean;
  declare problem: string;
  declare wrong: Record<string, string>;
  /** What was chosen since, by input. */
  declare chosen: Record<string, string>;
  readonly #id = `action-${++made}`;

  constructor() {
    super();
    this.row = this.danger = this.stays = this.busy = false;
    this.problem = "";
    this.wrong = {};
    this.chosen = {};
  }

  async #submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    if (this.busy) return;
    this.busy = true;
    this.problem = "";
    this.wrong = {};
    try {
      await this.work(this.#values(form));
      if (!this.stays) form.reset();
      this.dispatchEvent(new CustomEvent("done"));
    } catch (error) {
      this.#failed(error);
    } finally {
      this.busy = false;
    }
    await this.updateComplete;
    this.querySelector<HTMLElement>("[aria-invalid=true], .problem")?.focus();
  }

  #failed(error: unknown): void {
    const faults = error instanceof Failure ? error.faults : [];
    for (const fault of faults) {
      const name = String(fault.path[0] ?? "");
      if (this.inputs.some((input) => input.name === name)) this.wrong[name] ??= fault.message;
      else this.problem = [this.problem, fault.message].filter(Boolean).join(" ");
    }
    if (faults.length === 0) this.#place(sentence(error));
  }

  // Many refusals begin with the name of what they are about.
  #place(text: string): void {
    const [, name, rest] = /^(\w+): (.+)$/s.exec(text) ?? [];
    if (name && rest && this.inputs.some((input) => input.name === name)) this.wrong[name] = rest;
    else this.problem = text;
  }

  #values(form: HTMLFormElement): Values {
    const given = new FormData(form);
    const values: Values = {};
    for (const { name, kind } of this.inputs) {
      const text = String(given.get(name) ?? "");
      if (kind === "check") values[name] = given.has(name);
      else if (kind === "checks") values[name] = given.getAll(name).map(String);
      else if (kind === "number") values[name] = text === "" ? undefined : Number(text);
      else if (kind === "file") values[name] = given.get(name);
      else if (kind === "datetime-local") values[name] = text === "" ? undefined : instant(text).toISOString();
      else values[name] = text;
    }
    return values;
  }

  override render(): TemplateResult {
    return html`<form class="action ${this.row ? "row" : ""}" @submit=${(event: SubmitEvent) => this.#submit(event)}>
      ${this.problem ? html`<p class="problem" role="alert" tabindex="-1">${this.problem}</p>` : nothing}
      ${this.inputs.filter((input) => this.#asks(input)).map((input) => this.#input(input))}
      <div class="actions">
        <button class=${this.danger ? "danger" : "primary"} ?disabled=${this.busy}>${this.label}</button>
        ${this.more ?? nothing}
      </div>
    </form>`;
  }

  #asks({ only }: Input): boolean {
    return !only || (this.chosen[only.when] ?? this.inputs.find(({ name }) => name === only.when)?.value) === only.is;
  }

  #input(input: Input): TemplateResult {
    const id = `${this.#id}-${input.name}`;
    const wrong = this.wrong[input.name];
    const about = html`${wrong ? html`<p class="problem" id=${`${id}-wrong`}>${wrong}</p>` : nothing}
      ${input.description ? html`<p class="description" id=${`${id}-about`}>${input.description}</p>` : nothing}`;
    if (input.kind === "checks") return this.#checks(input, id, about);
    const label = html`${input.label}${input.unit ? html` <small>[${input.unit}]</small>` : nothing}`;
    const described = [wrong && `${id}-wrong`, input.description && `${id}-about`].filter(Boolean).join(" ") || nothing;
    const control = this.#control(input, id, described, wrong ? "true" : nothing);
    if (input.kind === "check") return html`<div class="field check"><label>${control} ${label}</label>${about}</div>`;
    return html`<div class=${input.wide ? "field grow" : "field"}><label for=${id}>${label}</label>${control}${about}</div>`;
  }

  #checks(input: Input, id: string, about: TemplateResult): TemplateResult {
    const chosen = (input.value ?? []) as string[];
    return html`<fieldset class="field checks" id=${id} tabindex="-1" aria-invalid=${this.wrong[input.name] ? "true" : nothing}>
      <legend>${input.label}</legend>
      ${(input.choices ?? []).map(
        ([value, text]) => html`<label><input type="checkbox" name=${input.name} value=${value} ?checked=${chosen.includes(value)} /> ${text}</label>`,
      )}
      ${about}
    </fieldset>`;
  }

  #control(input: Input, id: string, described: string | typeof nothing, invalid: string | typeof nothing): TemplateResult {
    const value = input.value ?? "";
    if (input.kind === "choice") {
      const chosen = (event: Event): void => {
        this.chosen = { ...this.chosen, [input.name]: (event.target as HTMLSelectElement).value };
      };
      return html`<select id=${id} name=${input.name} aria-describedby=${described} aria-invalid=${invalid} @change=${chosen}>
        ${(input.choices ?? []).map(([key, text]) => html`<option value=${key} ?selected=${key === value}>${text}</option>`)}
      </select>`;
    }
    if (input.kind === "area") {
      return html`<textarea id=${id} name=${input.name} rows="6" ?required=${input.required} spellcheck="false"
        aria-describedby=${described} aria-invalid=${invalid} .defaultValue=${String(value)}></textarea>`;
    }
    if (input.kind === "check") {
      return html`<input id=${id} name=${input.name} type="checkbox" ?checked=${Boolean(value)} aria-describedby=${described} />`;
    }
    return html`<input id=${id} name=${input.name} type=${input.kind ?? "text"} .defaultValue=${String(value)}
        ?required=${input.required} min=${input.least ?? nothing} max=${input.most ?? nothing} step=${input.step ?? nothing}
        autocomplete=${input.autocomplete ?? "off"} inputmode=${input.inputmode ?? nothing} accept=${input.accept ?? nothing} list=${input.list ? `${id}-list` : nothing}
        aria-describedby=${described} aria-invalid=${invalid} autocapitalize="none" />
      ${input.list ? html`<datalist id=${`${id}-list`}>${input.list.map((each) => html`<option value=${each}></option>`)}</datalist>` : nothing}`;
  }
}

customElements.define("mh-action", Action);

export interface ActionOptions {
  row?: boolean;
  danger?: boolean;
  stays?: boolean;
  more?: unknown;
}

/** A form with these inputs; `work` does what the button says, and throws what is wrong. */
export const action = (
  label: string,
  inputs: Input[],
  work: (values: Values) => Promise<unknown>,
  { row = false, danger = false, stays = false, more }: ActionOptions = {},
): TemplateResult =>
  html`<mh-action .label=${label} .inputs=${inputs} .work=${work} .row=${row} .danger=${danger} .stays=${stays} .more=${more}></mh-action>`;
