// Text that is shown once, into the clipboard.

import { t } from "../t";

/** Copy a field and say so on the button. Browsers give the clipboard to pages with TLS only: elsewhere it is selected. */
export async function copy(button: HTMLButtonElement, field: HTMLInputElement | HTMLTextAreaElement): Promise<void> {
  field.select();
  const copied = navigator.clipboard ? await navigator.clipboard.writeText(field.value).then(() => true, () => false) : document.execCommand("copy");
  button.textContent = copied ? t("Copied") : t("Selected: copy it with the keyboard");
}
