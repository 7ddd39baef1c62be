/** Before all tests of the edge examples: the model that they serve. */
import { load } from "./support.js";

export async function setup(): Promise<void> {
  const { makeModel } = await load("edge/model.mjs");
  await makeModel();
}
