// Login; what stands behind it stays where it was, so that the same page comes back.

import { html, nothing, type TemplateResult } from "lit";
import { Failure, login } from "./api";
import { MeterhubElement } from "./element";
import { language, setLanguage, t } from "./t";

const LANGUAGES: Record<string, string> = { en: "English", pl: "polski" };

class Login extends MeterhubElement {
  static override properties = { problem: { state: true }, busy: { state: true } };
  declare problem: string;
  declare busy: boolean;

  constructor() {
    super();
    this.problem = "";
    this.busy = false;
  }

  protected override firstUpdated(): void {
    this.querySelector("input")?.focus();
  }

  async #submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const given = new FormData(form);
    this.busy = true;
    this.problem = "";
    try {
      const session = await login(String(given.get("user")), String(given.get("password")));
      this.dispatchEvent(new CustomEvent("logged-in", { detail: session }));
    } catch (error) {
      const failure = error as Failure;
      this.problem = failure.kind === "offline" ? t("The device does not answer; try again.") : failure.message;
      form.querySelector<HTMLInputElement>("[name=password]")?.select();
    } finally {
      this.busy = false;
    }
  }

  override render(): TemplateResult {
    return html`<main class="login">
      <form @submit=${(event: SubmitEvent) => this.#submit(event)}>
        <h1>Meterhub</h1>
        ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
        <label for="user">${t("User name")}</label>
        <input id="user" name="user" autocomplete="username" autocapitalize="none" required maxlength="64" />
        <label for="password">${t("Password")}</label>
        <input id="password" name="password" type="password" autocomplete="current-password" required />
        <button class="primary" ?disabled=${this.busy}>${t("Log in")}</button>
        <label for="login-language">${t("Language")}</label>
        <select id="login-language" @change=${(event: Event) => void setLanguage((event.target as HTMLSelectElement).value)}>
          ${Object.entries(LANGUAGES).map(
            ([code, name]) => html`<option value=${code} ?selected=${code === language()}>${name}</option>`,
          )}
        </select>
      </form>
    </main>`;
  }
}

customElements.define("mh-login", Login);
