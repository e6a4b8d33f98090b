/** A place in a machine's configuration: keys, and indexes of lists. */
export type ConfigPath = readonly (string | number)[];

type Config = Readonly<Record<string, unknown>>;

/**
 * Every transition of a machine, by its place in the configuration: those of events, delays and conditions, of final
 * states and of invoked actors; of several candidates for one event each by itself.
 */
export function transitionPaths(config: Config): readonly ConfigPath[] {
  return [
    ...keyedTransitions(config, "on"),
    ...keyedTransitions(config, "after"),
    ...candidates(config, "always"),
    ...candidates(config, "onDone"),
    ...invokeTransitions(config),
    ...entries(config["states"]).flatMap(([name, state]) =>
      transitionPaths(state as Config).map((path) => ["states", name, ...path]),
    ),
  ];
}

/** The configuration without what is at this place; everything beside the way there is shared. */
export function withoutPath(config: unknown, [key, ...rest]: ConfigPath): unknown {
  if (key === undefined) throw new RangeError("the path is empty");
  if (Array.isArray(config)) {
    return config.flatMap((item: unknown, index) => {
      if (index !== key) return [item];
      return rest.length === 0 ? [] : [withoutPath(item, rest)];
    });
  }
  const { [key]: value, ...others } = config as Record<string, unknown>;
  if (value === undefined) throw new RangeError(`the configuration has no ${key}`);
  return rest.length === 0 ? others : { ...others, [key]: withoutPath(value, rest) };
}

function keyedTransitions(config: Config, key: "on" | "after"): readonly ConfigPath[] {
  return entries(config[key]).flatMap(([name]) =>
    candidates(config[key] as Config, name).map((path): ConfigPath => [key, ...path]),
  );
}

function invokeTransitions({ invoke }: Config): readonly ConfigPath[] {
  const one = (actor: Config): readonly ConfigPath[] =>
    ["onDone", "onError", "onSnapshot"].flatMap((key) => candidates(actor, key));
  if (Array.isArray(invoke)) {
    return invoke.flatMap((actor: Config, index) => one(actor).map((path) => ["invoke", index, ...path]));
  }
  return invoke === undefined ? [] : one(invoke as Config).map((path) => ["invoke", ...path]);
}

/** The transitions under one key: one, or a list of which the first that may be taken is. */
function candidates(config: Config, key: string): readonly ConfigPath[] {
  const value = config[key];
  if (value === undefined) return [];
  return Array.isArray(value) ? value.map((_, index) => [key, index]) : [[key]];
}

function entries(value: unknown): readonly [string, unknown][] {
  return Object.entries((value ?? {}) as Config);
}
