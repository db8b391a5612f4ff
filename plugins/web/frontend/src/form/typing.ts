// What happens when somebody types into an input of a form.

import type { ReactiveElement } from "lit";
import type { Place, PlacedElement } from "./control";
import type { Owner } from "./owner";
import { type Typed, typed, typedList } from "./text";

const choices = (place: Place): unknown[] => place.field.schema.enum ?? [true, false];

/** The value of an input, whatever kind it is. */
export function read(owner: Owner, element: PlacedElement): Typed {
  const place = element.place!;
  if (element instanceof HTMLSelectElement || (element instanceof HTMLInputElement && element.type === "radio")) {
    if (element.value === "") return typed(place.field, "", place.required, owner.root);
    return { value: choices(place)[Number(element.value)], problem: "" };
  }
  if (element instanceof HTMLInputElement && element.type === "checkbox") return { value: element.checked, problem: "" };
  if (element instanceof HTMLTextAreaElement) {
    return typedList(place.field, element.value.split("\n"), place.required, owner.root);
  }
  return typed(place.field, (element as HTMLInputElement).value, place.required, owner.root);
}

/** Take over what an input holds; returns what is wrong with it. */
export function take(owner: Owner, element: PlacedElement): string {
  const { value, problem } = read(owner, element);
  owner.draft.put(element.place!.path, value, element.place!.field.fallback);
  owner.notify();
  return problem;
}

const place = (event: Event): PlacedElement | undefined => {
  const element = event.target as PlacedElement;
  return element.place ? element : undefined;
};

/** Every keystroke is taken over; what is wrong with it is said when the input is left. */
export function listen(form: HTMLElement, owner: Owner): void {
  form.addEventListener("input", (event) => {
    const element = place(event);
    if (element) take(owner, element);
  });
  form.addEventListener("change", (event) => {
    const element = place(event);
    if (!(event instanceof CustomEvent)) event.stopImmediatePropagation();
    if (!element) return;
    const problem = take(owner, element);
    owner.draft.say(element.place!.path, problem);
    if (problem || element.getAttribute("aria-invalid")) {
      element.closest<HTMLElement & ReactiveElement>("mh-table, mh-cards, mh-form")?.requestUpdate();
    }
  });
}
