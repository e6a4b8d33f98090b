// Original file: proto/labimages/v1/image_service.proto


export interface MarkPrepulledRequest {
  'reference'?: (string);
  'node'?: (string);
}

export interface MarkPrepulledRequest__Output {
  'reference': (string);
  'node': (string);
}
