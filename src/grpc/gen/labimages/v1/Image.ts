// Original file: proto/labimages/v1/image.proto

import type { ImageType as _labimages_v1_ImageType, ImageType__Output as _labimages_v1_ImageType__Output } from '../../labimages/v1/ImageType.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { Long } from '@grpc/proto-loader';

export interface Image {
  'reference'?: (string);
  'pullReference'?: (string);
  'tag'?: (string);
  'displayName'?: (string);
  'digest'?: (string);
  'aliases'?: (string)[];
  'aliasTarget'?: (string);
  'imageType'?: (_labimages_v1_ImageType);
  'prepulled'?: (boolean);
  'sizeBytes'?: (number | string | Long);
  'architecture'?: (string);
  'cycle'?: (number);
  'buildTime'?: (_google_protobuf_Timestamp | null);
  'nodes'?: (string)[];
  'aliasCount'?: (number);
  'source'?: (string);
  'tagClass'?: (string);
  'wanted'?: (boolean);
  'wantedBy'?: (string)[];
  'platforms'?: (string)[];
  '_cycle'?: "cycle";
}

export interface Image__Output {
  'reference': (string);
  'pullReference': (string);
  'tag': (string);
  'displayName': (string);
  'digest': (string);
  'aliases': (string)[];
  'aliasTarget': (string);
  'imageType': (_labimages_v1_ImageType__Output);
  'prepulled': (boolean);
  'sizeBytes': (number);
  'architecture': (string);
  'cycle'?: (number);
  'buildTime': (_google_protobuf_Timestamp__Output | null);
  'nodes': (string)[];
  'aliasCount': (number);
  'source': (string);
  'tagClass': (string);
  'wanted': (boolean);
  'wantedBy': (string)[];
  'platforms': (string)[];
  '_cycle'?: "cycle";
}
