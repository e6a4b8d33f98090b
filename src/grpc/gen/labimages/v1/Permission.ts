// Original file: proto/labimages/v1/image_service.proto

export const Permission = {
  PERMISSION_UNSPECIFIED: 'PERMISSION_UNSPECIFIED',
  PERMISSION_READ: 'PERMISSION_READ',
  PERMISSION_PREPULL: 'PERMISSION_PREPULL',
  PERMISSION_REFRESH: 'PERMISSION_REFRESH',
} as const;

export type Permission =
  | 'PERMISSION_UNSPECIFIED'
  | 0
  | 'PERMISSION_READ'
  | 1
  | 'PERMISSION_PREPULL'
  | 2
  | 'PERMISSION_REFRESH'
  | 3

export type Permission__Output = typeof Permission[keyof typeof Permission]
