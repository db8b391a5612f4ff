// The frame recorder: what went over each line, octet by octet, and as a file for Wireshark.

import { html, nothing, type TemplateResult } from "lit";
import { get, post } from "../../api";
import { action, type Input, type Values } from "../../components/action";
import { facts } from "../../components/facts";
import { keep, octets } from "../../components/files";
import { loading, sentence } from "../../components/page";
import { table } from "../../components/table";
import { word } from "../../components/words";
import { MeterhubElement } from "../../element";
import { type Descriptions, may } from "../../model";
import { number, t, time } from "../../t";
import { instant, wall } from "../../zone";

interface Frame {
  time: number;
  number: number;
  worker: string;
  service: string;
  channel: string;
  connection: number;
  link: string;
  local: string;
  remote: string;
  direction: string;
  length: number;
  redacted: boolean;
  octets: string;
}

interface Answer {
  frames: Frame[];
  next: string | null;
  silent: string[];
}

interface Exported {
  pcapng: string;
  frames: number;
  next: string | null;
}

const RECENT = 10 * 60_000;

/** A moment as an input of a form wants it, in the zone of the browser. */
const local = (date: Date): string => `${wall(date).day}T${wall(date).clock.slice(0, 5)}`;
const MOST_FILES = 50;

/** Lines of a hex view: offset, sixteen octets, and the letters in them. */
export function hexView(digits: string): string {
  const lines: string[] = [];
  for (let at = 0; at < digits.length; at += 32) {
    const pairs = digits.slice(at, at + 32).match(/../g) ?? [];
    const letters = pairs.map((pair) => Number.parseInt(pair, 16)).map((octet) => (octet >= 32 && octet < 127 ? String.fromCharCode(octet) : "."));
    lines.push(`${(at / 2).toString(16).padStart(4, "0")}  ${pairs.join(" ").padEnd(48)} ${letters.join("")}`);
  }
  return lines.join("\n");
}

class Frames extends MeterhubElement {
  static override properties = {
    all: { attribute: false },
    answer: { state: true },
    pages: { state: true },
    whole: { state: true },
    problem: { state: true },
    told: { state: true },
  };
  declare all: Descriptions;
  declare answer: Answer | undefined;
  declare pages: string[];
  declare whole: Record<string, string>;
  declare problem: string;
  declare told: string;
  #filter: Values = {};
  readonly #begin = local(new Date(Date.now() - RECENT));

  override connectedCallback(): void {
    super.connectedCallback();
    this.pages = [""];
    this.whole = {};
    this.problem = this.told = "";
    this.#filter = { since: instant(this.#begin).toISOString() };
    void this.#show([""]).catch((error) => (this.problem = sentence(error)));
  }

  async #show(pages: string[]): Promise<void> {
    this.problem = "";
    this.answer = await get<Answer>("/data/frames", { ...this.#filter, after: pages.at(-1), limit: 200 });
    this.pages = pages;
    this.whole = {};
  }

  // An answer holds a limited file; files of this format may stand behind each other in one.
  async #export(): Promise<void> {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let after: string | null = "";
    let frames = 0;
    this.problem = "";
    try {
      for (let file = 0; after !== null && file < MOST_FILES; file += 1) {
        this.told = t("{count} frames so far …", { count: number(frames) });
        const found: Exported = await post<Exported>("/command/frame-recorder/export", { ...this.#filter, after });
        parts.push(octets(found.pcapng));
        frames += found.frames;
        after = found.next;
      }
      keep("frames.pcapng", parts);
      this.told = t("{count} frames were downloaded.", { count: number(frames) });
    } catch (error) {
      this.told = "";
      this.problem = sentence(error);
    }
  }

  #inputs(): Input[] {
    const services = ["", ...this.all.services.filter((service) => service.configured).map((service) => service.name)];
    return [
      { name: "service", label: t("Client or server"), kind: "choice", choices: services.map((name) => [name, name || t("all")]) },
      { name: "channel", label: t("Connection or port") },
      { name: "direction", label: t("Direction"), kind: "choice", choices: ["both", "sent", "received"].map((name) => [name, word(name)]) },
      { name: "since", label: t("From"), kind: "datetime-local", value: this.#begin },
      { name: "until", label: t("Until"), kind: "datetime-local" },
      { name: "hex", label: t("Contains octets") },
      { name: "text", label: t("Contains text") },
    ];
  }

  override render(): TemplateResult {
    const filter = async (values: Values): Promise<void> => {
      this.#filter = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== "" && value !== undefined));
      await this.#show([""]);
    };
    return html`<p class="description">${t("Passwords and keys in frames are blanked out. First shown are the last ten minutes.")}</p>
      ${action(t("Show"), this.#inputs(), filter, { row: true, stays: true })}
      ${may(this.all, "/command/frame-recorder/export", "post")
        ? html`<div class="toolbar"><button @click=${() => this.#export()}>${t("Download for Wireshark (pcapng)")}</button>
            <span role="status">${this.told}</span></div>`
        : nothing}
      ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
      ${this.answer ? this.#frames(this.answer) : loading()}`;
  }

  #frames(answer: Answer): TemplateResult {
    return html`${answer.silent.length ? html`<p class="notice">${t("These workers did not answer: {names}", { names: answer.silent.join(", ") })}</p>` : nothing}
      ${table(
        t("Recorded frames"),
        answer.frames,
        [
          { title: t("Time"), cell: (row) => `${time(row.time)}.${String(Math.floor(row.time / 1e6) % 1000).padStart(3, "0")}`, whole: true },
          { title: t("Client or server"), cell: (row) => row.service },
          { title: t("Connection"), cell: (row) => row.channel },
          { title: t("Direction"), cell: (row) => (row.direction === "sent" ? "→ " : "← ") + word(row.direction) },
          { title: t("Octets"), cell: (row) => number(row.length), right: true },
          { title: t("Begins with"), cell: (row) => html`<code class="value">${row.octets.slice(0, 32).replace(/../g, "$& ")}</code>` },
        ],
        t("No frame was recorded in this time. Connections record while they are open; take a longer time or fewer filters."),
        { key: (row) => `${row.worker} ${row.number}`, detail: (row) => this.#detail(row) },
      )}
      ${this.pages.length > 1 || answer.next !== null
        ? html`<nav class="pager" aria-label=${t("Pages of {name}", { name: t("Recorded frames") })}>
            <button ?disabled=${this.pages.length < 2} @click=${() => this.#show(this.pages.slice(0, -1))}>${t("Older")}</button>
            <span>${t("Page {page}", { page: this.pages.length })}</span>
            <button ?disabled=${answer.next === null} @click=${() => this.#show([...this.pages, answer.next!])}>${t("Newer")}</button>
          </nav>`
        : nothing}`;
  }

  #detail(row: Frame): TemplateResult {
    const key = `${row.worker} ${row.number}`;
    const complete = row.octets.length >= 2 * row.length;
    if (!complete && this.whole[key] === undefined) void this.#fetch(row, key);
    const digits = complete ? row.octets : this.whole[key];
    return html`${facts([
        [t("From"), row.direction === "sent" ? row.local : row.remote],
        [t("To"), row.direction === "sent" ? row.remote : row.local],
        [t("Kind of line"), row.link],
        row.redacted && [t("Secrets"), t("blanked out")],
      ])}
      ${digits === undefined ? loading() : html`<pre class="hex" tabindex="0" aria-label=${t("Octets")}>${hexView(digits || row.octets)}</pre>`}`;
  }

  async #fetch(row: Frame, key: string): Promise<void> {
    this.whole = { ...this.whole, [key]: undefined as unknown as string };
    const moment = Math.floor(row.time / 1e6);
    const asked = { service: row.service, since: new Date(moment - 1).toISOString(), until: new Date(moment + 2).toISOString(), whole: true };
    const found = await get<Answer>("/data/frames", asked).catch(() => undefined);
    const same = found?.frames.find((frame) => frame.number === row.number && frame.worker === row.worker);
    this.whole = { ...this.whole, [key]: same?.octets ?? "" };
  }
}

customElements.define("mh-frames", Frames);
