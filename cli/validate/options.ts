/** What a configuration is checked against. */
import type { Aliases } from "../../shared/aliases.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Form } from "./form.ts";

export interface ValidationOptions {
  readonly catalogue: Catalogue;
  /** Further names of plugins. */
  readonly aliases?: Aliases;
  /** If undefined, only the file itself is checked, and not its surroundings on the node. */
  readonly node?: {
    /** The folders of executables. */
    readonly folders: readonly string[];
    /** The folder where runtimes look for configurations. */
    readonly configurations: string;
  };
  /** Undefined: by the file's ending. */
  readonly form?: Form;
}
