import { objectOf } from "../../lib/json.ts";
import type { TokenReviewer } from "../../ports.ts";
import type { KubernetesConnection } from "../client/connection.ts";

/** Time in ms that a review may take. */
const REVIEW_MS = 5_000;

/** Reviews tokens by the API server (authentication.k8s.io TokenReview) for this audience. */
export function createTokenReviewer(connection: KubernetesConnection, audience: string): TokenReviewer {
  return {
    async review(token, signal) {
      const answer = await connection.call({
        what: "review a caller's token",
        method: "POST",
        path: "/apis/authentication.k8s.io/v1/tokenreviews",
        body: {
          apiVersion: "authentication.k8s.io/v1",
          kind: "TokenReview",
          spec: { token, audiences: [audience] },
        },
        deadlineMs: REVIEW_MS,
        signal,
      });
      const { authenticated, audiences, user } = objectOf(objectOf(answer)["status"]);
      const { username } = objectOf(user);
      // An API server that does not know audiences returns none: the token may be for anybody.
      const isForUs = Array.isArray(audiences) && audiences.includes(audience);
      return authenticated === true && isForUs && typeof username === "string" && username !== "" ? username : null;
    },
  };
}
