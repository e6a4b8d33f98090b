// Original file: proto/labimages/v1/prepull.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

export interface SourceStatus {
  'name'?: (string);
  'ok'?: (boolean);
  'reason'?: (string);
  'lastSuccessTime'?: (_google_protobuf_Timestamp | null);
  'refreshStartTime'?: (_google_protobuf_Timestamp | null);
  'source'?: (string);
}

export interface SourceStatus__Output {
  'name': (string);
  'ok': (boolean);
  'reason': (string);
  'lastSuccessTime': (_google_protobuf_Timestamp__Output | null);
  'refreshStartTime': (_google_protobuf_Timestamp__Output | null);
  'source': (string);
}
