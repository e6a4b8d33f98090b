// Original file: proto/labimages/v1/prepull.proto


export interface NodeStatus {
  'name'?: (string);
  'eligible'?: (boolean);
  'comment'?: (string);
  'cached'?: (string)[];
  'imagesTruncated'?: (boolean);
}

export interface NodeStatus__Output {
  'name': (string);
  'eligible': (boolean);
  'comment': (string);
  'cached': (string)[];
  'imagesTruncated': (boolean);
}
