import assert from "node:assert/strict";
import { test } from "node:test";
import { parseArguments, UsageError } from "../../src/cli/arguments.ts";
import type { Command } from "../../src/cli/command.ts";
import { USAGE } from "../../src/cli/usage.ts";
import { compareCodePoints } from "../../src/domain/text-order.ts";

const PLAINTEXT = { tls: false, ca: null, cert: null, key: null, tokenFile: null };
const PLAIN = { address: "127.0.0.1:50051", json: false, security: PLAINTEXT };

const UNDERSTOOD: readonly (readonly [string, Command])[] = [
  ["--help", { name: "help" }],
  ["help", { name: "help" }],
  ["status -h", { name: "help" }],
  ["--version", { name: "version" }],
  ["version", { name: "version" }],
  ["demo", { name: "demo", grpc: null, http: null }],
  ["demo --grpc 127.0.0.1:0 --http=127.0.0.1:0", { name: "demo", grpc: "127.0.0.1:0", http: "127.0.0.1:0" }],
  ["serve --config a.yaml", { name: "serve", config: "a.yaml" }],
  ["check-config a.yaml", { name: "check-config", file: "a.yaml", connect: false, print: false }],
  ["import-nublado a.yaml", { name: "import-nublado", file: "a.yaml" }],
  ["check-config a.yaml --print", { name: "check-config", file: "a.yaml", connect: false, print: true }],
  ["check-config --connect a.yaml", { name: "check-config", file: "a.yaml", connect: true, print: false }],
  ["status", { name: "status", ...PLAIN }],
  ["images --json --address [::1]:1", { name: "images", address: "[::1]:1", json: true, security: PLAINTEXT }],
  ["menu", { name: "menu", ...PLAIN }],
  ["auth can-i prepull", { name: "auth", permission: "prepull", ...PLAIN }],
  ["menu --tls", { name: "menu", ...PLAIN, security: { ...PLAINTEXT, tls: true } }],
  ["menu --token-file t", { name: "menu", ...PLAIN, security: { ...PLAINTEXT, tokenFile: "t" } }],
  [
    "menu --ca a --cert c --key k",
    { name: "menu", ...PLAIN, security: { tls: true, ca: "a", cert: "c", key: "k", tokenFile: null } },
  ],
  ["refresh", { name: "refresh", ...PLAIN }],
  ["missing", { name: "missing", node: "", ...PLAIN }],
  ["missing node1", { name: "missing", node: "node1", ...PLAIN }],
  ["resolve w_2077_43", { name: "resolve", selector: { tag: "w_2077_43" }, ...PLAIN }],
  ["resolve r.io/a:b", { name: "resolve", selector: { reference: "r.io/a:b" }, ...PLAIN }],
  ["resolve --class latest-daily", { name: "resolve", selector: { imageClass: "LATEST_DAILY" }, ...PLAIN }],
  ["watch", { name: "watch", gate: "watch", ...PLAIN }],
  ["watch --gate mine", { name: "watch", gate: "mine", ...PLAIN }],
];

for (const [line, command] of UNDERSTOOD) {
  test(`lab-images ${line}`, () => assert.deepEqual(parseArguments(line.split(" ")), command));
}

const REFUSED: readonly (readonly [readonly string[], RegExp])[] = [
  [[], /command is missing/],
  [["dance"], /no command "dance"/],
  [["__proto__"], /no command/],
  [["demo", "--tempo", "fast"], /--tempo/],
  [["status", "--jsn"], /--jsn/],
  [["status", "extra"], /"extra" is one argument too many/],
  [["missing", "a", "b"], /"b" is one argument too many/],
  [["serve"], /--config FILE/],
  [["serve", "--config"], /--config/],
  [["serve", "--config="], /--config needs a value/],
  [["import-nublado"], /needs a file/],
  [["check-config"], /needs a file/],
  [["check-config", ""], /needs a file/],
  [["check-config", "a.yaml", "--print", "--connect"], /not both/],
  [["images", "--address", "nowhere"], /HOST:PORT/],
  [["images", "--address", "127.0.0.1:99999"], /HOST:PORT/],
  [["images", "--address", "127.0.0.1:0"], /HOST:PORT/],
  [["auth", "can-i"], /auth takes can-i/],
  [["auth", "can-i", "fly"], /read, prepull or refresh/],
  [["menu", "--cert", "c"], /--cert and --key need each other/],
  [["menu", "--address", "hub.example.org:1", "--token-file", "t"], /in plaintext/],
  [["resolve"], /a tag, a reference or --class/],
  [["resolve", "a", "--class", "recommended"], /a tag, a reference or --class/],
  [["resolve", "--class", "best"], /takes recommended, latest-release, latest-weekly, latest-daily/],
];

for (const [argv, said] of REFUSED) {
  test(`lab-images ${argv.join(" ")} is refused`, () => {
    assert.throws(
      () => parseArguments(argv),
      (error) => error instanceof UsageError && said.test(error.message),
    );
  });
}

test("questions to a service are known from the rest, and the usage names every command", () => {
  const names = new Set(UNDERSTOOD.map(([, command]) => command.name));
  for (const name of names) assert.ok(USAGE.includes(name), name);
  const questions = UNDERSTOOD.filter(([, command]) => "address" in command).map(([, { name }]) => name);
  assert.deepEqual([...new Set(questions)].sort(compareCodePoints), [
    "auth",
    "images",
    "menu",
    "missing",
    "refresh",
    "resolve",
    "status",
    "watch",
  ]);
});

test("plan takes a configuration, a state file, and how to print it", () => {
  const files = ["--config", "c.yaml", "--state", "s.json"];
  const plan = { name: "plan", config: "c.yaml", state: "s.json" };
  assert.deepEqual(parseArguments(["plan", ...files]), { ...plan, json: false });
  assert.deepEqual(parseArguments(["plan", ...files, "-o", "json"]), { ...plan, json: true });
  assert.throws(() => parseArguments(["plan", "--config", "c.yaml"]), UsageError);
  assert.throws(() => parseArguments(["plan", ...files, "-o", "yaml"]), UsageError);
});
