// Login; what stands behind it stays where it was, so that the same page comes back. Who has a second factor is asked
// for its code in a second step.

import { html, nothing, type TemplateResult } from "lit";
import { Failure, login, provider } from "./api";
import { MeterhubElement } from "./element";
import { instanceName, told } from "./instance";
import { language, setLanguage, t } from "./t";

const LANGUAGES: Record<string, string> = { en: "English", pl: "polski" };

const PROBLEM = "#login=";

/** What went wrong on the way through the identity provider, by the word in the address that it came back with. */
function problemOf(word: string): string {
  switch (word) {
    case "silent":
      return t("The identity provider does not answer. Log in with a user of this device.");
    case "role":
      return t("Your account has no role on this device. Ask whoever administers it.");
    case "again":
      return t("This login took too long, or it came back twice. Begin again.");
    default:
      return t("The login through the identity provider failed. The event log of this device says why.");
  }
}

class Login extends MeterhubElement {
  static override properties = { ended: { attribute: false }, problem: { state: true }, busy: { state: true }, asks: { state: true }, company: { state: true } };
  /** Somebody was logged in here until the session ended. */
  declare ended: boolean;
  declare problem: string;
  declare busy: boolean;
  /** What is asked for now; a recovery code stands in for the code of a phone that was lost. */
  declare asks: "password" | "code" | "recovery";
  /** The words of the button for the identity provider, empty for the usual ones; null where there is none. */
  declare company: string | null;

  constructor() {
    super();
    this.problem = "";
    this.busy = false;
    this.asks = "password";
    this.company = null;
  }

  protected override firstUpdated(): void {
    this.querySelector("input")?.focus();
    provider().then(({ label }) => (this.company = label), () => undefined);
    if (location.hash.startsWith(PROBLEM)) {
      this.problem = problemOf(location.hash.slice(PROBLEM.length));
      history.replaceState(null, "", location.pathname);
    }
    void told().then(() => this.requestUpdate());
  }

  async #ask(what: Login["asks"]): Promise<void> {
    this.asks = what;
    this.problem = "";
    await this.updateComplete;
    this.querySelector<HTMLInputElement>(what === "password" ? "#password" : "#code")?.focus();
  }

  async #submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const given = new FormData(form);
    this.busy = true;
    this.problem = "";
    try {
      const session = await login(String(given.get("user")), String(given.get("password")), String(given.get("code") ?? ""));
      this.dispatchEvent(new CustomEvent("logged-in", { detail: session }));
    } catch (error) {
      const failure = error as Failure;
      if (failure.kind === "code") return void this.#ask("code");
      this.problem = failure.kind === "offline" ? t("The device does not answer; try again.") : failure.message;
      form.querySelector<HTMLInputElement>(this.asks === "password" ? "#password" : "#code")?.select();
    } finally {
      this.busy = false;
    }
  }

  override render(): TemplateResult {
    return html`<main class="login">
      <form @submit=${(event: SubmitEvent) => this.#submit(event)}>
        <h1>${instanceName()}</h1>
        ${this.ended ? html`<p class="notice" role="status">${t("Your session has ended. Log in, and you are back where you were.")}</p>` : nothing}
        ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
        <div class="step" ?hidden=${this.asks !== "password"}>
          <label for="user">${t("User name")}</label>
          <input id="user" name="user" autocomplete="username" autocapitalize="none" required maxlength="64" />
          <label for="password">${t("Password")}</label>
          <input id="password" name="password" type="password" autocomplete="current-password" required />
        </div>
        ${this.asks === "password" ? nothing : this.#code()}
        <button class="primary" ?disabled=${this.busy}>${t("Log in")}</button>
        ${this.asks === "password" ? this.#company() : this.#others()}
        <label for="login-language">${t("Language")}</label>
        <select id="login-language" @change=${(event: Event) => void setLanguage((event.target as HTMLSelectElement).value)}>
          ${Object.entries(LANGUAGES).map(
            ([code, name]) => html`<option value=${code} ?selected=${code === language()}>${name}</option>`,
          )}
        </select>
      </form>
    </main>`;
  }

  #company(): TemplateResult | typeof nothing {
    if (this.company === null) return nothing;
    return html`<a class="button" href="/login/provider?to=${encodeURIComponent(location.pathname)}">${this.company || t("Log in with the company account")}</a>`;
  }

  #code(): TemplateResult {
    const app = this.asks === "code";
    return html`<div class="step">
      <label for="code">${app ? t("Code of your authenticator app") : t("Recovery code")}</label>
      <input id="code" name="code" required maxlength="64" autocapitalize="none" spellcheck="false"
        autocomplete=${app ? "one-time-code" : "off"} inputmode=${app ? "numeric" : "text"} />
    </div>`;
  }

  #others(): TemplateResult {
    const app = this.asks === "code";
    return html`<div class="actions">
      <button type="button" @click=${() => this.#ask(app ? "recovery" : "code")}>${app ? t("Use a recovery code") : t("Use the app")}</button>
      <button type="button" @click=${() => this.#ask("password")}>${t("Back")}</button>
    </div>`;
  }
}

customElements.define("mh-login", Login);
