// Original file: proto/labimages/v1/image.proto

import type { ImageType as _labimages_v1_ImageType, ImageType__Output as _labimages_v1_ImageType__Output } from '../../labimages/v1/ImageType.ts';
import type { Long } from '@grpc/proto-loader';

export interface MenuImage {
  'reference'?: (string);
  'name'?: (string);
  'tag'?: (string);
  'digest'?: (string);
  'imageType'?: (_labimages_v1_ImageType);
  'source'?: (string);
  'sizeBytes'?: (number | string | Long);
  'prepulled'?: (boolean);
  'nodesReady'?: (number);
  'nodesTotal'?: (number);
}

export interface MenuImage__Output {
  'reference': (string);
  'name': (string);
  'tag': (string);
  'digest': (string);
  'imageType': (_labimages_v1_ImageType__Output);
  'source': (string);
  'sizeBytes': (number);
  'prepulled': (boolean);
  'nodesReady': (number);
  'nodesTotal': (number);
}
