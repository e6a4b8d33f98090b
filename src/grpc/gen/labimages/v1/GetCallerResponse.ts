// Original file: proto/labimages/v1/image_service.proto

import type { Permission as _labimages_v1_Permission, Permission__Output as _labimages_v1_Permission__Output } from '../../labimages/v1/Permission.ts';
import type { StateVersion as _labimages_v1_StateVersion, StateVersion__Output as _labimages_v1_StateVersion__Output } from '../../labimages/v1/StateVersion.ts';

export interface GetCallerResponse {
  'name'?: (string);
  'permissions'?: (_labimages_v1_Permission)[];
  'state'?: (_labimages_v1_StateVersion | null);
}

export interface GetCallerResponse__Output {
  'name': (string);
  'permissions': (_labimages_v1_Permission__Output)[];
  'state': (_labimages_v1_StateVersion__Output | null);
}
