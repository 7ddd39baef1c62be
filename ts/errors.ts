/**
 * Every error that evenkeel throws. `code` is stable and meant for programs, `data` holds what the text was made of,
 * `message` says what happened and what to do.
 */
export class EvenkeelError extends Error {
  readonly code: string;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, data: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "EvenkeelError";
    this.code = code;
    this.data = data;
  }
}
