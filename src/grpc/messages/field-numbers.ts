/**
 * Numbers of the fields that answers are put together from, as the .proto files have them. They are frozen there (`buf
 * breaking`), and a test compares them.
 */

/** The last field of every response: the snapshot that it was answered from. */
export const STATE_FIELD = 15;

/** `labimages.v1.NodeImage`. */
export const NODE_IMAGE_FIELD = { image: 1 } as const;

/** `labimages.v1.NodeMissingImages`. */
export const NODE_MISSING_IMAGES_FIELD = { images: 2 } as const;

/** `labimages.v1.ResolveImageResponse`. */
export const RESOLVE_IMAGE_FIELD = { image: 1 } as const;

/** `labimages.v1.ListImagesResponse`. */
export const LIST_IMAGES_FIELD = {
  recommended: 1,
  latestWeekly: 2,
  latestDaily: 3,
  latestRelease: 4,
  images: 5,
  nextPageToken: 6,
} as const;

/** `labimages.v1.GetMenuResponse`. */
export const GET_MENU_FIELD = { menu: 1, dropdown: 2, nextPageToken: 3 } as const;

/** `labimages.v1.ListMissingImagesResponse`. */
export const LIST_MISSING_IMAGES_FIELD = { nodes: 1, nextPageToken: 2 } as const;

/** `labimages.v1.GetPrepullStatusResponse`. */
export const GET_PREPULL_STATUS_FIELD = { status: 1, nextPageToken: 2 } as const;

/** `labimages.v1.PrepullStatus`. */
export const PREPULL_STATUS_FIELD = { prepulled: 3, pending: 4, nodes: 5, progress: 6 } as const;

/** `labimages.v1.WatchPrepullStatusResponse`. */
export const WATCH_PREPULL_STATUS_FIELD = { reset: 1, status: 2, removedNodes: 3, complete: 4 } as const;

/** `labimages.v1.ReportPrepullResponse`. */
export const REPORT_PREPULL_FIELD = { applied: 1 } as const;

/** `labimages.v1.MarkPrepulledResponse`. */
export const MARK_PREPULLED_FIELD = { applied: 1 } as const;
