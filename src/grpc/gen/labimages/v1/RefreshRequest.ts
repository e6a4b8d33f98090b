// Original file: proto/labimages/v1/image_service.proto


export interface RefreshRequest {
}

export interface RefreshRequest__Output {
}
