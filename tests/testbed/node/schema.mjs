// Holds JSON files to a JSON schema (draft 2020-12) with its formats:
//   node schema.mjs "$(tests/testbed/node/modules)" SCHEMA FILE…
// Prints {"FILE": ["PLACE fault", …]} with an entry for each file, empty where all is well.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [modules, schema, ...files] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { Ajv2020 } = require('ajv/dist/2020');
const addFormats = require('ajv-formats');

// The schema's own keywords are its authors' business; a format that is not known is a fault of ours.
const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: true });
addFormats(ajv);
const holds = ajv.compile(JSON.parse(readFileSync(schema, 'utf8')));

const faults = {};
for (const file of files) {
  holds(JSON.parse(readFileSync(file, 'utf8')));
  faults[file] = (holds.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}
process.stdout.write(JSON.stringify(faults));
