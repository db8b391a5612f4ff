// The commands of a service: each a form, a button, and what came back.

import { html, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import * as mode from "../../editing/mode";
import { MeterhubElement } from "../../element";
import { description, type Schema } from "../../model";
import "./command";

class Commands extends MeterhubElement {
  static override properties = {
    name: { attribute: false },
    commands: { attribute: false },
    editing: { attribute: false },
    settings: { state: true },
    config: { state: true },
  };
  declare name: string;
  declare commands: { name: string; title: string }[];
  declare editing: boolean;
  /** The settings that commands take their arguments from: the draft while it is edited. */
  declare settings: unknown;
  declare config: Schema | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.hear(mode.MODE_CHANGED, () => void this.#load());
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has("name") || changed.has("editing")) void this.#load();
  }

  async #load(): Promise<void> {
    const path = `/configuration/${this.name}`;
    const [section, described] = await Promise.all([
      mode.section(this.name).catch(() => undefined),
      description(path).catch(() => undefined),
    ]);
    this.settings = (this.editing ? section?.draft : section?.active) ?? section?.active ?? undefined;
    this.config = described?.schema ?? undefined;
  }

  override render(): TemplateResult {
    return html`${repeat(
      this.commands,
      (command) => `${this.name}/${command.name}`,
      (command) => html`<service-command
        .path=${`/command/${this.name}/${command.name}`}
        .heading=${command.title}
        .settings=${this.settings}
        .config=${this.config}
      ></service-command>`,
    )}`;
  }
}

customElements.define("service-commands", Commands);
