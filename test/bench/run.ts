import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const benches = {
  fanout: () => import('./fanout.ts'),
  pipeline: () => import('./pipeline.ts'),
  uploads: () => import('./uploads.ts'),
  rest: () => import('./rest.ts'),
  spread: () => import('./spread.ts'),
  soak: () => import('./soak.ts'),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    parts: { type: 'string', default: '' },
    against: { type: 'string', default: '' },
    minutes: { type: 'string', default: '60' },
    mode: { type: 'string', default: 'embedded,cluster' },
    rate: { type: 'string', default: '8' },
    out: { type: 'string', default: '' },
  },
});
const [name = ''] = positionals;
if (!(name in benches)) {
  process.stderr.write(
    `npm run bench -- ${Object.keys(benches).join('|')} [--seconds 5] [--rounds 3] [--only name,name] [--parts name,name] [--against DIR] [--minutes 60] [--mode embedded,cluster] [--rate 8] [--out FILE]\n`,
  );
  process.exit(2);
}
reportNode();
const { run } = await benches[name as keyof typeof benches]();
const list = (text: string) => text.split(',').filter(Boolean);
await run({
  seconds: Number(values.seconds),
  rounds: Number(values.rounds),
  only: list(values.only),
  parts: list(values.parts),
  against: values.against,
  minutes: Number(values.minutes),
  modes: list(values.mode),
  rate: Number(values.rate),
  out: values.out,
});
process.exit(0);

/** Prints the version of Node that is measured; figures for `docs/performance.md` come from the one in `.nvmrc`. */
function reportNode(): void {
  const expected = readFileSync('.nvmrc', 'utf8').trim();
  const isExpected = process.versions.node.startsWith(`${expected}.`);
  const hint = isExpected
    ? ''
    : `: put Node ${expected} first in PATH for figures that compare with docs/performance.md`;
  process.stdout.write(`Node ${process.versions.node}${hint}\n`);
}
