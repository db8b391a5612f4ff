// One point in a dialog: everything about it, who uses it, and what may be done with it.

import { html, nothing, type TemplateResult } from "lit";
import { get, post } from "../../api";
import { action, type Input } from "../../components/action";
import { qualityBadge, stateBadge } from "../../components/badge";
import { asked } from "../../components/dialog";
import { facts, shown } from "../../components/facts";
import { sentence } from "../../components/page";
import { word } from "../../components/words";
import { MeterhubElement } from "../../element";
import { live } from "../../live";
import { type Descriptions, may } from "../../model";
import { navigate } from "../../router";
import { duration, t, time } from "../../t";
import { type Points, type PointRow, type Substitution, usersOf } from "./model";
import { LOGGED, TRACE, wish } from "./wishes";
import "../../components/point-course";

const CLOCKS = ["valid", "unknown", "invalid"];
const FLAGS = (flags: number): string => [flags & 1 && t("blocked"), flags & 2 && t("overflow")].filter(Boolean).join(", ");

class PointDetail extends MeterhubElement {
  static override properties = {
    all: { attribute: false },
    point: { attribute: false },
    close: { attribute: false },
    users: { state: true },
    substitution: { state: true },
    told: { state: true },
    problem: { state: true },
  };
  declare all: Descriptions;
  declare point: PointRow;
  declare close: () => void;
  declare users: string[] | undefined;
  declare substitution: Substitution | undefined;
  declare told: string;
  declare problem: string;

  override connectedCallback(): void {
    super.connectedCallback();
    this.told = this.problem = "";
    const { name } = this.point;
    this.until(live<Points>("/data/points", ({ points }) => points[0] && (this.point = points[0]), { pattern: name, limit: 1 }));
    void usersOf(name, this.all).then((users) => (this.users = users));
    void this.#substitutions();
  }

  async #substitutions(): Promise<void> {
    if (!may(this.all, "/data/substitutions")) return;
    const found = await get<{ substitutions: Substitution[] }>("/data/substitutions").catch(() => ({ substitutions: [] }));
    this.substitution = found.substitutions.find((each) => each.point === this.point.name);
  }

  override render(): TemplateResult {
    const point = this.point;
    return html`<p class="value-now"><span class="mono">${shown(point.value)}</span> ${point.unit} ${qualityBadge(point.quality)}</p>
      <p role="status" class="done" ?hidden=${!this.told}>${this.told}</p>
      ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
      ${facts([
        [t("Title"), point.title],
        [t("Time"), time(point.time)],
        [t("Age"), point.age === null ? "–" : duration(point.age)],
        [t("Clock of the source"), stateBadge(CLOCKS[point.clock] ?? "unknown")],
        !!point.flags && [t("Flags"), FLAGS(point.flags)],
        [t("Type"), word(point.type ?? "–")],
        [t("Source"), point.source],
        [t("Owner"), this.#owner(point.name)],
        [t("Used by"), this.#usedBy()],
        [t("Writable"), point.writable ? t("yes") : t("no")],
        !!this.substitution && [t("Substituted"), this.#substituted(this.substitution)],
      ])}
      ${point.type === "str" ? nothing : html`<mh-point-course .all=${this.all} .patterns=${[point.name]} .name=${point.name}></mh-point-course>`}
      ${this.#write(point)} ${this.#substitute(point)} ${this.#links(point)}`;
  }

  #service(name: string): string {
    return this.all.services.find((service) => service.name === name)?.title ?? name;
  }

  #owner(name: string): string {
    return this.#service(name.split("/")[0] ?? "");
  }

  #usedBy(): string {
    if (!this.users) return "…";
    return this.users.map((name) => this.#service(name)).join(", ") || t("no service names it in its settings");
  }

  #substituted(one: Substitution): string {
    return t("by {user} until {time}; the device says {value}", { user: one.user, time: time(one.until), value: shown(one.measured) });
  }

  #value(point: PointRow): Input {
    const base = { name: "value", label: t("Value"), unit: point.unit, required: true };
    if (point.type === "bool") return { ...base, kind: "choice", choices: [["true", "1"], ["false", "0"]] };
    if (point.type === "int" || point.type === "float") return { ...base, kind: "number", step: point.type === "int" ? 1 : "any" };
    return base;
  }

  #typed(value: unknown): unknown {
    return this.point.type === "bool" ? value === "true" : value;
  }

  #write(point: PointRow): TemplateResult | typeof nothing {
    if (!point.writable || !may(this.all, "/command/points/write", "post")) return nothing;
    const inputs = [this.#value(point), { name: "reason", label: t("Reason") }];
    return html`<details><summary>${t("Write a value")}</summary>${action(t("Write"), inputs, async (values) => {
      const value = this.#typed(values["value"]);
      const question = {
        title: t("Write to {name}?", { name: point.name }),
        text: t("The device gets {value} {unit} at once, and acts on it.", { value: shown(value), unit: point.unit }),
        yes: t("Write"),
        danger: true,
      };
      if (!(await asked(question))) return;
      await post("/command/points/write", { name: point.name, value, reason: values["reason"] });
      this.told = t("{value} was written; the entry is in the command ledger.", { value: shown(value) });
    })}</details>`;
  }

  #substitute(point: PointRow): TemplateResult | typeof nothing {
    if (!may(this.all, "/command/points/substitute", "post")) return nothing;
    if (this.substitution) return html`<div class="actions"><button @click=${() => this.#release()}>${t("Release the substituted value")}</button></div>`;
    const inputs: Input[] = [
      this.#value(point),
      { name: "seconds", label: t("For"), unit: "s", kind: "number", value: 3600, least: 1, required: true },
      { name: "reason", label: t("Reason") },
    ];
    return html`<details><summary>${t("Substitute the value")}</summary>
      <p class="description">${t("Everybody who reads the point gets this value, marked as substituted, until it is released or the time is over.")}</p>
      ${action(t("Substitute"), inputs, async (values) => {
        await post("/command/points/substitute", { ...values, name: point.name, value: this.#typed(values["value"]) });
        this.told = t("The value is substituted.");
        await this.#substitutions();
      })}</details>`;
  }

  async #release(): Promise<void> {
    this.problem = "";
    try {
      await post("/command/points/release", { name: this.point.name });
      this.told = t("The point reads what its device says again.");
      await this.#substitutions();
    } catch (error) {
      this.problem = sentence(error);
    }
  }

  #links(point: PointRow): TemplateResult {
    const go = (key: string, path: string): void => {
      wish(key, point.name);
      this.close();
      navigate(path);
    };
    return html`<div class="actions">
      <button @click=${() => this.close()}>${t("Close")}</button>
      ${may(this.all, "/command/point-trace/start", "post")
        ? html`<button @click=${() => go(TRACE, "/protocol-conversion/info/trace")}>${t("Trace this point")}</button>`
        : nothing}
      ${may(this.all, "/command/data-logger/query", "post")
        ? html`<button @click=${() => go(LOGGED, "/service/logged-data")}>${t("Logged values")}</button>`
        : nothing}
    </div>`;
  }
}

customElements.define("mh-point-detail", PointDetail);
