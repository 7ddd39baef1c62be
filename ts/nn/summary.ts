/** The table that `summary()` prints. */

/** One layer of a summary. */
export interface SummaryRow {
  /** Its place in the model, empty for the model itself. */
  readonly path: string;
  /** Its kind. */
  readonly kind: string;
  /** Shape of its output, where the input's is known. */
  readonly output: readonly number[] | null;
  /** Trained values of its own. */
  readonly parameters: number;
  /** Values of its own that are kept but not trained. */
  readonly buffers: number;
  /** Whether it is frozen. */
  readonly frozen: boolean;
  /** Whether it holds other layers. */
  readonly container: boolean;
}

const group = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ",");

/** Rows as an aligned table, with totals. */
export function tableOf(rows: readonly SummaryRow[]): string {
  const shapes = rows.some((r) => r.output !== null);
  const head = ["layer", "kind", ...(shapes ? ["output"] : []), "parameters", "buffers"];
  const body = rows.map((r) => [
    r.path === "" ? "(model)" : r.path,
    r.kind + (r.frozen ? " (frozen)" : ""),
    ...(shapes ? [r.output === null ? "" : `[${r.output.join(", ")}]`] : []),
    r.container ? "" : group(r.parameters),
    r.container ? "" : group(r.buffers),
  ]);
  const numeric = head.length - 2;
  const widths = head.map((h, i) => Math.max(h.length, ...body.map((row) => (row[i] as string).length)));
  const line = (cells: string[]): string =>
    cells
      .map((c, i) => (i >= numeric ? c.padStart(widths[i] as number) : c.padEnd(widths[i] as number)))
      .join("  ")
      .trimEnd();
  const trained = rows.filter((r) => !r.frozen).reduce((n, r) => n + r.parameters, 0);
  const all = rows.reduce((n, r) => n + r.parameters, 0);
  const total = `${group(all)} parameters${trained === all ? "" : `, ${group(trained)} of them trained`}`;
  return [line(head), widths.map((w) => "-".repeat(w)).join("  "), ...body.map(line), "", total].join("\n");
}
