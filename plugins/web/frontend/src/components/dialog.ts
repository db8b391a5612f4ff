// Dialogs: a question before something that cannot be taken back, and a form for one command.

import { html, nothing, render, type TemplateResult } from "lit";
import { LOGGED_OUT } from "../api";
import { t } from "../t";
import { action, type Input, type Values } from "./action";

type Content = (close: (done: boolean) => void) => TemplateResult;

/** Show a dialog until it is closed; whether it was closed by doing what it is for. */
export function dialog(title: string, content: Content, { wide = false } = {}): Promise<boolean> {
  const host = document.createElement("div");
  document.body.append(host);
  return new Promise((resolve) => {
    const close = (done: boolean): void => {
      window.removeEventListener(LOGGED_OUT, leave);
      host.querySelector("dialog")?.close();
      host.remove();
      resolve(done);
    };
    const leave = (): void => close(false);
    const cancel = (event: Event): void => {
      event.preventDefault();
      close(false);
    };
    window.addEventListener(LOGGED_OUT, leave);
    render(
      html`<dialog class=${wide ? "wide" : ""} aria-labelledby="dialog-title" @cancel=${cancel}>
        <h2 id="dialog-title">${title}</h2>
        ${content(close)}
      </dialog>`,
      host,
    );
    host.querySelector("dialog")!.showModal();
  });
}

export interface Question {
  title: string;
  text: unknown;
  /** The words of the button that does it. */
  yes: string;
  danger?: boolean;
}

/** Ask before something is done. */
export const asked = ({ title, text, yes, danger = false }: Question): Promise<boolean> =>
  dialog(
    title,
    (close) => html`<div>${typeof text === "string" ? html`<p>${text}</p>` : text}</div>
      <div class="actions">
        <button class=${danger ? "danger" : "primary"} @click=${() => close(true)}>${yes}</button>
        <button autofocus @click=${() => close(false)}>${t("Cancel")}</button>
      </div>`,
  );

export interface FormQuestion {
  title: string;
  text?: unknown;
  inputs: Input[];
  yes: string;
  danger?: boolean;
  work: (values: Values) => Promise<unknown>;
}

/** A form in a dialog, which stays until its work was done or it is cancelled. */
export const filled = ({ title, text, inputs, yes, danger = false, work }: FormQuestion): Promise<boolean> =>
  dialog(title, (close) => {
    const back = html`<button type="button" @click=${() => close(false)}>${t("Cancel")}</button>`;
    const run = async (values: Values): Promise<void> => {
      await work(values);
      close(true);
    };
    return html`${text ? html`<p>${text}</p>` : nothing}${action(yes, inputs, run, { danger, stays: true, more: back })}`;
  });
