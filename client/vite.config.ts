import react from '@vitejs/plugin-react';
import { defineConfig, loadEnv } from 'vite';

/** URL of the gateway of `npm run dev`: its `PORT` comes from the environment or from `.env`, as in the server. */
const { PORT = '4000' } = loadEnv('development', `${import.meta.dirname}/..`, 'PORT');
const gateway = `http://localhost:${PORT}`;

export default defineConfig({
  root: import.meta.dirname,
  base: '/',
  plugins: [react()],
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
