// Original file: proto/labimages/v1/image_service.proto

import type { NotAppliedReason as _labimages_v1_NotAppliedReason, NotAppliedReason__Output as _labimages_v1_NotAppliedReason__Output } from '../../labimages/v1/NotAppliedReason.ts';
import type { StateVersion as _labimages_v1_StateVersion, StateVersion__Output as _labimages_v1_StateVersion__Output } from '../../labimages/v1/StateVersion.ts';

export interface ReportPrepullResponse {
  'applied'?: (boolean);
  'notAppliedReason'?: (_labimages_v1_NotAppliedReason);
  'state'?: (_labimages_v1_StateVersion | null);
}

export interface ReportPrepullResponse__Output {
  'applied': (boolean);
  'notAppliedReason': (_labimages_v1_NotAppliedReason__Output);
  'state': (_labimages_v1_StateVersion__Output | null);
}
