// Original file: proto/labimages/v1/prepull.proto


export interface DockerSource {
  'registry'?: (string);
  'repository'?: (string);
}

export interface DockerSource__Output {
  'registry': (string);
  'repository': (string);
}
