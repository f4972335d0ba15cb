import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { carryScript } from './graphiql-carry.ts';
import { linkScript } from './graphiql-links.ts';
import { runScript } from './graphiql-run.ts';
import { pageStyle } from './graphiql-style.ts';
import { tabs } from './graphiql-tabs.ts';

/** Path under which the files of GraphiQL's page are served. Their names contain the hash of their content. */
export const assetsPath = '/graphql/assets/';

/** A file of GraphiQL's page. */
interface Asset {
  type: string;
  /** The content, compressed with gzip. */
  gzipped: Buffer;
}

/** GraphiQL's page and the files that it loads. */
export interface GraphiQL {
  /** The page: some kilobytes of HTML. */
  page: Buffer;
  /** Content policy of the page. */
  policy: string;
  /** Files by their paths. */
  assets: ReadonlyMap<string, Asset>;
}

/**
 * Matches the place where GraphiQL's page executes an operation. `runOperation` must take part in it: it carries values over,
 * and the headers of the editor must also go into the `connection_init` payload, because browsers send no headers with a
 * WebSocket.
 */
const execution =
  /const (\w+)=(\w+\(\w+\((\w+)\.query\),\3\.operationName\?\?void 0\));return (\w+)\((\{document:\1,operationName:\3\.operationName\?\?void 0,variables:\3\.variables,extensions:\{headers:(\w+)\?\.headers)\}\}\)/;

const instrumented =
  'return runOperation($3,$6?.headers,()=>{const $1=$2;return $4($5,connectionParams:$6?.headers}})})';

/** Creates GraphiQL: a small page, and large files that browsers keep. It loads nothing from other hosts. */
export async function createGraphiQL(): Promise<GraphiQL> {
  // Imported at the first use, because the package holds 9 MB of text.
  const source = await import('@graphql-yoga/render-graphiql/graphiql');
  if (!execution.test(source.js)) throw new Error('GraphiQL has changed: operations do not pass `runOperation`');
  const files = {
    script: describe('graphiql.js', source.js.replace(execution, instrumented)),
    style: describe('graphiql.css', source.css),
    editorWorkerService: describe('editor-worker.js', source.editorWorkerService),
    json: describe('json-worker.js', source.jsonWorker),
    graphql: describe('graphql-worker.js', source.graphqlWorker),
  };
  const scripts = [sessionStorageScript, carryScript, linkScript, runScript, startScript(files)];
  return {
    page: Buffer.from(renderPage(files.style, scripts)),
    policy: contentPolicy(scripts),
    assets: new Map(await Promise.all(Object.values(files).map(compress))),
  };
}

interface File {
  path: string;
  text: string;
  /** Hash for subresource integrity. */
  integrity: string;
}

function describe(name: string, text: string): File {
  const hash = createHash('sha256').update(text).digest();
  const [base, extension] = name.split('.');
  return {
    path: `${assetsPath}${base}-${hash.toString('hex').slice(0, 16)}.${extension}`,
    text,
    integrity: `sha256-${hash.toString('base64')}`,
  };
}

async function compress({ path, text }: File): Promise<[string, Asset]> {
  const type = path.endsWith('.css') ? 'text/css; charset=utf-8' : 'text/javascript; charset=utf-8';
  return [path, { type, gzipped: await promisify(gzip)(text) }];
}

function renderPage(style: File, scripts: readonly string[]): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Parley · GraphiQL</title>
    <link rel="icon" href="/favicon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="${style.path}" integrity="${style.integrity}">
    <style>${pageStyle}</style>
  </head>
  <body id="body" class="no-focus-outline">
    <noscript>GraphiQL requires JavaScript.</noscript>
    <div id="root"></div>
    ${scripts.map((text) => `<script>${text}</script>`).join('\n')}
  </body>
</html>
`;
}

/**
 * Allows the page's own scripts by their hashes, and the scripts that these load (`strict-dynamic`): no other inline script runs,
 * and no file of this host that a user uploaded (Content Security Policy Level 3).
 */
function contentPolicy(scripts: readonly string[]): string {
  const hashes = scripts.map((text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`).join(' ');
  return `default-src 'none'; script-src ${hashes} 'strict-dynamic'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src data:; worker-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
}

/**
 * Gives GraphiQL, which keeps headers with their tokens, the storage of the tab in place of the one that lasts, and removes
 * the state that earlier versions have left there.
 */
const sessionStorageScript = `
for (const key of Object.keys(localStorage)) if (key.startsWith('graphiql')) localStorage.removeItem(key);
Object.defineProperty(window, 'localStorage', { value: sessionStorage });
`;

/** Loads GraphiQL's script, which is not part of the page, so that browsers keep it. */
function startScript({ script, editorWorkerService, json, graphql }: Record<string, File>): string {
  const workers = { editorWorkerService: editorWorkerService?.path, json: json?.path, graphql: graphql?.path };
  const loaded = { src: script?.path, integrity: script?.integrity };
  return `
const workers = ${inScript(workers)};
self.MonacoEnvironment = { globalAPI: false, getWorkerUrl: (_id, label) => workers[label] };
const root = document.querySelector('#root');
document.head.append(Object.assign(document.createElement('script'), ${inScript(loaded)}, {
  onload: () => renderLinked(root, ${inScript(options)}),
  onerror: () => { root.textContent = 'GraphiQL could not be loaded. Check your connection and reload the page.'; },
}));
`;
}

const options = {
  title: 'Parley',
  endpoint: '/graphql',
  subscriptionsProtocol: 'WS',
  shouldPersistHeaders: true,
  defaultEditorToolsVisibility: 'variables',
  inputValueDeprecation: true,
  logo: '<a href="/" aria-label="Start page"><img src="/favicon.svg" alt="" width="28" height="28"></a>',
  defaultTabs: tabs,
};

/** Returns a value as JSON that cannot end the script that it is part of. */
function inScript(value: object): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}
