// The menu of the manual, as rights, licences and plugins allow.

import { type Descriptions, may, type ServiceInfo } from "./model";
import { t } from "./t";

export interface Entry {
  route: string;
  title: string;
  /** The element that shows it, and what it is about. */
  tag: string;
  subject?: string;
  /** The heading below that of the section, such as "Servers". */
  group?: string;
  /** A service that is not in the configuration. */
  unused?: boolean;
}

export interface Section {
  title: string;
  entries: Entry[];
}

interface Fixed {
  route: string;
  title: string;
  tag: string;
  /** Shown when one of these may be read. */
  needs: string[];
  subject?: string;
  group?: string;
}

const FIXED: Record<string, Fixed[]> = {
  Device: [
    { route: "/device/info", title: "Info", tag: "page-info", needs: ["/status/instance"] },
    { route: "/device/getting-started", title: "Getting started", tag: "page-getting-started", needs: ["/command/configuration/enter"] },
    { route: "/device/identifiers", title: "Identifiers", tag: "page-identifiers", needs: ["/status/identifiers"] },
    { route: "/device/monitoring", title: "Monitoring", tag: "page-monitoring", needs: ["/status/system"] },
    { route: "/device/tls-certificates", title: "TLS certificates", tag: "page-certificates", needs: ["/status/http"] },
    { route: "/device/event-log", title: "Event log", tag: "page-event-log", needs: ["/data/event-log"] },
    { route: "/device/diagnostics", title: "Diagnostics", tag: "page-diagnostics", needs: ["/status/workers"] },
    { route: "/device/configuration", title: "Configuration", tag: "page-configuration", needs: ["/status/configuration"] },
    { route: "/device/features", title: "Features", tag: "page-features", needs: ["/status/licences"] },
    { route: "/device/plugins", title: "Plugins", tag: "page-plugins", needs: ["/status/plugins"] },
    { route: "/device/secrets", title: "Passwords and keys", tag: "page-secrets", needs: ["/status/secrets"] },
    { route: "/device/time", title: "Time", tag: "page-time", needs: ["/status/clock"] },
    { route: "/device/instance", title: "Name and time zone", tag: "page-core-section", subject: "instance", needs: ["/configuration/instance"] },
    { route: "/device/event-log-settings", title: "Event log settings", tag: "page-core-section", subject: "event-log", needs: ["/configuration/event-log"] },
    { route: "/device/workers", title: "Worker processes", tag: "page-core-section", subject: "workers", needs: ["/configuration/workers"] },
  ],
  Communication: [],
  "Protocol conversion": [
    { route: "/protocol-conversion/info", title: "Info", tag: "page-conversion", needs: ["/status/protocol-conversion"] },
    { route: "/protocol-conversion/points", title: "Points", tag: "page-points", needs: ["/data/points"] },
    { route: "/protocol-conversion/synthesizers", title: "Manage synthesizers", tag: "page-synthesizers", needs: ["/status/synthesizers"], group: "Synthesizers" },
  ],
  Service: [
    { route: "/service/logged-data", title: "Logged data", tag: "page-logged-data", needs: ["/command/data-logger/query"] },
    { route: "/service/commands", title: "Commands", tag: "page-commands", needs: ["/data/commands"] },
  ],
  User: [
    { route: "/user/manage", title: "Manage users", tag: "page-users", needs: ["/status/users"] },
    { route: "/user/access-control", title: "Access control", tag: "page-access", needs: ["/status/access"] },
    { route: "/user/my-settings", title: "My settings", tag: "page-my-settings", needs: ["/command/users/change-password"] },
  ],
};

/** The English section that a service's own place in the menu begins with. */
const placed = (service: ServiceInfo): string => {
  const section = service.place.split("/")[0] ?? "";
  return section in FIXED ? section : "Service";
};

const slug = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]+/g, "-");

/** The group of a service's place; one that is a page of the section already is none. */
function groupOf(section: string, { place, menu }: ServiceInfo): { group?: string } {
  const [above, group] = place.split("/");
  if (above !== section || !group || FIXED[section]?.some(({ title }) => title === group)) return {};
  return { group: menu[1] ?? group };
}

function ofServices(all: Descriptions, section: string): Entry[] {
  return all.services
    .filter((service) => placed(service) === section && service.active && !service.name.includes("@"))
    .map((service) => ({
      route: `/${slug(section)}/${service.name}`,
      title: service.title,
      tag: "page-service",
      subject: service.name,
      unused: !all.services.some(({ name, configured }) => configured && name.split("@")[0] === service.name),
      ...groupOf(section, service),
    }));
}

function ofPlugins(all: Descriptions, section: string): Entry[] {
  return all.pages
    .filter((page) => page.place !== "/" && (page.place.split("/")[0] ?? "") === section)
    .map((page) => ({
      route: `/${page.place.split("/").map(slug).join("/")}`,
      title: page.menu.at(-1) ?? page.place,
      tag: "page-plugin",
      subject: `${page.distribution}/${page.file}`,
    }));
}

/** The address of the page of a service, or of one of its instances. */
export function pageOf(all: Descriptions, service: string): string {
  const found = all.services.find(({ name }) => name === service.split("@")[0]);
  return found ? `/${slug(placed(found))}/${found.name}` : "/device/diagnostics";
}

/** The entries without a group, then each group. */
export function grouped(entries: Entry[]): [group: string, entries: Entry[]][] {
  const groups = [...new Set(entries.map(({ group = "" }) => group))].sort((one, other) => one.localeCompare(other));
  return groups.map((group) => [group, entries.filter((entry) => (entry.group ?? "") === group)]);
}

/** The sections that have something for this user. */
export function menu(all: Descriptions): Section[] {
  return Object.entries(FIXED)
    .map(([section, fixed]) => ({
      title: t(section),
      entries: [
        ...fixed
          .filter((entry) => entry.needs.some((path) => may(all, path) || may(all, path, "post")))
          .map(({ route, title, tag, subject, group }) => ({
            route,
            title: t(title),
            tag,
            ...(subject ? { subject } : {}),
            ...(group ? { group: t(group) } : {}),
          })),
        ...ofServices(all, section),
        ...ofPlugins(all, section),
      ],
    }))
    .filter((section) => section.entries.length > 0);
}

/** The entry that an address belongs to. */
export const entryOf = (sections: Section[], route: string): Entry | undefined =>
  sections.flatMap((section) => section.entries).find((entry) => route === entry.route || route.startsWith(`${entry.route}/`));
