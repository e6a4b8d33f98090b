import type { CaseRunner } from "./run-directory.ts";
import { runReference } from "./runners/docker-reference.ts";
import { runService } from "./runners/service.ts";
import { runTagFilter } from "./runners/tag-filter.ts";
import { runTagOrder } from "./runners/tag-order.ts";
import { runAliasParse, runTagParse } from "./runners/tag-parse.ts";
import { runTolerations } from "./runners/tolerations.ts";

/** Which runner computes the cases of a file, by its `file` field. */
export const RUNNERS: Readonly<Record<string, CaseRunner>> = {
  tag_parse: runTagParse,
  alias_parse: runAliasParse,
  tag_order: runTagOrder,
  tag_filter: runTagFilter,
  docker_reference: runReference,
  tolerations: runTolerations,
  service_docker: runService,
  service_gar: runService,
};
