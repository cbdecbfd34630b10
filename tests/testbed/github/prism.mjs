// What serve.mjs and check.mjs share: Prism's own server around the cut description.
import { createRequire } from "node:module";

/** Prism around `spec`: `start(config)` gives `{ url, violations }` in milliseconds. */
export const prism = async (modules, spec) => {
  const require = createRequire(`${modules}/`);
  const { createServer } = require("@stoplight/prism-http-server");
  const { getHttpOperationsFromSpec } = require("@stoplight/prism-http");
  const operations = await getHttpOperationsFromSpec(spec);
  return {
    operations,
    start: async (config) => {
      const violations = [];
      const note = (about, message) => violations.push(message ?? String(about));
      const quiet = () => {};
      const logger = { trace: quiet, debug: quiet, info: quiet, success: quiet, warn: note, error: note, fatal: note };
      logger.child = () => logger;
      const server = createServer(operations, {
        cors: false,
        components: { logger },
        config: {
          checkSecurity: true,
          validateRequest: true,
          validateResponse: true,
          mock: { dynamic: false },
          ...config,
        },
      });
      const url = await server.listen(0, "127.0.0.1");
      return { url, violations, close: () => server.close() };
    },
  };
};
