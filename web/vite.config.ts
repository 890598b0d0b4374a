import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

// The page is served from the root of `gengheng serve`; in development the API is
// that of a server on port 8080.
export default defineConfig({
  plugins: [vue()],
  build: { outDir: 'dist/page', emptyOutDir: true, target: 'es2022', sourcemap: false, chunkSizeWarningLimit: 1100, rolldownOptions: { checks: { pluginTimings: false } } },
  worker: { format: 'es' }, // MapLibre's worker is a module
  server: { proxy: { '/api': 'http://127.0.0.1:8080', '/auth': 'http://127.0.0.1:8080', '/ogc': 'http://127.0.0.1:8080' } },
  test: { include: ['src/**/*.test.ts'] },
})
