// What the parts of a form know of the form that they belong to.

import type { Schema } from "../model";
import type { Draft } from "./draft";
import type { Path } from "./schema";

export interface Owner {
  readonly root: Schema;
  readonly draft: Draft;
  readonly readonly: boolean;
  /** The service whose settings these are; empty for others. */
  readonly service: string;
  /** Items of lists that are shown in full. */
  readonly opened: WeakSet<object>;
  /** The id of the input of a place. */
  ident(path: Path): string;
  /** Tell that something was typed. */
  notify(): void;
  /** Draw everything anew: the shape of the settings changed. */
  redraw(): void;
}
