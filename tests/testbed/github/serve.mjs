// Prism, GitHub's own API description in front of tests, behind one small control server:
//   POST /mock  {"code": 413}                                 answers of the description
//   POST /proxy {"upstream": "http://127.0.0.1:1", "errors": true}  checks both ways, forwards
//     → {"url": "http://127.0.0.1:2"}
//   GET /violations?url=…  → ["Violation: …"]
// With `errors` a request or answer that breaks the description fails; without, it is recorded:
// what a broken GitHub says must reach the client as it is.
// Prints the control URL, and ends with its standard input: it cannot outlive who started it.
//   node serve.mjs NODE_MODULES CUT.json
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { prism } from "./prism.mjs";

const [modules, spec] = process.argv.slice(2);
const { start } = await prism(modules, spec);
const started = new Map();

const routes = {
  "POST /mock": async ({ code }) => ({ isProxy: false, errors: true, mock: { dynamic: false, code } }),
  "POST /proxy": async ({ upstream, errors }) => ({ isProxy: true, errors, upstream: new URL(upstream) }),
};

const control = createServer(async (request, response) => {
  const answer = (status, value) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(value));
  };
  try {
    const { pathname, searchParams } = new URL(request.url, "http://control");
    if (pathname === "/violations") {
      const server = started.get(searchParams.get("url"));
      return server ? answer(200, server.violations) : answer(404, { error: "no such server" });
    }
    const route = routes[`${request.method} ${pathname}`];
    if (!route) return answer(404, { error: "no such route" });
    const server = await start(await route(await json(request)));
    started.set(server.url, server);
    answer(200, { url: server.url });
  } catch (error) {
    answer(500, { error: String(error) });
  }
});

control.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${control.address().port}`));
process.stdin.resume().on("end", () => process.exit(0));
