// Original file: proto/labimages/v1/image_service.proto

import type { Image as _labimages_v1_Image, Image__Output as _labimages_v1_Image__Output } from '../../labimages/v1/Image.ts';
import type { StateVersion as _labimages_v1_StateVersion, StateVersion__Output as _labimages_v1_StateVersion__Output } from '../../labimages/v1/StateVersion.ts';

export interface ListImagesResponse {
  'recommended'?: (_labimages_v1_Image | null);
  'latestWeekly'?: (_labimages_v1_Image | null);
  'latestDaily'?: (_labimages_v1_Image | null);
  'latestRelease'?: (_labimages_v1_Image | null);
  'images'?: (_labimages_v1_Image)[];
  'nextPageToken'?: (string);
  'unchanged'?: (boolean);
  'state'?: (_labimages_v1_StateVersion | null);
}

export interface ListImagesResponse__Output {
  'recommended': (_labimages_v1_Image__Output | null);
  'latestWeekly': (_labimages_v1_Image__Output | null);
  'latestDaily': (_labimages_v1_Image__Output | null);
  'latestRelease': (_labimages_v1_Image__Output | null);
  'images': (_labimages_v1_Image__Output)[];
  'nextPageToken': (string);
  'unchanged': (boolean);
  'state': (_labimages_v1_StateVersion__Output | null);
}
