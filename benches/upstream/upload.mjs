// What `github/codeql-action/upload-sarif` does to a SARIF file, restated from its documentation and
// behaviour with the packages that it uses: 64-bit arithmetic by `long`, validation by `jsonschema`.
//   node upload.mjs hash FILE            processor time of the line hashes of a file, warmed up
//   node upload.mjs upload SARIF SCHEMA  parse, validate, fingerprint, print, gzip; files are those of
//                                        the working directory
import { createReadStream, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';

const require = createRequire(`${process.env.UPSTREAM_MODULES}/`);
const Long = require('long');

const WINDOW = 100;
const BASE = Long.fromInt(37);
const [TAB, LF, CR, SPACE, END] = [9, 10, 13, 32, 65535];

// base^WINDOW: what the unit that leaves the window was multiplied by.
let leaving = Long.ONE;
for (let power = 0; power < WINDOW; power++) leaving = leaving.multiply(BASE);

// Calls `line(number, "hash:count")` for every line of the file.
async function lineHashes(path, line) {
  const units = new Array(WINDOW).fill(0);
  const starts = new Array(WINDOW).fill(0); // number of the line that starts at this place, or 0
  const seen = new Map();
  let [hash, place, lines, fresh, afterCr] = [Long.ZERO, 0, 0, true, false];

  const push = (unit) => {
    if (starts[place] !== 0) {
      const text = hash.toUnsigned().toString(16);
      const count = (seen.get(text) ?? 0) + 1;
      seen.set(text, count);
      line(starts[place], `${text}:${count}`);
      starts[place] = 0;
    }
    if (fresh && unit !== undefined) {
      fresh = false;
      starts[place] = ++lines;
    }
    const value = unit ?? 0;
    if (value === LF) fresh = true;
    hash = BASE.multiply(hash)
      .add(Long.fromInt(value))
      .subtract(leaving.multiply(Long.fromInt(units[place])));
    units[place] = value;
    place = (place + 1) % WINDOW;
  };

  for await (const text of createReadStream(path, 'utf8')) {
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      const dropped = unit === SPACE || unit === TAB || (afterCr && unit === LF);
      afterCr = unit === CR;
      if (!dropped) push(unit === CR ? LF : unit);
    }
  }
  push(END);
  for (let rest = 0; rest < WINDOW; rest++) push(undefined);
}

async function fingerprint(sarif) {
  const files = new Map();
  for (const run of sarif.runs) {
    for (const result of run.results) {
      const place = result.locations[0].physicalLocation;
      const path = decodeURIComponent(place.artifactLocation.uri);
      const wanted = files.get(path) ?? new Map();
      files.set(path, wanted);
      const { startLine } = place.region;
      wanted.set(startLine, [...(wanted.get(startLine) ?? []), result]);
    }
  }
  for (const [path, wanted] of files) {
    await lineHashes(path, (number, primaryLocationLineHash) => {
      for (const result of wanted.get(number) ?? []) result.partialFingerprints = { primaryLocationLineHash };
    });
  }
}

const [mode, path, schema] = process.argv.slice(2);
if (mode === 'hash') {
  const hashes = [];
  await lineHashes(path, () => {}); // the compiler has seen it all
  const began = process.cpuUsage();
  await lineHashes(path, (_, hash) => hashes.push(hash));
  const { user, system } = process.cpuUsage(began);
  const seconds = (user + system) / 1e6;
  process.stdout.write(JSON.stringify({ seconds, lines: hashes.length, last: hashes.at(-2) }));
} else {
  const sarif = JSON.parse(readFileSync(path, 'utf8'));
  const { Validator } = require('jsonschema');
  const { errors } = new Validator().validate(sarif, JSON.parse(readFileSync(schema, 'utf8')));
  if (errors.length > 0) throw new Error(String(errors[0]));
  await fingerprint(sarif);
  const gzipped = gzipSync(JSON.stringify(sarif));
  process.stdout.write(JSON.stringify({ gzipped: gzipped.length }));
}
