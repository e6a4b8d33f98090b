// Original file: proto/labimages/v1/snapshot.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { Long } from '@grpc/proto-loader';

export interface StateVersion {
  'epoch'?: (string);
  'generation'?: (number | string | Long);
  'refreshTime'?: (_google_protobuf_Timestamp | null);
  'stale'?: (boolean);
  'staleReason'?: (string);
}

export interface StateVersion__Output {
  'epoch': (string);
  'generation': (number);
  'refreshTime': (_google_protobuf_Timestamp__Output | null);
  'stale': (boolean);
  'staleReason': (string);
}
