// The words that the device uses for states and kinds, for people.

import { t } from "../t";

const WORDS: Record<string, () => string> = {
  running: () => t("running"),
  starting: () => t("starting"),
  stopping: () => t("stopping"),
  stopped: () => t("stopped"),
  waiting: () => t("waiting"),
  failed: () => t("failed"),
  fatal: () => t("failed for good"),
  degraded: () => t("degraded"),
  off: () => t("off"),
  active: () => t("active"),
  normal: () => t("normal"),
  safe: () => t("safe mode"),
  good: () => t("good"),
  refused: () => t("refused"),
  ready: () => t("ready"),
  preparing: () => t("being prepared"),
  valid: () => t("valid"),
  soon: () => t("ends soon"),
  expired: () => t("expired"),
  unusable: () => t("unusable"),
  unknown: () => t("unknown"),
  invalid: () => t("invalid"),
  substituted: () => t("substituted"),
  stale: () => t("stale"),
  connected: () => t("connected"),
  connecting: () => t("connecting"),
  associated: () => t("associated"),
  disconnected: () => t("disconnected"),
  lost: () => t("lost"),
  executing: () => t("executing"),
  done: () => t("done"),
  cancelled: () => t("cancelled"),
  emergency: () => t("emergency"),
  alert: () => t("alert"),
  critical: () => t("critical"),
  error: () => t("error"),
  warning: () => t("warning"),
  notice: () => t("notice"),
  info: () => t("information"),
  debug: () => t("debugging"),
  client: () => t("client"),
  server: () => t("server"),
  forwarder: () => t("forwarder"),
  checkout: () => t("checkout"),
  wheel: () => t("wheel"),
  sent: () => t("sent"),
  received: () => t("received"),
  both: () => t("both"),
  bool: () => t("yes/no"),
  int: () => t("whole number"),
  float: () => t("number"),
  text: () => t("text"),
  str: () => t("text"),
  "this machine": () => t("this machine"),
};

const ROLES: Record<string, () => string> = {
  R1: () => t("Consumer"),
  R2: () => t("Installer"),
  R3: () => t("Maintenance"),
  R4: () => t("Operations"),
  R5: () => t("Device administrator"),
  R6: () => t("Security administrator"),
  R7: () => t("Free role {number}", { number: 7 }),
  R8: () => t("Free role {number}", { number: 8 }),
  R9: () => t("Free role {number}", { number: 9 }),
  RA: () => t("Access administrator"),
  RM: () => t("Manufacturer"),
};

/** Every role, and the title of one. */
export const ROLE_NAMES = Object.keys(ROLES);
export const roleTitle = (role: string): string => ROLES[role]?.() ?? role;

/** A word of the device in the language of the user; one that is not known stays as it is. */
export const word = (name: string): string => WORDS[name]?.() ?? name;
