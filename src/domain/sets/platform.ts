/** What an image can run on, as a manifest or an index has it. */
export interface Platform {
  /** GOOS, such as `linux`. */
  readonly os: string;
  /** GOARCH, such as `amd64`. */
  readonly architecture: string;
}

/** Writes a platform as `os/architecture`. */
export function formatPlatform({ os, architecture }: Platform): string {
  return `${os}/${architecture}`;
}
