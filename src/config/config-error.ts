/** One thing that is wrong with a configuration. */
export interface ConfigProblem {
  /** The key, as `images.pin[2]`; empty where it is the file as a whole. */
  readonly path: string;
  /** What was expected and what was found; never a secret. */
  readonly message: string;
}

/** A configuration that cannot be used, with everything that is wrong with it. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}
