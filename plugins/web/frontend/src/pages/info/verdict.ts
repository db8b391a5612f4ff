// Is everything all right? What speaks against it, each with the page that tells more.

import { html, nothing, type TemplateResult } from "lit";
import { word } from "../../components/words";
import { badge, type Mood, mood } from "../../status/words";
import { number, t } from "../../t";

/** What is known so far; what the user may not read stays unknown. */
export interface Known {
  instance: { state: string; mode: string; services: number; services_running: number };
  services: { name: string; state: string; detail: string }[];
  conversion: { service: string; role: string; peers: { name: string; state: string; detail: string }[] }[];
  clock: { validity: string } | undefined;
  machine: { problems: string[] } | undefined;
  certificate: { warning: string } | undefined;
  /** Times of the newest errors in the event log. */
  errors: { time: string }[];
  /** The title of a service, and where its page is. */
  title: (service: string) => string;
  page: (service: string) => string;
}

interface Concern {
  feeling: Mood;
  text: string;
  page: string;
}

const DAY = 86_400_000;
const QUIET = new Set(["running", "off"]);
const CLOCKS: Record<string, () => string> = {
  unknown: () => t("Nobody vouches for the clock: times may be wrong, and are marked so wherever they are sent."),
  invalid: () => t("The clock is wrong: times are marked as invalid wherever they are sent."),
};

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const concern = (feeling: Mood, text: string, page: string): Concern => ({ feeling, text, page });
const told = (name: string, state: string, detail: string): string => `${name}: ${word(state)}${detail ? ` (${detail})` : ""}`;

function ofServices({ services, page, title }: Known): Concern[] {
  return services
    .filter(({ state }) => !QUIET.has(state))
    .map(({ name, state, detail }) => concern(mood(state) === "bad" ? "bad" : "doubtful", told(title(name), state, detail), page(name)));
}

/** Devices that a client reads and does not reach; nobody misses a master that is not connected. */
function ofDevices({ conversion, title }: Known): Concern[] {
  return conversion
    .filter(({ role }) => role === "client")
    .flatMap(({ service, peers }) => peers.map((peer) => ({ ...peer, service })))
    .filter(({ state }) => ["bad", "doubtful"].includes(mood(state) ?? ""))
    .map(({ name, state, detail, service }) =>
      concern(mood(state)!, told(`${title(service)} › ${name}`, state, detail), "/protocol-conversion/info"));
}

function ofDevice({ instance, clock, machine, certificate, errors }: Known): Concern[] {
  const found: Concern[] = [];
  if (instance.mode !== "normal") found.push(concern("bad", t("It runs in {mode}.", { mode: word(instance.mode) }), "/device/event-log"));
  // The service "system" counts the clock among the problems of the machine.
  const ofClock = machine ? undefined : CLOCKS[clock?.validity ?? ""];
  if (ofClock) found.push(concern(clock!.validity === "invalid" ? "bad" : "doubtful", ofClock(), "/device/time"));
  for (const problem of machine?.problems ?? []) found.push(concern("doubtful", capital(problem), "/device/system"));
  if (certificate?.warning) found.push(concern("doubtful", certificate.warning, "/device/tls-certificates"));
  const recent = errors.filter(({ time }) => Date.now() - Date.parse(time) < DAY).length;
  if (recent) found.push(concern("doubtful", t("Errors of the last day in the event log: {count}", { count: number(recent) }), "/device/event-log"));
  return found;
}

/** The first thing to see: one word, and the reasons where it is not a good one. */
export function verdict(known: Known): TemplateResult {
  const concerns = [...ofServices(known), ...ofDevices(known), ...ofDevice(known)].sort((one, other) => Number(other.feeling === "bad") - Number(one.feeling === "bad"));
  const feeling: Mood = concerns[0]?.feeling ?? "good";
  const { services, services_running: running } = known.instance;
  const devices = known.conversion.filter(({ role }) => role === "client").flatMap(({ peers }) => peers);
  const reached = devices.filter(({ state }) => mood(state) === "good").length;
  const text = concerns.length ? t("Needs attention: {count}", { count: number(concerns.length) }) : t("Everything is all right");
  return html`<section class="panel verdict ${feeling}" aria-label=${t("State of the device")}>
    <p class="whole">${badge(text, feeling)}</p>
    <p class="faint">${t("Services running: {running} of {all}", { running, all: services })}${devices.length
      ? html` · ${t("Devices connected: {reached} of {all}", { reached, all: devices.length })}`
      : nothing}</p>
    ${concerns.length
      ? html`<ul>${concerns.map((each) => html`<li><a href=${each.page}>${badge(each.text, each.feeling)}</a></li>`)}</ul>`
      : nothing}
  </section>`;
}
