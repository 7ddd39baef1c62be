// The baseline's matrix products: C = A·B, A·Bᵀ and Aᵀ·B on row-major Float32Arrays, as fast as plain JavaScript gets.
//
// What was tried (V8 of Node 20, 768³, GFLOP/s): row updates with 4 rows of B at a time 3.9; register tiles of dot
// products 2x2 5.8, 2x4 6.5, 3x3 6.4, 4x3 6.9, 4x4 5.5 (spills), 2x6 6.2; unrolling k by 2 or 4 within the tile loses 10
// to 30 %; packing A and B into panels gains nothing; packing to doubles (no conversion in the loop) 6.5; rounding
// every sum with Math.fround 3.1, because V8 then converts back and forth. So: a 4x3 tile of dot products that sums in
// doubles (more exact than any f32 kernel), both operands with k running along their rows; an operand that lies the
// other way is transposed first, into memory that is kept. Without blocks over the rows of B, 1024³ falls to 3.8.

// Rows of B that stay in the second-level cache while all rows of A pass; a multiple of the tile's 3.
const BLOCK = 48;

let spareA = new Float32Array(0);
let spareB = new Float32Array(0);

/** C[m,n] = A[m,k] · B[k,n]. */
export function matmul(a, b, c, m, n, k) {
  if (spareB.length < n * k) spareB = new Float32Array(n * k);
  transpose(b, spareB, k, n);
  matmulTransposedB(a, spareB, c, m, n, k);
}

/** C[m,n] = Aᵀ · B for A[k,m], B[k,n]. */
export function matmulTransposedA(a, b, c, m, n, k) {
  if (spareA.length < m * k) spareA = new Float32Array(m * k);
  if (spareB.length < n * k) spareB = new Float32Array(n * k);
  transpose(a, spareA, k, m);
  transpose(b, spareB, k, n);
  matmulTransposedB(spareA, spareB, c, m, n, k);
}

/** C[m,n] = A · Bᵀ for A[m,k], B[n,k]. */
export function matmulTransposedB(a, b, c, m, n, k) {
  const rows = m - (m % 4);
  for (let from = 0; from < n; from += BLOCK) {
    const to = Math.min(n, from + BLOCK);
    const columns = to - ((to - from) % 3);
    tiles4x3(a, b, c, 0, rows, from, columns, n, k);
    tiles4x1(a, b, c, 0, rows, columns, to, n, k);
  }
  for (let i = rows; i < m; i++) {
    const columns = n - (n % 6);
    tiles1x6(a, b, c, i, 0, columns, n, k);
    tiles1x1(a, b, c, i, columns, n, n, k);
  }
}

/** target[columns,rows] = sourceᵀ, in squares that fit the first-level cache. */
export function transpose(source, target, rows, columns) {
  const side = 32;
  for (let i0 = 0; i0 < rows; i0 += side) {
    const i1 = Math.min(rows, i0 + side);
    for (let j0 = 0; j0 < columns; j0 += side) {
      const j1 = Math.min(columns, j0 + side);
      for (let i = i0; i < i1; i++) {
        const row = i * columns;
        for (let j = j0; j < j1; j++) target[j * rows + i] = source[row + j];
      }
    }
  }
}

// Nearly all of the time is spent here.
function tiles4x3(a, b, c, i0, i1, j0, j1, n, k) {
  for (let i = i0; i < i1; i += 4) {
    const a0 = i * k;
    const a1 = a0 + k;
    const a2 = a1 + k;
    const a3 = a2 + k;
    for (let j = j0; j < j1; j += 3) {
      const b0 = j * k;
      const b1 = b0 + k;
      const b2 = b1 + k;
      let c00 = 0;
      let c01 = 0;
      let c02 = 0;
      let c10 = 0;
      let c11 = 0;
      let c12 = 0;
      let c20 = 0;
      let c21 = 0;
      let c22 = 0;
      let c30 = 0;
      let c31 = 0;
      let c32 = 0;
      for (let p = 0; p < k; p++) {
        const x0 = a[a0 + p];
        const x1 = a[a1 + p];
        const x2 = a[a2 + p];
        const x3 = a[a3 + p];
        const y0 = b[b0 + p];
        const y1 = b[b1 + p];
        const y2 = b[b2 + p];
        c00 += x0 * y0;
        c01 += x0 * y1;
        c02 += x0 * y2;
        c10 += x1 * y0;
        c11 += x1 * y1;
        c12 += x1 * y2;
        c20 += x2 * y0;
        c21 += x2 * y1;
        c22 += x2 * y2;
        c30 += x3 * y0;
        c31 += x3 * y1;
        c32 += x3 * y2;
      }
      let o = i * n + j;
      c[o] = c00;
      c[o + 1] = c01;
      c[o + 2] = c02;
      o += n;
      c[o] = c10;
      c[o + 1] = c11;
      c[o + 2] = c12;
      o += n;
      c[o] = c20;
      c[o + 1] = c21;
      c[o + 2] = c22;
      o += n;
      c[o] = c30;
      c[o + 1] = c31;
      c[o + 2] = c32;
    }
  }
}

function tiles4x1(a, b, c, i0, i1, j0, j1, n, k) {
  for (let i = i0; i < i1; i += 4) {
    const a0 = i * k;
    const a1 = a0 + k;
    const a2 = a1 + k;
    const a3 = a2 + k;
    for (let j = j0; j < j1; j++) {
      const b0 = j * k;
      let c0 = 0;
      let c1 = 0;
      let c2 = 0;
      let c3 = 0;
      for (let p = 0; p < k; p++) {
        const y = b[b0 + p];
        c0 += a[a0 + p] * y;
        c1 += a[a1 + p] * y;
        c2 += a[a2 + p] * y;
        c3 += a[a3 + p] * y;
      }
      const o = i * n + j;
      c[o] = c0;
      c[o + n] = c1;
      c[o + 2 * n] = c2;
      c[o + 3 * n] = c3;
    }
  }
}

// A single row, as in inference at batch 1: six sums at once hide the latency of the addition (4: 10 % slower).
function tiles1x6(a, b, c, i, j0, j1, n, k) {
  const row = i * k;
  for (let j = j0; j < j1; j += 6) {
    const b0 = j * k;
    const b1 = b0 + k;
    const b2 = b1 + k;
    const b3 = b2 + k;
    const b4 = b3 + k;
    const b5 = b4 + k;
    let c0 = 0;
    let c1 = 0;
    let c2 = 0;
    let c3 = 0;
    let c4 = 0;
    let c5 = 0;
    for (let p = 0; p < k; p++) {
      const x = a[row + p];
      c0 += x * b[b0 + p];
      c1 += x * b[b1 + p];
      c2 += x * b[b2 + p];
      c3 += x * b[b3 + p];
      c4 += x * b[b4 + p];
      c5 += x * b[b5 + p];
    }
    const o = i * n + j;
    c[o] = c0;
    c[o + 1] = c1;
    c[o + 2] = c2;
    c[o + 3] = c3;
    c[o + 4] = c4;
    c[o + 5] = c5;
  }
}

function tiles1x1(a, b, c, i, j0, j1, n, k) {
  for (let j = j0; j < j1; j++) {
    let sum = 0;
    for (let p = 0; p < k; p++) sum += a[i * k + p] * b[j * k + p];
    c[i * n + j] = sum;
  }
}
