// Original file: proto/labimages/v1/image_service.proto


export interface GetPrepullStatusRequest {
  'pageSize'?: (number);
  'pageToken'?: (string);
}

export interface GetPrepullStatusRequest__Output {
  'pageSize': (number);
  'pageToken': (string);
}
