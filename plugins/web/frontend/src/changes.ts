/** Fired on `window` by whoever changed what there is: licences, plugins, the configuration, rights. */
export const CHANGED = "meterhub-changed";
