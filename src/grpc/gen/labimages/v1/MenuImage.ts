// Original file: proto/labimages/v1/image.proto


export interface MenuImage {
  'reference'?: (string);
  'name'?: (string);
}

export interface MenuImage__Output {
  'reference': (string);
  'name': (string);
}
