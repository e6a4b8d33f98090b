// Original file: proto/labimages/v1/image_service.proto


export interface WatchPrepullStatusRequest {
}

export interface WatchPrepullStatusRequest__Output {
}
