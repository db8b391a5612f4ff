// The page of a plugin: one plain custom element, named as its file.

const WORDS = { en: { points: "Points", ask: "Ask again" }, pl: { points: "Punkty", ask: "Zapytaj ponownie" } };

class CrowdReport extends HTMLElement {
  connectedCallback() {
    const words = WORDS[this.language];
    this.told = document.createElement("p");
    this.told.setAttribute("role", "status");
    this.value = document.createElement("p");
    const button = document.createElement("button");
    button.textContent = words.ask;
    button.addEventListener("click", () => this.ask());
    this.append(this.told, button, this.value);
    this.end = this.meterhub.live("/status/crowd", ({ status }) => {
      this.told.textContent = `${words.points}: ${status?.points ?? "–"}, ${this.session.user}`;
    });
  }

  disconnectedCallback() {
    this.end();
    this.replaceChildren();
  }

  async ask() {
    try {
      const { points } = await this.meterhub.get("/data/points", { pattern: "crowd/point-00007" });
      this.value.textContent = `${points[0].name} = ${points[0].value}`;
    } catch (failure) {
      this.value.textContent = failure.message;
    }
  }
}

customElements.define("acme-crowd-report", CrowdReport);
