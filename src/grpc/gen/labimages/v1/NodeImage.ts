// Original file: proto/labimages/v1/prepull.proto

import type { Image as _labimages_v1_Image, Image__Output as _labimages_v1_Image__Output } from '../../labimages/v1/Image.ts';

export interface NodeImage {
  'image'?: (_labimages_v1_Image | null);
  'nodes'?: (string)[];
  'missing'?: (string)[];
}

export interface NodeImage__Output {
  'image': (_labimages_v1_Image__Output | null);
  'nodes': (string)[];
  'missing': (string)[];
}
