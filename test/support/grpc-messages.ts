/** The messages of the contract as the independent client gives them: camel-case names, enums by name, every field set. */

/** `labimages.v1.StateVersion`. */
export interface StateVersion {
  readonly epoch: string;
  readonly generation: number;
  readonly stale: boolean;
  readonly staleReason: string;
}

/** `labimages.v1.Image`. */
export interface Image {
  readonly reference: string;
  readonly pullReference: string;
  readonly tag: string;
  readonly displayName: string;
  readonly digest: string;
  readonly aliases: readonly string[];
  readonly aliasCount: number;
  readonly source: string;
  readonly tagClass: string;
  readonly wanted: boolean;
  readonly wantedBy: readonly string[];
  readonly platforms: readonly string[];
  readonly aliasTarget: string;
  readonly imageType: string;
  readonly prepulled: boolean;
  readonly sizeBytes: number;
  readonly architecture: string;
  readonly nodes: readonly string[];
}

/** `labimages.v1.MenuImage`. */
export interface MenuImage {
  readonly reference: string;
  readonly name: string;
  readonly tag: string;
  readonly digest: string;
  readonly imageType: string;
  readonly source: string;
  readonly sizeBytes: number;
  readonly prepulled: boolean;
  readonly nodesReady: number;
  readonly nodesTotal: number;
}

/** `labimages.v1.NodeImage`. */
export interface NodeImage {
  readonly image: Image;
  readonly nodes: readonly string[];
  readonly missing: readonly string[];
}

/** `labimages.v1.NodeStatus`. */
export interface NodeStatus {
  readonly name: string;
  readonly eligible: boolean;
  readonly comment: string;
  readonly cached: readonly string[];
  readonly imagesTruncated: boolean;
}

/** `labimages.v1.SourceStatus`. */
export interface SourceStatus {
  readonly name: string;
  readonly ok: boolean;
  readonly reason: string;
  readonly refreshStartTime: { readonly seconds: number } | null;
  readonly source: string;
}

/** `labimages.v1.PrepullStatus`. */
export interface PrepullStatus {
  readonly config: { readonly recommendedTag: string; readonly numWeeklies: number } | null;
  readonly sources: readonly SourceStatus[];
  readonly prepulled: readonly NodeImage[];
  readonly pending: readonly NodeImage[];
  readonly nodes: readonly NodeStatus[];
  readonly progress: readonly PrepullProgress[];
  readonly problems: readonly { readonly problemReason: string; readonly tag: string; readonly message: string }[];
}

/** `labimages.v1.PrepullProgress`, without times. */
export interface PrepullProgress {
  readonly node: string;
  readonly reference: string;
  readonly prepullState: string;
  readonly reason: string;
  readonly message: string;
  readonly attempts: number;
  /** `FAILURE_CLASS_UNSPECIFIED` where nothing has failed. */
  readonly failureClass: string;
}

interface Stated {
  readonly state: StateVersion;
}

interface Paged extends Stated {
  readonly nextPageToken: string;
}

interface PageRequest {
  readonly pageSize?: number;
  readonly pageToken?: string;
}

/** Request and response of each method that gives one answer. */
export interface ImageServiceMethods {
  readonly ResolveImage: {
    readonly request: {
      readonly imageClass?: string;
      readonly reference?: string;
      readonly tag?: string;
      readonly source?: string;
    };
    readonly response: Stated & { readonly image: Image };
  };
  readonly ListImages: {
    readonly request: PageRequest & { readonly source?: string };
    readonly response: Paged & {
      readonly recommended: Image | null;
      readonly latestWeekly: Image | null;
      readonly latestDaily: Image | null;
      readonly latestRelease: Image | null;
      readonly images: readonly Image[];
    };
  };
  readonly GetMenu: {
    readonly request: { readonly pageToken?: string; readonly set?: string };
    readonly response: Paged & { readonly menu: readonly MenuImage[]; readonly dropdown: readonly MenuImage[] };
  };
  readonly ListMissingImages: {
    readonly request: PageRequest & { readonly node?: string };
    readonly response: Paged & {
      readonly nodes: readonly { readonly node: string; readonly images: readonly Image[] }[];
    };
  };
  readonly GetPrepullStatus: {
    readonly request: PageRequest;
    readonly response: Paged & { readonly status: PrepullStatus };
  };
  readonly MarkPrepulled: {
    readonly request: { readonly reference: string; readonly node: string };
    readonly response: Stated & { readonly applied: boolean };
  };
  readonly ReportPrepull: {
    readonly request: {
      readonly reference: string;
      readonly node: string;
      readonly prepullState: string;
      readonly reason?: string;
      readonly message?: string;
    };
    readonly response: Stated & { readonly applied: boolean };
  };
  readonly Refresh: {
    readonly request: Readonly<Record<string, never>>;
    readonly response: Stated;
  };
}

/** `labimages.v1.WaitForRefreshRequest`. */
export interface WaitForRefreshRequest {
  readonly gate?: string;
  readonly holder?: string;
  readonly epoch?: string;
  readonly afterGeneration?: number;
}

/** `labimages.v1.WaitForRefreshResponse`. */
export interface WaitForRefresh extends Stated {
  /** Without its prefix it is `STARTUP`, `SCHEDULED`, `REQUESTED`, `NODES_CHANGED` or `REGISTRY_NOTIFIED`. */
  readonly cause: string;
  readonly coalesced: number;
}
