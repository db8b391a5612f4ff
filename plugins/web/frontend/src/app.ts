// The frame around every page: login, menu, top bar, and the page itself.

import { html, nothing, type TemplateResult } from "lit";
import { html as staticHtml, unsafeStatic } from "lit/static-html.js";
import { Failure, LOGGED_OUT, logout, type Session, whoami } from "./api";
import { CHANGED } from "./changes";
import { MeterhubElement } from "./element";
import { instanceName, use } from "./instance";
import { type Entry, entryOf, grouped, menu, type Section } from "./menu";
import { type Descriptions, descriptions, forget } from "./model";
import { PAGES } from "./pages/index";
import { NAVIGATED, route } from "./router";
import { LANGUAGE_CHANGED, language, setLanguage, t } from "./t";
import { letters, zone } from "./zone";
import "./editing/bar";
import "./login";

class App extends MeterhubElement {
  static override properties = {
    session: { state: true },
    all: { state: true },
    problem: { state: true },
    drawer: { state: true },
    described: { state: true },
    first: { state: true },
  };
  declare session: Session | null | undefined;
  declare all: Descriptions | undefined;
  declare problem: string;
  declare drawer: boolean;
  declare described: boolean;
  /** The password is one that was made up: the first page comes before everything else. */
  declare first: boolean;
  /** The session ended without anybody having logged out. */
  #ended = false;
  #loaded = new Set<string>();
  #seen = "";
  #given = "";

  constructor() {
    super();
    this.problem = "";
    this.drawer = this.first = false;
    this.described = localStorage.getItem("meterhub-descriptions") !== "off";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.hear(LOGGED_OUT, () => {
      this.#ended ||= Boolean(this.session);
      this.session = null;
      this.first = false;
    });
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
      this.first = this.session.initial_password === true;
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
      const all = await descriptions();
      use(all.instance);
      this.all = all;
      this.problem = "";
    } catch (error) {
      if (error instanceof Failure && error.kind !== "login") this.problem = error.message;
    }
  }

  async #loggedIn(session: Session, given: string): Promise<void> {
    this.session = session;
    this.first = session.initial_password === true;
    this.#given = this.first ? given : "";
    this.all = undefined;
    await this.#load();
  }

  override render(): TemplateResult {
    if (this.session === null) {
      document.title = instanceName();
      return html`<mh-login
        .ended=${this.#ended}
        @logged-in=${(event: CustomEvent<Session>) =>
          this.#loggedIn(event.detail, (event.target as Element).querySelector<HTMLInputElement>("#password")!.value)}
      ></mh-login>`;
    }
    if (!this.all || !this.session) {
      return html`<main class="wait" aria-busy="true"><p role="status">${this.problem || t("Loading …")}</p></main>`;
    }
    if (this.first) return this.#first();
    const sections = menu(this.all);
    const entry = entryOf(sections, route()) ?? (route() === "/" ? sections[0]?.entries[0] : undefined);
    document.title = [entry?.title, instanceName()].filter(Boolean).join(" – ");
    return html`
      <a class="skip" href="#content">${t("Skip to the content")}</a>
      <header class=${this.drawer ? "top open" : "top"}>
        <button class="burger" aria-expanded=${this.drawer} aria-controls="menu" @click=${() => (this.drawer = !this.drawer)}>
          ${t("Menu")}
        </button>
        <a class="brand" href="/">${instanceName()}</a>
        <mh-mode-bar .session=${this.session} .all=${this.all}></mh-mode-bar>
        ${this.#tools()}
      </header>
      <nav id="menu" aria-label=${t("Menu")} class=${this.drawer ? "open" : ""}>
        <div>${sections.map((each) => this.#section(each, entry))}</div>
      </nav>
      <main id="content" tabindex="-1" class=${this.described ? "described" : ""}>
        ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
        ${entry ? this.#page(entry) : html`<h1>${t("There is nothing here")}</h1>`}
      </main>
    `;
  }

  #first(): TemplateResult {
    document.title = instanceName();
    if (!this.#has("mh-first-run", () => import("./first-run/first-run"))) return html`<p role="status">${t("Loading …")}</p>`;
    const done = (): void => {
      this.first = false;
      this.#given = "";
    };
    return html`<mh-first-run
      .all=${this.all}
      .session=${this.session}
      .given=${this.#given}
      @changed=${(event: CustomEvent<Session>) => (this.session = event.detail)}
      @done=${done}
    ></mh-first-run>`;
  }

  #tools(): TemplateResult {
    const { short, offset } = letters(language());
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
      <abbr class="zone" title=${t("Times are shown in {zone}, {offset}", { zone: zone(), offset })}>${short}</abbr>
      <span class="user" title=${this.session!.roles.join(" ")}>${this.session!.user}</span>
      <button class="quiet leave" @click=${() => this.#leave()}>${t("Log out")}</button>
    `;
  }

  // The menu scrolls by itself: the entry of the page that is shown must be seen in it.
  protected override updated(): void {
    const current = this.querySelector("#menu a[aria-current]");
    if (!current || this.#seen === route()) return;
    this.#seen = route();
    current.scrollIntoView({ block: "nearest" });
  }

  #describe(box: HTMLInputElement): void {
    this.described = box.checked;
    localStorage.setItem("meterhub-descriptions", box.checked ? "on" : "off");
  }

  async #leave(): Promise<void> {
    await logout().catch(() => undefined);
    this.#ended = false;
    this.session = null;
  }

  #section(section: Section, current: Entry | undefined): TemplateResult {
    return html`<h2>${section.title}</h2>
      ${grouped(section.entries).map(
        ([group, entries]) => html`${group ? html`<h3>${group}</h3>` : nothing}
          <ul>${entries.map((entry) => this.#entry(entry, entry.route === current?.route))}</ul>`,
      )}`;
  }

  #entry(entry: Entry, current: boolean): TemplateResult {
    return html`<li>
      <a href=${entry.route} class=${entry.unused ? "unused" : nothing} aria-current=${current ? "page" : nothing}>${entry.title}</a>
    </li>`;
  }

  // An element is put on the page only once it is defined: a property set before would hide its setter for ever.
  #has(tag: string, load: () => Promise<unknown>): boolean {
    if (customElements.get(tag)) return true;
    if (!this.#loaded.has(tag)) {
      this.#loaded.add(tag);
      load().then(
        () => this.requestUpdate(),
        () => (this.problem = t("This page could not be loaded. Load the application again.")),
      );
    }
    return false;
  }

  #page(entry: Entry): TemplateResult {
    const load = PAGES[entry.tag] ?? (() => Promise.reject(new Error(entry.tag)));
    if (!this.#has(entry.tag, load)) return html`<p role="status">${t("Loading …")}</p>`;
    const tag = unsafeStatic(entry.tag);
    return staticHtml`<${tag} .all=${this.all} .session=${this.session} .subject=${entry.subject ?? ""} .title=${entry.title}></${tag}>`;
  }
}

customElements.define("mh-app", App);
