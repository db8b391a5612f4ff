// One command: closed until somebody wants it.

import { html, nothing, type TemplateResult } from "lit";
import { Failure, type Fault, post } from "../../api";
import { MeterhubElement } from "../../element";
import type { Form } from "../../form/form";
import { download } from "../../form/sheet";
import { asObject, fieldOf, titleOf } from "../../form/schema";
import { type Description, description, type Schema } from "../../model";
import { LANGUAGE_CHANGED, t } from "../../t";
import { asked, type Candidate, candidates } from "./arguments";
import "../../form/form";
import "../../status/view";

type Values = Record<string, unknown>;

/** How arguments and results name the place where the next page begins. */
const CURSORS: [string, string][] = [["after", "next"], ["offset", "next"], ["cursor", "cursor"]];

class Command extends MeterhubElement {
  static override properties = {
    path: { attribute: false },
    heading: { attribute: false },
    settings: { attribute: false },
    config: { attribute: false },
    open: { state: true },
    described: { state: true },
    errors: { state: true },
    problem: { state: true },
    answer: { state: true },
    busy: { state: true },
    taken: { state: true },
  };
  declare path: string;
  declare heading: string;
  declare settings: unknown;
  declare config: Schema | undefined;
  declare open: boolean;
  declare described: Description | undefined;
  declare errors: Fault[];
  declare problem: string;
  declare answer: unknown;
  declare busy: boolean;
  /** Which of the settings is taken for an argument, by its name. */
  declare taken: Map<string, string>;
  #values: Values = {};
  #schema: Schema | undefined;
  #from: unknown[] = [];

  constructor() {
    super();
    [this.open, this.busy] = [false, false];
    [this.errors, this.problem, this.taken] = [[], "", new Map()];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.hear(LANGUAGE_CHANGED, () => this.described && void this.#describe());
  }

  #toggle(): void {
    this.open = !this.open;
    if (this.open && !this.described) void this.#describe();
  }

  async #describe(): Promise<void> {
    try {
      this.described = await description(this.path);
    } catch (error) {
      this.problem = (error as Failure).message;
    }
  }

  get #candidates(): Map<string, Candidate[]> {
    return candidates(this.described?.arguments ?? {}, this.settings, this.config);
  }

  /** The same object as long as nothing changed: a form keeps what was typed. */
  #asked(taken: Map<string, Candidate[]>): Schema {
    const from = [this.described, this.settings, this.config];
    if (!this.#schema || from.some((each, at) => each !== this.#from[at])) {
      this.#schema = asked(this.described?.arguments ?? {}, [...taken.keys(), ...this.#cursors], this.settings);
      this.#from = from;
    }
    return this.#schema;
  }

  /** Where a page begins is not asked for: there is a button for the next one. */
  get #cursors(): string[] {
    const known = this.described?.result?.properties ?? {};
    return CURSORS.filter(([, result]) => result in known).map(([argument]) => argument);
  }

  async #run(event: Event | undefined, more: Values = {}): Promise<void> {
    event?.preventDefault();
    const args: Values = { ...this.#values, ...more };
    for (const [name, those] of this.#candidates) {
      const at = this.#chosen(name, those);
      if (at >= 0) args[name] = those[at]!.value;
    }
    [this.busy, this.problem, this.errors] = [true, "", []];
    try {
      this.answer = (await post<unknown>(this.path, args)) ?? null;
    } catch (error) {
      await this.#failed(error as Failure);
    } finally {
      this.busy = false;
    }
  }

  async #failed(failure: Failure): Promise<void> {
    this.errors = failure.faults ?? [];
    this.problem = failure.message || t("The device does not answer; try again.");
    this.answer = undefined;
    if (!this.errors.length) return;
    await this.updateComplete;
    await this.querySelector<Form>("mh-form")?.focusFirstError();
  }

  /** A part that must be given is the first one until another is chosen. */
  #chosen(name: string, those: Candidate[]): number {
    const chosen = this.taken.get(name);
    const needed = this.described?.arguments?.required?.includes(name) ?? false;
    if (chosen === undefined || chosen === "") return needed ? 0 : -1;
    return Math.min(Number(chosen), those.length - 1);
  }

  override render(): TemplateResult {
    const id = this.path.replaceAll("/", "-");
    return html`<article class="card">
      <div class="card-head">
        <div class="title" role="heading" aria-level="2">
          <button type="button" class="quiet fold" aria-expanded=${this.open} aria-controls=${`body${id}`} @click=${() => this.#toggle()}>
            <span class="arrow" aria-hidden="true">${this.open ? "▾" : "▸"}</span><strong>${this.heading}</strong>
          </button>
        </div>
      </div>
      <div class="card-body" id=${`body${id}`} ?hidden=${!this.open}>${this.open ? this.#body() : nothing}</div>
    </article>`;
  }

  #body(): TemplateResult {
    if (!this.described) return html`<p role="status">${this.problem || t("Loading …")}</p>`;
    const those = this.#candidates;
    return html`${this.described.description ? html`<p class="description">${this.described.description}</p>` : nothing}
      <form novalidate @submit=${(event: SubmitEvent) => this.#run(event)}>
        ${those.size ? html`<div class="fields">${[...those].map(([name, each]) => this.#part(name, each))}</div>` : nothing}
        <mh-form
          .schema=${this.#asked(those)}
          .value=${this.#values}
          .errors=${this.errors}
          @change=${(event: CustomEvent<{ value: Values }>) => event.detail && (this.#values = event.detail.value)}
        ></mh-form>
        ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
        <div class="actions"><button class="primary" ?disabled=${this.busy}>${this.busy ? t("Running …") : t("Run")}</button></div>
      </form>
      <div class="answer" role="status">${this.#answer()}</div>`;
  }

  #part(name: string, those: Candidate[]): TemplateResult {
    const id = `${this.path.replaceAll("/", "-")}-${name}`;
    const schema = this.described!.arguments!.properties![name]!;
    const needed = this.described!.arguments!.required?.includes(name) ?? false;
    const title = titleOf(fieldOf(schema, this.described!.arguments!), name);
    const at = this.#chosen(name, those);
    const choose = (event: Event): void => {
      this.taken = new Map(this.taken).set(name, (event.target as HTMLSelectElement).value);
    };
    return html`<div class="field">
      <label for=${id}>${title} <small>${t("from the settings")}</small></label>
      <select id=${id} aria-describedby=${`${id}-about`} @change=${choose}>
        ${needed ? nothing : html`<option value="" ?selected=${at < 0}>–</option>`}
        ${those.map((each, index) => html`<option value=${index} ?selected=${index === at}>${each.label}</option>`)}
      </select>
      <p class="description" id=${`${id}-about`}>${schema.description ?? ""}</p>
    </div>`;
  }

  #answer(): TemplateResult | typeof nothing {
    if (this.answer === undefined) return nothing;
    if (this.answer === null) return html`<p>${t("Done.")}</p>`;
    const next = this.#next();
    const file = asObject(this.answer);
    const isFile = typeof file?.["text"] === "string" && typeof file["name"] === "string";
    return html`<mh-status .schema=${this.described?.result} .value=${this.answer} .level=${3}></mh-status>
      <div class="actions">
        ${next ? html`<button type="button" ?disabled=${this.busy} @click=${() => this.#run(undefined, next)}>${t("Next page")}</button>` : nothing}
        ${isFile ? html`<button type="button" @click=${() => void this.#save(file)}>${t("Save as a file")}</button>` : nothing}
      </div>`;
  }

  #next(answer: unknown = this.answer): Values | undefined {
    const known = this.described?.arguments?.properties ?? {};
    const told = asObject(answer) ?? {};
    const found = CURSORS.find(([argument, result]) => argument in known && ![undefined, null, ""].includes(told[result] as never));
    return found && { [found[0]]: told[found[1]] };
  }

  /** A long text comes in parts. */
  async #save(first: Values): Promise<void> {
    let text = String(first["text"]);
    let part = first;
    for (let next = this.#next(part); next; next = this.#next(part)) {
      part = await post<Values>(this.path, { ...this.#values, ...next });
      text += String(part["text"]);
    }
    download(String(first["name"]), text, String(first["media_type"] ?? "text/plain"));
  }
}

customElements.define("service-command", Command);
