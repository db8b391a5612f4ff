// User > Manage users: who may log in, and what roles they have.

import { html, nothing, type TemplateResult } from "lit";
import { post } from "../api";
import type { Input } from "../components/action";
import { badge } from "../components/badge";
import { asked, filled } from "../components/dialog";
import { loading, Page } from "../components/page";
import { table } from "../components/table";
import { ROLE_NAMES, roleTitle } from "../components/words";
import { t } from "../t";

interface User {
  name: string;
  roles: string[];
  active: boolean;
  second_factor: boolean;
}

interface Status {
  users: User[];
  maximum: number;
  remaining: number;
}

class Users extends Page {
  static override properties = { status: { state: true } };
  declare status: Status | undefined;

  protected override begin(): void {
    void this.#read();
  }

  #read(): Promise<void> {
    return this.read<Status>("/status/users", (body) => (this.status = body));
  }

  async #after(done: boolean, well: string): Promise<void> {
    if (!done) return;
    await this.#read();
    this.notice = well;
  }

  protected override body(): TemplateResult {
    const status = this.status;
    if (!status) return loading();
    return html`<p>${t("{count} of {maximum} users; {remaining} remaining.", { count: status.users.length, maximum: status.maximum, remaining: status.remaining })}</p>
      ${this.mayDo("users/add")
        ? html`<div class="toolbar"><button class="primary" ?disabled=${status.remaining === 0} @click=${() => this.#add()}>${t("Add a user")}</button></div>`
        : nothing}
      ${table(
        t("Users"),
        status.users,
        [
          { title: t("User name"), cell: (row) => html`${row.name} ${row.name === this.session.user ? html`<small>${t("(you)")}</small>` : nothing}`, by: (row) => row.name },
          { title: t("State"), cell: (row) => this.#state(row), by: (row) => row.active },
          { title: t("Roles"), cell: (row) => this.#titles(row.roles) },
          { title: "", cell: (row) => this.#tools(row) },
        ],
        t("There is no user."),
        { key: (row) => row.name },
      )}`;
  }

  #state(row: User): TemplateResult {
    return html`${row.active ? badge("good", t("active")) : badge("idle", t("inactive"))}
      ${row.second_factor ? html`<small>${t("second factor")}</small>` : nothing}`;
  }

  #titles(roles: string[]): TemplateResult {
    return html`<ul class="roles">${roles.map((role) => html`<li><b>${role}</b> ${roleTitle(role)}</li>`)}</ul>`;
  }

  #tools(row: User): TemplateResult {
    const tool = (command: string, text: string, run: () => unknown): TemplateResult | typeof nothing =>
      this.mayDo(`users/${command}`) ? html`<button aria-label="${text}: ${row.name}" @click=${run}>${text}</button>` : nothing;
    return html`<div class="tools">
      ${row.active
        ? tool("reset", t("Reset"), () => this.#reset(row))
        : tool("activate", t("Activate"), () => this.#activate(row))}
      ${row.second_factor ? tool("remove-second-factor", t("Remove second factor"), () => this.#factor(row)) : nothing}
      ${tool("set-roles", t("Change roles"), () => this.#roles(row))} ${tool("delete", t("Delete"), () => this.#delete(row))}
    </div>`;
  }

  #checks(chosen: string[]): Input {
    return { name: "roles", label: t("Roles"), kind: "checks", value: chosen, choices: ROLE_NAMES.map((role) => [role, `${role} ${roleTitle(role)}`]) };
  }

  async #add(): Promise<void> {
    const done = await filled({
      title: t("Add a user"),
      text: t("A new user is inactive until a first password is given with Activate."),
      inputs: [{ name: "name", label: t("User name"), required: true }, this.#checks([])],
      yes: t("Add"),
      work: (values) => post("/command/users/add", { name: values["name"], roles: values["roles"].join(" ") }),
    });
    await this.#after(done, t("The user was added. Activate him with a first password."));
  }

  async #activate(row: User): Promise<void> {
    const done = await filled({
      title: t("Activate {name}", { name: row.name }),
      inputs: [
        { name: "password", label: t("First password"), kind: "password", required: true, autocomplete: "new-password" },
        { name: "again", label: t("The same again"), kind: "password", required: true, autocomplete: "new-password" },
      ],
      yes: t("Activate"),
      work: async (values) => {
        if (values["password"] !== values["again"]) throw new Error(`again: ${t("The two passwords differ.")}`);
        await post("/command/users/activate", { name: row.name, password: values["password"] });
      },
    });
    await this.#after(done, t("{name} is active.", { name: row.name }));
  }

  async #reset(row: User): Promise<void> {
    const question = {
      title: t("Reset {name}?", { name: row.name }),
      text: t("The user becomes inactive, loses the password and is logged out everywhere."),
      yes: t("Reset"),
      danger: true,
    };
    if (!(await asked(question))) return;
    await this.#after(await this.attempt(() => post("/command/users/reset", { name: row.name })), t("{name} was reset.", { name: row.name }));
  }

  async #factor(row: User): Promise<void> {
    const question = {
      title: t("Remove the second factor of {name}?", { name: row.name }),
      text: t("The password alone lets this user in then. Make sure that it is really he who lost the phone."),
      yes: t("Remove"),
      danger: true,
    };
    if (!(await asked(question))) return;
    await this.#after(await this.attempt(() => post("/command/users/remove-second-factor", { name: row.name })), t("The second factor of {name} was removed.", { name: row.name }));
  }

  async #roles(row: User): Promise<void> {
    const done = await filled({
      title: t("Roles of {name}", { name: row.name }),
      inputs: [this.#checks(row.roles)],
      yes: t("Save"),
      work: (values) => post("/command/users/set-roles", { name: row.name, roles: values["roles"].join(" ") }),
    });
    if (done) this.changed();
    await this.#after(done, t("The roles of {name} were changed.", { name: row.name }));
  }

  async #delete(row: User): Promise<void> {
    const question = { title: t("Delete {name}?", { name: row.name }), text: t("Sessions and API tokens of this user end at once."), yes: t("Delete"), danger: true };
    if (!(await asked(question))) return;
    await this.#after(await this.attempt(() => post("/command/users/delete", { name: row.name })), t("{name} was deleted.", { name: row.name }));
  }
}

customElements.define("page-users", Users);
