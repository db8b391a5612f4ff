// The first thing that runs.

import "./app";
import { told } from "./instance";
import { followLinks } from "./router";
import { chosen, preferred, setLanguage } from "./t";

async function begin(): Promise<void> {
  const asked = told(); // the login shows the name, whatever the language is
  const own = chosen();
  if (own) await setLanguage(own);
  else await setLanguage(preferred((await asked).language), { follows: true });
  followLinks();
  document.body.append(document.createElement("mh-app"));
}

void begin();
