// Original file: proto/labimages/v1/image_service.proto

import type { RefreshCause as _labimages_v1_RefreshCause, RefreshCause__Output as _labimages_v1_RefreshCause__Output } from '../../labimages/v1/RefreshCause.ts';
import type { StateVersion as _labimages_v1_StateVersion, StateVersion__Output as _labimages_v1_StateVersion__Output } from '../../labimages/v1/StateVersion.ts';
import type { Long } from '@grpc/proto-loader';

export interface WaitForRefreshResponse {
  'cause'?: (_labimages_v1_RefreshCause);
  'coalesced'?: (number | string | Long);
  'state'?: (_labimages_v1_StateVersion | null);
}

export interface WaitForRefreshResponse__Output {
  'cause': (_labimages_v1_RefreshCause__Output);
  'coalesced': (number);
  'state': (_labimages_v1_StateVersion__Output | null);
}
