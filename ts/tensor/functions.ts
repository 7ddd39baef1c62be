/** Numbers of the element-wise functions and operations in the core; the other table is `evenkeel-wasm/src/convert.rs`. */

/** Functions of one operand. */
export const unary = {
  neg: 0,
  abs: 1,
  exp: 2,
  log: 3,
  log1p: 4,
  expm1: 5,
  sqrt: 6,
  rsqrt: 7,
  square: 8,
  reciprocal: 9,
  sin: 10,
  cos: 11,
  tanh: 12,
  sigmoid: 13,
  erf: 14,
  sign: 15,
  relu: 16,
  relu6: 17,
  leakyRelu: 18,
  elu: 19,
  selu: 20,
  gelu: 21,
  geluTanh: 22,
  silu: 23,
  mish: 24,
  softplus: 25,
  softsign: 26,
  hardswish: 27,
  hardsigmoid: 28,
  hardtanh: 29,
  logsigmoid: 30,
  clip: 31,
  pow: 32,
  addScalar: 33,
  mulScalar: 34,
} as const;

/** Operations on two operands. */
export const binary = {
  add: 0,
  sub: 1,
  mul: 2,
  div: 3,
  pow: 4,
  minimum: 5,
  maximum: 6,
  eq: 7,
  ne: 8,
  lt: 9,
  le: 10,
  gt: 11,
  ge: 12,
} as const;

/** Reductions over several axes. */
export const reduction = { sum: 0, mean: 1, var: 2, std: 3 } as const;

/** What works along one axis. */
export const along = { max: 0, min: 1, softmax: 2, logSoftmax: 3, logSumExp: 4 } as const;

/** New shapes for the same values, or more of them. */
export const reshaping = { reshape: 0, permute: 1, expand: 2 } as const;
