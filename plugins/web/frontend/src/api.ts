// The way to the tree of paths: /api/v1, with typed failures and sentences for people.

export interface Fault {
  path: (string | number)[];
  message: string;
}

export type FailureKind =
  | "invalid"
  | "not-found"
  | "login"
  | "code"
  | "forbidden"
  | "refused"
  | "unknown"
  | "busy"
  | "too-large"
  | "offline";

/** What was refused, or did not arrive; `message` is a sentence in the user's language. */
export class Failure extends Error {
  readonly kind: FailureKind;
  readonly faults: Fault[];

  constructor(kind: FailureKind, message: string, faults: Fault[] = []) {
    super(message);
    this.kind = kind;
    this.faults = faults;
  }
}

export interface Session {
  user: string;
  roles: string[];
  via?: string;
  /** The password is the one that the instance made up. */
  initial_password?: boolean;
}

export type Arguments = Record<string, unknown>;

const API = "/api/v1";
/** Fired on `window` when an answer says that nobody is logged in (any more). */
export const LOGGED_OUT = "meterhub-logged-out";

/** An address below the API; arguments that are undefined are left out. */
export function address(path: string, args: Arguments = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(args)) {
    if (value !== undefined) query.set(name, typeof value === "string" ? quoted(value) : JSON.stringify(value));
  }
  const text = query.toString();
  return API + path.split("/").map(encodeURIComponent).join("/") + (text ? `?${text}` : "");
}

// The other side reads values as JSON where it can: a text that looks like a number must say that it is text.
function quoted(text: string): string {
  try {
    JSON.parse(text);
    return JSON.stringify(text);
  } catch {
    return text;
  }
}

async function exchange<T>(method: string, url: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      credentials: "same-origin",
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
    });
  } catch {
    throw new Failure("offline", "");
  }
  if (response.status === 204) return undefined as T;
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) return answer as T;
  throw failed(response.status, answer);
}

function failed(status: number, answer: unknown): Failure {
  const { error, message, faults } = (answer ?? {}) as { error?: FailureKind; message?: string; faults?: Fault[] };
  const kind = error ?? (status >= 500 ? "offline" : "refused");
  if (kind === "login") window.dispatchEvent(new Event(LOGGED_OUT));
  return new Failure(kind, message ?? "", faults ?? []);
}

export const get = <T>(path: string, args?: Arguments): Promise<T> => exchange<T>("GET", address(path, args));
export const put = <T>(path: string, body: unknown): Promise<T> => exchange<T>("PUT", address(path), body);
export const remove = <T>(path: string): Promise<T> => exchange<T>("DELETE", address(path));
export const post = <T>(path: string, body?: unknown): Promise<T> => exchange<T>("POST", address(path), body);

/** Every page of an answer that is paged by a cursor called `next`. */
export async function all<T>(path: string, args: Arguments, rows: string, cursor: string): Promise<T[]> {
  const found: T[] = [];
  let next: unknown;
  do {
    const page = await get<Record<string, unknown>>(path, next === undefined ? args : { ...args, [cursor]: next });
    found.push(...(page[rows] as T[]));
    next = page["next"] ?? undefined;
  } while (next !== undefined);
  return found;
}

export const whoami = (): Promise<Session> => exchange<Session>("GET", `${API}/session?background=true`);
/** Log in; the failure `code` says that the user's second factor is needed too. */
export const login = (user: string, password: string, code = ""): Promise<Session> =>
  exchange<Session>("POST", `${API}/session`, { user, password, code });
/** What the button for the login through an identity provider says, empty for the usual words; null for no button. */
export const provider = (): Promise<{ label: string | null }> => exchange("GET", `${API}/session/provider`);
export const logout = (): Promise<void> => exchange<void>("DELETE", `${API}/session`);
