import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import type { ImageClass } from "../domain/images/image.ts";
import { isLoopback, parseListenAddress } from "../lib/net.ts";
import type { CallerPermission, ClientOptions, ClientSecurity, Command, ImageSelector } from "./command.ts";

/** A command line that asks for nothing that there is: for standard error, with exit status 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

const DEFAULT_ADDRESS = "127.0.0.1:50051";

const CLASSES: ReadonlyMap<string, ImageClass> = new Map([
  ["recommended", "RECOMMENDED"],
  ["latest-release", "LATEST_RELEASE"],
  ["latest-weekly", "LATEST_WEEKLY"],
  ["latest-daily", "LATEST_DAILY"],
  ["latest", "LATEST"],
]);

/** What stands after the command's name. */
interface Given {
  text(option: string): string | null;
  flag(option: string): boolean;
  readonly operands: readonly string[];
}

interface Form {
  readonly options: ParseArgsOptionsConfig;
  readonly mostOperands: number;
  build(given: Given): Command;
}

const TEXT = { type: "string" } as const;
const CLIENT_OPTIONS = {
  address: TEXT,
  json: { type: "boolean" },
  tls: { type: "boolean" },
  ca: TEXT,
  cert: TEXT,
  key: TEXT,
  "token-file": TEXT,
} as const;

function clientForm(
  mostOperands: number,
  build: (options: ClientOptions, given: Given) => Command,
  options: ParseArgsOptionsConfig = {},
): Form {
  return {
    options: { ...CLIENT_OPTIONS, ...options },
    mostOperands,
    build(given) {
      const address = addressOf(given);
      return build({ address, json: given.flag("json"), security: securityOf(given, address) }, given);
    },
  };
}

const FORMS: ReadonlyMap<string, Form> = new Map<string, Form>([
  [
    "demo",
    {
      options: { grpc: TEXT, http: TEXT },
      mostOperands: 0,
      build: (given) => ({ name: "demo", grpc: given.text("grpc"), http: given.text("http") }),
    },
  ],
  ["serve", { options: { config: TEXT }, mostOperands: 0, build: buildServe }],
  [
    "check-config",
    {
      options: { connect: { type: "boolean" }, print: { type: "boolean" } },
      mostOperands: 1,
      build: buildCheckConfig,
    },
  ],
  ["import-nublado", { options: {}, mostOperands: 1, build: buildImport }],
  [
    "plan",
    { options: { config: TEXT, state: TEXT, output: { ...TEXT, short: "o" } }, mostOperands: 0, build: buildPlan },
  ],
  ["status", clientForm(0, (options) => ({ name: "status", ...options }))],
  ["images", clientForm(0, (options) => ({ name: "images", ...options }))],
  ["menu", clientForm(0, (options) => ({ name: "menu", ...options }))],
  ["refresh", clientForm(0, (options) => ({ name: "refresh", ...options }))],
  ["missing", clientForm(1, (options, { operands: [node = ""] }) => ({ name: "missing", node, ...options }))],
  [
    "resolve",
    clientForm(1, (options, given) => ({ name: "resolve", selector: selectorOf(given), ...options }), { class: TEXT }),
  ],
  [
    "auth",
    clientForm(2, (options, { operands: [verb, permission] }) => {
      if (verb === "can-i" && isPermission(permission)) return { name: "auth", permission, ...options };
      throw new UsageError("auth takes can-i and read, prepull or refresh");
    }),
  ],
  [
    "watch",
    clientForm(0, (options, given) => ({ name: "watch", gate: given.text("gate") ?? "watch", ...options }), {
      gate: TEXT,
    }),
  ],
]);

/** Reads the command line after the program's name. Error: UsageError. */
export function parseArguments(argv: readonly string[]): Command {
  if (argv.includes("--help") || argv.includes("-h") || argv[0] === "help") return { name: "help" };
  if (argv.includes("--version") || argv[0] === "version") return { name: "version" };
  const [name, ...rest] = argv;
  if (name === undefined) throw new UsageError("a command is missing");
  const form = FORMS.get(name);
  if (form === undefined) throw new UsageError(`there is no command ${JSON.stringify(name)}`);
  return form.build(parseRest(form, rest));
}

function parseRest(form: Form, rest: readonly string[]): Given {
  const { values, positionals } = parseStrictly(form, rest);
  const surplus = positionals[form.mostOperands];
  if (surplus !== undefined) throw new UsageError(`${JSON.stringify(surplus)} is one argument too many`);
  return {
    text(option) {
      const value = values[option];
      if (value === "") throw new UsageError(`--${option} needs a value`);
      return typeof value === "string" ? value : null;
    },
    flag: (option) => values[option] === true,
    operands: positionals,
  };
}

function parseStrictly(form: Form, rest: readonly string[]) {
  try {
    return parseArgs({ args: [...rest], options: form.options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : "the options cannot be read");
  }
}

function buildServe(given: Given): Command {
  const config = given.text("config");
  if (config === null) throw new UsageError("serve needs a configuration: --config FILE");
  return { name: "serve", config };
}

function buildImport(given: Given): Command {
  const [file] = given.operands;
  if (file === undefined || file === "") throw new UsageError("import-nublado needs a file");
  return { name: "import-nublado", file };
}

function buildCheckConfig(given: Given): Command {
  const [file] = given.operands;
  if (file === undefined || file === "") throw new UsageError("check-config needs a file");
  const [connect, print] = [given.flag("connect"), given.flag("print")];
  if (connect && print) throw new UsageError("check-config takes --connect or --print, not both");
  return { name: "check-config", file, connect, print };
}

function buildPlan(given: Given): Command {
  const config = given.text("config");
  const state = given.text("state");
  if (config === null || state === null) throw new UsageError("plan needs --config FILE and --state FILE");
  const output = given.text("output") ?? "text";
  if (output !== "text" && output !== "json") throw new UsageError("--output takes text or json");
  return { name: "plan", config, state, json: output === "json" };
}

function addressOf(given: Given): string {
  const address = given.text("address") ?? DEFAULT_ADDRESS;
  if ((parseListenAddress(address)?.port ?? 0) === 0) {
    throw new UsageError("--address takes HOST:PORT, such as 127.0.0.1:50051");
  }
  return address;
}

function isPermission(text: string | undefined): text is CallerPermission {
  return text === "read" || text === "prepull" || text === "refresh";
}

function securityOf(given: Given, address: string): ClientSecurity {
  const [ca, cert, key] = [given.text("ca"), given.text("cert"), given.text("key")];
  const tokenFile = given.text("token-file");
  if ((cert === null) !== (key === null)) throw new UsageError("--cert and --key need each other");
  const tls = given.flag("tls") || ca !== null || cert !== null;
  if (tokenFile !== null && !tls && !isLoopback(parseListenAddress(address)?.host ?? "")) {
    throw new UsageError("--token-file needs --tls or --ca: the token would be sent in plaintext");
  }
  return { tls, ca, cert, key, tokenFile };
}

function selectorOf(given: Given): ImageSelector {
  const name = given.text("class");
  const [what] = given.operands;
  if ((name === null) === (what === undefined)) throw new UsageError("resolve needs a tag, a reference or --class");
  if (what !== undefined) return what.includes("/") ? { reference: what } : { tag: what };
  const imageClass = CLASSES.get(name ?? "");
  if (imageClass === undefined) throw new UsageError(`--class takes ${[...CLASSES.keys()].join(", ")}`);
  return { imageClass };
}
