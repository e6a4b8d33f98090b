// Original file: proto/labimages/v1/image_service.proto

import type { Long } from '@grpc/proto-loader';

export interface GetPrepullStatusRequest {
  'pageSize'?: (number);
  'pageToken'?: (string);
  'knownEpoch'?: (string);
  'knownGeneration'?: (number | string | Long);
}

export interface GetPrepullStatusRequest__Output {
  'pageSize': (number);
  'pageToken': (string);
  'knownEpoch': (string);
  'knownGeneration': (number);
}
