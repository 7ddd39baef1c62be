// Feature counts in types: what a model takes and gives is known where sizes are literals, and misfits do not compile.
import { Module, nn, type Tensor } from "evenkeel";
import { expectTypeOf, test } from "vitest";

class FourToTwo extends Module<4, 2> {
  override forward(x: Tensor): Tensor {
    return x;
  }
}
class AsItComes extends Module<"same", "same"> {
  override forward(x: Tensor): Tensor {
    return x;
  }
}
class Unknown extends Module {
  override forward(x: Tensor): Tensor {
    return x;
  }
}
const size = 7 as number;

test("layers know their features", () => {
  expectTypeOf(nn.dense(784, 256)).toEqualTypeOf<nn.CoreModule<784, 256>>();
  expectTypeOf(nn.dense(784, 256).inFeatures).toEqualTypeOf<784>();
  expectTypeOf(nn.dense(784, 256).outFeatures).toEqualTypeOf<256>();
  expectTypeOf(nn.batchNorm(8)).toEqualTypeOf<nn.CoreModule<8, 8>>();
  expectTypeOf(nn.featureNorm(8)).toEqualTypeOf<nn.FeatureNorm<8>>();
  expectTypeOf(nn.featureNorm(8).adapt([[1]])).toEqualTypeOf<nn.FeatureNorm<8>>();
  expectTypeOf(nn.relu()).toEqualTypeOf<nn.CoreModule<"same", "same">>();
  expectTypeOf(nn.dropout()).toEqualTypeOf<nn.CoreModule<"same", "same">>();
  expectTypeOf(nn.flatten()).toEqualTypeOf<nn.CoreModule<number, number>>();
  expectTypeOf(nn.dense(size, 2)).toEqualTypeOf<nn.CoreModule<number, 2>>();
});

test("a sequence takes what its first layer takes and gives what its last gives", () => {
  const model = nn.sequential(
    nn.dense(784, 256),
    nn.batchNorm(256),
    nn.relu(),
    nn.dropout(0.2),
    nn.sequential(nn.dense(256, 128), nn.batchNorm(128), nn.relu()),
    nn.residual(nn.sequential(nn.dense(128, 32), nn.relu(), nn.dense(32, 128))),
    nn.parallel([nn.dense(128, 16), nn.dense(128, 16)], { join: "sum" }),
    nn.dense(16, 10),
  );
  expectTypeOf(model).toEqualTypeOf<nn.CoreModule<784, 10>>();
  expectTypeOf(model.inFeatures).toEqualTypeOf<784>();
  expectTypeOf(model.outFeatures).toEqualTypeOf<10>();
});

test("layers that keep what comes in are looked through", () => {
  expectTypeOf(nn.sequential(nn.relu(), nn.dense(4, 2), nn.tanh())).toEqualTypeOf<nn.CoreModule<4, 2>>();
  expectTypeOf(nn.sequential(nn.relu(), nn.dropout())).toEqualTypeOf<nn.CoreModule<"same", "same">>();
  expectTypeOf(nn.sequential()).toEqualTypeOf<nn.CoreModule<"same", "same">>();
  expectTypeOf(nn.residual(nn.relu())).toEqualTypeOf<nn.CoreModule<"same", "same">>();
  expectTypeOf(nn.sequential(nn.dense(3, 4), nn.residual(nn.relu()), nn.batchNorm(4)).outFeatures).toEqualTypeOf<4>();
});

test("a layer that does not fit the one before it is an error", () => {
  // @ts-expect-error: 128 after 256
  nn.sequential(nn.dense(784, 256), nn.batchNorm(128));
  // @ts-expect-error: 128 after 256, with layers between that keep them
  nn.sequential(nn.dense(784, 256), nn.relu(), nn.dropout(), nn.dense(128, 10));
  // @ts-expect-error: 128 after 256, inside a sequence
  nn.sequential(nn.dense(784, 256), nn.sequential(nn.relu(), nn.batchNorm(128)));
  // @ts-expect-error: the sequence gives 256
  nn.sequential(nn.sequential(nn.dense(784, 256), nn.relu()), nn.batchNorm(128));
  // @ts-expect-error: the residual gives 256
  nn.sequential(nn.residual(nn.dense(256, 256)), nn.batchNorm(128));
  // @ts-expect-error: what was taken in without a known size is known after a dense layer
  nn.sequential(nn.flatten(), nn.dense(784, 256), nn.batchNorm(128));
  // @ts-expect-error: feature norm counts too
  nn.sequential(nn.featureNorm(3), nn.dense(4, 2));
  // @ts-expect-error: no layer at all
  nn.sequential(nn.dense(2, 3), 5);
});

test("the error stands at the layer", () => {
  nn.sequential(
    nn.dense(784, 256),
    // @ts-expect-error: here, and nowhere else
    nn.batchNorm(128),
    nn.relu(),
    nn.dense(128, 10),
  );
});

test("sizes that are not literals are not checked, and what follows them is", () => {
  expectTypeOf(nn.sequential(nn.dense(784, size), nn.batchNorm(128))).toEqualTypeOf<nn.CoreModule<784, 128>>();
  expectTypeOf(nn.sequential(nn.dense(784, 256), nn.batchNorm(size))).toEqualTypeOf<nn.CoreModule<784, number>>();
  expectTypeOf(nn.sequential(nn.dense(784, 256), nn.flatten(), nn.batchNorm(9))).toEqualTypeOf<nn.CoreModule<784, 9>>();
  // @ts-expect-error: 4 after 3
  nn.sequential(nn.dense(2, size), nn.dense(size, 3), nn.dense(4, 5));
});

test("lists of unknown length compile, with what is known at their ends", () => {
  const layers: nn.CoreModule[] = [];
  expectTypeOf(nn.sequential(...layers)).toEqualTypeOf<nn.CoreModule<number, number>>();
  expectTypeOf(nn.sequential(nn.dense(3, 4), ...layers).inFeatures).toEqualTypeOf<3>();
  expectTypeOf(nn.sequential(nn.dense(3, 4), ...layers).outFeatures).toEqualTypeOf<number>();
});

test("classes of one's own take part", () => {
  const model = nn.sequential(nn.dense(8, 4), new FourToTwo(), new AsItComes(), nn.dense(2, 3));
  expectTypeOf(model).toEqualTypeOf<Module<8, 3>>();
  expectTypeOf(nn.sequential(nn.dense(8, 4), new Unknown(), nn.dense(9, 3))).toEqualTypeOf<Module<8, 3>>();
  expectTypeOf(nn.residual(new AsItComes())).toEqualTypeOf<Module<"same", "same">>();
  // @ts-expect-error: it takes 4
  nn.sequential(nn.dense(8, 5), new FourToTwo());
  // @ts-expect-error: it gives 2
  nn.sequential(new FourToTwo(), nn.dense(4, 3));
  // @ts-expect-error: looked through, it is still 2
  nn.sequential(new FourToTwo(), new AsItComes(), nn.dense(4, 3));
  // @ts-expect-error: it gives 2 where it takes 4
  nn.residual(new FourToTwo());
});

test("the body of a residual gives what it takes", () => {
  expectTypeOf(nn.residual(nn.dense(4, 4))).toEqualTypeOf<nn.CoreModule<4, 4>>();
  expectTypeOf(nn.residual(nn.dense(4, size))).toEqualTypeOf<nn.CoreModule<4, number>>();
  // @ts-expect-error: 8 from 4
  nn.residual(nn.dense(4, 8));
  // @ts-expect-error: 5 from 4
  nn.residual(nn.sequential(nn.dense(4, 8), nn.relu(), nn.dense(8, 5)));
});

test("parallel branches take the same, and give the same where they are added", () => {
  expectTypeOf(nn.parallel([nn.dense(4, 8), nn.dense(4, 9)])).toEqualTypeOf<nn.CoreModule<4, number>>();
  expectTypeOf(nn.parallel([nn.relu(), nn.dense(4, 8)]).inFeatures).toEqualTypeOf<4>();
  expectTypeOf(nn.parallel([nn.dense(4, 8), nn.dense(4, 8)], { join: "sum" })).toEqualTypeOf<nn.CoreModule<4, 8>>();
  expectTypeOf(nn.parallel([nn.dense(4, 8), new FourToTwo()])).toEqualTypeOf<Module<4, number>>();
  // @ts-expect-error: 5 beside 4
  nn.parallel([nn.dense(4, 8), nn.dense(5, 8)]);
  // @ts-expect-error: 9 added to 8
  nn.parallel([nn.dense(4, 8), nn.dense(4, 9)], { join: "sum" });
  // @ts-expect-error: there is no such join
  nn.parallel([nn.dense(4, 8)], { join: "product" });
});

test("what only the core's modules can do is there where all layers are the core's", () => {
  const model = nn.sequential(nn.dense(784, 256), nn.batchNorm(256));
  expectTypeOf(model.foldBatchNorm()).toEqualTypeOf<nn.CoreModule<784, 256>>();
  expectTypeOf(nn.load(new Uint8Array()).foldBatchNorm()).toExtend<Module>();
  // @ts-expect-error: JavaScript runs this one
  nn.sequential(nn.dense(8, 4), new FourToTwo()).foldBatchNorm();
  // @ts-expect-error: and this one
  nn.sequential(nn.sequential(nn.dense(8, 4), new FourToTwo()), nn.relu()).foldBatchNorm();
  // @ts-expect-error: a class of one's own has none
  new FourToTwo().foldBatchNorm();
});

test("any model may stand where a module is wanted, and a copy is of the same type", () => {
  const model = nn.sequential(nn.dense(4, 8), nn.relu());
  expectTypeOf(model).toExtend<nn.Module>();
  expectTypeOf(new FourToTwo()).toExtend<nn.Module>();
  expectTypeOf(model.clone()).toEqualTypeOf<nn.CoreModule<4, 8>>();
  expectTypeOf(model.train().freeze().eval()).toEqualTypeOf<nn.CoreModule<4, 8>>();
  expectTypeOf(new FourToTwo().clone()).toEqualTypeOf<FourToTwo>();
});
