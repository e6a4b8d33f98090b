import { stringify } from "yaml";
import { readConfigText } from "../config-text.ts";
import { parseConfig } from "../load.ts";
import { parseYaml } from "../yaml.ts";
import { convert } from "./convert.ts";

/** A configuration of ours that was made of one of nublado's. */
export interface Imported {
  /** YAML. */
  readonly text: string;
  /** One line for each key that has no counterpart, and for what to know besides. */
  readonly notes: readonly string[];
}

/** Reads a nublado controller's configuration and makes one of ours of it. Error: ConfigError, where it cannot become one. */
export async function importNublado(path: string): Promise<Imported> {
  return importNubladoText(await readConfigText(path));
}

/** Makes a configuration of ours of the text of one of nublado's. Error: ConfigError, where it cannot become one. */
export function importNubladoText(nublado: string): Imported {
  const { config, notes } = convert(parseYaml(nublado));
  const text = stringify(config, { version: "1.2", aliasDuplicateObjects: false, lineWidth: 120 });
  parseConfig(text);
  return { text, notes };
}
