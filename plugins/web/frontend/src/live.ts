// Live answers of the tree: one stream for everything that is on the screen, closed while nobody looks.

import { address, type Arguments, get, LOGGED_OUT } from "./api";

type Receiver = (body: unknown) => void;

interface Watch {
  path: string;
  args: Arguments;
  receive: Receiver;
}

const POLL = 3000;
const watches = new Set<Watch>();
let stream: EventSource | null = null;
let polling: ReturnType<typeof setInterval> | undefined;
let planned = false;

const key = (watch: Watch): string => address(watch.path, watch.args).replace(/^\/api\/v1/, "");

/** Be told the answer of a path now and whenever it changes; the function that comes back ends that. */
export function live<T>(path: string, receive: (body: T) => void, args: Arguments = {}): () => void {
  const watch: Watch = { path, args, receive: receive as Receiver };
  watches.add(watch);
  plan();
  return () => {
    watches.delete(watch);
    plan();
  };
}

// Several elements come and go in one go: the stream is opened once for all of them.
function plan(): void {
  if (planned) return;
  planned = true;
  queueMicrotask(() => {
    planned = false;
    restart();
  });
}

function restart(): void {
  stream?.close();
  stream = null;
  clearInterval(polling);
  if (watches.size === 0 || document.hidden) return;
  const query = new URLSearchParams([...new Set([...watches].map(key))].map((path) => ["path", path]));
  stream = new EventSource(`/api/v1/stream?${query.toString()}`);
  stream.addEventListener("update", (event) => {
    const { path, body } = JSON.parse((event as MessageEvent<string>).data) as { path: string; body: unknown };
    for (const watch of watches) if (key(watch) === path) watch.receive(body);
  });
  stream.addEventListener("logout", () => window.dispatchEvent(new Event(LOGGED_OUT)));
  stream.addEventListener("error", () => {
    if (stream?.readyState === EventSource.CLOSED) poll();
  });
}

// Proxies that swallow streams: ask instead.
function poll(): void {
  clearInterval(polling);
  const ask = (): void => {
    for (const watch of watches) get(watch.path, watch.args).then(watch.receive, () => undefined);
  };
  polling = setInterval(ask, POLL);
  ask();
}

document.addEventListener("visibilitychange", plan);
