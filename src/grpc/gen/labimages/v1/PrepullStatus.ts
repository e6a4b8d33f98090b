// Original file: proto/labimages/v1/prepull.proto

import type { PrepullConfig as _labimages_v1_PrepullConfig, PrepullConfig__Output as _labimages_v1_PrepullConfig__Output } from '../../labimages/v1/PrepullConfig.ts';
import type { SourceStatus as _labimages_v1_SourceStatus, SourceStatus__Output as _labimages_v1_SourceStatus__Output } from '../../labimages/v1/SourceStatus.ts';
import type { NodeImage as _labimages_v1_NodeImage, NodeImage__Output as _labimages_v1_NodeImage__Output } from '../../labimages/v1/NodeImage.ts';
import type { NodeStatus as _labimages_v1_NodeStatus, NodeStatus__Output as _labimages_v1_NodeStatus__Output } from '../../labimages/v1/NodeStatus.ts';
import type { PrepullProgress as _labimages_v1_PrepullProgress, PrepullProgress__Output as _labimages_v1_PrepullProgress__Output } from '../../labimages/v1/PrepullProgress.ts';
import type { Problem as _labimages_v1_Problem, Problem__Output as _labimages_v1_Problem__Output } from '../../labimages/v1/Problem.ts';

export interface PrepullStatus {
  'config'?: (_labimages_v1_PrepullConfig | null);
  'sources'?: (_labimages_v1_SourceStatus)[];
  'prepulled'?: (_labimages_v1_NodeImage)[];
  'pending'?: (_labimages_v1_NodeImage)[];
  'nodes'?: (_labimages_v1_NodeStatus)[];
  'progress'?: (_labimages_v1_PrepullProgress)[];
  'problems'?: (_labimages_v1_Problem)[];
}

export interface PrepullStatus__Output {
  'config': (_labimages_v1_PrepullConfig__Output | null);
  'sources': (_labimages_v1_SourceStatus__Output)[];
  'prepulled': (_labimages_v1_NodeImage__Output)[];
  'pending': (_labimages_v1_NodeImage__Output)[];
  'nodes': (_labimages_v1_NodeStatus__Output)[];
  'progress': (_labimages_v1_PrepullProgress__Output)[];
  'problems': (_labimages_v1_Problem__Output)[];
}
