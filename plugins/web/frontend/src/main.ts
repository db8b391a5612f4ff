// The first thing that runs.

import "./app";
import { followLinks } from "./router";
import { preferred, setLanguage } from "./t";

void setLanguage(preferred()).then(() => {
  followLinks();
  document.body.append(document.createElement("mh-app"));
});
