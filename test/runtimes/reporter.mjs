// Writes what the hosts showed (prove.mjs leaves it with its tests) into docs/runtimes.json and the README's table, if all
// tests of a suite have run and passed.
import { basename, dirname } from "node:path";
import { writeResults, writeTable } from "../../scripts/hosts-table.mjs";

export default class HostsReporter {
  onTestRunEnd(modules) {
    for (const module of modules) {
      const rows = Array.from(module.children.suites(), rowOf).filter(Boolean);
      if (rows.length === 0) continue;
      const suite = basename(dirname(module.moduleId));
      const passed = Array.from(module.children.allTests()).every((test) => test.result().state === "passed");
      if (passed) writeResults(suite, rows);
      console.log(passed ? `wrote ${rows.length} ${suite}` : `${suite}: not all passed, nothing written`);
    }
    writeTable();
  }
}

function rowOf(suite) {
  const { host, threads, relaxed } = Object.assign({}, ...Array.from(suite.children.tests(), (test) => test.meta()));
  return host && { ...host, threads, relaxed };
}
