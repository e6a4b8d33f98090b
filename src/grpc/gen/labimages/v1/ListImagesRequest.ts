// Original file: proto/labimages/v1/image_service.proto

import type { Long } from '@grpc/proto-loader';

export interface ListImagesRequest {
  'pageSize'?: (number);
  'pageToken'?: (string);
  'source'?: (string);
  'knownEpoch'?: (string);
  'knownGeneration'?: (number | string | Long);
}

export interface ListImagesRequest__Output {
  'pageSize': (number);
  'pageToken': (string);
  'source': (string);
  'knownEpoch': (string);
  'knownGeneration': (number);
}
