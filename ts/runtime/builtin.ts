/** Node's own modules, where the host has them. Not by `import()`: bundlers would look for it, and service workers forbid it. */

interface NodeWorker {
  on(event: string, listener: (value: unknown) => void): void;
  unref(): void;
  terminate(): Promise<number>;
}

/** What is used of each. */
interface NodeModules {
  "node:fs": { promises: { readFile(path: URL): Promise<Uint8Array> } };
  "node:os": { availableParallelism?: () => number; cpus(): readonly unknown[] };
  "node:worker_threads": { Worker: new (source: string, options: object) => NodeWorker };
  "node:zlib": { gunzipSync(packed: Uint8Array): Uint8Array<ArrayBuffer> };
}

interface NodeProcess {
  getBuiltinModule?<Name extends keyof NodeModules>(name: Name): NodeModules[Name] | undefined;
}

export function builtin<Name extends keyof NodeModules>(name: Name): NodeModules[Name] | undefined {
  const { process } = globalThis as { process?: NodeProcess };
  try {
    return process?.getBuiltinModule?.(name);
  } catch {
    // Next's edge functions have a process that only throws.
    return undefined;
  }
}
