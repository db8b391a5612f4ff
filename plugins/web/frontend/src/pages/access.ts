// User > Access control: which role may do what, how logins are supervised, who is logged in.

import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { post } from "../api";
import { action, type Input } from "../components/action";
import { asked } from "../components/dialog";
import { loading, Page } from "../components/page";
import { type Tab, tabOf, tabs } from "../components/tabs";
import { roleTitle } from "../components/words";
import { t } from "../t";
import { type SessionsAndTokens, sessionTable, tokenTable } from "./users/sessions";

interface Right {
  path: string;
  verb: string;
  roles: string[];
  changed: Record<string, boolean>;
}

type Rules = Record<"failures" | "window" | "lock" | "idle", number>;

interface Matrix {
  roles: Record<string, string>;
  rights: Right[];
  rules: Rules;
}

const BASE = "/user/access-control";
/** The rights of these cannot be changed, so that nobody locks everybody out. */
const FIXED = new Set(["RA", "RM"]);
const KINDS: Record<string, () => string> = {
  status: () => t("Status"),
  configuration: () => t("Configuration"),
  data: () => t("Data"),
  command: () => t("Commands"),
};
const VERBS: Record<string, () => string> = { read: () => t("read"), write: () => t("write"), run: () => t("run") };

class AccessControl extends Page {
  static override properties = { matrix: { state: true }, search: { state: true }, different: { state: true }, sessions: { state: true } };
  declare matrix: Matrix | undefined;
  declare search: string;
  declare different: boolean;
  declare sessions: SessionsAndTokens | undefined;

  protected override begin(): void {
    this.search = "";
    this.different = false;
    void this.#read();
    this.watch<SessionsAndTokens>("/data/sessions", (body) => (this.sessions = body));
  }

  #read(): Promise<void> {
    return this.read<Matrix>("/status/access", (body) => (this.matrix = body));
  }

  protected override body(): TemplateResult {
    if (!this.matrix) return loading();
    const parts: Tab[] = [{ name: "rights", title: t("Rights") }, { name: "supervision", title: t("Login and sessions") }];
    if (this.may("/data/sessions")) parts.push({ name: "sessions", title: t("Who is logged in") });
    const part = tabOf(BASE, parts);
    return html`${tabs(BASE, this.title, parts)}
    ${part === "supervision" ? this.#supervision(this.matrix.rules) : part === "sessions" ? this.#sessions() : this.#rights(this.matrix)}`;
  }

  #rights(matrix: Matrix): TemplateResult {
    const wanted = this.search.toLowerCase();
    const shown = matrix.rights.filter(
      (right) => right.path.toLowerCase().includes(wanted) && (!this.different || Object.keys(right.changed).length > 0),
    );
    const kinds = [...new Set(shown.map((right) => right.path.split("/")[1] ?? ""))];
    const narrow = wanted !== "" || this.different;
    return html`<div class="action row" role="search">
        <div class="field grow"><label for="right-search">${t("Search paths")}</label>
          <input id="right-search" type="search" placeholder="/command/configuration" @input=${(event: Event) => (this.search = (event.target as HTMLInputElement).value)} /></div>
        <div class="field check"><label><input type="checkbox" .checked=${this.different}
          @change=${(event: Event) => (this.different = (event.target as HTMLInputElement).checked)} /> ${t("Only what differs from the default")}</label></div>
      </div>
      <details class="legend"><summary>${t("What the roles are")}</summary>
        <ul class="roles">${Object.keys(matrix.roles).map((role) => html`<li><b>${role}</b> ${roleTitle(role)}</li>`)}</ul>
        <p>${t("A dot marks a right that differs from the default. The rights of RA and RM are fixed.")}</p>
      </details>
      ${shown.length === 0 ? html`<p class="faint" role="status">${t("No path matches.")}</p>` : nothing}
      ${repeat(kinds, (kind) => kind, (kind) => this.#kind(kind, shown.filter((right) => right.path.startsWith(`/${kind}/`)), matrix, narrow))}`;
  }

  #kind(kind: string, rights: Right[], matrix: Matrix, narrow: boolean): TemplateResult {
    const title = KINDS[kind]?.() ?? kind;
    const roles = Object.keys(matrix.roles);
    return html`<details class="panel kind" ?open=${narrow || kind === "status"}>
      <summary><h2>${title}</h2> <small>${rights.length}</small></summary>
      <div class="scroll" tabindex="0" role="region" aria-label=${title}>
        <table class="matrix">
          <thead><tr><th scope="col">${t("Path")}</th><th scope="col">${t("Right")}</th>
            ${roles.map((role) => html`<th scope="col"><abbr title=${roleTitle(role)}>${role}</abbr></th>`)}
            <th scope="col"><span class="hidden">${t("Actions")}</span></th></tr></thead>
          <tbody>${repeat(rights, (right) => `${right.path} ${right.verb}`, (right) => this.#right(right, roles))}</tbody>
        </table>
      </div>
    </details>`;
  }

  #right(right: Right, roles: string[]): TemplateResult {
    const editable = this.mayDo("access/set-right");
    const differs = Object.keys(right.changed).length > 0;
    return html`<tr>
      <th scope="row" class="mono">${right.path}</th>
      <td>${VERBS[right.verb]?.() ?? right.verb}</td>
      ${roles.map((role) => {
        const changed = role in right.changed;
        const name = `${right.path} ${role}${changed ? ` (${t("differs from the default")})` : ""}`;
        return html`<td class=${changed ? "changed" : ""}><input type="checkbox" aria-label=${name} .checked=${right.roles.includes(role)}
          ?disabled=${!editable || FIXED.has(role)} @change=${(event: Event) => this.#set(right, role, event.target as HTMLInputElement)} /></td>`;
      })}
      <td>${differs && this.mayDo("access/reset-right")
        ? html`<button aria-label=${t("Reset {name}", { name: right.path })} @click=${() => this.#reset(right)}>${t("Reset")}</button>`
        : nothing}</td>
    </tr>`;
  }

  async #set(right: Right, role: string, box: HTMLInputElement): Promise<void> {
    const body = { path: right.path, verb: right.verb, role, granted: box.checked };
    const text = box.checked ? t("{role} may now: {path}", { role, path: right.path }) : t("{role} may no longer: {path}", { role, path: right.path });
    const well = await this.attempt(() => post("/command/access/set-right", body));
    if (!well) box.checked = !box.checked;
    await this.#again(well ? text : "");
  }

  async #reset(right: Right): Promise<void> {
    if (await this.attempt(() => post("/command/access/reset-right", { path: right.path }))) {
      await this.#again(t("The rights of {path} are those of the default.", { path: right.path }));
    }
  }

  async #again(text: string): Promise<void> {
    const problem = this.problem;
    await this.#read();
    this.problem ||= problem;
    this.notice = text;
  }

  #supervision(rules: Rules): TemplateResult {
    const input = (name: keyof Rules, label: string, least: number, most: number, unit?: string): Input => ({
      name, label, kind: "number", value: rules[name], least, most, required: true, ...(unit ? { unit } : {}),
    });
    if (!this.mayDo("access/set-supervision")) return html`<p class="faint">${t("Your roles do not let you change this.")}</p>`;
    return html`<section class="panel"><h2>${t("Login supervision and sessions")}</h2>
      <p class="description">${t("Failed logins are counted for each user name and each source address.")}</p>
      ${action(t("Save"), [
        input("failures", t("Failed logins until the lock"), 1, 20),
        input("window", t("Time in which they count"), 10, 3600, "s"),
        input("lock", t("Duration of the lock"), 10, 86_400, "s"),
        input("idle", t("Session time-out without activity"), 60, 86_400, "s"),
      ], async (values) => {
        await post("/command/access/set-supervision", values);
        await this.#again(t("The rules were saved."));
      }, { stays: true })}</section>`;
  }

  #sessions(): TemplateResult {
    if (!this.sessions) return loading();
    const end = async (what: string, path: string, id: string): Promise<void> => {
      if (await asked({ title: what, text: t("Whoever uses it is logged out at once."), yes: t("End"), danger: true })) {
        await this.attempt(() => post(path, { id }), t("It was ended."));
      }
    };
    return html`<section><h2>${t("Sessions")}</h2>
        ${sessionTable(this.sessions.sessions, this.mayDo("sessions/revoke") && ((id) => end(t("End this session?"), "/command/sessions/revoke", id)))}</section>
      <section><h2>${t("API tokens")}</h2>
        ${tokenTable(this.sessions.tokens, this.mayDo("tokens/revoke") && ((id) => end(t("Revoke this token?"), "/command/tokens/revoke", id)))}</section>`;
  }
}

customElements.define("page-access", AccessControl);
