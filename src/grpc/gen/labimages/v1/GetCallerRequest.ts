// Original file: proto/labimages/v1/image_service.proto


export interface GetCallerRequest {
}

export interface GetCallerRequest__Output {
}
