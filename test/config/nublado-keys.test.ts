import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseConfig } from "../../src/config/load.ts";
import { IMAGES, problemsIn } from "./problems-in.ts";

describe("F40: the configuration of a nublado controller", () => {
  test("levels in any case, by Python's names too", () => {
    for (const [level, expected] of [
      ["INFO", "info"],
      ["Debug", "debug"],
      ["WARNING", "warn"],
      ["CRITICAL", "error"],
    ]) {
      assert.equal(parseConfig(`${IMAGES}logLevel: ${level}\nlogProfile: PRODUCTION`).log.level, expected);
    }
  });

  test("each key that is another one here, or none, is named with it, once", () => {
    const keys = [
      "logLevel: INFO",
      "pathPrefix: /nublado",
      "baseUrl: https://lab.example.org",
      "lab:",
      "  nodeSelector: {}",
      "  tolerations: [{key: kubernetes.io/arch, operator: Equal, value: arm64, effect: NoSchedule}]",
      "  pullSecret: null",
      "  affinity: {}",
      "  sizes: [{size: small, cpu: 1.0}, {size: large, cpu: 4.0}]",
      "fileserver: {enabled: true, timeout: 1h}",
      "notNublado: 1",
    ];
    assert.equal(
      problemsIn(`${IMAGES}${keys.join("\n")}`).replace(/one of .*, found/, "one of ours, found"),
      [
        "pathPrefix: this key of nublado's controller is http.pathPrefix here",
        "baseUrl: this key of nublado's controller has no counterpart here: remove it",
        "lab.nodeSelector: this key of nublado's controller is nodeSelector here",
        "lab.tolerations: this key of nublado's controller is tolerations here",
        "lab.pullSecret: this key of nublado's controller is prepuller.pullSecret here",
        "lab.affinity: this key of nublado's controller has no counterpart here: remove it",
        "lab.sizes: this key of nublado's controller has no counterpart here: remove it",
        "fileserver: this key of nublado's controller has no counterpart here: remove it",
        "notNublado: expected one of ours, found an unknown key",
      ].join("\n"),
    );
    assert.match(problemsIn(`${IMAGES}lab:`), /^lab: .* has no counterpart here/);
  });

  test("the path prefix is a path, with or without a slash at its end", () => {
    const prefix = (written: string) => parseConfig(`${IMAGES}http: {pathPrefix: ${written}}`).http.pathPrefix;
    assert.deepEqual(["/nublado", "/nublado/", "/a/b.c", "/", "''", ""].map(prefix), [
      "/nublado",
      "/nublado",
      "/a/b.c",
      "",
      "",
      "",
    ]);
    for (const wrong of ["nublado", "//a", "/a//b", "/a/../b", "/.", "/a?b", "'/a b'", "/%2e", "/a#b", "1"]) {
      assert.match(problemsIn(`${IMAGES}http: {pathPrefix: ${wrong}}`), /^http\.pathPrefix: expected a path/, wrong);
    }
  });
});
