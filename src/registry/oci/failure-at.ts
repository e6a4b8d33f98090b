import { RegistryDeniedError, RegistryUnavailableError } from "../../domain/errors.ts";

/** The same failure with the place where it happened in front of its text, such as `tag w_2077_43`. */
export function failureAt(place: string, error: unknown): unknown {
  if (error instanceof RegistryDeniedError) return new RegistryDeniedError(`${place}: ${error.message}`, error.cause);
  if (!(error instanceof RegistryUnavailableError)) return error;
  return new RegistryUnavailableError(`${place}: ${error.message}`, error.cause);
}
