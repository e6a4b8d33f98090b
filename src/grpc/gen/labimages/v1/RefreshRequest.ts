// Original file: proto/labimages/v1/image_service.proto


export interface RefreshRequest {
  'noWait'?: (boolean);
}

export interface RefreshRequest__Output {
  'noWait': (boolean);
}
