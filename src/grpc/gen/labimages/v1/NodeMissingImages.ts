// Original file: proto/labimages/v1/image_service.proto

import type { Image as _labimages_v1_Image, Image__Output as _labimages_v1_Image__Output } from '../../labimages/v1/Image.ts';

export interface NodeMissingImages {
  'node'?: (string);
  'images'?: (_labimages_v1_Image)[];
}

export interface NodeMissingImages__Output {
  'node': (string);
  'images': (_labimages_v1_Image__Output)[];
}
