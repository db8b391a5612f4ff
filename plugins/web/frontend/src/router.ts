// Which page is shown: the address is the place in the menu, so that it can be kept and sent to others.

/** Fired on `window` when another page is to be shown. */
export const NAVIGATED = "meterhub-navigated";

export const route = (): string => decodeURI(location.pathname).replace(/\/+$/, "") || "/";

/** Show the page of another address; a page that must not be left says so by preventing `meterhub-leaving`. */
export function navigate(path: string, { replace = false } = {}): boolean {
  if (path === route() && !replace) return true;
  if (!window.dispatchEvent(new CustomEvent("meterhub-leaving", { cancelable: true, detail: path }))) return false;
  history[replace ? "replaceState" : "pushState"](null, "", encodeURI(path));
  if (!replace) scrollTo(0, 0);
  window.dispatchEvent(new Event(NAVIGATED));
  return true;
}

/** Let plain links stay within the application. */
export function followLinks(): void {
  window.addEventListener("popstate", () => window.dispatchEvent(new Event(NAVIGATED)));
  document.addEventListener("click", (event) => {
    const link = (event.target as Element | null)?.closest?.("a");
    if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    if (link.origin !== location.origin || link.target || link.hasAttribute("download")) return;
    if (/^\/(api|assets|login|oauth)\//.test(link.pathname)) return;
    event.preventDefault();
    navigate(decodeURI(link.pathname));
  });
}
