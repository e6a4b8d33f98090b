// Original file: proto/labimages/v1/image_service.proto

import type { PrepullStatus as _labimages_v1_PrepullStatus, PrepullStatus__Output as _labimages_v1_PrepullStatus__Output } from '../../labimages/v1/PrepullStatus.ts';
import type { StateVersion as _labimages_v1_StateVersion, StateVersion__Output as _labimages_v1_StateVersion__Output } from '../../labimages/v1/StateVersion.ts';

export interface GetPrepullStatusResponse {
  'status'?: (_labimages_v1_PrepullStatus | null);
  'nextPageToken'?: (string);
  'unchanged'?: (boolean);
  'state'?: (_labimages_v1_StateVersion | null);
}

export interface GetPrepullStatusResponse__Output {
  'status': (_labimages_v1_PrepullStatus__Output | null);
  'nextPageToken': (string);
  'unchanged': (boolean);
  'state': (_labimages_v1_StateVersion__Output | null);
}
