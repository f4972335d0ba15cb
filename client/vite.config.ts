import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** URL of the API for the development server: the gateway that `npm run dev` starts. */
const gateway = 'http://localhost:4000';

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
      '/avatars': gateway,
      '/files': gateway,
    },
  },
});
