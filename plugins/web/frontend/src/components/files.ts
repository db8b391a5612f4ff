// Files out of the device and into it: prepared exports fetched in pieces, uploads sent in pieces.

import { get, post } from "../api";
import { t } from "../t";

export interface Download {
  id: string;
  name: string;
  began: string;
  state: "preparing" | "ready" | "failed";
  size: number;
  detail: string;
}

interface Piece {
  name: string;
  size: number;
  content: string;
  next: number | null;
}

const CHUNK = 480_000;
const pause = (milliseconds: number): Promise<void> => new Promise((done) => setTimeout(done, milliseconds));

export const octets = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/** Let the browser keep a file. */
export function keep(name: string, content: BlobPart[], type = "application/octet-stream"): void {
  const url = URL.createObjectURL(new Blob(content, { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Fetch a download that is ready; `told` hears how much of it came, from 0 to 1. */
export async function fetched(id: string, told: (share: number) => void = () => undefined): Promise<void> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let offset: number | null = 0;
  let name = "";
  while (offset !== null) {
    const piece: Piece = await get<Piece>("/data/download", { id, offset });
    parts.push(octets(piece.content));
    name = piece.name;
    offset = piece.next;
    told(piece.size ? (offset ?? piece.size) / piece.size : 1);
  }
  keep(name, parts);
}

/** Wait until a download is ready, then fetch it. */
export async function awaited(download: Download): Promise<void> {
  let now: Download | undefined = download;
  while (now.state === "preparing") {
    await pause(400);
    const { downloads } = await get<{ downloads: Download[] }>("/status/downloads");
    now = downloads.find((each) => each.id === download.id);
    if (!now) throw new Error(t("The download was cancelled."));
  }
  if (now.state === "failed") throw new Error(now.detail || t("The download could not be prepared."));
  await fetched(now.id);
}

/** Everything that a path answers to these arguments, as a file. */
export async function exported(path: string, args: Record<string, unknown>, format: "csv" | "json" | "jsonl"): Promise<void> {
  await awaited(await post<Download>("/command/download/export", { path, arguments: args, format }));
}

const base64 = (piece: Uint8Array): string => {
  let text = "";
  for (let at = 0; at < piece.length; at += 8192) text += String.fromCharCode(...piece.subarray(at, at + 8192));
  return btoa(text);
};

/** Send a file in pieces; the id under which a command takes it. Web Crypto is missing on pages without TLS. */
export async function uploaded(file: File, told: (share: number) => void): Promise<string> {
  const { sha256 } = await import("@noble/hashes/sha2.js");
  const digest = sha256.create();
  const { id } = await post<{ id: string }>("/command/upload/begin", { name: file.name, size: file.size });
  for (let offset = 0; offset < file.size; offset += CHUNK) {
    const piece = new Uint8Array(await file.slice(offset, offset + CHUNK).arrayBuffer());
    digest.update(piece);
    await post("/command/upload/append", { upload: id, offset, content: base64(piece) });
    told(Math.min(1, (offset + CHUNK) / file.size));
  }
  const digits = [...digest.digest()].map((octet) => octet.toString(16).padStart(2, "0")).join("");
  await post("/command/upload/finish", { upload: id, sha256: digits });
  return id;
}
