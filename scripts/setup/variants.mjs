// The wasm files, all of the same source: exact or relaxed arithmetic, one thread or several. What differs between
// them is only what is here.

// Every host has these.
const plain = ["+simd128"];
// What a memory that several threads share asks of every object file, the standard library's too.
const shared = [...plain, "+atomics", "+bulk-memory", "+mutable-globals"];
const relaxed = "+relaxed-simd";

/** Of each standard library that is needed, the features that it is compiled with. */
export const stdFeatures = { plain: plain.join(","), shared: shared.join(",") };

/** The pages of 64 KiB that a shared memory starts with; who makes it (ts/runtime) must use the same number. */
export const sharedPages = 64;

// The memory comes from JavaScript, which may give it a lower limit than the 4 GiB here.
const sharedLink = [
  "--shared-memory",
  "--import-memory",
  `--initial-memory=${sharedPages * 65536}`,
  "--max-memory=4294967296",
  ...["__wasm_init_tls", "__tls_size", "__tls_align", "__tls_base", "__stack_pointer"].map(
    (name) => `--export=${name}`,
  ),
];

function variant(name, threads, math) {
  const features = [...(threads ? shared : plain), ...(math === "relaxed" ? [relaxed] : [])];
  return {
    name,
    std: threads ? "shared" : "plain",
    targetFeatures: features.join(","),
    crateFeatures: threads ? ["threads"] : [],
    linkArguments: threads ? sharedLink : [],
    optimiserFlags: [
      ...(threads ? ["--enable-threads"] : []),
      ...(math === "relaxed" ? ["--enable-relaxed-simd"] : []),
    ],
  };
}

/** The first one is what everybody gets; the others are loaded when they are asked for. */
export const variants = [
  variant("evenkeel", false, "exact"),
  variant("evenkeel-relaxed", false, "relaxed"),
  variant("evenkeel-threads", true, "exact"),
  variant("evenkeel-threads-relaxed", true, "relaxed"),
];
