// Proves a cut description: Prism must give every answer that it documents without calling its own
// example wrong. Otherwise a test would see Prism's complaint instead of GitHub's answer.
//   node check.mjs NODE_MODULES CUT.json
import { prism } from "./prism.mjs";

const [modules, spec] = process.argv.slice(2);
const { operations, start } = await prism(modules, spec);
const { url } = await start({ isProxy: false, errors: true });

const value = (name) => (/^(alert|attempt|comment|deployment|issue|pull|run|check_run|analysis)_/.test(name) ? "1" : "x");
const wrong = [];
let asked = 0;
for (const operation of operations) {
  const path = operation.path.replace(/\{([^}]+)\}/g, (_, name) => value(name));
  const body = operation.request?.body?.contents?.[0]?.examples?.[0]?.value;
  for (const { code } of operation.responses) {
    const response = await fetch(url + path, {
      method: operation.method.toUpperCase(),
      headers: { prefer: `code=${code}`, ...(body && { "content-type": "application/json" }) },
      body: body && JSON.stringify(body),
      redirect: "manual",
    });
    const text = await response.text();
    asked += 1;
    // 4xx of Prism itself: the operation needs a body or query that has no example.
    if (String(response.status) !== code && response.status >= 500) {
      wrong.push(`${operation.method} ${operation.path} ${code}: ${text}`);
    }
  }
}
if (asked < 200) wrong.push(`only ${asked} answers were asked for`);
wrong.forEach((line) => console.error(line));
process.exit(wrong.length > 0 ? 1 : 0);
