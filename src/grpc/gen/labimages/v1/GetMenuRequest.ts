// Original file: proto/labimages/v1/image_service.proto

import type { Long } from '@grpc/proto-loader';

export interface GetMenuRequest {
  'pageToken'?: (string);
  'set'?: (string);
  'knownEpoch'?: (string);
  'knownGeneration'?: (number | string | Long);
}

export interface GetMenuRequest__Output {
  'pageToken': (string);
  'set': (string);
  'knownEpoch': (string);
  'knownGeneration': (number);
}
