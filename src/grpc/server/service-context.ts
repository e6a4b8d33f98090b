import { NotReadyError } from "../../domain/errors.ts";
import type { Toleration } from "../../domain/nodes/node-report.ts";
import type { ImageSettings } from "../../domain/settings.ts";
import type { Snapshot } from "../../domain/snapshot/snapshot.ts";
import type { Clock, ImageCommands, StateReader } from "../../ports.ts";
import { createStateField, type StateField } from "../messages/state-field.ts";

/** The part of the configuration that responses contain. */
export interface ServedSettings {
  readonly images: ImageSettings;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly Toleration[];
  /** Whether the built-in prepuller is on. */
  readonly prepullerEnabled: boolean;
  /** Namespace of the prepuller's pods, or null where none is configured. */
  readonly namespace: string | null;
  /** Name of the image pull secret, never its content; null where none is configured. */
  readonly pullSecret: string | null;
}

/** Collaborators of every handler. */
export interface ServiceContext {
  readonly reader: StateReader;
  readonly commands: ImageCommands;
  readonly clock: Clock;
  readonly settings: ServedSettings;
  /** Returns the encoded state of a response. */
  readonly stateField: StateField;
  /** The current snapshot. Error: NotReadyError before the first. */
  snapshot(): Snapshot;
}

/** The context of these collaborators. */
export function createServiceContext(parts: {
  readonly reader: StateReader;
  readonly commands: ImageCommands;
  readonly clock: Clock;
  readonly settings: ServedSettings;
}): ServiceContext {
  const { reader } = parts;
  return {
    ...parts,
    stateField: createStateField(reader),
    snapshot() {
      const snapshot = reader.current();
      if (snapshot !== null) return snapshot;
      const reason = reader.staleReason();
      throw new NotReadyError(`no refresh has succeeded yet${reason === null ? "" : `: ${reason}`}`);
    },
  };
}
