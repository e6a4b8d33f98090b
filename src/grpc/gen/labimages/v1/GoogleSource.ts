// Original file: proto/labimages/v1/prepull.proto


export interface GoogleSource {
  'location'?: (string);
  'projectId'?: (string);
  'repository'?: (string);
  'image'?: (string);
}

export interface GoogleSource__Output {
  'location': (string);
  'projectId': (string);
  'repository': (string);
  'image': (string);
}
