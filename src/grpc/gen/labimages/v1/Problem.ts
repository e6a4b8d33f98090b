// Original file: proto/labimages/v1/prepull.proto

import type { ProblemReason as _labimages_v1_ProblemReason, ProblemReason__Output as _labimages_v1_ProblemReason__Output } from '../../labimages/v1/ProblemReason.ts';

export interface Problem {
  'problemReason'?: (_labimages_v1_ProblemReason);
  'tag'?: (string);
  'message'?: (string);
}

export interface Problem__Output {
  'problemReason': (_labimages_v1_ProblemReason__Output);
  'tag': (string);
  'message': (string);
}
