import { z } from "zod";
import { text } from "./fields.ts";

/*
 * Kubernetes' own rules for what goes into its objects (k8s.io/apimachinery/pkg/util/validation), so that a value that the
 * API server would refuse is refused with its key before anything starts.
 */

const LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
/** Names of labels and the values of labels have the same form. */
const NAME = "[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?";
const SUBDOMAIN = String.raw`[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*`;

/** A DNS label (RFC 1123): the name of a namespace. */
export const dnsLabel = text(
  "a DNS label: at most 63 lower-case letters, digits and -, with a letter or digit at both ends",
  new RegExp(`^${LABEL}$`),
);

/** A DNS subdomain (RFC 1123): the name of most objects. */
export const dnsSubdomain = text(
  "a DNS name: at most 253 lower-case letters, digits, - and ., each part with a letter or digit at both ends",
  new RegExp(`^(?=.{1,253}$)${SUBDOMAIN}$`),
);

/** A qualified name, `name` or `prefix/name`: the key of a label or of a taint. */
export const qualifiedName = text(
  "a name such as labs or example.org/labs: at most 63 letters, digits, -, _ and ., after a DNS name and / where there is one",
  new RegExp(`^(?:(?=[^/]{1,253}/)${SUBDOMAIN}/)?${NAME}$`),
);

/** The value of a label, which may be empty. */
export const labelValue = text(
  "the value of a label: at most 63 letters, digits, -, _ and ., with a letter or digit at both ends",
  new RegExp(`^(?:${NAME})?$`),
);

/** A selector's labels travel in the URL of each list; no cluster selects by as many. */
const MAX_LABELS = 100;

/** Labels, or a selector of them: keys and values. */
export const labels = z
  .record(qualifiedName, labelValue, { error: "a mapping of labels to values" })
  .refine((value) => Object.keys(value).length <= MAX_LABELS, { error: `at most ${MAX_LABELS} labels` });
