// The parts of a page as addresses below it, so that each can be kept and sent to others.

import { html, nothing, type TemplateResult } from "lit";
import { route } from "../router";

export interface Tab {
  name: string;
  title: string;
}

/** The part that the address names, below the page's own address; the first one when it names none. */
export const tabOf = (base: string, tabs: Tab[]): string =>
  tabs.find((tab) => route() === `${base}/${tab.name}`)?.name ?? tabs[0]?.name ?? "";

export function tabs(base: string, label: string, all: Tab[]): TemplateResult {
  const current = tabOf(base, all);
  return html`<nav class="tabs" aria-label=${label}>
    ${all.map(
      (tab, index) => html`<a href=${index ? `${base}/${tab.name}` : base} aria-current=${tab.name === current ? "page" : nothing}>${tab.title}</a>`,
    )}
  </nav>`;
}
