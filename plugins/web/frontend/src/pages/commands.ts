// Service > Commands: the ledger of what was written to points, by whom, and what became of it.

import { html, nothing, type TemplateResult } from "lit";
import { get } from "../api";
import { action, type Values } from "../components/action";
import { stateBadge } from "../components/badge";
import { facts, shown } from "../components/facts";
import { loading, Page } from "../components/page";
import { table } from "../components/table";
import { word } from "../components/words";
import { duration, t, time } from "../t";

interface Command {
  number: number;
  point: string;
  value: unknown;
  requester: string;
  origin: string;
  reason: string;
  selected: string | null;
  came: string;
  ended: string | null;
  outcome: string;
  because: string;
}

interface Answer {
  commands: Command[];
  next: number | null;
}

const OUTCOMES = ["executing", "done", "refused", "cancelled", "expired", "unknown"];

class Commands extends Page {
  static override properties = { answer: { state: true }, pages: { state: true } };
  declare answer: Answer | undefined;
  declare pages: (number | undefined)[];
  #filter: Values = {};

  protected override begin(): void {
    this.pages = [undefined];
    // The newest entry tells when there is something new to show on the first page.
    this.watch<Answer>("/data/commands", () => {
      if (this.pages.length === 1) void this.#show(this.pages).catch(() => undefined);
    }, { limit: 5 });
  }

  async #show(pages: (number | undefined)[]): Promise<void> {
    this.answer = await get<Answer>("/data/commands", { ...this.#filter, before: pages.at(-1), limit: 50 });
    this.pages = pages;
  }

  protected override body(): TemplateResult {
    const filter = async (values: Values): Promise<void> => {
      this.#filter = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== "" && value !== undefined));
      await this.#show([undefined]);
    };
    return html`<p class="description">${t("Every command stands here before its device hears of it, and stays whatever becomes of it.")}</p>
      ${action(t("Show"), [
        { name: "point", label: t("Point"), wide: true },
        { name: "outcome", label: t("Outcome"), kind: "choice", choices: [["", t("all")], ...OUTCOMES.map((name): [string, string] => [name, word(name)])] },
        { name: "since", label: t("From"), kind: "datetime-local" },
        { name: "until", label: t("Until"), kind: "datetime-local" },
      ], filter, { row: true, stays: true })}
      ${this.answer ? this.#table(this.answer) : loading()}`;
  }

  #table(answer: Answer): TemplateResult {
    const go = (pages: (number | undefined)[]): unknown => this.attempt(() => this.#show(pages));
    return html`${table(
        t("Commands"),
        answer.commands,
        [
          { title: t("Time"), cell: (row) => time(row.came), whole: true },
          { title: t("Point"), cell: (row) => row.point },
          { title: t("Value"), cell: (row) => html`<span class="mono">${shown(row.value)}</span>`, right: true },
          { title: t("By"), cell: (row) => row.requester },
          { title: t("Outcome"), cell: (row) => stateBadge(row.outcome) },
          { title: t("Because"), cell: (row) => row.because || "–" },
        ],
        t("No command was given, or none matches these filters."),
        { key: (row) => String(row.number), detail: (row) => this.#detail(row) },
      )}
      ${this.pages.length > 1 || answer.next !== null
        ? html`<nav class="pager" aria-label=${t("Pages of {name}", { name: t("Commands") })}>
            <button ?disabled=${this.pages.length < 2} @click=${() => go(this.pages.slice(0, -1))}>${t("Newer")}</button>
            <span>${t("Page {page}", { page: this.pages.length })}</span>
            <button ?disabled=${answer.next === null} @click=${() => go([...this.pages, answer.next!])}>${t("Older")}</button>
          </nav>`
        : nothing}`;
  }

  #detail(row: Command): TemplateResult {
    const took = row.ended ? (Date.parse(row.ended) - Date.parse(row.came)) / 1000 : undefined;
    return facts([
      [t("Number"), row.number],
      [t("Selected"), row.selected ? time(row.selected) : "–"],
      [t("Came"), time(row.came)],
      [t("Ended"), row.ended ? time(row.ended) : t("not yet")],
      took !== undefined && [t("Took"), duration(took)],
      [t("From where"), row.origin],
      [t("Reason"), row.reason],
    ]);
  }
}

customElements.define("page-commands", Commands);
