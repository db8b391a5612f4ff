// The base of every element: light DOM, so that labels, styles and tests reach across elements.

import { LitElement } from "lit";
import { LANGUAGE_CHANGED } from "./t";

export class MeterhubElement extends LitElement {
  readonly #again = (): void => this.requestUpdate();
  #ends: (() => void)[] = [];

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener(LANGUAGE_CHANGED, this.#again);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener(LANGUAGE_CHANGED, this.#again);
    for (const end of this.#ends.splice(0)) end();
  }

  /** Have something ended when the element leaves the page. */
  protected until(end: () => void): void {
    this.#ends.push(end);
  }

  /** Listen on `window` as long as the element is on the page. */
  protected hear(event: string, listener: (event: Event) => void): void {
    window.addEventListener(event, listener);
    this.until(() => window.removeEventListener(event, listener));
  }
}
