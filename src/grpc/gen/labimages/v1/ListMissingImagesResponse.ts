// Original file: proto/labimages/v1/image_service.proto

import type { NodeMissingImages as _labimages_v1_NodeMissingImages, NodeMissingImages__Output as _labimages_v1_NodeMissingImages__Output } from '../../labimages/v1/NodeMissingImages.ts';
import type { StateVersion as _labimages_v1_StateVersion, StateVersion__Output as _labimages_v1_StateVersion__Output } from '../../labimages/v1/StateVersion.ts';

export interface ListMissingImagesResponse {
  'nodes'?: (_labimages_v1_NodeMissingImages)[];
  'nextPageToken'?: (string);
  'unchanged'?: (boolean);
  'state'?: (_labimages_v1_StateVersion | null);
}

export interface ListMissingImagesResponse__Output {
  'nodes': (_labimages_v1_NodeMissingImages__Output)[];
  'nextPageToken': (string);
  'unchanged': (boolean);
  'state': (_labimages_v1_StateVersion__Output | null);
}
