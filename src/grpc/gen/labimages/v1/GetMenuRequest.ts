// Original file: proto/labimages/v1/image_service.proto


export interface GetMenuRequest {
  'pageToken'?: (string);
}

export interface GetMenuRequest__Output {
  'pageToken': (string);
}
