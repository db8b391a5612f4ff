// A page that a plugin brings: one module with one custom element, from the plugin's signed files.

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { html as staticHtml, unsafeStatic } from "lit/static-html.js";
import { Failure, get, post } from "../api";
import { loading, Page } from "../components/page";
import { live } from "../live";
import { language, t } from "../t";

/** What a plugin's element gets as its property `meterhub`: the ways to the device that these pages use themselves. */
const OFFERED = { get, post, live, language, Failure };
const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)+$/;

const tagOf = (file: string): string => file.split("/").at(-1)!.replace(/\.js$/, "");

class PluginPage extends Page {
  static override properties = { ready: { state: true } };
  declare ready: string;

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has("subject")) void this.#load(this.subject);
  }

  async #load(subject: string): Promise<void> {
    this.ready = "";
    const tag = tagOf(subject);
    await this.attempt(async () => {
      if (!NAME.test(tag)) throw new Error(t("{name} cannot be the name of an element: the file needs a name such as acme-panel.js.", { name: tag }));
      const path = subject.split("/").map(encodeURIComponent).join("/");
      if (!customElements.get(tag)) await import(/* @vite-ignore */ `/assets/${path}`);
      // A property that is set before the element is defined would hide its setter for ever.
      if (!customElements.get(tag)) throw new Error(t("The file of this page does not define the element {name}.", { name: tag }));
      if (subject === this.subject) this.ready = tag;
    });
  }

  protected override body(): TemplateResult | typeof nothing {
    if (this.problem) return nothing;
    if (!this.ready) return loading();
    const tag = unsafeStatic(this.ready);
    return html`${staticHtml`<${tag} .meterhub=${OFFERED} .session=${this.session} .language=${language()}></${tag}>`}`;
  }
}

customElements.define("page-plugin", PluginPage);
