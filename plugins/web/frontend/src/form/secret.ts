// A secret that is not there yet: its name and its value, kept apart from the configuration.

import { html, nothing, render } from "lit";
import { type Failure, post } from "../api";
import { t } from "../t";

/** Ask for a name and a value and keep them; the name, or nothing when it was left. */
export function newSecret(name: string): Promise<string | undefined> {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-labelledby", "secret-title");
  document.body.append(dialog);
  return new Promise((done) => {
    const close = (kept?: string): void => {
      dialog.remove();
      done(kept);
    };
    const save = async (event: SubmitEvent): Promise<void> => {
      event.preventDefault();
      const given = new FormData(event.target as HTMLFormElement);
      const wanted = String(given.get("name")).trim();
      try {
        await post("/command/secrets/set", { name: wanted, value: String(given.get("value")) });
        close(wanted);
      } catch (error) {
        draw((error as Failure).message || t("The device does not answer; try again."));
      }
    };
    const draw = (problem: string): void => void render(form(name, problem, save, () => close()), dialog);
    dialog.addEventListener("cancel", () => close());
    draw("");
    dialog.showModal();
  });
}

const form = (name: string, problem: string, save: (event: SubmitEvent) => void, leave: () => void): unknown => html`
  <form @submit=${save}>
    <h2 id="secret-title">${t("New secret")}</h2>
    ${problem ? html`<p class="problem" role="alert">${problem}</p>` : nothing}
    <div class="field">
      <label for="secret-name">${t("Name")}</label>
      <input id="secret-name" name="name" value=${name} required maxlength="64" autocomplete="off" autocapitalize="none" />
    </div>
    <div class="field">
      <label for="secret-value">${t("Password, key or certificate")}</label>
      <textarea id="secret-value" name="value" required rows="3" autocomplete="off" spellcheck="false"></textarea>
      <p>${t("It is kept encrypted on the device, counts at once, and is never shown again.")}</p>
    </div>
    <div class="actions">
      <button class="primary">${t("Keep the secret")}</button>
      <button type="button" @click=${leave}>${t("Back")}</button>
    </div>
  </form>
`;
