// Original file: proto/labimages/v1/image_service.proto

import type { StateVersion as _labimages_v1_StateVersion, StateVersion__Output as _labimages_v1_StateVersion__Output } from '../../labimages/v1/StateVersion.ts';

export interface MarkPrepulledResponse {
  'applied'?: (boolean);
  'state'?: (_labimages_v1_StateVersion | null);
}

export interface MarkPrepulledResponse__Output {
  'applied': (boolean);
  'state': (_labimages_v1_StateVersion__Output | null);
}
