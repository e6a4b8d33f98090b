import type { ImageClass } from "../domain/images/image.ts";

/** What an image is looked up by. */
export type ImageSelector =
  | { readonly tag: string }
  | { readonly reference: string }
  | { readonly imageClass: ImageClass };

/** How the service is reached, by whom. Paths of PEM files, and of a file with a bearer token; null where none is given. */
export interface ClientSecurity {
  readonly tls: boolean;
  /** Authorities to trust instead of the system's. */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  readonly tokenFile: string | null;
}

/** Where a question goes, and how its answer is written. */
export interface ClientOptions {
  readonly security: ClientSecurity;
  /** `host:port` of the service. */
  readonly address: string;
  /** JSON even on a terminal. */
  readonly json: boolean;
}

/** What a caller may do. */
export type CallerPermission = "read" | "prepull" | "refresh";

/** A question to a running service. */
export type ClientCommand =
  | ({ readonly name: "auth"; readonly permission: CallerPermission } & ClientOptions)
  | ({ readonly name: "status" | "images" | "menu" | "refresh" } & ClientOptions)
  /** `node` is empty for all nodes. */
  | ({ readonly name: "missing"; readonly node: string } & ClientOptions)
  | ({ readonly name: "resolve"; readonly selector: ImageSelector } & ClientOptions)
  | ({ readonly name: "watch"; readonly gate: string } & ClientOptions);

/** What the command line asks for. */
export type Command =
  | { readonly name: "help" }
  | { readonly name: "version" }
  /** Addresses are null where none is given. */
  | { readonly name: "demo"; readonly grpc: string | null; readonly http: string | null }
  | { readonly name: "serve"; readonly config: string }
  /** `connect`: asks the registry and the cluster too. `print`: prints the long form instead. */
  | { readonly name: "check-config"; readonly file: string; readonly connect: boolean; readonly print: boolean }
  /** Prints the configuration of a nublado controller as ours. */
  | { readonly name: "import-nublado"; readonly file: string }
  /** What a service with this configuration would do with the registries and nodes of a state file. */
  | { readonly name: "plan"; readonly config: string; readonly state: string; readonly json: boolean }
  | ClientCommand;
