import { AssertionError } from "node:assert/strict";
import type { TestContext } from "node:test";

/**
 * Marks a test that fails as long as a field case is open: it passes while the body fails an assertion, and fails once
 * the body passes, so that the mark is removed with the fault. Whatever else the body throws is the test's own failure.
 */
export function failsUntil(
  fieldCase: string,
  body: (context: TestContext) => Promise<void>,
): (context: TestContext) => Promise<void> {
  return async (context) => {
    try {
      await body(context);
    } catch (error) {
      if (!(error instanceof AssertionError)) throw error;
      context.diagnostic(`${fieldCase} is open: ${error.message.split("\n")[0]}`);
      return;
    }
    throw new Error(`${fieldCase} is fixed: remove the mark`);
  };
}
