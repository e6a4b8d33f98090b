import fc from "fast-check";

/** Digits as people write them: small or large, with or without leading zeros, now and then beyond exact numbers. */
export const digits: fc.Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: fc.nat({ max: 120 }).map(String) },
  { weight: 2, arbitrary: fc.nat({ max: 120 }).map((value) => `00${value}`) },
  { weight: 1, arbitrary: fc.bigInt({ min: 2n ** 53n - 2n, max: 2n ** 53n + 9n }).map(String) },
);

/** An architecture's name. */
export const architecture: fc.Arbitrary<string> = fc.constantFrom("amd64", "arm64", "riscv64", "x86");

/** Text that comes close to the grammar, and far from it. */
export const nearlyTag: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.constantFrom("r", "w_", "d_", "exp_", "_rc", "_c", "_rsp", "_", "-", ".", "amd64", "Foo", "latest"),
      fc.constantFrom("r170", "r22_0_1", "w_2077_43", "d_2077_10_23", "w_2021_54", "d_2021_02_30"),
      digits,
    ),
    { maxLength: 8 },
  )
  .map((pieces) => pieces.join(""));
