import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from './google/protobuf/Duration.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.ts';
import type { DockerSource as _labimages_v1_DockerSource, DockerSource__Output as _labimages_v1_DockerSource__Output } from './labimages/v1/DockerSource.ts';
import type { GetCallerRequest as _labimages_v1_GetCallerRequest, GetCallerRequest__Output as _labimages_v1_GetCallerRequest__Output } from './labimages/v1/GetCallerRequest.ts';
import type { GetCallerResponse as _labimages_v1_GetCallerResponse, GetCallerResponse__Output as _labimages_v1_GetCallerResponse__Output } from './labimages/v1/GetCallerResponse.ts';
import type { GetMenuRequest as _labimages_v1_GetMenuRequest, GetMenuRequest__Output as _labimages_v1_GetMenuRequest__Output } from './labimages/v1/GetMenuRequest.ts';
import type { GetMenuResponse as _labimages_v1_GetMenuResponse, GetMenuResponse__Output as _labimages_v1_GetMenuResponse__Output } from './labimages/v1/GetMenuResponse.ts';
import type { GetPrepullStatusRequest as _labimages_v1_GetPrepullStatusRequest, GetPrepullStatusRequest__Output as _labimages_v1_GetPrepullStatusRequest__Output } from './labimages/v1/GetPrepullStatusRequest.ts';
import type { GetPrepullStatusResponse as _labimages_v1_GetPrepullStatusResponse, GetPrepullStatusResponse__Output as _labimages_v1_GetPrepullStatusResponse__Output } from './labimages/v1/GetPrepullStatusResponse.ts';
import type { GoogleSource as _labimages_v1_GoogleSource, GoogleSource__Output as _labimages_v1_GoogleSource__Output } from './labimages/v1/GoogleSource.ts';
import type { Image as _labimages_v1_Image, Image__Output as _labimages_v1_Image__Output } from './labimages/v1/Image.ts';
import type { ImageServiceClient as _labimages_v1_ImageServiceClient, ImageServiceDefinition as _labimages_v1_ImageServiceDefinition } from './labimages/v1/ImageService.ts';
import type { ListImagesRequest as _labimages_v1_ListImagesRequest, ListImagesRequest__Output as _labimages_v1_ListImagesRequest__Output } from './labimages/v1/ListImagesRequest.ts';
import type { ListImagesResponse as _labimages_v1_ListImagesResponse, ListImagesResponse__Output as _labimages_v1_ListImagesResponse__Output } from './labimages/v1/ListImagesResponse.ts';
import type { ListMissingImagesRequest as _labimages_v1_ListMissingImagesRequest, ListMissingImagesRequest__Output as _labimages_v1_ListMissingImagesRequest__Output } from './labimages/v1/ListMissingImagesRequest.ts';
import type { ListMissingImagesResponse as _labimages_v1_ListMissingImagesResponse, ListMissingImagesResponse__Output as _labimages_v1_ListMissingImagesResponse__Output } from './labimages/v1/ListMissingImagesResponse.ts';
import type { MarkPrepulledRequest as _labimages_v1_MarkPrepulledRequest, MarkPrepulledRequest__Output as _labimages_v1_MarkPrepulledRequest__Output } from './labimages/v1/MarkPrepulledRequest.ts';
import type { MarkPrepulledResponse as _labimages_v1_MarkPrepulledResponse, MarkPrepulledResponse__Output as _labimages_v1_MarkPrepulledResponse__Output } from './labimages/v1/MarkPrepulledResponse.ts';
import type { MenuImage as _labimages_v1_MenuImage, MenuImage__Output as _labimages_v1_MenuImage__Output } from './labimages/v1/MenuImage.ts';
import type { NodeImage as _labimages_v1_NodeImage, NodeImage__Output as _labimages_v1_NodeImage__Output } from './labimages/v1/NodeImage.ts';
import type { NodeMissingImages as _labimages_v1_NodeMissingImages, NodeMissingImages__Output as _labimages_v1_NodeMissingImages__Output } from './labimages/v1/NodeMissingImages.ts';
import type { NodeStatus as _labimages_v1_NodeStatus, NodeStatus__Output as _labimages_v1_NodeStatus__Output } from './labimages/v1/NodeStatus.ts';
import type { PrepullConfig as _labimages_v1_PrepullConfig, PrepullConfig__Output as _labimages_v1_PrepullConfig__Output } from './labimages/v1/PrepullConfig.ts';
import type { PrepullProgress as _labimages_v1_PrepullProgress, PrepullProgress__Output as _labimages_v1_PrepullProgress__Output } from './labimages/v1/PrepullProgress.ts';
import type { PrepullStatus as _labimages_v1_PrepullStatus, PrepullStatus__Output as _labimages_v1_PrepullStatus__Output } from './labimages/v1/PrepullStatus.ts';
import type { Problem as _labimages_v1_Problem, Problem__Output as _labimages_v1_Problem__Output } from './labimages/v1/Problem.ts';
import type { RefreshRequest as _labimages_v1_RefreshRequest, RefreshRequest__Output as _labimages_v1_RefreshRequest__Output } from './labimages/v1/RefreshRequest.ts';
import type { RefreshResponse as _labimages_v1_RefreshResponse, RefreshResponse__Output as _labimages_v1_RefreshResponse__Output } from './labimages/v1/RefreshResponse.ts';
import type { ReportPrepullRequest as _labimages_v1_ReportPrepullRequest, ReportPrepullRequest__Output as _labimages_v1_ReportPrepullRequest__Output } from './labimages/v1/ReportPrepullRequest.ts';
import type { ReportPrepullResponse as _labimages_v1_ReportPrepullResponse, ReportPrepullResponse__Output as _labimages_v1_ReportPrepullResponse__Output } from './labimages/v1/ReportPrepullResponse.ts';
import type { ResolveImageRequest as _labimages_v1_ResolveImageRequest, ResolveImageRequest__Output as _labimages_v1_ResolveImageRequest__Output } from './labimages/v1/ResolveImageRequest.ts';
import type { ResolveImageResponse as _labimages_v1_ResolveImageResponse, ResolveImageResponse__Output as _labimages_v1_ResolveImageResponse__Output } from './labimages/v1/ResolveImageResponse.ts';
import type { SourceStatus as _labimages_v1_SourceStatus, SourceStatus__Output as _labimages_v1_SourceStatus__Output } from './labimages/v1/SourceStatus.ts';
import type { StateVersion as _labimages_v1_StateVersion, StateVersion__Output as _labimages_v1_StateVersion__Output } from './labimages/v1/StateVersion.ts';
import type { Toleration as _labimages_v1_Toleration, Toleration__Output as _labimages_v1_Toleration__Output } from './labimages/v1/Toleration.ts';
import type { WaitForRefreshRequest as _labimages_v1_WaitForRefreshRequest, WaitForRefreshRequest__Output as _labimages_v1_WaitForRefreshRequest__Output } from './labimages/v1/WaitForRefreshRequest.ts';
import type { WaitForRefreshResponse as _labimages_v1_WaitForRefreshResponse, WaitForRefreshResponse__Output as _labimages_v1_WaitForRefreshResponse__Output } from './labimages/v1/WaitForRefreshResponse.ts';
import type { WatchPrepullStatusRequest as _labimages_v1_WatchPrepullStatusRequest, WatchPrepullStatusRequest__Output as _labimages_v1_WatchPrepullStatusRequest__Output } from './labimages/v1/WatchPrepullStatusRequest.ts';
import type { WatchPrepullStatusResponse as _labimages_v1_WatchPrepullStatusResponse, WatchPrepullStatusResponse__Output as _labimages_v1_WatchPrepullStatusResponse__Output } from './labimages/v1/WatchPrepullStatusResponse.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  google: {
    protobuf: {
      Duration: MessageTypeDefinition<_google_protobuf_Duration, _google_protobuf_Duration__Output>
      Timestamp: MessageTypeDefinition<_google_protobuf_Timestamp, _google_protobuf_Timestamp__Output>
    }
  }
  labimages: {
    v1: {
      DockerSource: MessageTypeDefinition<_labimages_v1_DockerSource, _labimages_v1_DockerSource__Output>
      FailureClass: EnumTypeDefinition
      GetCallerRequest: MessageTypeDefinition<_labimages_v1_GetCallerRequest, _labimages_v1_GetCallerRequest__Output>
      GetCallerResponse: MessageTypeDefinition<_labimages_v1_GetCallerResponse, _labimages_v1_GetCallerResponse__Output>
      GetMenuRequest: MessageTypeDefinition<_labimages_v1_GetMenuRequest, _labimages_v1_GetMenuRequest__Output>
      GetMenuResponse: MessageTypeDefinition<_labimages_v1_GetMenuResponse, _labimages_v1_GetMenuResponse__Output>
      GetPrepullStatusRequest: MessageTypeDefinition<_labimages_v1_GetPrepullStatusRequest, _labimages_v1_GetPrepullStatusRequest__Output>
      GetPrepullStatusResponse: MessageTypeDefinition<_labimages_v1_GetPrepullStatusResponse, _labimages_v1_GetPrepullStatusResponse__Output>
      GoogleSource: MessageTypeDefinition<_labimages_v1_GoogleSource, _labimages_v1_GoogleSource__Output>
      Image: MessageTypeDefinition<_labimages_v1_Image, _labimages_v1_Image__Output>
      ImageClass: EnumTypeDefinition
      ImageService: SubtypeConstructor<typeof grpc.Client, _labimages_v1_ImageServiceClient> & { service: _labimages_v1_ImageServiceDefinition }
      ImageType: EnumTypeDefinition
      ListImagesRequest: MessageTypeDefinition<_labimages_v1_ListImagesRequest, _labimages_v1_ListImagesRequest__Output>
      ListImagesResponse: MessageTypeDefinition<_labimages_v1_ListImagesResponse, _labimages_v1_ListImagesResponse__Output>
      ListMissingImagesRequest: MessageTypeDefinition<_labimages_v1_ListMissingImagesRequest, _labimages_v1_ListMissingImagesRequest__Output>
      ListMissingImagesResponse: MessageTypeDefinition<_labimages_v1_ListMissingImagesResponse, _labimages_v1_ListMissingImagesResponse__Output>
      MarkPrepulledRequest: MessageTypeDefinition<_labimages_v1_MarkPrepulledRequest, _labimages_v1_MarkPrepulledRequest__Output>
      MarkPrepulledResponse: MessageTypeDefinition<_labimages_v1_MarkPrepulledResponse, _labimages_v1_MarkPrepulledResponse__Output>
      MenuImage: MessageTypeDefinition<_labimages_v1_MenuImage, _labimages_v1_MenuImage__Output>
      NodeImage: MessageTypeDefinition<_labimages_v1_NodeImage, _labimages_v1_NodeImage__Output>
      NodeMissingImages: MessageTypeDefinition<_labimages_v1_NodeMissingImages, _labimages_v1_NodeMissingImages__Output>
      NodeStatus: MessageTypeDefinition<_labimages_v1_NodeStatus, _labimages_v1_NodeStatus__Output>
      NotAppliedReason: EnumTypeDefinition
      Permission: EnumTypeDefinition
      PrepullConfig: MessageTypeDefinition<_labimages_v1_PrepullConfig, _labimages_v1_PrepullConfig__Output>
      PrepullProgress: MessageTypeDefinition<_labimages_v1_PrepullProgress, _labimages_v1_PrepullProgress__Output>
      PrepullState: EnumTypeDefinition
      PrepullStatus: MessageTypeDefinition<_labimages_v1_PrepullStatus, _labimages_v1_PrepullStatus__Output>
      Problem: MessageTypeDefinition<_labimages_v1_Problem, _labimages_v1_Problem__Output>
      ProblemReason: EnumTypeDefinition
      RefreshCause: EnumTypeDefinition
      RefreshRequest: MessageTypeDefinition<_labimages_v1_RefreshRequest, _labimages_v1_RefreshRequest__Output>
      RefreshResponse: MessageTypeDefinition<_labimages_v1_RefreshResponse, _labimages_v1_RefreshResponse__Output>
      ReportPrepullRequest: MessageTypeDefinition<_labimages_v1_ReportPrepullRequest, _labimages_v1_ReportPrepullRequest__Output>
      ReportPrepullResponse: MessageTypeDefinition<_labimages_v1_ReportPrepullResponse, _labimages_v1_ReportPrepullResponse__Output>
      ResolveImageRequest: MessageTypeDefinition<_labimages_v1_ResolveImageRequest, _labimages_v1_ResolveImageRequest__Output>
      ResolveImageResponse: MessageTypeDefinition<_labimages_v1_ResolveImageResponse, _labimages_v1_ResolveImageResponse__Output>
      SourceStatus: MessageTypeDefinition<_labimages_v1_SourceStatus, _labimages_v1_SourceStatus__Output>
      StateVersion: MessageTypeDefinition<_labimages_v1_StateVersion, _labimages_v1_StateVersion__Output>
      Toleration: MessageTypeDefinition<_labimages_v1_Toleration, _labimages_v1_Toleration__Output>
      WaitForRefreshRequest: MessageTypeDefinition<_labimages_v1_WaitForRefreshRequest, _labimages_v1_WaitForRefreshRequest__Output>
      WaitForRefreshResponse: MessageTypeDefinition<_labimages_v1_WaitForRefreshResponse, _labimages_v1_WaitForRefreshResponse__Output>
      WatchPrepullStatusRequest: MessageTypeDefinition<_labimages_v1_WatchPrepullStatusRequest, _labimages_v1_WatchPrepullStatusRequest__Output>
      WatchPrepullStatusResponse: MessageTypeDefinition<_labimages_v1_WatchPrepullStatusResponse, _labimages_v1_WatchPrepullStatusResponse__Output>
    }
  }
}

