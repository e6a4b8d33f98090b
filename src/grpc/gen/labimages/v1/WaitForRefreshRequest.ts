// Original file: proto/labimages/v1/image_service.proto

import type { Long } from '@grpc/proto-loader';

export interface WaitForRefreshRequest {
  'gate'?: (string);
  'holder'?: (string);
  'epoch'?: (string);
  'afterGeneration'?: (number | string | Long);
}

export interface WaitForRefreshRequest__Output {
  'gate': (string);
  'holder': (string);
  'epoch': (string);
  'afterGeneration': (number);
}
