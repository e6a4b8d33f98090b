// Original file: proto/labimages/v1/image_service.proto

import type { ImageClass as _labimages_v1_ImageClass, ImageClass__Output as _labimages_v1_ImageClass__Output } from '../../labimages/v1/ImageClass.ts';
import type { Long } from '@grpc/proto-loader';

export interface ResolveImageRequest {
  'imageClass'?: (_labimages_v1_ImageClass);
  'reference'?: (string);
  'tag'?: (string);
  'source'?: (string);
  'knownEpoch'?: (string);
  'knownGeneration'?: (number | string | Long);
  'selector'?: "imageClass"|"reference"|"tag";
}

export interface ResolveImageRequest__Output {
  'imageClass'?: (_labimages_v1_ImageClass__Output);
  'reference'?: (string);
  'tag'?: (string);
  'source': (string);
  'knownEpoch': (string);
  'knownGeneration': (number);
  'selector'?: "imageClass"|"reference"|"tag";
}
