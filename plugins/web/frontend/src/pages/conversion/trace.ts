// The point trace: what happens to one point, step by step, through workers and core.

import { html, nothing, type TemplateResult } from "lit";
import { get, post } from "../../api";
import { action } from "../../components/action";
import { badge } from "../../components/badge";
import { empty, loading, sentence } from "../../components/page";
import { table } from "../../components/table";
import { MeterhubElement } from "../../element";
import { live } from "../../live";
import { type Descriptions, may } from "../../model";
import { number, t, time } from "../../t";
import { TRACE, wished } from "../points/wishes";

interface Trace {
  point: string;
  running: boolean;
  left: number;
  count: number;
  missed: number;
  steps?: { time: number; step: string; worker: string; detail: string }[];
}

const fraction = (nanoseconds: number): string => `${time(nanoseconds)}.${String(Math.floor(nanoseconds / 1e6) % 1000).padStart(3, "0")}`;

class PointTrace extends MeterhubElement {
  static override properties = {
    all: { attribute: false },
    traces: { state: true },
    trace: { state: true },
    chosen: { state: true },
    names: { state: true },
    problem: { state: true },
  };
  declare all: Descriptions;
  declare traces: Trace[] | undefined;
  declare trace: Trace | undefined;
  declare chosen: string;
  declare names: string[];
  declare problem: string;
  #end: () => void = () => undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.names = [];
    this.problem = "";
    this.chosen = "";
    this.until(live<{ traces: Trace[] }>("/data/point-trace", (body) => this.#listed(body.traces)));
    this.until(() => this.#end());
    void this.#names();
    const point = wished(TRACE);
    if (point && may(this.all, "/command/point-trace/start", "post")) void this.#start(point, 60).catch((error) => (this.problem = sentence(error)));
  }

  async #names(): Promise<void> {
    const found = await get<{ points: { name: string }[] }>("/data/points").catch(() => ({ points: [] }));
    this.names = found.points.map((point) => point.name);
  }

  #listed(traces: Trace[]): void {
    this.traces = traces;
    const first = traces.find((trace) => trace.running) ?? traces[0];
    if (!this.chosen && first) this.#choose(first.point);
  }

  #choose(point: string): void {
    this.#end();
    this.chosen = point;
    this.trace = undefined;
    this.#end = live<Trace>("/data/point-trace", (body) => (this.trace = body), { point });
  }

  async #start(point: string, seconds: number): Promise<void> {
    await post("/command/point-trace/start", { point, seconds });
    this.#choose(point);
  }

  async #stop(): Promise<void> {
    this.problem = "";
    await post("/command/point-trace/stop", { point: this.chosen }).catch((error) => (this.problem = sentence(error)));
  }

  override render(): TemplateResult {
    return html`<p class="description">${t("See each step that a value takes: where it was read, converted, filtered, and to whom it was sent.")}</p>
      ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
      ${may(this.all, "/command/point-trace/start", "post")
        ? action(t("Start"), [
            { name: "point", label: t("Point"), required: true, list: this.names, wide: true },
            { name: "seconds", label: t("Duration"), unit: "s", kind: "number", value: 60, least: 1, most: 600, required: true },
          ], (values) => this.#start(values["point"], values["seconds"]), { row: true, stays: true })
        : nothing}
      ${this.traces?.length ? this.#chooser(this.traces) : nothing}
      ${this.chosen ? this.#steps() : this.traces ? empty(t("No point is traced. Choose one above and start: its steps appear here while it is read and sent.")) : loading()}`;
  }

  #chooser(traces: Trace[]): TemplateResult {
    return html`<div class="chips" role="group" aria-label=${t("Traced points")}>
      ${traces.map((trace) => html`<button aria-pressed=${trace.point === this.chosen} @click=${() => this.#choose(trace.point)}>
        ${trace.point} ${trace.running ? badge("good", t("running")) : nothing}</button>`)}
    </div>`;
  }

  #steps(): TemplateResult {
    const trace = this.trace;
    if (!trace) return loading();
    const steps = trace.steps ?? [];
    return html`<section>
      <h2>${trace.point}</h2>
      <div class="toolbar">
        ${trace.running
          ? html`${badge("good", t("running, {seconds} s left", { seconds: number(trace.left, 0) }))}
              ${may(this.all, "/command/point-trace/stop", "post") ? html`<button @click=${() => this.#stop()}>${t("Stop")}</button>` : nothing}`
          : badge("idle", t("ended"))}
        ${trace.missed ? badge("doubtful", t("{count} steps were not kept", { count: trace.missed })) : nothing}
      </div>
      ${table(
        t("Steps of {name}", { name: trace.point }),
        [...steps].reverse().map((step, index, all) => ({ ...step, after: (step.time - (all[index + 1]?.time ?? step.time)) / 1e6 })),
        [
          { title: t("Time"), cell: (step) => fraction(step.time), whole: true },
          { title: "+ ms", cell: (step) => number(step.after, 3), right: true },
          { title: t("Where"), cell: (step) => step.worker || t("core") },
          { title: t("Step"), cell: (step) => step.step },
          { title: t("Details"), cell: (step) => step.detail || "–" },
        ],
        t("No step yet: the point was not read, written or sent since the start."),
      )}
    </section>`;
  }
}

customElements.define("mh-point-trace", PointTrace);
