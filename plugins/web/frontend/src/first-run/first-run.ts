// The first page of all: an own password, what the installation is called, and where to begin.

import { html, nothing, type TemplateResult } from "lit";
import { Failure, login, post, type Session } from "../api";
import { CHANGED } from "../changes";
import { sentence } from "../components/page";
import { MeterhubElement } from "../element";
import { type Descriptions, description, may, type Schema } from "../model";
import { NAVIGATED, navigate } from "../router";
import { LANGUAGE_CHANGED, language, setLanguage, t } from "../t";
import { ownZone, zones } from "../zone";
import { offers } from "./beginnings";
import { saveSettings, Wrong, wrong } from "./set-up";

const PASSWORD = "/command/users/change-password";
const SETTINGS = "/configuration/instance";

class FirstRun extends MeterhubElement {
  static override properties = {
    all: { attribute: false },
    session: { attribute: false },
    given: { attribute: false },
    words: { state: true },
    changed: { state: true },
    saved: { state: true },
    wrong: { state: true },
    busy: { state: true },
  };
  declare all: Descriptions;
  declare session: Session;
  /** The password that the user logged in with; after the page was loaded again he is asked for it. */
  declare given: string;
  /** The models of what is asked for, in the language in force. */
  declare words: Record<string, Schema> | undefined;
  declare changed: boolean;
  declare saved: boolean;
  /** Sentences by field; `""` is the page. */
  declare wrong: Record<string, string>;
  declare busy: boolean;

  constructor() {
    super();
    this.changed = this.saved = this.busy = false;
    this.wrong = {};
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.hear(LANGUAGE_CHANGED, () => void this.#describe());
    this.hear(NAVIGATED, () => this.#leave());
    void this.#describe();
  }

  protected override firstUpdated(): void {
    this.querySelector<HTMLElement>("input:not([hidden])")?.focus();
  }

  get #configures(): boolean {
    return may(this.all, SETTINGS, "put") && may(this.all, "/command/configuration/apply", "post");
  }

  async #describe(): Promise<void> {
    try {
      const asked = [description(PASSWORD), ...(this.#configures ? [description(SETTINGS)] : [])];
      const [password, settings] = await Promise.all(asked);
      this.words = { ...password?.arguments?.properties, ...settings?.schema?.properties };
    } catch (error) {
      this.wrong = { "": sentence(error) };
    }
  }

  #leave(): void {
    this.dispatchEvent(new CustomEvent("done"));
  }

  async #save(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (this.busy) return;
    const values = Object.fromEntries(new FormData(event.target as HTMLFormElement)) as Record<string, string>;
    this.busy = true;
    this.wrong = {};
    try {
      if (!this.changed) await this.#changePassword(values);
      if (this.#configures) await this.#saveSettings(values);
      if (offers(this.all).length === 0) return this.#leave();
      this.saved = true;
    } catch (error) {
      this.#failed(error);
    } finally {
      this.busy = false;
    }
    await this.updateComplete;
    this.querySelector<HTMLElement>(this.saved ? "h1" : "[aria-invalid=true], .problem")?.focus();
  }

  async #changePassword(values: Record<string, string>): Promise<void> {
    if (values["new"] !== values["again"]) throw new Wrong({ again: t("The two passwords differ.") });
    const password = values["new"] ?? "";
    try {
      await post(PASSWORD, { old: values["old"] ?? this.given, new: password });
    } catch (error) {
      if (!(error instanceof Failure) || error.kind === "offline" || error.kind === "invalid") throw error;
      throw new Wrong({ ["old" in values ? "old" : ""]: error.message });
    }
    this.changed = true;
    // Every session has ended with the old password; where this one cannot begin anew, the login page comes by itself.
    this.dispatchEvent(new CustomEvent<Session>("changed", { detail: await login(this.session.user, password) }));
  }

  async #saveSettings(values: Record<string, string>): Promise<void> {
    const settings = { name: values["name"] ?? "", language: values["language"] ?? null, time_zone: values["time_zone"] ?? null };
    const { instance } = this.all;
    if (JSON.stringify(settings) === JSON.stringify(instance)) return;
    await saveSettings(this.session.user, settings);
    window.dispatchEvent(new Event(CHANGED));
  }

  #failed(error: unknown): void {
    const placed = error instanceof Failure && error.faults.length ? wrong(error.faults) : error;
    this.wrong = placed instanceof Wrong ? placed.at : { "": sentence(placed) };
  }

  override render(): TemplateResult {
    return html`<main class="first-run described" aria-busy=${this.words ? "false" : "true"}>
      ${this.saved ? this.#paths() : this.#form()}
    </main>`;
  }

  #paths(): TemplateResult {
    return html`<h1 tabindex="-1">${t("Where do you want to begin?")}</h1>
      <mh-beginnings .all=${this.all} .session=${this.session}></mh-beginnings>
      <p class="actions"><button @click=${() => this.#skip()}>${t("Skip: go to the overview")}</button></p>`;
  }

  #skip(): void {
    navigate("/", { replace: true });
  }

  #form(): TemplateResult {
    const told = this.wrong[""];
    return html`<h1>${t("Welcome to Meterhub")}</h1>
      <form novalidate @submit=${(event: SubmitEvent) => this.#save(event)}>
        ${this.#password()} ${this.#configures && this.words ? this.#settings() : nothing}
        ${told ? html`<p class="problem" role="alert" tabindex="-1">${told}</p>` : nothing}
        <div class="actions">
          <button class="primary" ?disabled=${this.busy || !this.words}>${t("Save and go on")}</button>
          ${this.changed ? html`<button type="button" @click=${() => (this.saved = true)}>${t("Go on without it")}</button>` : nothing}
        </div>
      </form>`;
  }

  #password(): TemplateResult {
    if (this.changed) {
      return html`<section class="panel"><h2>${t("Your password")}</h2>
        <p class="done" role="status">${t("Your password was changed.")}</p></section>`;
    }
    const input = (name: string, label: string, kind: string, about = ""): TemplateResult =>
      this.#field(name, label, about, (described, invalid) => html`<input id=${`first-${name}`} name=${name} type="password"
        autocomplete=${kind} aria-describedby=${described} aria-invalid=${invalid} required />`);
    return html`<section class="panel"><h2>${t("Your password")}</h2>
      <p>${t("The password you logged in with was made up and shown once. Choose your own.")}</p>
      <input name="user" autocomplete="username" .value=${this.session.user} hidden />
      ${this.given ? nothing : input("old", t("The password you were given"), "current-password")}
      ${input("new", t("New password"), "new-password", this.words?.["new"]?.description)}
      ${input("again", t("The new one again"), "new-password")}
    </section>`;
  }

  #settings(): TemplateResult {
    const { name, language: code, time_zone: zone } = this.all.instance;
    const choose = (event: Event): void => void setLanguage((event.target as HTMLSelectElement).value);
    return html`<section class="panel"><h2>${t("This installation")}</h2>
      ${this.#described("name", (described, invalid) => html`<input id="first-name" name="name" maxlength="100" autocomplete="off"
        .defaultValue=${name} aria-describedby=${described} aria-invalid=${invalid} />`)}
      ${this.#described("language", (described, invalid) => html`<select id="first-language" name="language" @change=${choose}
        aria-describedby=${described} aria-invalid=${invalid}>
        ${Object.entries(this.all.languages).map(([each, own]) => html`<option value=${each} ?selected=${each === (code ?? language())}>${own}</option>`)}
      </select>`)}
      ${this.#described("time_zone", (described, invalid) => html`<select id="first-time_zone" name="time_zone"
        aria-describedby=${described} aria-invalid=${invalid}>
        ${zones().map((each) => html`<option value=${each} ?selected=${each === (zone ?? ownZone())}>${each.replaceAll("_", " ")}</option>`)}
      </select>`)}
    </section>`;
  }

  #described(name: string, control: Control): TemplateResult {
    const { title = name, description: about = "" } = this.words?.[name] ?? {};
    return this.#field(name, title, about, control);
  }

  #field(name: string, label: string, about: string, control: Control): TemplateResult {
    const told = this.wrong[name];
    const ids = [told && `first-${name}-wrong`, about && `first-${name}-about`].filter(Boolean).join(" ");
    return html`<div class="field"><label for=${`first-${name}`}>${label}</label>
      ${control(ids || nothing, told ? "true" : nothing)}
      ${told ? html`<p class="problem" id=${`first-${name}-wrong`}>${told}</p>` : nothing}
      ${about ? html`<p class="description" id=${`first-${name}-about`}>${about}</p>` : nothing}</div>`;
  }
}

type Control = (described: string | typeof nothing, invalid: "true" | typeof nothing) => TemplateResult;

customElements.define("mh-first-run", FirstRun);
