import { EvenkeelError } from "evenkeel";
import { expectTypeOf, test } from "vitest";

test("an error's code and data are readable, and read-only", () => {
  const error = new EvenkeelError("SOME_CODE", "text");
  expectTypeOf(error.code).toEqualTypeOf<string>();
  expectTypeOf(error.data).toEqualTypeOf<Readonly<Record<string, unknown>>>();
  expectTypeOf(error).toExtend<Error>();
  // @ts-expect-error: a code does not change
  error.code = "OTHER";
});
