// The frame around every page: login, menu, top bar, and the page itself.

import { html, nothing, type TemplateResult } from "lit";
import { html as staticHtml, unsafeStatic } from "lit/static-html.js";
import { Failure, LOGGED_OUT, logout, type Session, whoami } from "./api";
import { CHANGED } from "./changes";
import { MeterhubElement } from "./element";
import { type Entry, entryOf, menu, type Section } from "./menu";
import { type Descriptions, descriptions, forget } from "./model";
import { PAGES } from "./pages/index";
import { NAVIGATED, route } from "./router";
import { LANGUAGE_CHANGED, language, setLanguage, t } from "./t";
import "./editing/bar";
import "./login";

class App extends MeterhubElement {
  static override properties = {
    session: { state: true },
    all: { state: true },
    problem: { state: true },
    drawer: { state: true },
    described: { state: true },
  };
  declare session: Session | null | undefined;
  declare all: Descriptions | undefined;
  declare problem: string;
  declare drawer: boolean;
  declare described: boolean;
  #loaded = new Set<string>();

  constructor() {
    super();
    this.problem = "";
    this.drawer = false;
    this.described = localStorage.getItem("meterhub-descriptions") !== "off";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.hear(LOGGED_OUT, () => (this.session = null));
    this.hear(NAVIGATED, () => {
      this.drawer = false;
      this.requestUpdate();
      void this.updateComplete.then(() => this.querySelector<HTMLElement>("main")?.focus());
    });
    for (const event of [CHANGED, LANGUAGE_CHANGED]) this.hear(event, () => void this.#load());
    void this.#begin();
  }

  async #begin(): Promise<void> {
    try {
      this.session = await whoami();
      await this.#load();
    } catch (error) {
      if (error instanceof Failure && error.kind === "login") this.session = null;
      else this.problem = t("The device does not answer. This page tries again.");
      if (this.problem) setTimeout(() => void this.#begin(), 3000);
    }
  }

  async #load(): Promise<void> {
    if (!this.session) return;
    forget();
    try {
      this.all = await descriptions();
      this.problem = "";
    } catch (error) {
      if (error instanceof Failure && error.kind !== "login") this.problem = error.message;
    }
  }

  async #loggedIn(session: Session): Promise<void> {
    this.session = session;
    this.all = undefined;
    await this.#load();
  }

  override render(): TemplateResult {
    if (this.session === null) {
      return html`<mh-login @logged-in=${(event: CustomEvent<Session>) => this.#loggedIn(event.detail)}></mh-login>`;
    }
    if (!this.all || !this.session) {
      return html`<main class="wait" aria-busy="true"><p role="status">${this.problem || t("Loading …")}</p></main>`;
    }
    const sections = menu(this.all);
    const entry = entryOf(sections, route()) ?? (route() === "/" ? sections[0]?.entries[0] : undefined);
    document.title = entry ? `${entry.title} – Meterhub` : "Meterhub";
    return html`
      <a class="skip" href="#content">${t("Skip to the content")}</a>
      <header class="top">
        <button class="burger" aria-expanded=${this.drawer} aria-controls="menu" @click=${() => (this.drawer = !this.drawer)}>
          ${t("Menu")}
        </button>
        <a class="brand" href="/">Meterhub</a>
        <mh-mode-bar .session=${this.session} .all=${this.all}></mh-mode-bar>
        ${this.#tools()}
      </header>
      <nav id="menu" aria-label=${t("Menu")} class=${this.drawer ? "open" : ""}>${sections.map((each) => this.#section(each, entry))}</nav>
      <main id="content" tabindex="-1" class=${this.described ? "described" : ""}>
        ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
        ${entry ? this.#page(entry) : html`<h1>${t("There is nothing here")}</h1>`}
      </main>
    `;
  }

  #tools(): TemplateResult {
    return html`
      <label class="switch">
        <input type="checkbox" .checked=${this.described} @change=${(event: Event) => this.#describe(event.target as HTMLInputElement)} />
        ${t("Show description")}
      </label>
      <label class="language">
        <span class="hidden">${t("Language")}</span>
        <select @change=${(event: Event) => void setLanguage((event.target as HTMLSelectElement).value)}>
          ${Object.entries(this.all!.languages).map(
            ([code, name]) => html`<option value=${code} ?selected=${code === language()}>${name}</option>`,
          )}
        </select>
      </label>
      <span class="user" title=${this.session!.roles.join(" ")}>${this.session!.user}</span>
      <button class="quiet" @click=${() => this.#leave()}>${t("Log out")}</button>
    `;
  }

  #describe(box: HTMLInputElement): void {
    this.described = box.checked;
    localStorage.setItem("meterhub-descriptions", box.checked ? "on" : "off");
  }

  async #leave(): Promise<void> {
    await logout().catch(() => undefined);
    this.session = null;
  }

  #section(section: Section, current: Entry | undefined): TemplateResult {
    return html`<h2>${section.title}</h2>
      <ul>
        ${section.entries.map(
          (entry) => html`<li>
            <a href=${entry.route} aria-current=${entry.route === current?.route ? "page" : nothing}>${entry.title}</a>
          </li>`,
        )}
      </ul>`;
  }

  // An element is put on the page only once it is defined: a property set before would hide its setter for ever.
  #page(entry: Entry): TemplateResult {
    if (!customElements.get(entry.tag)) {
      if (!this.#loaded.has(entry.tag)) {
        this.#loaded.add(entry.tag);
        const load = PAGES[entry.tag];
        const loaded = load ? load() : Promise.reject(new Error(entry.tag));
        loaded.then(
          () => this.requestUpdate(),
          () => (this.problem = t("This page could not be loaded. Load the application again.")),
        );
      }
      return html`<p role="status">${t("Loading …")}</p>`;
    }
    const tag = unsafeStatic(entry.tag);
    return staticHtml`<${tag} .all=${this.all} .session=${this.session} .subject=${entry.subject ?? ""} .title=${entry.title}></${tag}>`;
  }
}

customElements.define("mh-app", App);
