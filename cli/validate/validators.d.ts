/** Made by the build from the schemas (scripts/schemas/write.ts). */
declare module "podwire-validators" {
  /** As ajv reports it. */
  export interface SchemaError {
    readonly keyword: string;
    /** RFC 6901. */
    readonly instancePath: string;
    readonly schemaPath: string;
    readonly params: Readonly<Record<string, unknown>>;
    readonly message?: string;
  }

  interface Validator {
    (value: unknown): boolean;
    readonly errors?: readonly SchemaError[] | null;
  }

  export const conflist: Validator;
  export const conf: Validator;
}
