// Original file: proto/labimages/v1/image_service.proto


export interface ListMissingImagesRequest {
  'node'?: (string);
  'pageSize'?: (number);
  'pageToken'?: (string);
}

export interface ListMissingImagesRequest__Output {
  'node': (string);
  'pageSize': (number);
  'pageToken': (string);
}
