// Original file: proto/labimages/v1/image_service.proto

import type { MenuImage as _labimages_v1_MenuImage, MenuImage__Output as _labimages_v1_MenuImage__Output } from '../../labimages/v1/MenuImage.ts';
import type { StateVersion as _labimages_v1_StateVersion, StateVersion__Output as _labimages_v1_StateVersion__Output } from '../../labimages/v1/StateVersion.ts';

export interface GetMenuResponse {
  'menu'?: (_labimages_v1_MenuImage)[];
  'dropdown'?: (_labimages_v1_MenuImage)[];
  'nextPageToken'?: (string);
  'unchanged'?: (boolean);
  'state'?: (_labimages_v1_StateVersion | null);
}

export interface GetMenuResponse__Output {
  'menu': (_labimages_v1_MenuImage__Output)[];
  'dropdown': (_labimages_v1_MenuImage__Output)[];
  'nextPageToken': (string);
  'unchanged': (boolean);
  'state': (_labimages_v1_StateVersion__Output | null);
}
