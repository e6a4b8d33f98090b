// Original file: proto/labimages/v1/image_service.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { GetCallerRequest as _labimages_v1_GetCallerRequest, GetCallerRequest__Output as _labimages_v1_GetCallerRequest__Output } from '../../labimages/v1/GetCallerRequest.ts';
import type { GetCallerResponse as _labimages_v1_GetCallerResponse, GetCallerResponse__Output as _labimages_v1_GetCallerResponse__Output } from '../../labimages/v1/GetCallerResponse.ts';
import type { GetMenuRequest as _labimages_v1_GetMenuRequest, GetMenuRequest__Output as _labimages_v1_GetMenuRequest__Output } from '../../labimages/v1/GetMenuRequest.ts';
import type { GetMenuResponse as _labimages_v1_GetMenuResponse, GetMenuResponse__Output as _labimages_v1_GetMenuResponse__Output } from '../../labimages/v1/GetMenuResponse.ts';
import type { GetPrepullStatusRequest as _labimages_v1_GetPrepullStatusRequest, GetPrepullStatusRequest__Output as _labimages_v1_GetPrepullStatusRequest__Output } from '../../labimages/v1/GetPrepullStatusRequest.ts';
import type { GetPrepullStatusResponse as _labimages_v1_GetPrepullStatusResponse, GetPrepullStatusResponse__Output as _labimages_v1_GetPrepullStatusResponse__Output } from '../../labimages/v1/GetPrepullStatusResponse.ts';
import type { ListImagesRequest as _labimages_v1_ListImagesRequest, ListImagesRequest__Output as _labimages_v1_ListImagesRequest__Output } from '../../labimages/v1/ListImagesRequest.ts';
import type { ListImagesResponse as _labimages_v1_ListImagesResponse, ListImagesResponse__Output as _labimages_v1_ListImagesResponse__Output } from '../../labimages/v1/ListImagesResponse.ts';
import type { ListMissingImagesRequest as _labimages_v1_ListMissingImagesRequest, ListMissingImagesRequest__Output as _labimages_v1_ListMissingImagesRequest__Output } from '../../labimages/v1/ListMissingImagesRequest.ts';
import type { ListMissingImagesResponse as _labimages_v1_ListMissingImagesResponse, ListMissingImagesResponse__Output as _labimages_v1_ListMissingImagesResponse__Output } from '../../labimages/v1/ListMissingImagesResponse.ts';
import type { MarkPrepulledRequest as _labimages_v1_MarkPrepulledRequest, MarkPrepulledRequest__Output as _labimages_v1_MarkPrepulledRequest__Output } from '../../labimages/v1/MarkPrepulledRequest.ts';
import type { MarkPrepulledResponse as _labimages_v1_MarkPrepulledResponse, MarkPrepulledResponse__Output as _labimages_v1_MarkPrepulledResponse__Output } from '../../labimages/v1/MarkPrepulledResponse.ts';
import type { RefreshRequest as _labimages_v1_RefreshRequest, RefreshRequest__Output as _labimages_v1_RefreshRequest__Output } from '../../labimages/v1/RefreshRequest.ts';
import type { RefreshResponse as _labimages_v1_RefreshResponse, RefreshResponse__Output as _labimages_v1_RefreshResponse__Output } from '../../labimages/v1/RefreshResponse.ts';
import type { ReportPrepullRequest as _labimages_v1_ReportPrepullRequest, ReportPrepullRequest__Output as _labimages_v1_ReportPrepullRequest__Output } from '../../labimages/v1/ReportPrepullRequest.ts';
import type { ReportPrepullResponse as _labimages_v1_ReportPrepullResponse, ReportPrepullResponse__Output as _labimages_v1_ReportPrepullResponse__Output } from '../../labimages/v1/ReportPrepullResponse.ts';
import type { ResolveImageRequest as _labimages_v1_ResolveImageRequest, ResolveImageRequest__Output as _labimages_v1_ResolveImageRequest__Output } from '../../labimages/v1/ResolveImageRequest.ts';
import type { ResolveImageResponse as _labimages_v1_ResolveImageResponse, ResolveImageResponse__Output as _labimages_v1_ResolveImageResponse__Output } from '../../labimages/v1/ResolveImageResponse.ts';
import type { WaitForRefreshRequest as _labimages_v1_WaitForRefreshRequest, WaitForRefreshRequest__Output as _labimages_v1_WaitForRefreshRequest__Output } from '../../labimages/v1/WaitForRefreshRequest.ts';
import type { WaitForRefreshResponse as _labimages_v1_WaitForRefreshResponse, WaitForRefreshResponse__Output as _labimages_v1_WaitForRefreshResponse__Output } from '../../labimages/v1/WaitForRefreshResponse.ts';
import type { WatchPrepullStatusRequest as _labimages_v1_WatchPrepullStatusRequest, WatchPrepullStatusRequest__Output as _labimages_v1_WatchPrepullStatusRequest__Output } from '../../labimages/v1/WatchPrepullStatusRequest.ts';
import type { WatchPrepullStatusResponse as _labimages_v1_WatchPrepullStatusResponse, WatchPrepullStatusResponse__Output as _labimages_v1_WatchPrepullStatusResponse__Output } from '../../labimages/v1/WatchPrepullStatusResponse.ts';

export interface ImageServiceClient extends grpc.Client {
  GetCaller(argument: _labimages_v1_GetCallerRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_GetCallerResponse__Output>): grpc.ClientUnaryCall;
  GetCaller(argument: _labimages_v1_GetCallerRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_labimages_v1_GetCallerResponse__Output>): grpc.ClientUnaryCall;
  GetCaller(argument: _labimages_v1_GetCallerRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_GetCallerResponse__Output>): grpc.ClientUnaryCall;
  GetCaller(argument: _labimages_v1_GetCallerRequest, callback: grpc.requestCallback<_labimages_v1_GetCallerResponse__Output>): grpc.ClientUnaryCall;
  getCaller(argument: _labimages_v1_GetCallerRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_GetCallerResponse__Output>): grpc.ClientUnaryCall;
  getCaller(argument: _labimages_v1_GetCallerRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_labimages_v1_GetCallerResponse__Output>): grpc.ClientUnaryCall;
  getCaller(argument: _labimages_v1_GetCallerRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_GetCallerResponse__Output>): grpc.ClientUnaryCall;
  getCaller(argument: _labimages_v1_GetCallerRequest, callback: grpc.requestCallback<_labimages_v1_GetCallerResponse__Output>): grpc.ClientUnaryCall;
  
  GetMenu(argument: _labimages_v1_GetMenuRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_GetMenuResponse__Output>): grpc.ClientUnaryCall;
  GetMenu(argument: _labimages_v1_GetMenuRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_labimages_v1_GetMenuResponse__Output>): grpc.ClientUnaryCall;
  GetMenu(argument: _labimages_v1_GetMenuRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_GetMenuResponse__Output>): grpc.ClientUnaryCall;
  GetMenu(argument: _labimages_v1_GetMenuRequest, callback: grpc.requestCallback<_labimages_v1_GetMenuResponse__Output>): grpc.ClientUnaryCall;
  getMenu(argument: _labimages_v1_GetMenuRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_GetMenuResponse__Output>): grpc.ClientUnaryCall;
  getMenu(argument: _labimages_v1_GetMenuRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_labimages_v1_GetMenuResponse__Output>): grpc.ClientUnaryCall;
  getMenu(argument: _labimages_v1_GetMenuRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_GetMenuResponse__Output>): grpc.ClientUnaryCall;
  getMenu(argument: _labimages_v1_GetMenuRequest, callback: grpc.requestCallback<_labimages_v1_GetMenuResponse__Output>): grpc.ClientUnaryCall;
  
  GetPrepullStatus(argument: _labimages_v1_GetPrepullStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_GetPrepullStatusResponse__Output>): grpc.ClientUnaryCall;
  GetPrepullStatus(argument: _labimages_v1_GetPrepullStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_labimages_v1_GetPrepullStatusResponse__Output>): grpc.ClientUnaryCall;
  GetPrepullStatus(argument: _labimages_v1_GetPrepullStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_GetPrepullStatusResponse__Output>): grpc.ClientUnaryCall;
  GetPrepullStatus(argument: _labimages_v1_GetPrepullStatusRequest, callback: grpc.requestCallback<_labimages_v1_GetPrepullStatusResponse__Output>): grpc.ClientUnaryCall;
  getPrepullStatus(argument: _labimages_v1_GetPrepullStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_GetPrepullStatusResponse__Output>): grpc.ClientUnaryCall;
  getPrepullStatus(argument: _labimages_v1_GetPrepullStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_labimages_v1_GetPrepullStatusResponse__Output>): grpc.ClientUnaryCall;
  getPrepullStatus(argument: _labimages_v1_GetPrepullStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_GetPrepullStatusResponse__Output>): grpc.ClientUnaryCall;
  getPrepullStatus(argument: _labimages_v1_GetPrepullStatusRequest, callback: grpc.requestCallback<_labimages_v1_GetPrepullStatusResponse__Output>): grpc.ClientUnaryCall;
  
  ListImages(argument: _labimages_v1_ListImagesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_ListImagesResponse__Output>): grpc.ClientUnaryCall;
  ListImages(argument: _labimages_v1_ListImagesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_labimages_v1_ListImagesResponse__Output>): grpc.ClientUnaryCall;
  ListImages(argument: _labimages_v1_ListImagesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_ListImagesResponse__Output>): grpc.ClientUnaryCall;
  ListImages(argument: _labimages_v1_ListImagesRequest, callback: grpc.requestCallback<_labimages_v1_ListImagesResponse__Output>): grpc.ClientUnaryCall;
  listImages(argument: _labimages_v1_ListImagesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_ListImagesResponse__Output>): grpc.ClientUnaryCall;
  listImages(argument: _labimages_v1_ListImagesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_labimages_v1_ListImagesResponse__Output>): grpc.ClientUnaryCall;
  listImages(argument: _labimages_v1_ListImagesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_ListImagesResponse__Output>): grpc.ClientUnaryCall;
  listImages(argument: _labimages_v1_ListImagesRequest, callback: grpc.requestCallback<_labimages_v1_ListImagesResponse__Output>): grpc.ClientUnaryCall;
  
  ListMissingImages(argument: _labimages_v1_ListMissingImagesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_ListMissingImagesResponse__Output>): grpc.ClientUnaryCall;
  ListMissingImages(argument: _labimages_v1_ListMissingImagesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_labimages_v1_ListMissingImagesResponse__Output>): grpc.ClientUnaryCall;
  ListMissingImages(argument: _labimages_v1_ListMissingImagesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_ListMissingImagesResponse__Output>): grpc.ClientUnaryCall;
  ListMissingImages(argument: _labimages_v1_ListMissingImagesRequest, callback: grpc.requestCallback<_labimages_v1_ListMissingImagesResponse__Output>): grpc.ClientUnaryCall;
  listMissingImages(argument: _labimages_v1_ListMissingImagesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_ListMissingImagesResponse__Output>): grpc.ClientUnaryCall;
  listMissingImages(argument: _labimages_v1_ListMissingImagesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_labimages_v1_ListMissingImagesResponse__Output>): grpc.ClientUnaryCall;
  listMissingImages(argument: _labimages_v1_ListMissingImagesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_ListMissingImagesResponse__Output>): grpc.ClientUnaryCall;
  listMissingImages(argument: _labimages_v1_ListMissingImagesRequest, callback: grpc.requestCallback<_labimages_v1_ListMissingImagesResponse__Output>): grpc.ClientUnaryCall;
  
  MarkPrepulled(argument: _labimages_v1_MarkPrepulledRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_MarkPrepulledResponse__Output>): grpc.ClientUnaryCall;
  MarkPrepulled(argument: _labimages_v1_MarkPrepulledRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_labimages_v1_MarkPrepulledResponse__Output>): grpc.ClientUnaryCall;
  MarkPrepulled(argument: _labimages_v1_MarkPrepulledRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_MarkPrepulledResponse__Output>): grpc.ClientUnaryCall;
  MarkPrepulled(argument: _labimages_v1_MarkPrepulledRequest, callback: grpc.requestCallback<_labimages_v1_MarkPrepulledResponse__Output>): grpc.ClientUnaryCall;
  markPrepulled(argument: _labimages_v1_MarkPrepulledRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_MarkPrepulledResponse__Output>): grpc.ClientUnaryCall;
  markPrepulled(argument: _labimages_v1_MarkPrepulledRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_labimages_v1_MarkPrepulledResponse__Output>): grpc.ClientUnaryCall;
  markPrepulled(argument: _labimages_v1_MarkPrepulledRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_MarkPrepulledResponse__Output>): grpc.ClientUnaryCall;
  markPrepulled(argument: _labimages_v1_MarkPrepulledRequest, callback: grpc.requestCallback<_labimages_v1_MarkPrepulledResponse__Output>): grpc.ClientUnaryCall;
  
  Refresh(argument: _labimages_v1_RefreshRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_RefreshResponse__Output>): grpc.ClientUnaryCall;
  Refresh(argument: _labimages_v1_RefreshRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_labimages_v1_RefreshResponse__Output>): grpc.ClientUnaryCall;
  Refresh(argument: _labimages_v1_RefreshRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_RefreshResponse__Output>): grpc.ClientUnaryCall;
  Refresh(argument: _labimages_v1_RefreshRequest, callback: grpc.requestCallback<_labimages_v1_RefreshResponse__Output>): grpc.ClientUnaryCall;
  refresh(argument: _labimages_v1_RefreshRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_RefreshResponse__Output>): grpc.ClientUnaryCall;
  refresh(argument: _labimages_v1_RefreshRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_labimages_v1_RefreshResponse__Output>): grpc.ClientUnaryCall;
  refresh(argument: _labimages_v1_RefreshRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_RefreshResponse__Output>): grpc.ClientUnaryCall;
  refresh(argument: _labimages_v1_RefreshRequest, callback: grpc.requestCallback<_labimages_v1_RefreshResponse__Output>): grpc.ClientUnaryCall;
  
  ReportPrepull(argument: _labimages_v1_ReportPrepullRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_ReportPrepullResponse__Output>): grpc.ClientUnaryCall;
  ReportPrepull(argument: _labimages_v1_ReportPrepullRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_labimages_v1_ReportPrepullResponse__Output>): grpc.ClientUnaryCall;
  ReportPrepull(argument: _labimages_v1_ReportPrepullRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_ReportPrepullResponse__Output>): grpc.ClientUnaryCall;
  ReportPrepull(argument: _labimages_v1_ReportPrepullRequest, callback: grpc.requestCallback<_labimages_v1_ReportPrepullResponse__Output>): grpc.ClientUnaryCall;
  reportPrepull(argument: _labimages_v1_ReportPrepullRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_ReportPrepullResponse__Output>): grpc.ClientUnaryCall;
  reportPrepull(argument: _labimages_v1_ReportPrepullRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_labimages_v1_ReportPrepullResponse__Output>): grpc.ClientUnaryCall;
  reportPrepull(argument: _labimages_v1_ReportPrepullRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_ReportPrepullResponse__Output>): grpc.ClientUnaryCall;
  reportPrepull(argument: _labimages_v1_ReportPrepullRequest, callback: grpc.requestCallback<_labimages_v1_ReportPrepullResponse__Output>): grpc.ClientUnaryCall;
  
  ResolveImage(argument: _labimages_v1_ResolveImageRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_ResolveImageResponse__Output>): grpc.ClientUnaryCall;
  ResolveImage(argument: _labimages_v1_ResolveImageRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_labimages_v1_ResolveImageResponse__Output>): grpc.ClientUnaryCall;
  ResolveImage(argument: _labimages_v1_ResolveImageRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_ResolveImageResponse__Output>): grpc.ClientUnaryCall;
  ResolveImage(argument: _labimages_v1_ResolveImageRequest, callback: grpc.requestCallback<_labimages_v1_ResolveImageResponse__Output>): grpc.ClientUnaryCall;
  resolveImage(argument: _labimages_v1_ResolveImageRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_ResolveImageResponse__Output>): grpc.ClientUnaryCall;
  resolveImage(argument: _labimages_v1_ResolveImageRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_labimages_v1_ResolveImageResponse__Output>): grpc.ClientUnaryCall;
  resolveImage(argument: _labimages_v1_ResolveImageRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_labimages_v1_ResolveImageResponse__Output>): grpc.ClientUnaryCall;
  resolveImage(argument: _labimages_v1_ResolveImageRequest, callback: grpc.requestCallback<_labimages_v1_ResolveImageResponse__Output>): grpc.ClientUnaryCall;
  
  WaitForRefresh(argument: _labimages_v1_WaitForRefreshRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_labimages_v1_WaitForRefreshResponse__Output>;
  WaitForRefresh(argument: _labimages_v1_WaitForRefreshRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_labimages_v1_WaitForRefreshResponse__Output>;
  waitForRefresh(argument: _labimages_v1_WaitForRefreshRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_labimages_v1_WaitForRefreshResponse__Output>;
  waitForRefresh(argument: _labimages_v1_WaitForRefreshRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_labimages_v1_WaitForRefreshResponse__Output>;
  
  WatchPrepullStatus(argument: _labimages_v1_WatchPrepullStatusRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_labimages_v1_WatchPrepullStatusResponse__Output>;
  WatchPrepullStatus(argument: _labimages_v1_WatchPrepullStatusRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_labimages_v1_WatchPrepullStatusResponse__Output>;
  watchPrepullStatus(argument: _labimages_v1_WatchPrepullStatusRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_labimages_v1_WatchPrepullStatusResponse__Output>;
  watchPrepullStatus(argument: _labimages_v1_WatchPrepullStatusRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_labimages_v1_WatchPrepullStatusResponse__Output>;
  
}

export interface ImageServiceHandlers extends grpc.UntypedServiceImplementation {
  GetCaller: grpc.handleUnaryCall<_labimages_v1_GetCallerRequest__Output, _labimages_v1_GetCallerResponse>;
  
  GetMenu: grpc.handleUnaryCall<_labimages_v1_GetMenuRequest__Output, _labimages_v1_GetMenuResponse>;
  
  GetPrepullStatus: grpc.handleUnaryCall<_labimages_v1_GetPrepullStatusRequest__Output, _labimages_v1_GetPrepullStatusResponse>;
  
  ListImages: grpc.handleUnaryCall<_labimages_v1_ListImagesRequest__Output, _labimages_v1_ListImagesResponse>;
  
  ListMissingImages: grpc.handleUnaryCall<_labimages_v1_ListMissingImagesRequest__Output, _labimages_v1_ListMissingImagesResponse>;
  
  MarkPrepulled: grpc.handleUnaryCall<_labimages_v1_MarkPrepulledRequest__Output, _labimages_v1_MarkPrepulledResponse>;
  
  Refresh: grpc.handleUnaryCall<_labimages_v1_RefreshRequest__Output, _labimages_v1_RefreshResponse>;
  
  ReportPrepull: grpc.handleUnaryCall<_labimages_v1_ReportPrepullRequest__Output, _labimages_v1_ReportPrepullResponse>;
  
  ResolveImage: grpc.handleUnaryCall<_labimages_v1_ResolveImageRequest__Output, _labimages_v1_ResolveImageResponse>;
  
  WaitForRefresh: grpc.handleServerStreamingCall<_labimages_v1_WaitForRefreshRequest__Output, _labimages_v1_WaitForRefreshResponse>;
  
  WatchPrepullStatus: grpc.handleServerStreamingCall<_labimages_v1_WatchPrepullStatusRequest__Output, _labimages_v1_WatchPrepullStatusResponse>;
  
}

export interface ImageServiceDefinition extends grpc.ServiceDefinition {
  GetCaller: MethodDefinition<_labimages_v1_GetCallerRequest, _labimages_v1_GetCallerResponse, _labimages_v1_GetCallerRequest__Output, _labimages_v1_GetCallerResponse__Output>
  GetMenu: MethodDefinition<_labimages_v1_GetMenuRequest, _labimages_v1_GetMenuResponse, _labimages_v1_GetMenuRequest__Output, _labimages_v1_GetMenuResponse__Output>
  GetPrepullStatus: MethodDefinition<_labimages_v1_GetPrepullStatusRequest, _labimages_v1_GetPrepullStatusResponse, _labimages_v1_GetPrepullStatusRequest__Output, _labimages_v1_GetPrepullStatusResponse__Output>
  ListImages: MethodDefinition<_labimages_v1_ListImagesRequest, _labimages_v1_ListImagesResponse, _labimages_v1_ListImagesRequest__Output, _labimages_v1_ListImagesResponse__Output>
  ListMissingImages: MethodDefinition<_labimages_v1_ListMissingImagesRequest, _labimages_v1_ListMissingImagesResponse, _labimages_v1_ListMissingImagesRequest__Output, _labimages_v1_ListMissingImagesResponse__Output>
  MarkPrepulled: MethodDefinition<_labimages_v1_MarkPrepulledRequest, _labimages_v1_MarkPrepulledResponse, _labimages_v1_MarkPrepulledRequest__Output, _labimages_v1_MarkPrepulledResponse__Output>
  Refresh: MethodDefinition<_labimages_v1_RefreshRequest, _labimages_v1_RefreshResponse, _labimages_v1_RefreshRequest__Output, _labimages_v1_RefreshResponse__Output>
  ReportPrepull: MethodDefinition<_labimages_v1_ReportPrepullRequest, _labimages_v1_ReportPrepullResponse, _labimages_v1_ReportPrepullRequest__Output, _labimages_v1_ReportPrepullResponse__Output>
  ResolveImage: MethodDefinition<_labimages_v1_ResolveImageRequest, _labimages_v1_ResolveImageResponse, _labimages_v1_ResolveImageRequest__Output, _labimages_v1_ResolveImageResponse__Output>
  WaitForRefresh: MethodDefinition<_labimages_v1_WaitForRefreshRequest, _labimages_v1_WaitForRefreshResponse, _labimages_v1_WaitForRefreshRequest__Output, _labimages_v1_WaitForRefreshResponse__Output>
  WatchPrepullStatus: MethodDefinition<_labimages_v1_WatchPrepullStatusRequest, _labimages_v1_WatchPrepullStatusResponse, _labimages_v1_WatchPrepullStatusRequest__Output, _labimages_v1_WatchPrepullStatusResponse__Output>
}
