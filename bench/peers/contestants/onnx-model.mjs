// ONNX files of the benchmark's products and net, written by protobufjs with the part of ONNX's schema that they need
// (github.com/onnx/onnx, onnx/onnx.proto; the numbers of the fields are its).
import protobuf from "protobufjs";

const FLOAT = 1;
const ATTRIBUTE_FLOAT = 1;
const ATTRIBUTE_INT = 2;

const { root } = protobuf.parse(
  `
  syntax = "proto3";
  message AttributeProto { string name = 1; float f = 2; int64 i = 3; int32 type = 20; }
  message NodeProto { repeated string input = 1; repeated string output = 2; string name = 3; string op_type = 4;
    repeated AttributeProto attribute = 5; }
  message TensorProto { repeated int64 dims = 1; int32 data_type = 2; string name = 8; bytes raw_data = 9; }
  message Dimension { int64 dim_value = 1; string dim_param = 2; }
  message TensorShapeProto { repeated Dimension dim = 1; }
  message Tensor { int32 elem_type = 1; TensorShapeProto shape = 2; }
  message TypeProto { Tensor tensor_type = 1; }
  message ValueInfoProto { string name = 1; TypeProto type = 2; }
  message GraphProto { repeated NodeProto node = 1; string name = 2; repeated TensorProto initializer = 5;
    repeated ValueInfoProto input = 11; repeated ValueInfoProto output = 12; }
  message OperatorSetIdProto { string domain = 1; int64 version = 2; }
  message ModelProto { int64 ir_version = 1; string producer_name = 2; GraphProto graph = 7;
    repeated OperatorSetIdProto opset_import = 8; }
`,
  { keepCase: true },
);

/** One product of `a`, which is given, with `b`, which the model holds: as MatMul, or as Gemm if one is transposed. */
export function productModel({ b, m, n, k, transposed }) {
  const node =
    transposed === ""
      ? { op_type: "MatMul", input: ["a", "b"], output: ["c"] }
      : {
          op_type: "Gemm",
          input: ["a", "b"],
          output: ["c"],
          attribute: [integer(transposed === "a" ? "transA" : "transB", 1)],
        };
  return encode({
    node: [node],
    initializer: [constant("b", transposed === "b" ? [n, k] : [k, n], b)],
    input: [value("a", transposed === "a" ? [k, m] : [m, k])],
    output: [value("c", [m, n])],
  });
}

/** The MNIST net in eval mode, as PyTorch writes it: Gemm with the weights' transposition, BatchNormalization, Relu. */
export function netModel(state, eps) {
  const node = [];
  const initializer = [];
  const put = (name, shape) => {
    initializer.push(constant(name, shape ?? [state[name].length], state[name]));
    return name;
  };
  let input = "x";
  const add = (op_type, inputs, attribute = []) => {
    const output = `${op_type}${node.length}`;
    node.push({ op_type, input: [input, ...inputs], output: [output], attribute });
    input = output;
  };
  let width = 784;
  for (const place of [0, 3, 6]) {
    const outputs = state[`${place}.bias`].length;
    add("Gemm", [put(`${place}.weight`, [outputs, width]), put(`${place}.bias`)], [integer("transB", 1)]);
    width = outputs;
    if (place === 6) break;
    const norm = ["weight", "bias", "running_mean", "running_var"].map((name) => put(`${place + 1}.${name}`));
    add("BatchNormalization", norm, [{ name: "epsilon", f: eps, type: ATTRIBUTE_FLOAT }]);
    add("Relu", []);
  }
  node.at(-1).output = ["logits"];
  return encode({ node, initializer, input: [value("x", ["rows", 784])], output: [value("logits", ["rows", width])] });
}

function encode(graph) {
  const model = {
    ir_version: 8,
    producer_name: "evenkeel bench",
    graph: { name: "graph", ...graph },
    opset_import: [{ domain: "", version: 17 }],
  };
  const type = root.lookupType("ModelProto");
  const wrong = type.verify(model);
  if (wrong) throw new Error(`the ONNX model is not right: ${wrong}`);
  return type.encode(type.create(model)).finish();
}

function constant(name, dims, values) {
  const raw_data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { name, dims, data_type: FLOAT, raw_data };
}

function integer(name, i) {
  return { name, i, type: ATTRIBUTE_INT };
}

function value(name, sizes) {
  const dim = sizes.map((size) => (typeof size === "string" ? { dim_param: size } : { dim_value: size }));
  return { name, type: { tensor_type: { elem_type: FLOAT, shape: { dim } } } };
}
