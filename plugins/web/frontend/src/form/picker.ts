// The list below an input that something can be picked for: a combobox as in the ARIA authoring practices.

import { html, nothing, render } from "lit";
import { t } from "../t";
import { type Choice, choices } from "./choices";

const WAIT = 150;
let pickers = 0;

class Picker {
  readonly #box = document.createElement("div");
  readonly #id = `picker${++pickers}`;
  #input: HTMLInputElement | undefined;
  #found: Choice[] = [];
  #at = -1;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.#box.className = "picker";
    this.#box.hidden = true;
    this.#box.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // the input keeps the focus
      const option = (event.target as Element).closest<HTMLElement>("[role=option]");
      if (option) void this.#choose(Number(option.dataset["at"]));
    });
  }

  get open(): boolean {
    return this.#input?.getAttribute("aria-expanded") === "true";
  }

  /** What is searched: the last of several names. */
  #typed(): string {
    const text = this.#input?.value ?? "";
    return (this.#input?.dataset["many"] === undefined ? text : (text.split(",").at(-1) ?? "")).trim();
  }

  look(input: HTMLInputElement, all = false): void {
    this.#input = input;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#search(all), WAIT);
  }

  async #search(all: boolean): Promise<void> {
    const input = this.#input;
    if (!input?.isConnected) return;
    const found = await choices(input.dataset["source"]!, all ? "" : this.#typed());
    if (input !== this.#input || document.activeElement !== input) return;
    this.#found = found;
    this.#at = -1;
    this.#show();
  }

  #show(): void {
    const input = this.#input!;
    if (!this.#box.isConnected) (input.closest("dialog") ?? document.body).append(this.#box);
    const box = input.getBoundingClientRect();
    const below = window.innerHeight - box.bottom > 260 || box.top < 260;
    const { style } = this.#box;
    style.setProperty("left", `${Math.max(4, Math.min(box.left, window.innerWidth - 330))}px`);
    style.setProperty("top", below ? `${box.bottom + 2}px` : "auto");
    style.setProperty("bottom", below ? "auto" : `${window.innerHeight - box.top + 2}px`);
    style.setProperty("min-width", `${Math.max(260, box.width)}px`);
    this.#box.hidden = this.#found.length === 0;
    input.setAttribute("aria-expanded", String(this.#found.length > 0));
    input.setAttribute("aria-controls", this.#id);
    this.#draw();
  }

  #draw(): void {
    const active = this.#at >= 0 ? `${this.#id}-${this.#at}` : null;
    if (active) this.#input?.setAttribute("aria-activedescendant", active);
    else this.#input?.removeAttribute("aria-activedescendant");
    render(
      html`<ul role="listbox" id=${this.#id} aria-label=${t("Choices")}>
        ${this.#found.map(
          (choice, at) => html`<li role="option" id=${`${this.#id}-${at}`} data-at=${at} aria-selected=${at === this.#at}>
            ${choice.act ? nothing : html`<span>${choice.value}</span>`}
            <small class=${choice.doubtful ? "notice" : nothing}>${choice.about}</small>
          </li>`,
        )}
      </ul>`,
      this.#box,
    );
    if (active) document.getElementById(active)?.scrollIntoView({ block: "nearest" });
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#input?.setAttribute("aria-expanded", "false");
    this.#input?.removeAttribute("aria-activedescendant");
    this.#input?.removeAttribute("aria-controls");
    this.#input = undefined;
    this.#box.hidden = true;
    this.#box.remove();
  }

  key(event: KeyboardEvent, input: HTMLInputElement): void {
    if (event.key === "ArrowDown" && (event.altKey || (!this.open && !input.closest("td")))) {
      event.preventDefault();
      this.look(input, true);
    } else if (!this.open) {
      return;
    } else if (event.key === "Escape") {
      event.preventDefault();
      this.close();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.#at = (this.#at + step + this.#found.length) % this.#found.length;
      this.#draw();
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (this.#at >= 0) void this.#choose(this.#at);
      else this.close();
    }
  }

  async #choose(at: number): Promise<void> {
    const [input, choice] = [this.#input, this.#found[at]];
    this.close();
    if (!input || !choice) return;
    const value = choice.act ? await choice.act() : choice.value;
    if (value === undefined) return input.focus();
    const adds = input.dataset["adds"];
    if (adds) this.#append(document.getElementById(adds) as HTMLTextAreaElement, value, input);
    else this.#fill(input, input.dataset["many"] === undefined ? value : [...input.value.split(",").slice(0, -1), value].map((each) => each.trim()).join(", "));
    input.focus();
    this.close();
  }

  #append(lines: HTMLTextAreaElement, value: string, input: HTMLInputElement): void {
    input.value = "";
    this.#fill(lines, [...lines.value.split("\n").filter((line) => line.trim() !== ""), value].join("\n"));
  }

  #fill(input: HTMLInputElement | HTMLTextAreaElement, value: string): void {
    input.value = value;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }
}

const source = (event: Event): HTMLInputElement | undefined => {
  const element = event.target as HTMLElement;
  return element instanceof HTMLInputElement && element.dataset["source"] ? element : undefined;
};

/** Offer the choices of every input of a form that has a source. */
export function listenPicks(form: HTMLElement): void {
  const picker = new Picker();
  form.addEventListener("input", (event) => {
    const input = source(event);
    if (input) picker.look(input);
  });
  form.addEventListener("click", (event) => {
    const input = source(event);
    if (input && !input.readOnly) picker.look(input, true);
  });
  form.addEventListener("focusout", () => picker.close());
  form.addEventListener("keydown", (event) => {
    const input = source(event);
    if (input) picker.key(event, input);
  }, { capture: true });
}
