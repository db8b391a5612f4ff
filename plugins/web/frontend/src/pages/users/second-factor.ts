// The own second factor: set up with an authenticator app, recovery codes shown once, and switched off.

import { html, type TemplateResult } from "lit";
import { get, post } from "../../api";
import { action } from "../../components/action";
import { copy } from "../../components/copying";
import { dialog } from "../../components/dialog";
import { keep } from "../../components/files";
import { loading, sentence } from "../../components/page";
import { MeterhubElement } from "../../element";
import { t } from "../../t";

interface Status {
  active: boolean;
  recovery_codes: number;
}

interface Setup {
  secret: string;
  uri: string;
  picture: string;
}

class SecondFactor extends MeterhubElement {
  static override properties = { status: { state: true }, setup: { state: true }, problem: { state: true } };
  declare status: Status | undefined;
  declare setup: Setup | undefined;
  declare problem: string;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#read();
  }

  async #read(): Promise<void> {
    this.problem = "";
    try {
      this.status = await get<Status>("/status/second-factor");
    } catch (error) {
      this.problem = sentence(error);
    }
  }

  override render(): TemplateResult {
    if (this.problem) return html`<p class="problem" role="alert">${this.problem}</p>`;
    if (!this.status) return loading();
    if (this.status.active) return this.#active(this.status.recovery_codes);
    return this.setup ? this.#confirm(this.setup) : this.#begin();
  }

  #active(left: number): TemplateResult {
    return html`<p>${t("On: logging in takes a code of your authenticator app besides the password.")}</p>
      <p class=${left < 3 ? "notice" : ""}>${t("Recovery codes left: {left}", { left })}</p>
      ${action(t("Switch off"), [{ name: "proof", label: t("Present password, or a code"), kind: "password", required: true, autocomplete: "current-password" }], async (values) => {
        await post("/command/second-factor/remove", { proof: values["proof"] });
        await this.#read();
      })}`;
  }

  #begin(): TemplateResult {
    return html`<p>${t("Off: the password alone lets you in. With it, logging in takes a code of an authenticator app on your phone too.")}</p>
      ${action(t("Set up"), [{ name: "password", label: t("Present password"), kind: "password", required: true, autocomplete: "current-password" }], async (values) => {
        this.setup = await post<Setup>("/command/second-factor/begin", { password: values["password"] });
      })}`;
  }

  #confirm({ secret, picture }: Setup): TemplateResult {
    const back = html`<button type="button" @click=${() => (this.setup = undefined)}>${t("Cancel")}</button>`;
    return html`<p>${t("Scan this with your authenticator app, or type the key into it. Then give the code that the app shows.")}</p>
      <img class="qr" src=${picture} alt=${t("QR code for the authenticator app; the key below is the same")} />
      <div class="field"><label for="second-factor-key">${t("Key")}</label>
        <textarea id="second-factor-key" class="mono" rows="2" readonly .value=${secret.match(/.{1,4}/g)!.join(" ")}></textarea></div>
      ${action(
        t("Switch on"),
        [{ name: "code", label: t("Code"), required: true, autocomplete: "one-time-code", inputmode: "numeric" }],
        async (values) => {
          const { recovery_codes: codes } = await post<{ recovery_codes: string[] }>("/command/second-factor/confirm", { code: values["code"] });
          this.setup = undefined;
          await this.#show(codes);
          await this.#read();
        },
        { stays: true, more: back },
      )}`;
  }

  #show(codes: string[]): Promise<boolean> {
    const text = codes.join("\n");
    return dialog(t("Your recovery codes"), (close) => html`<p class="notice">${t("Keep them now: they are never shown again.")}</p>
      <p>${t("Each lets you in once in place of a code, for the day the phone is lost.")}</p>
      <div class="field"><label for="recovery-codes">${t("Recovery codes")}</label>
        <textarea id="recovery-codes" class="mono" rows="10" readonly .value=${text}></textarea></div>
      <div class="actions">
        <button class="primary" @click=${(event: Event) => copy(event.target as HTMLButtonElement, document.querySelector("#recovery-codes")!)}>${t("Copy")}</button>
        <button @click=${() => keep("meterhub-recovery-codes.txt", [text, "\n"], "text/plain")}>${t("Download")}</button>
        <button @click=${() => close(true)}>${t("I have kept them")}</button>
      </div>`);
  }
}

customElements.define("mh-second-factor", SecondFactor);
