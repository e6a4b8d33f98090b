// Original file: proto/labimages/v1/image_service.proto

import type { Long } from '@grpc/proto-loader';

export interface ListMissingImagesRequest {
  'node'?: (string);
  'pageSize'?: (number);
  'pageToken'?: (string);
  'knownEpoch'?: (string);
  'knownGeneration'?: (number | string | Long);
}

export interface ListMissingImagesRequest__Output {
  'node': (string);
  'pageSize': (number);
  'pageToken': (string);
  'knownEpoch': (string);
  'knownGeneration': (number);
}
