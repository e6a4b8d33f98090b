import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

/** What a process does for its parent: functions by name, of one argument and an answer that can be cloned. */
export type Handlers = Readonly<Record<string, (argument: never) => unknown>>;

interface Question {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** In the process: answers the parent's questions, and ends when the parent has gone. */
export function answerParent(handlers: Handlers): void {
  process.on("disconnect", () => process.exit(0));
  process.on("message", ({ id, name, argument }: Question) => {
    const send = (answer: Omit<Answer, "id">) => process.send?.({ id, ...answer });
    const run = async () => await handlers[name]?.(argument as never);
    run().then(
      (value) => send({ value }),
      (error: unknown) => send({ error: error instanceof Error ? String(error.stack) : String(error) }),
    );
  });
}

/** A process of the bench, as its parent sees it. */
export interface Remote<H extends Handlers> {
  readonly pid: number;
  /** Rejects with what the process threw, or when it ends before it answers. */
  call<Name extends keyof H & string>(
    name: Name,
    argument: Parameters<H[Name]>[0],
  ): Promise<Awaited<ReturnType<H[Name]>>>;
  /** Ends the process. */
  stop(): Promise<void>;
}

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** Starts a script that calls `answerParent`. It ends with this process, if not before. */
export function startRemote<H extends Handlers>(script: URL, execArgv: readonly string[] = []): Remote<H> {
  const child = fork(script, { execArgv: [...execArgv], serialization: "advanced" });
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  const exited = once(child, "exit").then(([status]) => {
    for (const { reject } of waiting.values()) reject(new Error(`${script.pathname} ended with status ${status}`));
    waiting.clear();
  });
  child.on("message", ({ id, value, error }: Answer) => {
    const waiter = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) waiter?.resolve(value as never);
    else waiter?.reject(new Error(error));
  });
  return {
    pid: child.pid ?? 0,
    call(name, argument) {
      lastId += 1;
      const id = lastId;
      const answered = new Promise<never>((resolve, reject) => waiting.set(id, { resolve, reject }));
      child.send({ id, name, argument } satisfies Question);
      return answered;
    },
    stop: () => stop(child, exited),
  };
}

async function stop(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.connected) child.disconnect();
  await exited;
}
