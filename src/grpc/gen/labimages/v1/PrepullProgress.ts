// Original file: proto/labimages/v1/prepull.proto

import type { PrepullState as _labimages_v1_PrepullState, PrepullState__Output as _labimages_v1_PrepullState__Output } from '../../labimages/v1/PrepullState.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { FailureClass as _labimages_v1_FailureClass, FailureClass__Output as _labimages_v1_FailureClass__Output } from '../../labimages/v1/FailureClass.ts';

export interface PrepullProgress {
  'node'?: (string);
  'reference'?: (string);
  'prepullState'?: (_labimages_v1_PrepullState);
  'reason'?: (string);
  'message'?: (string);
  'attempts'?: (number);
  'startTime'?: (_google_protobuf_Timestamp | null);
  'nextAttemptTime'?: (_google_protobuf_Timestamp | null);
  'failureClass'?: (_labimages_v1_FailureClass);
}

export interface PrepullProgress__Output {
  'node': (string);
  'reference': (string);
  'prepullState': (_labimages_v1_PrepullState__Output);
  'reason': (string);
  'message': (string);
  'attempts': (number);
  'startTime': (_google_protobuf_Timestamp__Output | null);
  'nextAttemptTime': (_google_protobuf_Timestamp__Output | null);
  'failureClass': (_labimages_v1_FailureClass__Output);
}
