// The confusion matrix as text for a terminal.

/** Rows are the digits, columns what the model took them for; zeros are dots, so that the errors stand out. */
export function confusionTable(matrix) {
  const digits = matrix.map((_, digit) => String(digit));
  const rows = matrix.map((row, digit) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return [String(digit), ...row.map((count) => (count === 0 ? "·" : String(count))), share(row[digit], total)];
  });
  const head = ["", ...digits, "right"];
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.length));
  const count = Math.max(...cells.map((row) => Math.max(...row.slice(1, -1))));
  const width = head.map((_, column) =>
    column === 0 ? 1 : column > digits.length ? Math.max(...cells.map((row) => row[column])) : count,
  );
  const line = (cells) => `  ${cells.map((cell, column) => cell.padStart(width[column])).join("  ")}`;
  return [line(head), ...rows.map(line)].join("\n");
}

function share(part, total) {
  return `${((100 * part) / total).toFixed(1)} %`;
}
