import react from '@vitejs/plugin-react';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig } from 'vitest/config';

/** What every page needs: one file packs smaller than many, and keeps its name while only pages change. */
const base = /node_modules\/(react|react-dom|scheduler|react-router|i18next|react-i18next|@tanstack\/[\w-]+|openapi-fetch)\//;

/** What the pages that visitors see share; one file again, for the same reason. */
const shared = /src\/(i18n\/format|ui\/(button|day|event_card|field|live_places|moon|notice|page|skeleton|stars|use_)\w*|pages\/public\/(filters|queries))\.tsx?$/;

/** Where `npm run dev` finds the API. */
const api = process.env.TITHI_URL ?? 'http://127.0.0.1:5000';

export default defineConfig({
  base: '/app/',
  plugins: [react(), tailwindcss()],
  build: {
    outDir: '../../build/web',
    emptyOutDir: true,
    target: 'es2022',
    minify: 'terser', // the first load has a budget, and this saves 4 KiB of it
    terserOptions: { ecma: 2020, module: true, compress: { passes: 3 } },
    assetsInlineLimit: 0, // the content security policy allows no data: scripts or styles
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: ['index.html', 'docs.html'],
      output: {
        manualChunks: (id) => (base.test(id) || id.includes('commonjsHelpers') ? 'base' : shared.test(id) ? 'shared' : undefined),
        experimentalMinChunkSize: 4000, // an icon is smaller than the headers of the answer that it comes by
      },
    },
  },
  server: { proxy: { '^/(?!app/)': { target: api, ws: true } } },
  test: { environment: 'jsdom', include: ['src/**/*.test.{ts,tsx}'], restoreMocks: true },
});
