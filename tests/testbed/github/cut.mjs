// Cuts GitHub's own OpenAPI description to the routes that Slipway's actions call, and repairs the
// examples that contradict their own schema (Prism validates its example answers too).
//   node cut.mjs FULL.json CUT.json
import { readFileSync, writeFileSync } from "node:fs";

const [full, cut] = process.argv.slice(2);
const spec = JSON.parse(readFileSync(full, "utf8"));

const repo = "/repos/{owner}/{repo}";
const routes = [
  "/rate_limit",
  repo,
  // security-scan
  `${repo}/code-scanning/sarifs`,
  `${repo}/code-scanning/sarifs/{sarif_id}`,
  `${repo}/code-scanning/analyses`,
  `${repo}/code-scanning/analyses/{analysis_id}`,
  `${repo}/code-scanning/alerts`,
  `${repo}/code-scanning/alerts/{alert_number}`,
  `${repo}/code-scanning/alerts/{alert_number}/instances`,
  `${repo}/code-scanning/default-setup`,
  `${repo}/contents/{path}`,
  `${repo}/git/ref/{ref}`,
  `${repo}/git/blobs/{file_sha}`,
  `${repo}/git/trees/{tree_sha}`,
  `${repo}/commits/{ref}`,
  `${repo}/commits/{commit_sha}/pulls`,
  `${repo}/compare/{basehead}`,
  `${repo}/pulls/{pull_number}`,
  `${repo}/pulls/{pull_number}/files`,
  // bluegreen-deploy
  `${repo}/deployments`,
  `${repo}/deployments/{deployment_id}`,
  `${repo}/deployments/{deployment_id}/statuses`,
  `${repo}/environments`,
  `${repo}/environments/{environment_name}`,
  `${repo}/check-runs`,
  `${repo}/check-runs/{check_run_id}`,
  `${repo}/statuses/{sha}`,
  // model-retrain
  `${repo}/dispatches`,
  `${repo}/actions/workflows/{workflow_id}/dispatches`,
  `${repo}/issues`,
  `${repo}/issues/{issue_number}`,
  `${repo}/issues/{issue_number}/comments`,
  `${repo}/issues/comments/{comment_id}`,
  // rotate-secrets
  `${repo}/actions/secrets`,
  `${repo}/actions/secrets/public-key`,
  `${repo}/actions/secrets/{secret_name}`,
  `${repo}/environments/{environment_name}/secrets`,
  `${repo}/environments/{environment_name}/secrets/public-key`,
  `${repo}/environments/{environment_name}/secrets/{secret_name}`,
  "/orgs/{org}/actions/secrets",
  "/orgs/{org}/actions/secrets/public-key",
  "/orgs/{org}/actions/secrets/{secret_name}",
  // slack-notify
  `${repo}/actions/runs`,
  `${repo}/actions/runs/{run_id}`,
  `${repo}/actions/runs/{run_id}/jobs`,
  `${repo}/actions/runs/{run_id}/attempts/{attempt_number}`,
  `${repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs`,
  `${repo}/actions/workflows/{workflow_id}/runs`,
];

const missing = routes.filter((route) => !spec.paths[route]);
if (missing.length > 0) {
  throw new Error(`GitHub's description has no route ${missing.join(", ")}`);
}

// Of these only the reading half is ours.
const readOnly = [repo, `${repo}/contents/{path}`, `${repo}/code-scanning/default-setup`];
for (const route of readOnly) spec.paths[route] = { get: spec.paths[route].get };

const out = {
  openapi: spec.openapi,
  info: spec.info,
  servers: spec.servers,
  paths: Object.fromEntries(routes.map((route) => [route, spec.paths[route]])),
  components: {},
};

// Every component that the kept routes name, and those that these name.
const lookup = (pointer) =>
  pointer
    .slice(2)
    .split("/")
    .reduce((node, key) => node[key.replaceAll("~1", "/").replaceAll("~0", "~")], spec);
const seen = new Set();
const follow = (node) => {
  if (node === null || typeof node !== "object") return;
  if (typeof node.$ref === "string" && !seen.has(node.$ref)) {
    seen.add(node.$ref);
    const [, , group, name] = node.$ref.split("/");
    out.components[group] ??= {};
    out.components[group][name] = lookup(node.$ref);
    follow(out.components[group][name]);
  }
  Object.values(node).forEach(follow);
};
follow(out.paths);

// A path of several segments (GitHub's `x-multi-segment`, which OpenAPI 3.0 cannot say) becomes one
// route for each depth that the tests use; contents without a path is the root directory.
const depth = 5;
for (const [route, item] of Object.entries(out.paths)) {
  const named = /\{(path|ref)\}$/.exec(route)?.[1];
  const several = (parameter) => parameter.name === named && parameter["x-multi-segment"];
  const operations = Object.entries(item).filter(([, it]) => it.parameters?.some(several));
  if (operations.length === 0) continue;
  const copy = (suffix, parameters) => {
    out.paths[route.replace(`/{${named}}`, suffix)] = Object.fromEntries(
      operations.map(([method, operation]) => [
        method,
        {
          ...operation,
          operationId: `${operation.operationId}${suffix}`,
          parameters: operation.parameters.flatMap((it) => (several(it) ? parameters(it) : [it])),
        },
      ]),
    );
  };
  if (route.endsWith("/contents/{path}")) copy("", () => []);
  for (let segments = 2; segments <= depth; segments += 1) {
    const names = Array.from({ length: segments }, (_, index) => `${named}${index + 1}`);
    copy(`/{${names.join("}/{")}}`, (it) => names.map((name) => ({ ...it, name })));
  }
}

// We ask for contents in GitHub's "object" media type only. Its schema is that of a directory, though
// "the response will be an object" for everything; and Prism takes `a+json` and `json` for the same.
const schema = (name) => ({ $ref: `#/components/schemas/${name}` });
const directory = { type: "object", required: ["entries"], properties: { type: { enum: ["dir"] } } };
for (const [route, item] of Object.entries(out.paths)) {
  if (!route.startsWith(`${repo}/contents`)) continue;
  const answer = item.get.responses["200"];
  const object = answer.content["application/vnd.github.object"];
  if (!object) continue;
  object.schema = {
    anyOf: [
      schema("content-file"),
      schema("content-symlink"),
      schema("content-submodule"),
      { allOf: [schema("content-tree"), directory] },
    ],
  };
  answer.content = { "application/vnd.github.object+json": object };
}

// Examples that lack what their own schema requires.
const example = (name) => {
  const found = out.components.examples[name];
  if (!found) throw new Error(`GitHub's description has no example ${name}`);
  return found.value;
};
const fullRepository = example("full-repository-default-response");
for (const it of [fullRepository, fullRepository.source, fullRepository.parent]) it.language ??= null;
for (const it of [example("pull-request"), ...example("pull-request-simple-items")]) {
  for (const team of it.requested_teams ?? []) {
    team.type ??= "organization";
    team.organization_id ??= 1;
  }
}
for (const job of example("job-paginated").jobs) job.created_at ??= job.started_at;
for (const route of Object.keys(out.paths).filter((it) => it.endsWith("/secrets/{secret_name}"))) {
  for (const it of Object.values(out.paths[route].put?.responses["201"].content ?? {})) {
    it.examples = { default: { value: {} } };
  }
}
// The example public key is 33 bytes long; this one is RFC 7748's (section 6.1, Bob's), whose secret
// half the tests can use to open what was sealed.
for (const [name, it] of Object.entries(out.components.examples)) {
  if (name.includes("public-key")) it.value.key = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";
}

writeFileSync(cut, JSON.stringify(out));
