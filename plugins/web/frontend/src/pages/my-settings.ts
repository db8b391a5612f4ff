// User > My settings: own password, language, own API tokens and sessions.

import { html, nothing, type TemplateResult } from "lit";
import { post } from "../api";
import { action, type Input } from "../components/action";
import { copy } from "../components/copying";
import { asked, dialog } from "../components/dialog";
import { card } from "../components/facts";
import { Page } from "../components/page";
import { roleTitle } from "../components/words";
import { language, setLanguage, t } from "../t";
import "./users/second-factor";
import { type SessionsAndTokens, sessionTable, tokenTable } from "./users/sessions";

interface Created {
  token: string;
  id: string;
}

class MySettings extends Page {
  static override properties = { own: { state: true } };
  declare own: SessionsAndTokens | undefined;

  protected override begin(): void {
    const { user } = this.session;
    this.watch<SessionsAndTokens>("/data/sessions", ({ sessions, tokens }) => {
      this.own = { sessions: sessions.filter((row) => row.user === user), tokens: tokens.filter((row) => row.user === user) };
    });
  }

  protected override body(): TemplateResult {
    const local = this.session.via !== "provider"; // passwords of the others are kept by their identity provider
    return html`<div class="cards">
        ${local && this.mayDo("users/change-password") ? card(t("Password"), this.#password()) : nothing}
        ${local && this.may("/status/second-factor") ? card(t("Second factor"), html`<mh-second-factor></mh-second-factor>`) : nothing}
        ${card(t("Language"), this.#language())}
        ${local && this.mayDo("tokens/create") ? card(t("New API token"), this.#token()) : nothing}
      </div>
      ${this.own ? this.#own(this.own) : nothing}`;
  }

  #password(): TemplateResult {
    return action(t("Change password"), [
      { name: "old", label: t("Present password"), kind: "password", required: true, autocomplete: "current-password" },
      { name: "new", label: t("New password"), kind: "password", required: true, autocomplete: "new-password" },
      { name: "again", label: t("The new one again"), kind: "password", required: true, autocomplete: "new-password" },
    ], async (values) => {
      if (values["new"] !== values["again"]) throw new Error(`again: ${t("The two passwords differ.")}`);
      await post("/command/users/change-password", { old: values["old"], new: values["new"] });
      this.notice = t("Your password was changed. Your other sessions have ended.");
    });
  }

  #language(): TemplateResult {
    const choose = async (code: string): Promise<void> => {
      await setLanguage(code);
      this.notice = t("This browser shows everything in English now.");
    };
    return html`<div class="field"><label for="my-language">${t("Language of this browser")}</label>
      <select id="my-language" @change=${(event: Event) => choose((event.target as HTMLSelectElement).value)}>
        ${Object.entries(this.all.languages).map(([code, name]) => html`<option value=${code} ?selected=${code === language()}>${name}</option>`)}
      </select></div>`;
  }

  #token(): TemplateResult {
    const roles = this.session.roles;
    const inputs: Input[] = [
      { name: "label", label: t("Label"), required: true, description: t("What the program is that will use it.") },
      { name: "roles", label: t("Roles"), kind: "checks", choices: roles.map((role) => [role, `${role} ${roleTitle(role)}`]), value: [], description: t("Give no more than the program needs.") },
      { name: "days", label: t("Valid for"), unit: "d", kind: "number", value: 90, least: 1, most: 365, required: true },
    ];
    return action(t("Create"), inputs, async (values) => {
      if (values["roles"].length === 0) throw new Error(`roles: ${t("Choose at least one role.")}`);
      const created = await post<Created>("/command/tokens/create", { label: values["label"], roles: values["roles"].join(" "), days: values["days"] });
      await this.#show(created);
    });
  }

  #show({ token, id }: Created): Promise<boolean> {
    return dialog(t("Your new API token"), (close) => html`<p class="notice">${t("Copy it now: it is never shown again.")}</p>
      <div class="field"><label for="new-token">${t("Token")}</label>
        <input id="new-token" class="mono long" readonly .value=${token} @focus=${(event: Event) => (event.target as HTMLInputElement).select()} /></div>
      <div class="field"><label for="new-client">${t("Client id")}</label><input id="new-client" class="mono long" readonly .value=${id} /></div>
      <p class="description">${t("Programs send it as Authorization: Bearer, or trade it and the client id for a short-lived pass at /oauth/token.")}</p>
      <div class="actions">
        <button class="primary" @click=${(event: Event) => copy(event.target as HTMLButtonElement, document.querySelector("#new-token")!)}>${t("Copy")}</button>
        <button @click=${() => close(true)}>${t("I have kept it")}</button>
      </div>`);
  }

  #own(own: SessionsAndTokens): TemplateResult {
    const end = async (what: string, path: string, id: string): Promise<void> => {
      if (await asked({ title: what, text: t("Whoever uses it is logged out at once."), yes: t("End"), danger: true })) {
        await this.attempt(() => post(path, { id }), t("It was ended."));
      }
    };
    return html`<section><h2>${t("My API tokens")}</h2>
        ${tokenTable(own.tokens, this.mayDo("tokens/revoke") && ((id) => end(t("Revoke this token?"), "/command/tokens/revoke", id)))}</section>
      <section><h2>${t("My sessions")}</h2>
        ${sessionTable(own.sessions, this.mayDo("sessions/revoke") && ((id) => end(t("End this session?"), "/command/sessions/revoke", id)))}</section>`;
  }
}

customElements.define("page-my-settings", MySettings);
