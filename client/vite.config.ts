import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig, loadEnv, type Plugin } from 'vite';

/** URL of the gateway of `npm run dev`: its `PORT` comes from the environment or from `.env`, as in the server. */
const { PORT = '4000' } = loadEnv('development', `${import.meta.dirname}/..`, 'PORT');
const gateway = `http://localhost:${PORT}`;

export default defineConfig({
  root: import.meta.dirname,
  base: '/',
  plugins: [react(), compress('../dist/client')],
  build: {
    outDir: '../dist/client',
    emptyOutDir: true,
    target: 'es2022',
  },
  server: {
    proxy: {
      '/graphql': { target: gateway, ws: true },
      '/schema.graphql': gateway,
      '/avatars': gateway,
      '/files': gateway,
    },
  },
});

/** Stores compressed copies of texts beside them, which the gateway serves to clients that accept them. */
function compress(outDir: string): Plugin {
  const isText = /\.(?:html|js|css|svg|json|txt)$/;
  return {
    name: 'compress',
    apply: 'build',
    closeBundle() {
      const directory = join(import.meta.dirname, outDir);
      for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((one) =>
        isText.test(one),
      )) {
        const path = join(directory, name);
        const content = readFileSync(path);
        writeFileSync(`${path}.br`, brotliCompressSync(content));
        writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
      }
    },
  };
}
