// What one page leaves for the next: the name of the point that it shall begin with.

export const TRACE = "meterhub-trace";
export const LOGGED = "meterhub-logged";

export const wish = (key: string, point: string): void => sessionStorage.setItem(key, point);

/** The name that was left; it counts once. */
export function wished(key: string): string | null {
  const point = sessionStorage.getItem(key);
  sessionStorage.removeItem(key);
  return point;
}
