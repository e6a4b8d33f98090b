// Original file: proto/labimages/v1/prepull.proto

import type { DockerSource as _labimages_v1_DockerSource, DockerSource__Output as _labimages_v1_DockerSource__Output } from '../../labimages/v1/DockerSource.ts';
import type { GoogleSource as _labimages_v1_GoogleSource, GoogleSource__Output as _labimages_v1_GoogleSource__Output } from '../../labimages/v1/GoogleSource.ts';
import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.ts';
import type { Toleration as _labimages_v1_Toleration, Toleration__Output as _labimages_v1_Toleration__Output } from '../../labimages/v1/Toleration.ts';

export interface PrepullConfig {
  'docker'?: (_labimages_v1_DockerSource | null);
  'google'?: (_labimages_v1_GoogleSource | null);
  'refreshInterval'?: (_google_protobuf_Duration | null);
  'prepullTimeout'?: (_google_protobuf_Duration | null);
  'recommendedTag'?: (string);
  'numReleases'?: (number);
  'numWeeklies'?: (number);
  'numDailies'?: (number);
  'cycle'?: (number);
  'pin'?: (string)[];
  'aliasTags'?: (string)[];
  'nodeSelector'?: ({[key: string]: string});
  'tolerations'?: (_labimages_v1_Toleration)[];
  'namespace'?: (string);
  'pullSecret'?: (string);
  'source'?: "docker"|"google";
  '_cycle'?: "cycle";
}

export interface PrepullConfig__Output {
  'docker'?: (_labimages_v1_DockerSource__Output | null);
  'google'?: (_labimages_v1_GoogleSource__Output | null);
  'refreshInterval': (_google_protobuf_Duration__Output | null);
  'prepullTimeout': (_google_protobuf_Duration__Output | null);
  'recommendedTag': (string);
  'numReleases': (number);
  'numWeeklies': (number);
  'numDailies': (number);
  'cycle'?: (number);
  'pin': (string)[];
  'aliasTags': (string)[];
  'nodeSelector': ({[key: string]: string});
  'tolerations': (_labimages_v1_Toleration__Output)[];
  'namespace': (string);
  'pullSecret': (string);
  'source'?: "docker"|"google";
  '_cycle'?: "cycle";
}
