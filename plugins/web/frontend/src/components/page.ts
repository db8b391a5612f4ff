// The base of every page: its heading, what went wrong or well, and what it watches while it is shown.

import { html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { type Arguments, Failure, get, type Session } from "../api";
import { CHANGED } from "../changes";
import { MeterhubElement } from "../element";
import { live } from "../live";
import { type Descriptions, may } from "../model";
import { NAVIGATED } from "../router";
import { t } from "../t";

/** What went wrong, as a sentence. */
export const sentence = (error: unknown): string => {
  if (error instanceof Failure) return error.message || t("The device does not answer; try again.");
  return error instanceof Error ? error.message : String(error);
};

export abstract class Page extends MeterhubElement {
  static override properties: PropertyDeclarations = {
    all: { attribute: false },
    session: { attribute: false },
    subject: { attribute: false },
    title: { attribute: false },
    problem: { state: true },
    notice: { state: true },
    busy: { state: true },
  };
  declare all: Descriptions;
  declare session: Session;
  declare subject: string;
  declare title: string;
  declare problem: string;
  declare notice: string;
  declare busy: boolean;

  constructor() {
    super();
    this.problem = "";
    this.notice = "";
    this.busy = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.hear(NAVIGATED, () => this.requestUpdate());
    this.begin();
  }

  /** What the page asks for when it is shown. */
  protected begin(): void {}

  protected abstract body(): unknown;

  protected may(path: string, verb = "get"): boolean {
    return may(this.all, path, verb);
  }

  protected mayDo(command: string): boolean {
    return this.may(`/command/${command}`, "post");
  }

  /** Be told the answer of a path as long as the page is shown; nothing happens where the user may not read it. */
  protected watch<T>(path: string, receive: (body: T) => void, args: Arguments = {}): void {
    if (this.may(path)) this.until(live<T>(path, receive, args));
  }

  /** The answer of a path once; what goes wrong is told on the page. */
  protected async read<T>(path: string, receive: (body: T) => void, args: Arguments = {}): Promise<void> {
    if (!this.may(path)) return;
    await this.attempt(async () => receive(await get<T>(path, args)));
  }

  /** Do something for the user, and tell how it went; whether it went well. */
  protected async attempt(work: () => Promise<unknown>, well = ""): Promise<boolean> {
    this.problem = "";
    this.notice = "";
    this.busy = true;
    try {
      await work();
      this.notice = well;
      return true;
    } catch (error) {
      if (!(error instanceof Failure && error.kind === "login")) this.problem = sentence(error);
      void this.updateComplete.then(() => this.querySelector<HTMLElement>(":scope > .told")?.scrollIntoView({ block: "nearest" }));
      return false;
    } finally {
      this.busy = false;
    }
  }

  /** Say that there are other entries in the menu, other rights or another configuration now. */
  protected changed(): void {
    window.dispatchEvent(new Event(CHANGED));
  }

  override render(): TemplateResult {
    return html`<h1>${this.title}</h1>
      ${this.problem ? html`<p class="told problem" role="alert">${this.problem}</p>` : nothing}
      <p class="told done" role="status" ?hidden=${!this.notice}>${this.notice}</p>
      ${this.body()}`;
  }
}

/** What stands there until the first answer came. */
export const loading = (): TemplateResult => html`<p class="faint" aria-busy="true">${t("Loading …")}</p>`;

/** Nothing is there: say so, and what to do about it. */
export const empty = (text: string, more: unknown = nothing): TemplateResult =>
  html`<div class="empty"><p>${text}</p>${more}</div>`;
