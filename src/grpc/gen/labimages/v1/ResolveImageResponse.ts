// Original file: proto/labimages/v1/image_service.proto

import type { Image as _labimages_v1_Image, Image__Output as _labimages_v1_Image__Output } from '../../labimages/v1/Image.ts';
import type { StateVersion as _labimages_v1_StateVersion, StateVersion__Output as _labimages_v1_StateVersion__Output } from '../../labimages/v1/StateVersion.ts';

export interface ResolveImageResponse {
  'image'?: (_labimages_v1_Image | null);
  'unchanged'?: (boolean);
  'state'?: (_labimages_v1_StateVersion | null);
}

export interface ResolveImageResponse__Output {
  'image': (_labimages_v1_Image__Output | null);
  'unchanged': (boolean);
  'state': (_labimages_v1_StateVersion__Output | null);
}
