import { readdir, readFile, writeFile } from 'node:fs/promises';

const pages = 'docs/clients/';
const readme = 'client/README.md';
const sources = 'examples/clients/';
/** A place for a snippet in a page: `<!-- snippet: FILE NAME -->`, a block of code, `<!-- /snippet -->`. */
const place = /(<!-- snippet: (\S+) (\S+) -->\n).*?(<!-- \/snippet -->)/gs;
const languages: Readonly<Record<string, string>> = { java: 'java', kt: 'kotlin', sh: 'sh', ts: 'ts' };

/** Writes the snippets of the examples into the pages about clients and the README of the client library, so that a page shows code that the tests run. */
async function main(): Promise<void> {
  const names = (await readdir(pages)).map((name) => pages + name);
  for (const name of [...names, readme]) {
    const page = await readFile(name, 'utf8');
    const written = await fill(page);
    if (written !== page) await writeFile(name, written);
  }
}

async function fill(page: string): Promise<string> {
  const files = new Set([...page.matchAll(place)].map(([, , file = '']) => file));
  const texts = new Map<string, string>();
  for (const file of files) texts.set(file, await readFile(sources + file, 'utf8'));
  return page.replace(place, (_, start: string, file: string, name: string, end: string) => {
    const language = languages[file.slice(file.lastIndexOf('.') + 1)] ?? '';
    return `${start}\`\`\`${language}\n${findSnippet(texts.get(file) ?? '', file, name)}\n\`\`\`\n${end}`;
  });
}

/** Returns the lines between the comments `snippet: NAME` and `end` of a source, without their common indentation. */
function findSnippet(text: string, file: string, name: string): string {
  const found = new RegExp(`^ *(?://|#) snippet: ${name}\\n(.*?)^ *(?://|#) end$`, 'ms').exec(text)?.[1];
  if (found === undefined) throw new Error(`${sources}${file} has no snippet ${name}.`);
  const lines = found.trimEnd().split('\n');
  const indents = lines.filter((line) => line !== '').map((line) => line.length - line.trimStart().length);
  return lines.map((line) => line.slice(Math.min(...indents))).join('\n');
}

await main();
