// Original file: proto/labimages/v1/image_service.proto


export interface ListImagesRequest {
  'pageSize'?: (number);
  'pageToken'?: (string);
}

export interface ListImagesRequest__Output {
  'pageSize': (number);
  'pageToken': (string);
}
