import { readRegularFile, UnusableFileError } from "../lib/bytes.ts";
import { ConfigError } from "./config-error.ts";
import { MAX_YAML_BYTES } from "./yaml.ts";

/** Reads the text of a configuration file. Error: ConfigError. */
export async function readConfigText(path: string): Promise<string> {
  return decode(await read(path));
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readRegularFile(path, MAX_YAML_BYTES);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
    const why = error instanceof UnusableFileError ? error.message : code;
    throw new ConfigError([{ path: "", message: `the file ${path} cannot be read (${why})` }]);
  }
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ConfigError([{ path: "", message: "the file is not encoded in UTF-8" }]);
  }
}
