import { defineConfig } from "vite";

export default defineConfig({
  build: { target: "es2023" },
  // `npm run dev` beside `python -m app`; elsewhere nginx does the same.
  server: { host: "127.0.0.1", proxy: { "/api": "http://127.0.0.1:8000" } },
});
