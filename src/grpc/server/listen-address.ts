import { isIP } from "node:net";

/** Where a server listens. */
export interface ListenAddress {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** The address is none, or may not be listened on as it stands; the message is written for the operator. */
export class ListenError extends Error {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

const FORM = /^(?:\[(?<bracketed>[^\]]+)\]|(?<plain>[^:[\]]+)):(?<port>\d{1,5})$/;

/** Parses `host:port`, with brackets around an IPv6 address. Error: ListenError. */
export function parseListenAddress(text: string): ListenAddress {
  const { bracketed, plain, port } = FORM.exec(text)?.groups ?? {};
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535 || (bracketed !== undefined && isIP(bracketed) !== 6)) {
    throw new ListenError(`grpc.listen is "${text}"; expected host:port, such as 127.0.0.1:50051 or [::1]:50051`);
  }
  return { host, port: Number(port) };
}

/** Whether nobody but this machine can reach the host. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
