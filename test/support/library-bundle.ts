import { build, type Rolldown } from 'vite';

/** Bundles the client library into one script, which defines `library`. */
export async function bundleLibrary(): Promise<string> {
  const entry = 'client/src/urql/index.ts';
  const outputs = (await build({
    configFile: false,
    logLevel: 'error',
    define: { 'process.env.NODE_ENV': '"production"' },
    build: { write: false, minify: false, lib: { entry, formats: ['iife'], name: 'library' } },
  })) as Rolldown.RolldownOutput[];
  const [chunk] = outputs[0]?.output ?? [];
  if (chunk === undefined) throw new Error('The library was not bundled.');
  return chunk.code;
}
