import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** Smaller files fit into one packet anyway. */
const COMPRESSED_BYTES_MIN = 1024;

/** Puts the compressed forms of each asset beside it, as small as they get: the server only picks one. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    enforce: "post",
    generateBundle(_options, bundle) {
      for (const file of Object.values(bundle)) {
        const source = Buffer.from(file.type === "chunk" ? file.code : file.source);
        // The page gets a nonce for each answer.
        if (source.length < COMPRESSED_BYTES_MIN || !file.fileName.startsWith("assets/")) continue;
        const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
        this.emitFile({
          type: "asset",
          fileName: `${file.fileName}.br`,
          source: brotliCompressSync(source, { params }),
        });
        this.emitFile({ type: "asset", fileName: `${file.fileName}.gz`, source: gzipSync(source, { level: 9 }) });
      }
    },
  };
}

export default defineConfig({
  plugins: [react(), compressed()],
  // Relative, so that the pages work below a path prefix.
  base: "./",
  // The server puts a fresh one into each answer.
  html: { cspNonce: "NONCE" },
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  test: { environment: "node" },
  // `npm run dev` works on the pages beside a server that was started by `make run`.
  server: { proxy: { "/api": "http://127.0.0.1:8090" } },
});
