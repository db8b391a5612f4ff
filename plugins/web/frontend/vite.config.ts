import { defineConfig } from "vite";

// Everything is served from the plugin's own signed files, below any address: paths in the build are absolute.
export default defineConfig({
  root: "src",
  base: "/",
  publicDir: false,
  build: {
    outDir: "../../src/meterhub_web/static",
    emptyOutDir: true,
    target: "es2022",
    assetsDir: "assets",
    modulePreload: { polyfill: false },
    license: { fileName: "licences.md" },
    rollupOptions: { output: { entryFileNames: "assets/[name]-[hash].js", chunkFileNames: "assets/[name]-[hash].js" } },
  },
  server: { proxy: { "/api": "http://127.0.0.1:8080", "/assets": "http://127.0.0.1:8080" } },
});
