// Original file: proto/labimages/v1/image_service.proto

import type { PrepullState as _labimages_v1_PrepullState, PrepullState__Output as _labimages_v1_PrepullState__Output } from '../../labimages/v1/PrepullState.ts';

export interface ReportPrepullRequest {
  'reference'?: (string);
  'node'?: (string);
  'prepullState'?: (_labimages_v1_PrepullState);
  'reason'?: (string);
  'message'?: (string);
}

export interface ReportPrepullRequest__Output {
  'reference': (string);
  'node': (string);
  'prepullState': (_labimages_v1_PrepullState__Output);
  'reason': (string);
  'message': (string);
}
